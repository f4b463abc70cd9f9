//! Numbers, dates and times on PostgreSQL's wire: the driver speaks none of ours.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use jiff::civil::Date;
use rust_decimal::Decimal;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

use crate::domain::moment::Moment;
use crate::limits::DAY_MS;

type Read<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A NUMERIC, to the last digit or not at all: a NaN, or more digits than a decimal holds, is an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact(pub(super) Decimal);

/// A DATE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Day(pub(super) Date);

/// A TIMESTAMPTZ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp(pub(super) Moment);

/// Days and milliseconds from 1970 to 2000, where PostgreSQL counts from.
const DAYS_TO_2000: i64 = 10_957;
const MS_TO_2000: i64 = DAYS_TO_2000 * DAY_MS;

/// Sign words of a NUMERIC.
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

impl<'a> FromSql<'a> for Exact {
    // Groups of four digits, the weight of the first one, the sign, and the digits to show after the point.
    fn from_sql(_: &Type, raw: &'a [u8]) -> Read<Exact> {
        let (head, groups) = raw.split_at_checked(8).ok_or("a NUMERIC that is cut short")?;
        let word = |at: usize| [head[at], head[at + 1]];
        let weight = i32::from(i16::from_be_bytes(word(2)));
        let sign = u16::from_be_bytes(word(4));
        if sign != POSITIVE && sign != NEGATIVE {
            return Err("NaN or infinity is no price".into());
        }
        let too_long = || "more digits than can be kept exactly";
        let mut mantissa = 0_i128;
        // The power of ten of the group's last digit.
        let mut power = (weight + 1) * 4;
        for group in groups.as_chunks::<2>().0 {
            mantissa = mantissa.checked_mul(10_000).ok_or_else(too_long)?;
            mantissa += i128::from(u16::from_be_bytes(*group));
            power -= 4;
        }
        while power < 0 && mantissa % 10 == 0 && mantissa != 0 {
            mantissa /= 10;
            power += 1;
        }
        if mantissa == 0 {
            return Ok(Exact(Decimal::ZERO));
        }
        while power > 0 {
            mantissa = mantissa.checked_mul(10).ok_or_else(too_long)?;
            power -= 1;
        }
        let mantissa = if sign == NEGATIVE { -mantissa } else { mantissa };
        let number = Decimal::try_from_i128_with_scale(mantissa, power.unsigned_abs());
        Ok(Exact(number.map_err(|_| too_long())?))
    }

    accepts!(NUMERIC);
}

impl ToSql for Exact {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Read<IsNull> {
        let scale = self.0.scale();
        // Whole groups after the point; below 2^96 this stays far within 128 bits.
        let padding = (4 - scale % 4) % 4;
        let mut rest = self.0.mantissa().unsigned_abs() * 10_u128.pow(padding);
        let mut groups = [0_u16; 10];
        let mut count = 0_usize;
        while rest > 0 {
            groups[count] = u16::try_from(rest % 10_000)?;
            rest /= 10_000;
            count += 1;
        }
        let after_point = i16::try_from(scale.div_ceil(4))?;
        let weight = i16::try_from(count)? - after_point - 1;
        let zeros = groups[..count].iter().take_while(|group| **group == 0).count();
        out.put_u16(u16::try_from(count - zeros)?);
        out.put_i16(if count == 0 { 0 } else { weight });
        out.put_u16(if self.0.is_sign_negative() && count > 0 { NEGATIVE } else { POSITIVE });
        out.put_u16(u16::try_from(scale)?);
        groups[zeros..count].iter().rev().for_each(|group| out.put_u16(*group));
        Ok(IsNull::No)
    }

    accepts!(NUMERIC);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Day {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Read<Day> {
        let days = i64::from(i32::from_be_bytes(raw.try_into()?)) + DAYS_TO_2000;
        // The calendar ends before PostgreSQL's does, and `infinity` is no day.
        let ms = days.checked_mul(DAY_MS).ok_or("no day")?;
        let at = jiff::Timestamp::from_millisecond(ms)?;
        Ok(Day(Moment(at.as_millisecond()).date()))
    }

    accepts!(DATE);
}

impl ToSql for Day {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Read<IsNull> {
        let days = Moment::opening_of(self.0).0.div_euclid(DAY_MS) - DAYS_TO_2000;
        out.put_i32(i32::try_from(days)?);
        Ok(IsNull::No)
    }

    accepts!(DATE);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Stamp {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Read<Stamp> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Stamp(Moment(micros.div_euclid(1_000)) + MS_TO_2000))
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for Stamp {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Read<IsNull> {
        out.put_i64((self.0 - MS_TO_2000).0.saturating_mul(1_000));
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back<T: ToSql + for<'a> FromSql<'a>>(value: &T, kind: &Type) -> T {
        let mut wire = BytesMut::new();
        value.to_sql(kind, &mut wire).unwrap();
        T::from_sql(kind, &wire).unwrap()
    }

    proptest! {
        #[test]
        fn every_decimal_comes_back(low: u32, mid: u32, high: u32, negative: bool, scale in 0_u32..=28) {
            // F-X2
            for (mid, high) in [(0, 0), (mid, 0), (mid, high)] {
                let number = Decimal::from_parts(low, mid, high, negative, scale);
                prop_assert_eq!(there_and_back(&Exact(number), &Type::NUMERIC).0, number);
            }
        }

        #[test]
        fn every_day_and_time_comes_back(days in -700_000_i64..2_900_000, ms in -62_000_000_000_000_i64..250_000_000_000_000) {
            let date = Moment(days * DAY_MS).date();
            prop_assert_eq!(there_and_back(&Day(date), &Type::DATE).0, date);
            prop_assert_eq!(there_and_back(&Stamp(Moment(ms)), &Type::TIMESTAMPTZ).0, Moment(ms));
        }
    }

    #[test]
    fn what_is_no_exact_number_is_refused() {
        // F-X2
        let nan = [0, 0, 0, 0, 0xC0, 0, 0, 0];
        assert!(Exact::from_sql(&Type::NUMERIC, &nan).is_err());
        let forty_digits = [0, 10, 0, 9, 0, 0, 0, 0].into_iter().chain([0x27, 0x0F].repeat(10)).collect::<Vec<u8>>();
        assert!(Exact::from_sql(&Type::NUMERIC, &forty_digits).is_err());
        assert!(Day::from_sql(&Type::DATE, &i32::MAX.to_be_bytes()).is_err(), "infinity");
    }
}
