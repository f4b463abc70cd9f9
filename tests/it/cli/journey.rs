//! The whole job from an empty folder, on both stores.

use chainfill::domain::instrument::Instrument;
use chainfill::vendor::settings::parse_counts;
use chainfill::vendor::{Face, Settings};

use super::start;
use crate::rig::archive::{Archive, Loss};
use crate::rig::canary;
use crate::rig::postgres::Postgres;

/// What `verify` says of an option whose rows are as many as were stored, and other ones.
const CHANGED: &str = "rows were changed";

fn vendor(face: Face) -> Settings {
    let counts = parse_counts("BTC=60,ETH=40").unwrap();
    Settings { counts, face, throttles: Vec::new(), ..Settings::default() }
}

#[test]
fn from_an_empty_folder_to_a_proof_on_sqlite() {
    let (desk, vendor) = start(vendor(Face::Symbol2025));
    let api = ["--api-url", &vendor.base_url];
    let said = desk.chainfill(&["status"]).ends_with(8).said();
    assert!(said.contains("no archive") && said.contains("chainfill backfill"), "{said}");

    let plan = desk.chainfill(&["plan"]).args(&api).with_key().ends_with(0).out;
    assert!(plan.contains("100 options take"), "{plan}");
    let again = desk.chainfill(&["plan", "--json"]).args(&api).with_key().ends_with(0).out;
    let plan: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&plan["v"], &plan["options"]), (&1.into(), &100.into()), "{plan}");
    let listings = vendor.requests();
    assert!(listings <= 2, "F-U6: the second plan uses the kept listing; {listings} requests");

    let run = desk.chainfill(&["backfill", "--max-rate", "none"]).args(&api).with_key().ends_with(0);
    assert!(run.out.contains("[1/60] BTC-") && run.out.contains("[40/40] ETH-"), "{}", run.out);
    assert!(run.out.contains("BACKFILL COMPLETE! 100 of 100 options are known"), "{}", run.out);
    let log = std::fs::read_to_string(desk.path().join("logs/full-backfill.log")).unwrap();
    assert!(log.contains("[60/60] BTC-") && log.contains("BACKFILL COMPLETE!"));

    let before = vendor.requests();
    insta::assert_snapshot!("missing", desk.chainfill(&["missing", "--list"]).ends_with(0).out);
    insta::assert_snapshot!("proof", desk.chainfill(&["verify"]).ends_with(0).out);
    let status = desk.chainfill(&["status"]).ends_with(0).out;
    assert!(status.starts_with("Done: complete, 100 of 100."), "{status}");
    let json: serde_json::Value =
        serde_json::from_str(&desk.chainfill(&["status", "--json"]).ends_with(0).out).unwrap();
    assert_eq!(json["verdict"]["health"], "done");
    assert_eq!(vendor.requests(), before, "F-U6: looking costs no request");

    // F-B13: rows deleted by hand, and one bit of one price flipped, are named; retry and backfill mend them.
    let table = rusqlite::Connection::open(desk.database()).unwrap();
    let symbols = "SELECT DISTINCT symbol FROM cryptodatadownload_options_daily ORDER BY symbol LIMIT 2";
    let symbols: Vec<String> =
        table.prepare(symbols).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let [gone, flipped] = &symbols[..] else { panic!("{symbols:?}") };
    table.execute("DELETE FROM cryptodatadownload_options_daily WHERE symbol = ?1", [gone]).unwrap();
    let price = "SELECT date, price_close FROM cryptodatadownload_options_daily WHERE symbol = ?1 LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (date, close): (String, f64) = table.query_row(price, [flipped], read).unwrap();
    let wrong = f64::from_bits(close.to_bits() ^ 1);
    let flip = "UPDATE cryptodatadownload_options_daily SET price_close = ?1 WHERE symbol = ?2 AND date = ?3";
    assert_eq!(table.execute(flip, rusqlite::params![wrong, flipped, date]).unwrap(), 1);
    drop(table);
    let proof = desk.chainfill(&["verify"]).ends_with(3).out;
    assert!(proof.contains(&format!("{gone} rows are missing")), "{proof}");
    assert!(proof.contains(&format!("{flipped} {CHANGED}")), "{proof}");
    assert!(proof.contains("2 with other rows than were stored"), "{proof}");
    desk.chainfill(&["retry", gone, flipped]).ends_with(0);
    let status = desk.chainfill(&["status"]).ends_with(0).out;
    assert!(
        status.starts_with("Idle: no run; 2 options are still to be fetched") && status.contains("Milestones BTC"),
        "{status}"
    );
    desk.chainfill(&["backfill", "--quiet"]).args(&api).with_key().ends_with(0);
    desk.chainfill(&["verify"]).ends_with(0);
    assert_eq!(vendor.requests(), before + 3, "the listing and those options");
    assert_eq!(Archive::Sqlite(desk.database()).compare(&vendor), Loss::default());
}

#[test]
fn the_users_own_queries_run_unchanged_on_postgres() {
    // F-B14: a table of the older script is adopted on the way.
    let postgres = Postgres::start();
    let url = postgres.database();
    let (desk, vendor) = start(vendor(Face::Expiry2026));
    let mut truth = vendor.truth().into_iter();
    let (symbol, bars) = truth.find(|(symbol, bars)| symbol.starts_with("ETH") && !bars.is_empty()).unwrap();
    postgres.psql(
        &url,
        "CREATE TABLE cryptodatadownload_options_daily (id SERIAL PRIMARY KEY, unix_timestamp BIGINT, date DATE, \
         symbol VARCHAR(50), currency VARCHAR(10), expiry_date DATE, strike NUMERIC(20,8), option_type VARCHAR(4), \
         price_open NUMERIC(20,8), price_high NUMERIC(20,8), price_low NUMERIC(20,8), price_close NUMERIC(20,8), \
         volume_traded NUMERIC(20,8), data_source VARCHAR(50), downloaded_at TIMESTAMP, UNIQUE (symbol, date))",
    );
    let first = &bars[0];
    let option = Instrument::parse(&symbol).unwrap();
    postgres.psql(
        &url,
        &format!(
            "INSERT INTO cryptodatadownload_options_daily (unix_timestamp, date, symbol, currency, expiry_date, strike, \
             option_type, price_open, price_high, price_low, price_close, volume_traded, data_source, downloaded_at) \
             VALUES ({}, '{}', '{symbol}', 'ETH', '{}', {}, '{}', {}, {}, {}, {}, {}, 'cryptodatadownload', '2021-01-01')",
            first.open_ms,
            first.date,
            option.expiry,
            option.strike,
            &symbol[symbol.len() - 1..],
            first.open.unwrap(),
            first.high.unwrap(),
            first.low.unwrap(),
            first.close.unwrap(),
            first.volume.unwrap()
        ),
    );
    let args = ["backfill", "ETH", "BTC", "--store", &url, "--api-url", &vendor.base_url, "--max-rate", "none"];
    let run = desk.chainfill(&args).with_key().ends_with(0);
    assert!(run.said().contains("adopted 1 rows of an older script"), "{}", run.said());
    assert!(run.out.contains("BACKFILL COMPLETE!"), "{}", run.out);
    let rows: usize = vendor.truth().values().map(Vec::len).sum();
    let with_rows = vendor.truth().values().filter(|bars| !bars.is_empty()).count();
    let counted = postgres.psql(
        &url,
        "SELECT COUNT(*) as total_records, COUNT(DISTINCT symbol) as total_options, \
         pg_total_relation_size('cryptodatadownload_options_daily') > 0 as total_size \
         FROM cryptodatadownload_options_daily",
    );
    assert_eq!(counted.trim(), format!("{rows}|{with_rows}|t"));
    let by_currency = postgres.psql(
        &url,
        "SELECT currency, COUNT(*) as records, COUNT(DISTINCT symbol) as options, MIN(expiry_date - date) \
         FROM cryptodatadownload_options_daily GROUP BY currency ORDER BY currency",
    );
    assert_eq!(by_currency.trim().lines().count(), 2, "{by_currency}");
    desk.chainfill(&["verify", "--store", &url]).ends_with(0);
    let status = desk.chainfill(&["status", "--store", &url]).ends_with(0).out;
    assert!(status.starts_with("Done: complete, 100 of 100."), "{status}");

    // F-B13: the last digit of one price changed by hand.
    let flip = format!(
        "UPDATE cryptodatadownload_options_daily SET price_close = price_close + 0.00000001 \
         WHERE symbol = '{symbol}' AND date = '{}'",
        first.date
    );
    postgres.psql(&url, &flip);
    let proof = desk.chainfill(&["verify", "--store", &url]).ends_with(3).out;
    assert!(proof.contains(&format!("{symbol} {CHANGED}")), "{proof}");
    assert!(proof.contains("1 with other rows than were stored"), "{proof}");
    desk.chainfill(&["retry", &symbol, "--store", &url]).ends_with(0);
    desk.chainfill(&args).with_key().ends_with(0);
    desk.chainfill(&["verify", "--store", &url]).ends_with(0);
    assert_eq!(Archive::Postgres(&postgres, url.clone()).compare(&vendor), Loss::default());
}

#[test]
fn no_byte_of_the_key_is_printed_logged_stored_or_sent_elsewhere() {
    // F-I9
    // A program and a desk with a key are searched for it whatever is tested: here under every fault, and for a wrong one.
    let (desk, vendor) = start(Settings { faults: "all=0.1".parse().unwrap(), ..vendor(Face::Symbol2025) });
    let api = ["--api-url", &vendor.base_url];
    desk.chainfill(&["backfill", "--max-rate", "none", "--json"]).args(&api).with_key().ends_with(0);
    let wrong = format!("{}x", canary::key());
    let bad = desk.chainfill(&["backfill"]).args(&api).key(&wrong).ends_with(7).said();
    assert!(bad.contains("key"), "{bad}");
    assert!(!vendor.vendor().log().kept().is_empty(), "the URLs are searched too");
}

#[test]
fn at_the_limit_a_run_ends_as_told_and_says_when_to_go_on() {
    // F-T14
    let throttles = vec!["20/hour".parse().unwrap()];
    let (desk, vendor) = start(Settings { throttles, ..vendor(Face::Symbol2025) });
    let args = ["backfill", "--max-rate", "none", "--on-limit", "exit", "--api-url", &vendor.base_url];
    let run = desk.chainfill(&args).with_key().ends_with(5);
    assert!(run.out.contains("resume_after 20"), "{}", run.out);
    let served = vendor.requests();
    desk.chainfill(&args).with_key().ends_with(5);
    assert_eq!(vendor.requests(), served, "F-T9: a restart sends nothing inside the cooldown");
    let status = desk.chainfill(&["status"]).ends_with(0).out;
    assert!(status.contains("20 requests per hour"), "{status}");
}
