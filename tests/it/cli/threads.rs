//! A thread that cannot be started: where Rust panics in the real program, on any machine.

use super::start;
use crate::rig::archive::{Archive, Loss};
use crate::rig::strace;
use crate::rig::world::small;

#[test]
fn a_panic_for_want_of_a_thread_ends_the_program_loudly_and_costs_nothing() {
    // F-P7: the first thread, then the second, and so on; the program ends and says so, or goes on without.
    if !strace::is_there() {
        return;
    }
    let mut panicked = 0;
    for nth in 1..=3 {
        let (desk, vendor) = start(small("BTC=30"));
        let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url];
        let backfill = || desk.chainfill(&args).with_key();
        let inject = format!("inject=clone,clone3:error=EAGAIN:when={nth}+");
        let starved = ["strace", "-f", "-o", "/dev/null", "-e", "trace=clone,clone3", "-e", &inject];
        let ended = backfill().under(&starved).run();
        match ended.code {
            Some(0) => assert!(ended.out.contains("BACKFILL COMPLETE!"), "{}", ended.said()),
            Some(_) => assert!(ended.err.contains("thread"), "thread {nth}: {}", ended.said()),
            None => panic!("a signal ended it: {}", ended.said()),
        }
        panicked += usize::from(ended.err.contains("panicked"));
        // Whatever it held is free, and what it stored is true.
        backfill().ends_with(0);
        assert_eq!(Archive::Sqlite(desk.database()).compare(&vendor), Loss::default());
    }
    assert!(panicked > 0, "no panic was met");
}
