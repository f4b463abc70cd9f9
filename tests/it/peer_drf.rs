//! The real program against a real Django REST Framework server: what its throttle, its authentication and its words
//! do is Django's doing, and what is asserted is what that server logged.

mod key;
mod throttled;
mod whole;

use std::str::FromStr as _;

use rust_decimal::Decimal;

use crate::rig::archive::{Archive, reader};
use crate::rig::drf::Drf;
use crate::rig::program::{Desk, Program};

/// Requests that the first listing takes: the peer's options are all of one year, which might be all that a vendor
/// lists where no year is named, so another year is asked for once.
const LISTING: usize = 2;

/// The whole job, with the right key and no pace of its own.
fn backfill<'a>(desk: &'a Desk, drf: &Drf) -> Program<'a> {
    paced(desk, drf, "none")
}

/// The same at a pace.
fn paced<'a>(desk: &'a Desk, drf: &Drf, max_rate: &str) -> Program<'a> {
    desk.chainfill(&["backfill", "--max-rate", max_rate, "--api-url", &drf.base_url]).with_key()
}

/// Every row to the last digit and none besides, every option known, and the journal tells of each request that the
/// server logged, and of no other (I1, I4, I5).
fn assert_whole(desk: &Desk, drf: &Drf) {
    assert_journaled(desk, drf);
    assert_rows(desk, drf);
}

/// The same without the journal.
pub fn assert_rows(desk: &Desk, drf: &Drf) {
    let file = reader(&desk.database());
    let mut rows = file
        .prepare(
            "SELECT symbol, date, unix_timestamp, price_open, price_high, price_low, price_close, volume_traded \
             FROM cryptodatadownload_options_daily ORDER BY symbol, date",
        )
        .unwrap();
    let stored: Vec<(String, String, i64, [Decimal; 5])> = rows
        .query_map([], |row| {
            let number = |at: usize| row.get::<_, f64>(at).map(|number| exact(&number.to_string()));
            let numbers = [number(3)?, number(4)?, number(5)?, number(6)?, number(7)?];
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, numbers))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let truth = drf.truth();
    let mut expected = Vec::new();
    for (symbol, bars) in &truth {
        for bar in bars {
            let numbers = [&bar.2, &bar.3, &bar.4, &bar.5, &bar.6].map(|text| exact(text));
            expected.push((symbol.clone(), bar.0.clone(), bar.1, numbers));
        }
    }
    expected.sort();
    assert!(!expected.is_empty());
    assert_eq!(stored, expected);
    let mut ledger = file.prepare("SELECT symbol, state, row_count FROM chainfill_option ORDER BY symbol").unwrap();
    let ledger = ledger.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, u32>(2)? as usize)));
    let ledger: Vec<(String, String, usize)> = ledger.unwrap().map(Result::unwrap).collect();
    let state = |rows: usize| if rows == 0 { "empty" } else { "stored" }.to_owned();
    let expected: Vec<_> = truth.iter().map(|(symbol, bars)| (symbol.clone(), state(bars.len()), bars.len())).collect();
    assert_eq!(ledger, expected);
    desk.chainfill(&["verify"]).ends_with(0);
}

/// Requests in the server's log = attempts in the journal (I5).
fn assert_journaled(desk: &Desk, drf: &Drf) {
    let sent = Archive::Sqlite(desk.database()).sent();
    let accesses = drf.accesses();
    // A killed run may have announced requests that never left: nobody knows, and they say so. Without a kill there
    // is none of these, and the two logs are equal.
    let unknown = "SELECT COUNT(*) FROM chainfill_attempt WHERE outcome = 'unknown'";
    let unknown: u32 = reader(&desk.database()).query_row(unknown, [], |row| row.get(0)).unwrap();
    let possible = accesses.len()..=accesses.len() + unknown as usize;
    assert!(possible.contains(&sent.len()), "{unknown} unknown\n{sent:#?}\n{accesses:#?}");
}

/// 0.02 and 0.0200 are one number; 0.1 and 0.1000000000000000055 are two.
fn exact(text: &str) -> Decimal {
    Decimal::from_str(text).unwrap().normalize()
}
