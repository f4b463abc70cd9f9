//! What another terminal tells a running backfill, on both stores.

use chainfill::vendor::Settings;
use chainfill::vendor::settings::{KEY_DEFAULT, parse_counts};

use rustix::process::Signal;

use super::start;
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;

fn vendor() -> Settings {
    Settings {
        counts: parse_counts("BTC=60,ETH=40").unwrap(),
        throttles: Vec::new(),
        keeps_log: true,
        ..Settings::default()
    }
}

fn status(desk: &Desk, store: &str) -> serde_json::Value {
    serde_json::from_str(&desk.chainfill(&["status", "--json", "--store", store]).ends_with(0).out).unwrap()
}

/// Paused, slowed down, let go, told to ask again, and done: all from outside.
fn obeys(store: &str) {
    let (desk, vendor) = start(vendor());
    let at = ["--store", store];
    let nobody = desk.chainfill(&["plan"]).args(&at).args(&["--api-url", &vendor.base_url]).key(KEY_DEFAULT);
    nobody.ends_with(0);
    let said = desk.chainfill(&["pause"]).args(&at).ends_with(0).out;
    assert!(said.contains("no run holds the store"), "{said}");

    let args = ["backfill", "--max-rate", "10", "--api-url", &vendor.base_url, "--store", store];
    let mut running = desk.chainfill(&args).key(KEY_DEFAULT).deadline_s(120).spawn();
    running.until_said("[5/60] ");
    let said = desk.chainfill(&["pause"]).args(&at).ends_with(0).out;
    assert!(said.contains(&format!("process {}", running.pid())) && said.contains("is paused"), "{said}");
    running.until_said("Paused by request");
    running.until("the pause in the store", || status(&desk, store)["progress"]["phase"] == "paused");
    let sentence = status(&desk, store)["verdict"]["sentence"].to_string();
    assert!(sentence.contains("Fine: paused by request since"), "{sentence}");
    let before = vendor.requests();

    let said = desk.chainfill(&["pace", "--max-rate", "50", "--json"]).args(&at).ends_with(0).out;
    assert!(said.contains(r#""order":"pace""#) && said.contains("at most 50 requests a second"), "{said}");
    assert_eq!(vendor.requests(), before, "paused is paused");
    let symbol = vendor.truth().into_iter().find(|(name, bars)| name.starts_with("BTC") && !bars.is_empty()).unwrap().0;
    desk.chainfill(&["resume"]).args(&at).ends_with(0);
    running.until_said("[60/60] ");
    let said = desk.chainfill(&["retry", &symbol]).args(&at).ends_with(0).out;
    assert!(said.contains("pending again"), "{said}");
    let ended = running.wait().expect_code(0);
    assert!(ended.out.contains("BACKFILL COMPLETE!"), "{}", ended.out);
    // The run may have ended before it took the last order: then `retry` did it itself, for the next run.
    desk.chainfill(&["backfill", "--api-url", &vendor.base_url]).args(&at).key(KEY_DEFAULT).ends_with(0);
    desk.chainfill(&["verify"]).args(&at).ends_with(0);
}

#[test]
fn a_run_on_sqlite_obeys() {
    let folder = tempfile::tempdir().unwrap();
    obeys(&format!("sqlite:{}", folder.path().join("chainfill.db").display()));
}

#[test]
fn a_run_on_postgres_obeys() {
    let postgres = Postgres::start();
    obeys(&postgres.database());
}

#[test]
fn an_order_that_makes_no_sense_is_refused() {
    // F-U1
    let desk = Desk::new();
    for args in [["pace", "--max-rate", "0"], ["pace", "--max-rate", "NaN"], ["status", "--tz", "Nowhere/Town"]] {
        desk.chainfill(&args).ends_with(2);
    }
    let said = desk.chainfill(&["pause"]).ends_with(8).said();
    assert!(said.contains("no archive"), "{said}");
}

#[test]
fn an_order_that_a_run_did_not_take_is_not_told_as_followed() {
    // F-P6, F-I8: stopped by the system, told to pause, and killed before it could listen.
    let (desk, vendor) = start(vendor());
    let args = ["backfill", "--max-rate", "5", "--api-url", &vendor.base_url];
    let mut running = desk.chainfill(&args).key(KEY_DEFAULT).deadline_s(120).spawn();
    running.until_said("[3/60] ");
    running.signal(Signal::STOP);
    let pause = desk.chainfill(&["pause"]).spawn();
    let table = rusqlite::Connection::open(desk.database()).unwrap();
    let orders = || table.query_row("SELECT count(*) FROM chainfill_order", [], |row| row.get::<_, i64>(0)).unwrap();
    running.until("the order", || orders() == 1);
    running.kill();
    let said = pause.wait().expect_code(0).said();
    // Which of the two it says hangs on whether it looked before the kill or after it; neither says "is paused".
    let ended = ["ended before it took the order", "ended without finishing"];
    assert!(ended.iter().any(|words| said.contains(words)) && !said.contains("is paused"), "{said}");
    // What needs a run that is not there is done at once.
    let one = vendor.truth().into_keys().find(|name| name.starts_with("BTC")).unwrap();
    let said = desk.chainfill(&["retry", &one]).ends_with(0).said();
    assert!(said.contains("are pending again"), "{said}");
}
