//! What another terminal tells a running backfill, on both stores.

use chainfill::limits::LEASE_MS;
use chainfill::vendor::Settings;
use chainfill::vendor::settings::parse_counts;

use rustix::process::Signal;

use super::start;
use crate::rig::archive::{end_at_an_order, held_elsewhere};
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;

fn vendor() -> Settings {
    Settings { counts: parse_counts("BTC=60,ETH=40").unwrap(), throttles: Vec::new(), ..Settings::default() }
}

fn status(desk: &Desk, store: &str) -> serde_json::Value {
    serde_json::from_str(&desk.chainfill(&["status", "--json", "--store", store]).ends_with(0).out).unwrap()
}

/// Paused, slowed down, let go, told to ask again, and done: all from outside.
fn obeys(store: &str) {
    let (desk, vendor) = start(vendor());
    let at = ["--store", store];
    let nobody = desk.chainfill(&["plan"]).args(&at).args(&["--api-url", &vendor.base_url]).with_key();
    nobody.ends_with(0);
    let said = desk.chainfill(&["pause"]).args(&at).ends_with(0).out;
    assert!(said.contains("no run holds the store"), "{said}");

    let args = ["backfill", "--max-rate", "10", "--api-url", &vendor.base_url, "--store", store];
    let mut running = desk.chainfill(&args).with_key().deadline_s(120).spawn();
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
    // While it is paused, so that it cannot end before it is told: then the command puts them back itself.
    let said = running.said();
    let symbol = vendor.truth().into_iter().find(|(name, bars)| said.contains(name) && !bars.is_empty()).unwrap().0;
    let said = desk.chainfill(&["retry", &symbol]).args(&at).ends_with(0).out;
    assert!(said.contains(&format!("process {}", running.pid())) && said.contains("pending again"), "{said}");
    desk.chainfill(&["resume"]).args(&at).ends_with(0);
    let ended = running.wait().expect_code(0);
    assert!(ended.out.contains("BACKFILL COMPLETE!"), "{}", ended.out);
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

#[tokio::test]
async fn a_run_that_ends_before_it_is_told_to_retry_leaves_that_to_the_command() {
    // F-I8
    let (desk, vendor) = start(vendor());
    let fill = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url];
    desk.chainfill(&fill).with_key().run();
    let symbol = vendor.truth().into_iter().find(|(_, bars)| !bars.is_empty()).unwrap().0;
    for args in [["retry", symbol.as_str()], ["pause", "--json"]] {
        let (store, epoch) = held_elsewhere(&desk.database(), 0).await;
        let running = desk.chainfill(&args).spawn();
        end_at_an_order(store, epoch).await;
        let said = running.wait().expect_code(0).out;
        if args[0] == "retry" {
            assert!(said.contains("1 options are pending again"), "{said}");
            assert_eq!(status(&desk, &format!("sqlite:{}", desk.database().display()))["total"]["pending"], 1);
        } else {
            assert!(said.contains(r#""done":false"#) && said.contains("ended before it took the order"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_run_whose_lease_ran_out_is_told_nothing() {
    // F-P3
    let (desk, vendor) = start(vendor());
    desk.chainfill(&["plan", "--api-url", &vendor.base_url]).with_key().ends_with(0);
    let (_store, _) = held_elsewhere(&desk.database(), LEASE_MS).await;
    let said = desk.chainfill(&["stop", "--json"]).ends_with(0).out;
    assert!(said.contains(r#""done":false"#) && said.contains("no sign of life for 3"), "{said}");
}

#[test]
fn an_order_that_a_run_did_not_take_is_not_told_as_followed() {
    // F-P6, F-I8: stopped by the system, told to pause, and killed before it could listen.
    let (desk, vendor) = start(vendor());
    let args = ["backfill", "--max-rate", "5", "--api-url", &vendor.base_url];
    let mut running = desk.chainfill(&args).with_key().deadline_s(120).spawn();
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
