//! Numbers and dates as the bytes that prints are made of. A job makes millions of them, and `Display` takes several
//! times as long; what it writes is the same.

use std::io::Write as _;

use jiff::civil::Date;
use rust_decimal::Decimal;

/// Room for the digits of 64 bits, 28 places behind the point, and the point.
const ROOM: usize = 32;

/// Appends a number without trailing zeros behind its point: what `normalize` shows.
pub fn push_decimal(text: &mut Vec<u8>, number: Decimal) {
    let Ok(mut rest) = u64::try_from(number.mantissa().unsigned_abs()) else {
        let _ = write!(text, "{}", number.normalize()); // into memory: it cannot fail, here and below
        return;
    };
    let mut scale = number.scale();
    while scale > 0 && rest.is_multiple_of(10) {
        (rest, scale) = (rest / 10, scale - 1);
    }
    if number.is_sign_negative() && rest != 0 {
        text.push(b'-');
    }
    push_digits(text, rest, scale as usize);
}

/// Appends a whole number.
pub fn push_integer(text: &mut Vec<u8>, number: i64) {
    if number < 0 {
        text.push(b'-');
    }
    push_digits(text, number.unsigned_abs(), 0);
}

/// Appends a date: `2024-06-16`.
pub fn push_date(text: &mut Vec<u8>, date: Date) {
    let Ok(year) = u16::try_from(date.year()) else {
        let _ = write!(text, "{date}");
        return;
    };
    let (month, day) = (u16::from(date.month().unsigned_abs()), u16::from(date.day().unsigned_abs()));
    let digit = |number: u16| b'0' + u8::try_from(number % 10).unwrap_or(0);
    text.extend([digit(year / 1000), digit(year / 100), digit(year / 10), digit(year)]);
    text.extend([b'-', digit(month / 10), digit(month), b'-', digit(day / 10), digit(day)]);
}

/// Appends `rest` with its last `scale` digits behind the point.
fn push_digits(text: &mut Vec<u8>, mut rest: u64, scale: usize) {
    let mut room = [b'0'; ROOM];
    let mut at = ROOM;
    let mut places = 0;
    loop {
        if places == scale && scale > 0 {
            at -= 1;
            room[at] = b'.';
        }
        at -= 1;
        room[at] += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        places += 1;
        if rest == 0 && places > scale {
            break;
        }
    }
    text.extend_from_slice(&room[at..]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = b"|".to_vec();
        push(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_ends_of_every_range_are_as_display_has_them() {
        let numbers = ["0", "-0", "0.000", "1009", "1000", "-0.50", "18446744073709551615", "18446744073709551616"];
        let small = ["0.0000000000000000000000000001", "0.1844674407370955161500000000"];
        for number in numbers.iter().chain(&small).map(|text| Decimal::from_str_exact(text).unwrap()) {
            assert_eq!(shown(|text| push_decimal(text, number)), format!("|{}", number.normalize()));
        }
        for number in [Decimal::MAX, Decimal::MIN] {
            assert_eq!(shown(|text| push_decimal(text, number)), format!("|{number}"));
        }
        for number in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(shown(|text| push_integer(text, number)), format!("|{number}"));
        }
        for date in [Date::MIN, Date::MAX, Date::ZERO, Date::constant(2024, 6, 16)] {
            assert_eq!(shown(|text| push_date(text, date)), format!("|{date}"));
        }
    }

    proptest! {
        #[test]
        fn a_number_is_as_display_has_it(mantissa in any::<i64>(), cut in 0_u32..64, scale in 0_u32..=28) {
            let number = Decimal::new(mantissa >> cut, scale);
            prop_assert_eq!(shown(|text| push_decimal(text, number)), format!("|{}", number.normalize()));
        }
    }
}
