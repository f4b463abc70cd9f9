//! The live view and the terminal's title.

use super::{CHAINFILL, vendor};
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;
use crate::rig::tmux::Tmux;

#[test]
fn the_title_counts_down_and_is_given_back() {
    // F-U5
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor()));
    desk.put_key();
    let tmux = Tmux::start(desk.path(), 100, 30);
    tmux.enter("printf '\\033]2;mine\\007'; clear");
    tmux.until_titled("its own title", |title| title == "mine");
    // A closed terminal ends no backfill: where this test is killed, somebody must.
    let run = format!(
        "sh -c 'echo $$ >run.pid; exec {CHAINFILL} backfill --query symbol \
         --max-rate none --api-url {} ETH'; echo ended $?",
        vendor.base_url
    );
    let pid = || std::fs::read_to_string(desk.path().join("run.pid")).ok()?.trim().parse().ok();
    let beside = Desk::new();
    let store = format!("sqlite:{}", desk.database().display());
    let tell = |order: &str| beside.chainfill(&[order, "--store", &store]).ends_with(0);
    tmux.enter(&run);
    tmux.until_shown("Plan: ");
    desk.guard(pid());
    let title = tmux.until_titled("a countdown", |title| title.contains("% waits 00:0"));
    assert!(title.ends_with(" - chainfill"), "{title}");
    let screen = tmux.until_shown("finish: ");
    assert!(screen.contains("waiting for the vendor until"), "{screen}");
    tmux.until_shown("ETH: 25% done (38 options)");
    tell("pause");
    tmux.until_titled("the pause", |title| title.contains("% paused"));
    tell("stop");
    tmux.until_shown("ended 6");
    tmux.until_titled("its own title", |title| title == "mine");

    // Whoever wants none gets none.
    tmux.enter(&format!("clear; export CHAINFILL_NO_TITLE=1; {run}"));
    tmux.until_shown("finish: ");
    desk.guard(pid());
    tell("stop");
    tmux.until_shown("ended 6");
    desk.guard(None);
    assert_eq!(tmux.tell("#{pane_title}"), "mine");
    let log = std::fs::read_to_string(desk.path().join("logs/full-backfill.log")).unwrap();
    assert_eq!(log.matches("ETH: 25% done (38 options)").count(), 1, "{log}");
    assert!(!log.contains('\x1b'), "the title is in the log");
}
