//! Numbers for the eye.

pub use crate::domain::health::grouped;

/// `18.3 %`. Never rounded up: 100 % is said of a whole only.
pub fn percent(part: u64, whole: u64) -> String {
    tenths(part, whole).map_or_else(|| "-".to_owned(), |tenths| format!("{}.{} %", tenths / 10, tenths % 10))
}

/// `18.3%`, as the log has it.
pub fn percent_tight(part: u64, whole: u64) -> String {
    percent(part, whole).replace(" %", "%")
}

/// Thousandths of the whole, rounded down; `None` of nothing.
pub fn tenths(part: u64, whole: u64) -> Option<u64> {
    u64::try_from(u128::from(part) * 1000 / u128::from(whole.max(1))).ok().filter(|_| whole > 0)
}

/// `52.3 MB`, in powers of a thousand.
pub fn bytes(bytes: u64) -> String {
    let mut unit = "B";
    let mut size = bytes;
    let mut rest = 0;
    for larger in ["kB", "MB", "GB", "TB", "PB"] {
        if size < 1000 {
            break;
        }
        (rest, size, unit) = (size % 1000 / 100, size / 1000, larger);
    }
    if unit == "B" { format!("{size} B") } else { format!("{size}.{rest} {unit}") }
}

/// `1 option`, `2 options`.
pub fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_a_part_is_never_the_whole() {
        assert_eq!([0, 999, 1000, 17_529, 1_234_567].map(grouped), ["0", "999", "1,000", "17,529", "1,234,567"]);
        assert_eq!(percent(17_528, 17_529), "99.9 %");
        assert_eq!(percent(17_529, 17_529), "100.0 %");
        assert_eq!((percent(0, 0), percent_tight(1234, 6738)), ("-".into(), "18.3%".into()));
        let sizes = [999, 1000, 52_349_999, 3_100_000_000].map(bytes);
        assert_eq!(sizes, ["999 B", "1.0 kB", "52.3 MB", "3.1 GB"]);
        assert_eq!((counted(1, "option"), counted(1200, "option")), ("1 option".into(), "1,200 options".into()));
    }
}
