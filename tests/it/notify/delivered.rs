//! Each form to a server that takes it, and each way in which one does not.

use std::path::Path;
use std::time::{Duration, Instant};

use chainfill::domain::moment::Moment;
use chainfill::limits::{NOTICE_TRIES_MAX, STALLED_MS_MAX};
use chainfill::notify::Patience;
use chainfill::notify::target::Target;

use super::{PATIENCE, Told};
use crate::rig::postbox::{Postbox, Reply};
use crate::rig::program::Desk;

const OK: Reply = Reply::Status(200, "");

fn command(line: String) -> Vec<Target> {
    vec![Target::Command { line, hidden: vec!["PATH_TO_NOWHERE"] }]
}

#[tokio::test]
async fn each_service_gets_the_start_and_the_end_in_its_own_form() {
    let postbox = Postbox::start(&[OK]);
    let at = |head: &str, path: &str| format!("{head}{}{path}", postbox.url);
    let urls = [
        at("", "/webhook"),
        at("ntfy+", "/topic"),
        at("slack+", "/services/x"),
        at("discord+", "/api/webhooks/x"),
        at("healthchecks+", "/uuid"),
    ];
    let mut told = Told::to(&urls.each_ref().map(String::as_str), PATIENCE);
    told.begin();
    postbox.until(5);
    told.end();
    assert_eq!(told.farewell().await, [""; 0]);
    let letters = postbox.letters();
    let of = |path: &str| letters.iter().filter(|letter| letter.path.starts_with(path)).collect::<Vec<_>>();
    let (start, end) = (of("/webhook")[0].json(), of("/webhook")[1].json());
    assert_eq!(
        (&start["kind"], start["v"].as_i64(), start["run"]["epoch"].as_i64()),
        (&"start".into(), Some(1), Some(3))
    );
    assert_eq!([&end["kind"], &end["ending"], &end["verdict"]["health"]], ["done", "complete", "done"]);
    assert_eq!(of("/topic")[1].header("title"), Some("chainfill on nas: done"));
    assert_eq!(of("/topic")[1].header("tags"), Some("tada"));
    assert!(of("/topic")[1].body.starts_with("BACKFILL COMPLETE!"), "{:?}", of("/topic"));
    assert!(of("/services/x")[1].json()["text"].as_str().unwrap().contains("done\nBACKFILL COMPLETE!"));
    assert!(of("/api/webhooks/x")[1].json()["content"].as_str().unwrap().contains("done**\nBACKFILL COMPLETE!"));
    let paths: Vec<_> = of("/uuid").iter().map(|letter| letter.path.clone()).collect();
    assert_eq!(paths, ["/uuid/start", "/uuid"]);
    assert_eq!(letters.len(), 10);
}

#[tokio::test]
async fn a_service_that_fails_twice_gets_the_notice_once() {
    let postbox = Postbox::start(&[Reply::Status(503, ""), Reply::Status(429, "retry-after: 0\r\n"), OK]);
    let mut told = Told::to(&[&postbox.url], PATIENCE);
    told.begin();
    let letters = postbox.until(3);
    assert_eq!(told.farewell().await, [""; 0]);
    assert!(letters.windows(2).all(|pair| pair[0].body == pair[1].body));
    let after = postbox.letters();
    assert_eq!(after.len(), 4, "the fourth says that the run broke off");
    assert_eq!(after[3].json()["title"], "chainfill on nas: broke off");
}

#[tokio::test]
async fn a_service_that_never_takes_it_is_given_up_in_one_line_without_its_secret() {
    for (reply, tries, words) in [
        (Reply::Status(500, ""), NOTICE_TRIES_MAX as usize, "HTTP 500; tried 4 times"),
        (Reply::Status(404, ""), 1, "HTTP 404: look at the URL, its token may be gone; tried once"),
        (Reply::Status(302, "location: /elsewhere\r\n"), 1, "HTTP 302: it points elsewhere"),
    ] {
        let postbox = Postbox::start(&[reply]);
        let url = postbox.url.replace("http://", "http://u:hunter2@") + "/hunter2?token=hunter2";
        let mut told = Told::to(&[&url], PATIENCE);
        told.begin();
        postbox.until(tries);
        told.end();
        let lines = told.farewell().await;
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with(&format!("notify: {} did not get the notice of start: ", postbox.url)),
            "{lines:?}"
        );
        assert!(lines[0].contains(words) && !lines.concat().contains("hunter2"), "{lines:?}");
        assert!(postbox.letters().iter().all(|letter| letter.path.starts_with("/hunter2")), "no redirect is followed");
        assert!(postbox.letters()[0].header("authorization").is_some_and(|value| value.starts_with("Basic ")));
    }
}

#[tokio::test]
async fn a_service_that_hangs_holds_up_neither_the_run_nor_another_service_nor_the_end() {
    let (hangs, works) = (Postbox::start(&[Reply::Silence]), Postbox::start(&[OK]));
    let patience = Patience { end_ms: 300, ..PATIENCE };
    let mut told = Told::to(&[&hangs.url, &works.url], patience);
    let from = Instant::now();
    told.begin();
    for _ in 0..10_000 {
        told.tell(1, chainfill::domain::event::Event::Sent);
    }
    told.end();
    assert!(from.elapsed() < Duration::from_secs(1), "{:?}", from.elapsed());
    works.until(2);
    told.farewell().await;
    assert!(from.elapsed() < Duration::from_millis(PATIENCE.try_ms), "the end does not wait for it");
}

#[tokio::test]
async fn after_a_try_that_took_too_long_the_last_notice_still_leaves() {
    let postbox = Postbox::start(&[Reply::Silence, OK]);
    let mut told = Told::to(&[&postbox.url], Patience { try_ms: 300, retry_ms: 10_000, ..PATIENCE });
    told.begin();
    postbox.until(1);
    told.end();
    let lines = told.farewell().await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("the notice of start: no answer in time"), "{lines:?}");
    assert_eq!(postbox.letters()[1].json()["kind"], "done");
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read() {
    let postbox = Postbox::start(&[Reply::Endless]);
    let mut told = Told::to(&[&postbox.url], PATIENCE);
    told.begin();
    told.end();
    assert_eq!(told.farewell().await, [""; 0]);
    assert_eq!(postbox.letters().len(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_said_to_be_so() {
    let mut told = Told::to(&["http://127.0.0.1:1/hunter2"], PATIENCE);
    told.begin();
    told.end();
    let lines = told.farewell().await;
    assert!(
        lines.iter().all(|line| line.contains("http://127.0.0.1:1 did not get") && line.contains("refused")),
        "{lines:?}"
    );
    assert!(!lines.is_empty() && !lines.concat().contains("hunter2"), "{lines:?}");
}

#[tokio::test]
async fn a_worry_is_told_while_nothing_happens() {
    let postbox = Postbox::start(&[OK]);
    let now = Moment(STALLED_MS_MAX + 60_000);
    let mut told = Told::with(vec![Target::service(&postbox.url).unwrap()], PATIENCE, now);
    told.begin();
    let worry = postbox.until(2)[1].json();
    assert_eq!([&worry["kind"], &worry["verdict"]["health"]], ["worry", "worry"]);
    assert!(worry["text"].as_str().unwrap().starts_with("Worry: no answer accepted for 2 h 1 min"), "{worry}");
    assert_eq!([&worry["run"]["host"], &worry["store"]], ["nas", "sqlite:chainfill.db"]);
    told.end();
    told.farewell().await;
    assert_eq!(postbox.letters().len(), 3, "once");
}

#[tokio::test]
async fn a_command_gets_words_and_json_and_may_leave_them_unread() {
    let desk = Desk::new();
    let out = desk.path().join("out");
    let line = format!(
        "printf '%s|' \"$CHAINFILL_NOTICE_KIND\" \"$CHAINFILL_NOTICE_TITLE\" \"$CHAINFILL_NOTICE_HEALTH\" >> {0}; \
         cat >> {0}; echo >> {0}; echo not for the screen",
        out.display()
    );
    let targets = [command(line), command("exit 0".to_owned())].concat();
    let mut told = Told::with(targets, PATIENCE, Moment(0));
    told.begin();
    told.end();
    assert_eq!(told.farewell().await, [""; 0]);
    let text = std::fs::read_to_string(out).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    let json = lines[1].strip_prefix("done|chainfill on nas: done|done|").unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap()["kind"], "done");
}

#[tokio::test]
async fn a_command_that_fails_is_tried_again_and_one_that_hangs_is_ended_with_what_it_started() {
    let desk = Desk::new();
    let pids = desk.path().join("pids");
    let line = format!("sleep 100 & echo $! $$ >> {}; wait", pids.display());
    let targets = [command("exit 3".to_owned()), command(line)].concat();
    let mut told = Told::with(targets, Patience { try_ms: 300, ..PATIENCE }, Moment(0));
    told.begin();
    told.end();
    let lines = told.farewell().await;
    assert!(lines.iter().any(|line| line.contains("exit status: 3; tried 4 times")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("took too long; tried 4 times")), "{lines:?}");
    let pids = std::fs::read_to_string(pids).unwrap();
    assert!(pids.lines().count() >= 4, "{pids}");
    let lives = |pid: &&str| std::fs::read(Path::new("/proc").join(pid).join("cmdline")).is_ok_and(|it| !it.is_empty());
    let from = Instant::now();
    while pids.split_whitespace().any(|pid| lives(&pid)) {
        assert!(from.elapsed() < Duration::from_secs(20), "of these some live on: {pids}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
