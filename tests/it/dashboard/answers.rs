//! What the API says is what the store holds.

use chainfill::clock::{Clock, SystemClock};
use chainfill::domain::run::Ending;
use chainfill::limits::LEASE_MS;
use chainfill::store::RunEnd;
use rustix::process::Signal;
use serde_json::Value;

use super::{Served, fill, serving, vendor};
use crate::rig::archive::{end_at_an_order, held_elsewhere, reader};
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;

/// Names that would do harm where they were taken for more than names.
const HOSTILE: [&str; 3] =
    ["BTC-<img src=x onerror=hacked=1>", "BTC-'; DROP TABLE x; --", "BTC-\u{202e}\u{1b}[31m</script>"];

fn hostile() -> Simulated {
    let names = ["BTC-12APR24-60000-C", "BTC-12APR24-60000-P"].into_iter().chain(HOSTILE);
    Simulated::start(chainfill::vendor::Settings { names: Some(names.map(str::to_owned).collect()), ..vendor("BTC=1") })
}

#[test]
fn every_endpoint_tells_of_the_store_in_versioned_json() {
    // F-W7
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=40,ETH=30")));
    fill(&desk, &vendor);
    let (_program, served) = serving(&desk, &[]);
    let asked = vendor.requests();
    let status = served.json("/api/status");
    let mut same: Value = serde_json::from_str(&desk.chainfill(&["status", "--json"]).ends_with(0).out).unwrap();
    same["at"] = status["at"].clone();
    same["run"]["beat_age_ms"] = status["run"]["beat_age_ms"].clone();
    assert_eq!(status, same, "one page for all");

    let file = reader(&desk.database());
    let sql = "SELECT COUNT(*), COUNT(DISTINCT symbol) FROM cryptodatadownload_options_daily WHERE currency = 'BTC'";
    let (rows, symbols): (i64, i64) = file.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let btc = &status["currencies"][0];
    assert_eq!((btc["rows"].as_i64(), btc["stored"].as_i64()), (Some(rows), Some(symbols)));

    let coverage = served.json("/api/coverage?currency=BTC");
    let expiries = coverage["expiries"].as_array().unwrap();
    let cells: usize = expiries.iter().map(|one| one["cells"].as_str().unwrap().len()).sum();
    let covered: i64 = expiries.iter().map(|one| one["rows"].as_i64().unwrap()).sum();
    assert_eq!((cells, covered), (40, rows));
    let expiry = expiries[0]["expiry"].as_str().unwrap();
    let chain = served.json(&format!("/api/chain?currency=BTC&expiry={expiry}"));
    let options = chain["options"].as_array().unwrap();
    let letters: String = options.iter().map(|one| &one["state"].as_str().unwrap()[..1]).collect();
    assert_eq!(letters, expiries[0]["cells"].as_str().unwrap(), "options come in the order of the cells");

    let one = options.iter().find(|one| one["rows"].as_i64() > Some(0)).expect("an option with bars");
    let symbol = one["symbol"].as_str().unwrap();
    let story = served.json(&format!("/api/option/{symbol}"));
    assert_eq!(story["option"], *one);
    assert_eq!(story["attempts"][0]["outcome"], "rows");
    let truth = &vendor.truth()[symbol];
    let bars: Vec<_> = story["bars"].as_array().unwrap().iter().map(|bar| bar["close"].as_str().unwrap()).collect();
    let closes: Vec<_> = truth.iter().map(|bar| bar.close.unwrap().normalize().to_string()).collect();
    assert_eq!(bars, closes, "to the last digit");

    let journal = served.json("/api/journal?newest=5");
    assert_eq!(journal["requests"].as_array().unwrap().len(), 5);
    assert!(served.json("/api/journal?newest=99999")["requests"].as_array().unwrap().len() <= 500);
    assert_eq!(served.json("/api/forecasts")["runs"][0]["epoch"], 1);
    for json in [coverage, chain, story, journal] {
        assert_eq!(json["v"], 1);
    }
    let health = served.get("/healthz");
    assert_eq!((health.status, health.body.as_str()), (200, "Done: complete, 70 of 70.\n"));
    let metrics = served.get("/metrics");
    assert!(metrics.body.contains("chainfill_health{health=\"done\"} 1"), "{}", metrics.body);
    assert!(metrics.head.contains("text/plain; version=0.0.4"), "{}", metrics.head);
    for (path, status) in [
        ("/api/coverage?currency=btc", 404),
        ("/api/coverage", 400),
        ("/api/chain?currency=BTC&expiry=yesterday", 404),
        ("/api/option/BTC-NOSUCH", 404),
        ("/api/option/%ff", 400),
        ("/api/journal?newest=abc", 400),
        ("/api/forecasts?newest=-1", 400),
        ("/nowhere", 404),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, status, "{path}");
        let told: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{path}: {}", answer.body));
        assert!(told["error"].is_string() && told["v"] == 1, "{path}: {told}");
    }
    assert_eq!(vendor.requests(), asked, "F-U6: looking costs no request");
}

#[test]
fn hostile_names_come_through_as_what_they_are() {
    // F-W4, F-X1
    let (desk, vendor) = (Desk::new(), hostile());
    fill(&desk, &vendor);
    let (_program, served) = serving(&desk, &[]);
    let chain = served.get("/api/chain?currency=BTC");
    assert!(!chain.body.contains('\u{202e}') && !chain.body.contains('\u{1b}'), "nothing steers a terminal");
    assert!(chain.head.contains("content-type: application/json"), "{}", chain.head);
    let chain: Value = serde_json::from_str(&chain.body).unwrap();
    let mut names: Vec<_> =
        chain["options"].as_array().unwrap().iter().map(|one| one["symbol"].as_str().unwrap()).collect();
    names.sort_unstable();
    let mut expected = HOSTILE.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let path = "/api/option/BTC-%3Cimg%20src%3Dx%20onerror%3Dhacked%3D1%3E";
    let story = served.json(path);
    assert_eq!((&story["option"]["symbol"], &story["option"]["state"]), (&HOSTILE[0].into(), &"attention".into()));
    assert_eq!(served.get("/healthz").status, 503, "somebody should look");
}

#[test]
fn a_store_that_is_missing_is_said_so_and_comes_alive_by_itself() {
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=20")));
    let (_program, served) = serving(&desk, &[]);
    let status = served.json("/api/status");
    assert_eq!(status["verdict"]["health"], "idle");
    assert!(status["verdict"]["sentence"].as_str().unwrap().contains("no archive"), "{status}");
    assert_eq!((served.get("/api/status").status, served.get("/healthz").status), (503, 200));
    assert_eq!(served.get("/api/coverage?currency=BTC").status, 503);
    assert!(served.get("/metrics").body.contains("chainfill_up 0\n"));
    assert_eq!(served.get("/").status, 200);
    fill(&desk, &vendor);
    let mut status = served.json("/api/status");
    let from = std::time::Instant::now();
    while status["verdict"]["health"] != "done" {
        assert!(from.elapsed().as_secs() < 20, "{status}");
        status = served.json("/api/status");
    }
    std::fs::rename(desk.database(), desk.path().join("elsewhere.db")).unwrap();
    while status["verdict"]["health"] != "idle" {
        assert!(from.elapsed().as_secs() < 40, "{status}");
        status = served.json("/api/status");
    }
}

/// The page's orders to a run: paused, slowed down, let go, told to stop.
fn obeys(desk: &Desk, store: &str) {
    let vendor = Simulated::start(vendor("BTC=300"));
    let args = ["backfill", "BTC", "--max-rate", "20", "--dashboard", "127.0.0.1:0", "--store", store];
    let mut run = desk.chainfill(&args).args(&["--api-url", &vendor.base_url]).with_key().deadline_s(120).spawn();
    let served = Served::by(&mut run);
    run.until_said("[5/300] ");
    let answer = served.order(r#"{"order":"pause"}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(&format!("process {}", run.pid())) && answer.body.contains("is paused"), "{answer:?}");
    run.until("the pause on the page", || served.json("/api/status")["progress"]["phase"] == "paused");
    let paused = vendor.requests();
    assert_eq!(served.order(r#"{"order":"pace","spacing_ms":100}"#).status, 200);
    run.until("the pace on the page", || served.json("/api/status")["progress"]["spacing_ms"] == 100);
    assert_eq!(vendor.requests(), paused, "paused is paused");
    assert_eq!(served.order(r#"{"order":"resume"}"#).status, 200);
    run.until("the next request", || vendor.requests() > paused);
    let answer = served.order(r#"{"order":"retry","empty":true}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = served.order(r#"{"order":"stop"}"#);
    assert!([200, 202].contains(&answer.status), "{answer:?}");
    run.wait().expect_code(6);
    let (_program, served) = serving(desk, &["--store", store]);
    let status = served.json("/api/status");
    assert_eq!((&status["verdict"]["health"], &status["run"]["ending"]), (&"idle".into(), &"stopped".into()));
    let answer = served.order(r#"{"order":"pause"}"#);
    assert!(answer.status == 409 && answer.body.contains("no run is at work"), "{answer:?}");
    let answer = served.order(r#"{"order":"retry","attention":true}"#);
    assert!(answer.status == 409 && answer.body.contains("chainfill retry --attention"), "{answer:?}");
}

#[test]
fn a_run_obeys_the_page_on_sqlite() {
    let desk = Desk::new();
    obeys(&desk, "sqlite:run.db");
}

#[test]
fn a_run_obeys_the_page_on_postgres() {
    let (desk, postgres) = (Desk::new(), Postgres::start());
    obeys(&desk, &postgres.database());
}

#[test]
fn serve_ends_cleanly_on_both_signals() {
    let desk = Desk::new();
    for signal in [Signal::INT, Signal::TERM] {
        let (program, served) = serving(&desk, &[]);
        let mut lines = served.events();
        assert!(lines.any(|line| line == "event: status"));
        program.signal(signal);
        assert!(lines.any(|line| line == "event: bye"), "who listens is told");
        let ended = program.wait().expect_code(0);
        assert!(ended.took.as_secs() < 30);
    }
}

#[test]
fn a_run_that_died_is_a_worry_for_machines_as_well() {
    // F-P3, F-W6
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=300")));
    let args = ["backfill", "BTC", "--max-rate", "20", "--api-url", &vendor.base_url];
    let mut run = desk.chainfill(&args).with_key().spawn();
    run.until_said("[5/300] ");
    run.kill();
    let (_program, served) = serving(&desk, &[]);
    let health = served.get("/healthz");
    assert!(health.status == 503 && health.body.contains("ended without finishing"), "{health:?}");
}

#[tokio::test]
async fn an_order_that_nobody_takes_is_not_promised() {
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=5")));
    fill(&desk, &vendor);
    let (_program, served) = serving(&desk, &[]);
    {
        let (store, epoch) = held_elsewhere(&desk.database(), 0).await;
        let asked = tokio::task::spawn_blocking(move || served.order(r#"{"order":"pause"}"#));
        end_at_an_order(store, epoch).await;
        let answer = asked.await.unwrap();
        assert!(answer.status == 409 && answer.body.contains("ended before it took the order"), "{answer:?}");
    }
    {
        let (store, epoch) = held_elsewhere(&desk.database(), 0).await;
        // F-U1: a run would pass the name over without a word.
        let answer = served.order(r#"{"order":"retry","symbols":["BTC-1JAN24-1-C"]}"#);
        assert!(answer.status == 404 && answer.body.contains("no option BTC-1JAN24-1-C is known"), "{answer:?}");
        assert_eq!(store.take_orders(epoch, &[]).await.unwrap(), [], "it was not left");
        let end = RunEnd { at: SystemClock::start().now(), ending: Ending::Complete, progress: None };
        store.end(epoch, &end).await.unwrap();
    }
    let (_store, _) = held_elsewhere(&desk.database(), LEASE_MS).await;
    let answer = served.order(r#"{"order":"stop"}"#);
    assert!(answer.status == 409 && answer.body.contains("no run is at work"), "{answer:?}");
}
