//! Room on the store's disk: what is left of it, and how much the rest of an archive takes (B11).

use crate::limits::{OPTION_BYTES_STORED, ROW_BYTES_STORED, ROWS_OPTION_TYPICAL};

/// A million bytes, as disks are counted.
const MEGABYTE: u64 = 1_000_000;

/// About what so many options still take, by what those that are there take: `stored` options with `rows` bars.
pub fn needed_bytes(open: u64, stored: u64, rows: u64) -> u64 {
    let rows_each = rows.checked_div(stored).map_or(ROWS_OPTION_TYPICAL, |rows| rows.max(1));
    open.saturating_mul(rows_each.saturating_mul(ROW_BYTES_STORED).saturating_add(OPTION_BYTES_STORED))
}

/// `what is left needs about 2 MB; it goes on by itself when there is room`.
pub fn words(needed_bytes: u64) -> String {
    let megabytes = needed_bytes.div_ceil(MEGABYTE).max(1);
    format!("what is left needs about {megabytes} MB; it goes on by itself when there is room")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_measured_by_what_is_there_and_nothing_needs_no_room() {
        // F-B11
        assert_eq!(needed_bytes(500, 0, 0), 500 * (ROWS_OPTION_TYPICAL * ROW_BYTES_STORED + OPTION_BYTES_STORED));
        assert_eq!(needed_bytes(10, 4, 100), 10 * (25 * ROW_BYTES_STORED + OPTION_BYTES_STORED));
        assert_eq!(needed_bytes(10, 4, 2), 10 * (ROW_BYTES_STORED + OPTION_BYTES_STORED));
        assert_eq!(needed_bytes(u64::MAX, 1, u64::MAX), u64::MAX);
        assert!(words(1_000_001).contains("about 2 MB") && words(0).contains("about 1 MB"));
    }
}
