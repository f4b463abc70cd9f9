//! Bad input of every kind gets one clear line and the right exit code.

use chainfill::vendor::Settings;
use chainfill::vendor::settings::parse_counts;

use super::start;
use crate::rig::program::Desk;

#[test]
fn bad_input_is_refused_with_the_reason_before_anything_is_sent() {
    // F-U1, F-U2, F-U4
    let desk = Desk::new();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["backfil"], 2, "backfill"),
        (&["backfill", "--max-rte", "5"], 2, "--max-rate"),
        (&["backfill", "--max-rate", "0"], 2, "requests per second"),
        (&["backfill", "--max-rate", "NaN"], 2, "requests per second"),
        (&["backfill", "--max-wait", "soon"], 2, "time span"),
        (&["backfill", "--concurrency", "0"], 2, "1..=64"),
        (&["backfill", "--limit", "0"], 2, "--limit"),
        (&["backfill", "btc"], 2, "is it BTC?"),
        (&["backfill", "ALL", "BTC"], 2, "ALL"),
        (&["backfill", "--api-url", "http://api.example/v1"], 2, "in the clear"),
        (&["backfill", "--api-url", "nonsense"], 2, "not a URL"),
        (&["backfill", "--store", "mysql://x"], 2, "sqlite:"),
        (&["backfill", "--store", "some.db"], 2, "sqlite:some.db"),
        (&["backfill", "--log-file", "/proc/nowhere/x"], 2, "--log-file"),
        (&["retry"], 2, "Usage"),
        (&["status", "--store", "sqlite:nowhere/x.db"], 8, "no archive"),
        (&["status", "--store", "postgres://u:hunter2@127.0.0.1:1/x"], 8, "127.0.0.1"),
    ];
    for (args, code, words) in cases {
        let ended = desk.chainfill(args).with_key().ends_with(*code);
        assert!(ended.err.contains(words), "{args:?}: {}", ended.err);
        assert!(!ended.said().contains("hunter2"), "F-U4: {}", ended.said());
    }
    for key in ["", "two words", "\u{feff}abc", "\"abc\"", "ab\ncd"] {
        let said = desk.chainfill(&["backfill"]).key(key).ends_with(2).said();
        assert!(said.contains("key") && !said.contains("abc"), "{key:?}: {said}");
    }
}

#[test]
fn a_currency_or_an_option_that_is_not_listed_is_named_with_the_nearest_right_word() {
    // F-U1
    let (desk, vendor) =
        start(Settings { counts: parse_counts("BTC=20").unwrap(), throttles: Vec::new(), ..Settings::default() });
    let args = ["backfill", "BTX", "--api-url", &vendor.base_url];
    let said = desk.chainfill(&args).with_key().ends_with(2).said();
    assert!(said.contains("no option of BTX is listed; listed are BTC"), "{said}");
    let listed = vendor.truth().into_keys().next().unwrap();
    let near = listed.replace("BTC-", "BTC-0");
    let said = desk.chainfill(&["retry", &near]).ends_with(2).said();
    assert!(said.contains(&format!("is it {listed}?")), "{said}");
}

#[test]
fn a_vendor_that_cannot_be_reached_ends_with_its_own_code() {
    // F-P1
    let desk = Desk::new();
    let args = ["backfill", "--api-url", "http://127.0.0.1:1/v1"];
    let ended = desk.chainfill(&args).with_key().deadline_s(90).ends_with(4);
    assert!(ended.said().contains("cannot be reached"), "{}", ended.said());
}

#[test]
fn a_name_that_nobody_knows_ends_with_the_same_code_and_says_that_it_is_the_name() {
    // F-P1: no DNS. The name can never exist (RFC 6761).
    let desk = Desk::new();
    let args = ["backfill", "--api-url", "https://vendor.invalid/v1"];
    let ended = desk.chainfill(&args).with_key().deadline_s(90).ends_with(4);
    assert!(ended.said().contains("cannot be reached"), "{}", ended.said());
    assert!(ended.said().contains("dns error"), "{}", ended.said());
}

#[test]
fn the_help_is_as_it_was_read_last() {
    let desk = Desk::new();
    insta::assert_snapshot!("help", desk.chainfill(&["--help"]).ends_with(0).out);
    insta::assert_snapshot!("help-backfill", desk.chainfill(&["backfill", "--help"]).ends_with(0).out);
    let man = desk.chainfill(&["man"]).ends_with(0).out;
    assert!(man.contains(".TH chainfill 1") && man.contains("another run holds the store"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(desk.chainfill(&["completions", shell]).ends_with(0).out.contains("backfill"));
    }
}

#[test]
fn words_that_stand_in_a_store_steer_no_terminal() {
    // F-X1, F-B13: somebody else wrote them, and a refusal says them back.
    let (desk, vendor) =
        start(Settings { counts: parse_counts("BTC=5").unwrap(), throttles: Vec::new(), ..Settings::default() });
    desk.chainfill(&["backfill", "--api-url", &vendor.base_url]).with_key().ends_with(0);
    let connection = rusqlite::Connection::open(desk.database()).unwrap();
    let odd =
        r#"UPDATE chainfill_memory SET value = '{"expiry_queries":"\u001b[2J\u202e\nfine"}' WHERE name = 'ability'"#;
    assert_eq!(connection.execute(odd, []), Ok(1));
    for args in [&["status"][..], &["status", "--json"], &["verify"], &["backfill", "--api-url", &vendor.base_url]] {
        let err = desk.chainfill(args).with_key().ends_with(8).err;
        assert!(err.contains("ability") && err.contains("fine"), "{args:?}: {err}");
        assert!(
            !err.contains("\u{1b}[2J") && !err.contains('\u{202e}') && !err.contains("\nfine"),
            "{args:?}: {err:?}"
        );
    }
}
