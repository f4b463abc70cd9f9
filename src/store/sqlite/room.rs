//! Room on the file's disk, and how much of it the log beside the file may take (B11).

use std::path::Path;

use crate::limits::{SQLITE_CHECKPOINT_PAGES, SQLITE_CHECKPOINT_PAGES_MIN, SQLITE_LOG_SHARE, SQLITE_PAGE_BYTES};

/// Bytes that this user can still write beside a file; `None` where its file system does not tell.
pub(super) fn left_bytes(file: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(file).ok().filter(|stat| stat.f_blocks > 0)?;
    // What is kept back for root is room for root.
    let blocks = if rustix::process::geteuid().is_root() { stat.f_bfree } else { stat.f_bavail };
    Some(blocks.saturating_mul(stat.f_frsize))
}

/// Pages that the log may have before it is folded into the file: a share of the room, its own size included, and a
/// power of two, so that it seldom changes.
///
/// A commit of one answer puts a dozen pages into the log and a fraction of one into the file: a log that is only
/// folded at its usual length would fill a small disk with what takes a tenth of it.
pub(super) fn log_pages(left_bytes: u64, log_bytes: u64) -> i64 {
    let share = left_bytes.saturating_add(log_bytes) / SQLITE_LOG_SHARE / SQLITE_PAGE_BYTES;
    let most = SQLITE_CHECKPOINT_PAGES.unsigned_abs();
    if share >= most {
        return SQLITE_CHECKPOINT_PAGES;
    }
    let pages: i64 = if share == 0 { 0 } else { 1 << share.ilog2() };
    pages.max(SQLITE_CHECKPOINT_PAGES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_takes_its_share_of_a_small_disk_and_no_more() {
        // F-B11
        assert_eq!(log_pages(u64::MAX, 9), SQLITE_CHECKPOINT_PAGES);
        assert_eq!(log_pages(0, 0), SQLITE_CHECKPOINT_PAGES_MIN);
        for megabytes in [1, 2, 5, 30, 60] {
            let bytes = megabytes << 20;
            let pages = log_pages(bytes / 2, bytes / 2).unsigned_abs();
            let share = bytes / SQLITE_LOG_SHARE / SQLITE_PAGE_BYTES;
            assert!((share / 2..=share).contains(&pages) || pages == 64, "{megabytes} MB: {pages}");
        }
    }
}
