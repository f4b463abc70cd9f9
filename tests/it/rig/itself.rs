//! The rig is a program too: what the other tests lean on is shown to hold here.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::redirect::Policy;

use super::canary::key;
use super::drf::Drf;
use super::postgres::Postgres;

const OPTIONS: &str = "data/ohlc/deribit/options/";
const LISTING: &str = "data/ohlc/deribit/options/available/";

struct Answer {
    status: u16,
    retry_after: Option<String>,
    location: Option<String>,
    body: String,
}

fn get(drf: &Drf, path: &str, key: Option<&str>) -> Answer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        let mut request = client.get(format!("{}/{path}", drf.base_url)).header(ACCEPT, "application/json");
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Token {key}"));
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (retry_after, location) = (header("retry-after"), header("location"));
        Answer { status: response.status().as_u16(), retry_after, location, body: response.text().await.unwrap() }
    })
}

fn result_of(answer: &Answer) -> Vec<serde_json::Value> {
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    body["result"].as_array().unwrap_or_else(|| panic!("no list in {body}")).clone()
}

/// Whether a process runs. An orphan that ended may stay a zombie for long: a container's first process often reaps
/// none.
fn is_alive(pid: &str) -> bool {
    if std::path::Path::new("/proc/self/cmdline").exists() {
        return std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    }
    Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().unwrap().success()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn postgres_keeps_what_was_committed_through_a_kill_and_a_stop() {
    // F-B3: the server that the store's tests kill and restart.
    let mut pg = Postgres::start();
    let (one, two) = (pg.database(), pg.database());
    assert_ne!(one, two);
    assert!(one.starts_with(&format!("postgres://postgres@127.0.0.1:{}/db", pg.port())), "{one}");
    pg.psql(&one, "CREATE TABLE kept (n integer)");
    pg.psql(&one, "INSERT INTO kept VALUES (1), (2)");
    assert_eq!(pg.psql(&two, "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'"), "0");
    let by_socket = format!("postgres://postgres@/db1?host={}&port={}", pg.socket_dir().display(), pg.port());
    assert_eq!(pg.psql(&by_socket, "SELECT n FROM kept ORDER BY n"), "1\n2");

    pg.kill_server();
    pg.start_again();
    assert!(pg.log().contains("was not properly shut down"), "a kill is a crash: {}", pg.log());
    assert_eq!(pg.psql(&one, "SELECT sum(n) FROM kept"), "3");

    pg.stop_fast();
    pg.start_again();
    assert_eq!(pg.psql("db1", "SELECT sum(n) FROM kept"), "3");
}

#[test]
fn postgres_takes_settings_and_cuts_the_connections_of_one_database() {
    let pg = Postgres::start_with(&["fsync=on", "max_connections=7"]);
    assert_eq!(pg.psql("postgres", "SHOW fsync"), "on");
    assert_eq!(pg.psql("postgres", "SHOW max_connections"), "7");
    let (cut, spared) = (pg.database(), pg.database());
    let sleeper = |url: &str| {
        let mut psql = Command::new(pg.program("psql"));
        psql.args(["-X", "-q", "-d", url, "-c", "SELECT pg_sleep(600)"]);
        psql.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let (mut first, mut second) = (sleeper(&cut), sleeper(&spared));
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
    wait_until("both sleep in the server", || pg.psql("postgres", sleeping) == "2");
    assert_eq!(pg.kill_backends(&cut), 1);
    assert!(!first.wait().unwrap().success(), "its connection was cut");
    assert!(second.try_wait().unwrap().is_none(), "the other database's connection stays");
    drop(pg);
    assert!(!second.wait().unwrap().success(), "the server went");
}

#[test]
fn postgres_is_gone_when_its_test_is_gone() {
    let pg = Postgres::start();
    let home = pg.socket_dir().to_owned();
    let pid = std::fs::read_to_string(home.join("data/postmaster.pid")).unwrap().lines().next().unwrap().to_owned();
    assert!(is_alive(&pid));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _owned = pg;
        panic!("a test that fails");
    }));
    assert!(panicked.is_err());
    assert!(!is_alive(&pid), "the server outlived a panic");
    assert!(!home.exists(), "{} outlived a panic", home.display());
}

/// What the next test runs in a process of its own, to be killed.
#[test]
#[ignore = "run by nothing_outlives_a_killed_test"]
fn start_both_and_hang() {
    let pg = Postgres::start();
    let drf = Drf::start::<&str>(&[]);
    println!("started {} {}", pg.socket_dir().display(), drf.dir().display());
    std::thread::sleep(Duration::from_mins(10));
}

#[test]
fn nothing_outlives_a_killed_test() {
    // F-P3, of the tests themselves: no destructor runs on SIGKILL.
    use std::io::{BufRead as _, BufReader};
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rig::itself::start_both_and_hang", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(test.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.into_iter().find_map(|line| line.split_once("started ").map(|(_, dirs)| dirs.to_owned())).unwrap();
    let dirs: Vec<&str> = line.split(' ').collect();
    let pid_file = std::path::Path::new(dirs[0]).join("data/postmaster.pid");
    let pid = std::fs::read_to_string(pid_file).unwrap().lines().next().unwrap().to_owned();
    test.kill().unwrap();
    test.wait().unwrap();
    wait_until("PostgreSQL ends", || !is_alive(&pid));
    for dir in dirs {
        wait_until("the directories are removed", || !std::path::Path::new(dir).exists());
    }
}

#[test]
fn drf_refuses_a_missing_and_a_wrong_key_in_its_own_words() {
    // F-S7
    let drf = Drf::start(&["--options", "4", "--expiries", "1", "--throttle", "1/day"]);
    let answer = get(&drf, OPTIONS, None);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (401, r#"{"detail":"Authentication credentials were not provided."}"#)
    );
    assert_eq!(get(&drf, OPTIONS, Some("wrong")).body, r#"{"detail":"Invalid token."}"#);
    assert_eq!(get(&drf, LISTING, Some(key())).status, 200, "refused requests are not counted");
    drf.set_key("inactive");
    let answer = get(&drf, OPTIONS, Some(key()));
    assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"detail":"User inactive or deleted."}"#));
    let seen: Vec<(u16, bool)> = drf.accesses().iter().map(|access| (access.status, access.key_ok)).collect();
    assert_eq!(seen, [(401, false), (401, false), (200, true), (401, false)]);
    assert_eq!(drf.accesses()[2].path, format!("/v1/{LISTING}"));
}

#[test]
fn drf_throttles_after_n_requests_until_the_rate_is_raised_or_forgotten() {
    // F-T1, F-T6, F-T7
    let drf = Drf::start(&["--throttle", "3/100s", "--throttle", "50/day", "--threads", "1"]);
    for _ in 0..3 {
        assert_eq!(get(&drf, LISTING, Some(key())).status, 200);
    }
    let answer = get(&drf, LISTING, Some(key()));
    let wait_s: i64 = answer.retry_after.as_deref().unwrap().parse().unwrap();
    assert!(answer.status == 429 && (70..=100).contains(&wait_s), "{} {wait_s}", answer.status);
    let said = format!(r#"{{"detail":"Request was throttled. Expected available in {wait_s} seconds."}}"#);
    assert_eq!(answer.body, said);

    drf.set_rate("1/100s");
    let lowered = get(&drf, LISTING, Some(key()));
    assert_eq!((lowered.status, lowered.retry_after), (429, None), "a lowered N names no time");
    drf.set_rate("5/100s");
    assert_eq!(get(&drf, LISTING, Some(key())).status, 200, "what was refused is not counted");
    drf.set_rate("1/hour");
    drf.forget();
    assert_eq!(get(&drf, LISTING, Some(key())).status, 200);
    let throttled = get(&drf, LISTING, Some(key())).retry_after.unwrap().parse::<i64>().unwrap();
    assert!((3570..=3600).contains(&throttled), "{throttled}");

    let log = drf.accesses();
    assert_eq!(log.iter().map(|access| access.status).collect::<Vec<_>>(), [200, 200, 200, 429, 429, 200, 200, 429]);
    assert_eq!(log[3].retry_after, answer.retry_after);
    assert!(log.is_sorted_by(|a, b| a.t <= b.t));
}

#[test]
fn drf_answers_one_option_a_request_with_its_truth() {
    let drf = Drf::start(&["--options", "80", "--expiries", "8"]);
    let truth = drf.truth();
    let listed = result_of(&get(&drf, &format!("{LISTING}?year=1999"), Some(key())));
    assert_eq!(listed.len(), 80, "the face of 2025 ignores `year`");
    let (full, empty): (Vec<_>, Vec<_>) = truth.iter().partition(|(_, bars)| !bars.is_empty());
    assert!(!empty.is_empty() && full.len() > 70, "{} of 80 hold bars", full.len());
    let (symbol, bars) = full[0];
    let rows = result_of(&get(&drf, &format!("{OPTIONS}?symbol={symbol}"), Some(key())));
    assert_eq!(rows.len(), bars.len());
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    for (row, bar) in rows.iter().rev().zip(bars) {
        assert_eq!(
            (text(row, "symbol"), text(row, "date"), row["unix"].as_i64().unwrap()),
            (symbol.clone(), bar.0.clone(), bar.1)
        );
        assert_eq!(
            [text(row, "open"), text(row, "high"), text(row, "low"), text(row, "close")],
            [&bar.2, &bar.3, &bar.4, &bar.5].map(Clone::clone)
        );
        assert_eq!(row["volume"].to_string(), bar.6);
    }
    let nothing = get(&drf, &format!("{OPTIONS}?symbol={}", empty[0].0), Some(key()));
    assert_eq!((nothing.status, nothing.body.as_str()), (200, r#"{"result":[]}"#));
    let unknown = get(&drf, &format!("{OPTIONS}?symbol=BTC-PERPETUAL"), Some(key()));
    assert_eq!((unknown.status, unknown.body.as_str()), (400, r#"{"result":"Unable to pull data"}"#));
    let default = result_of(&get(&drf, &format!("{OPTIONS}?currency=ETH&expiry=1JAN24"), Some(key())));
    assert!(default.iter().all(|row| row["symbol"] == listed[0]), "it ignores what it does not know");
    let slashless = get(&drf, OPTIONS.trim_end_matches('/'), Some(key()));
    assert_eq!((slashless.status, slashless.location.as_deref()), (301, Some("/v1/data/ohlc/deribit/options/")));
}

#[test]
fn drf_answers_a_whole_expiry_in_pages() {
    // F-S17: a page cap lower than asked.
    let drf = Drf::start(&[
        "--face",
        "expiry",
        "--options",
        "60",
        "--expiries",
        "2",
        "--page-cap",
        "100",
        "--listing-by-year",
    ]);
    assert_eq!(get(&drf, LISTING, Some(key())).status, 400);
    assert_eq!(result_of(&get(&drf, &format!("{LISTING}?year=2024"), Some(key()))).len(), 60);
    assert_eq!(result_of(&get(&drf, &format!("{LISTING}?year=2023"), Some(key()))).len(), 0);
    let truth = drf.truth();
    let bars_of_btc: usize =
        truth.iter().filter(|(name, _)| name.starts_with("BTC-28JUN24")).map(|(_, bars)| bars.len()).sum();
    let (mut rows, mut offset) = (0, Some(0));
    while let Some(at) = offset {
        let path = format!("{OPTIONS}?currency=BTC&expiry=28JUN24&limit=5000&offset={at}");
        let answer = get(&drf, &path, Some(key()));
        rows += result_of(&answer).len();
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        offset = body["pagination"]["next_offset"].as_u64();
        assert_eq!(body["pagination"]["has_more"].as_bool(), Some(offset.is_some()));
    }
    assert!(rows > 100, "more than one page: {rows}");
    assert_eq!(rows, bars_of_btc);
}

#[test]
fn drf_speaks_another_language() {
    // F-T5
    let drf = Drf::start(&["--language", "de", "--throttle", "1/min", "--gzip", "--public-listing"]);
    assert_eq!(get(&drf, LISTING, None).status, 200);
    assert_eq!(get(&drf, OPTIONS, Some(key())).status, 200);
    let throttled = get(&drf, OPTIONS, Some(key()));
    assert_eq!(throttled.status, 429);
    assert!(throttled.body.contains("gedrosselt") && throttled.retry_after.is_some(), "{}", throttled.body);
}
