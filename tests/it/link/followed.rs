//! What the real HTTP client is told to follow, and how long it may be kept waiting: nowhere, and not for ever.

use chainfill::vendor::Settings;

use crate::rig::archive::{Archive, Loss};
use crate::rig::postbox::{Postbox, Reply};
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Exit code: the vendor cannot be used.
const VENDOR: i32 = 4;

/// Statuses by which a client is sent on.
const SENT_ON: [u16; 5] = [301, 302, 303, 307, 308];

fn listing() -> Reply {
    let names: Vec<String> = (0..20).map(|n| format!("\"BTC-26APR24-{}-C\"", 20_000 + n * 1_000)).collect();
    Reply::Json(format!(r#"{{"result":[{}]}}"#, names.join(",")))
}

#[test]
fn a_redirect_to_another_server_is_named_and_nothing_goes_there() {
    // F-S10, F-I9: at once, and in the middle of a run
    for lists in [false, true] {
        let other = Postbox::start(&[Reply::Json(r#"{"result":[]}"#.to_owned())]);
        let to: &'static str = format!("location: {}/v1/elsewhere/\r\n", other.url).leak();
        let wire = Postbox::answering(move |number, letter| {
            if lists && letter.path.contains("/available/") {
                return listing();
            }
            Reply::Status(SENT_ON[number % SENT_ON.len()], to)
        });
        let desk = Desk::new();
        let args = ["backfill", "--max-rate", "none", "--api-url", &format!("{}/v1", wire.url)];
        let ended = desk.chainfill(&args).key("a-key-for-one-place").deadline_s(120).ends_with(VENDOR);
        assert!(ended.said().contains(&format!("redirects to {}/v1/elsewhere/", other.url)), "{}", ended.said());
        let went = other.letters();
        assert!(went.is_empty(), "it followed: {went:?}");
        assert!(
            wire.letters().iter().all(|letter| letter.header("authorization") == Some("Token a-key-for-one-place"))
        );
    }
}

#[test]
fn an_answer_that_drips_is_given_up_after_a_minute_and_asked_for_again() {
    // F-S15: a byte every ten seconds; each byte would wind up a clock that only counts silence.
    let vendor = Simulated::start(Settings { faults: "s15@3".parse().unwrap(), ..small("BTC=12") });
    let desk = Desk::new();
    let args =
        ["backfill", "--max-rate", "none", "--concurrency", "1", "--query", "symbol", "--api-url", &vendor.base_url];
    desk.chainfill(&args).with_key().deadline_s(120).ends_with(0);
    let archive = Archive::Sqlite(desk.database());
    assert_eq!(archive.compare(&vendor), Loss::default());
    let attempts = archive.attempts();
    let given_up: Vec<_> = attempts.iter().filter(|attempt| attempt.outcome == "no_answer").collect();
    let [dripped] = given_up.as_slice() else { panic!("{attempts:#?}") };
    let again = attempts.iter().filter(|attempt| attempt.query == dripped.query);
    assert_eq!(again.count(), 2, "{attempts:#?}");
}
