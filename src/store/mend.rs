//! What mends a row that no run can have written: the same in every store (B13).

/// A line of the ledger. The bars of a line that was deleted are taken over by the next run as they stand; only a retry asks
/// the vendor whether they are what they were.
pub(super) const LINE: &str = "put it right; or end the run, delete that row of chainfill_option, and then `chainfill \
                               backfill`, `chainfill retry NAME` and `chainfill backfill` bring the option home anew";

/// A count.
pub(super) const TALLY: &str = "delete that row: the next run counts anew";

/// A row of another table of ours.
pub(super) const ROW: &str = "put it right, or restore a backup";

/// A row of that table.
pub(super) fn row(table: &str) -> &'static str {
    if table == "chainfill_tally" { TALLY } else { ROW }
}

/// Something that is kept under a name in `chainfill_memory`.
pub(super) fn memory(name: &str) -> &'static str {
    match name {
        // Without it nothing holds the next run back (I6).
        "throttle" => {
            "put it right; or wait out what the vendor told last, and delete that row: the limit is learned again"
        }
        // Currencies that were asked for stand there: without it what is missing of them is not missed.
        "ability" => {
            "put it right; or delete that row, and name every currency that you want to the next `chainfill backfill`"
        }
        _ => ROW,
    }
}

/// The kept digits of an option's prices.
pub(super) fn digits(symbol: &str) -> String {
    format!(
        "delete the rows of {symbol} in chainfill_exact; `chainfill retry {symbol}` and `chainfill backfill` bring them home"
    )
}
