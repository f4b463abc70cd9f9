//! Fuzzing: each target of fuzz/targets takes so many inputs of a seeded mutator, and tells what it holds of each of them.

mod mutator;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use self::mutator::Mutator;
use self::targets::Target;
pub use self::targets::plain;
use crate::rig::bout::Bout;

/// Inputs of a target in `./check`; `./trust` asks for more.
const INPUTS: u64 = 200_000;
/// Inputs between two looks at the time.
const ROUND: u64 = 1_000;
/// Memory that a target's process may take, at any moment: inputs are small, whatever they claim.
const PEAK_KIB_MAX: u64 = 256 << 10;

#[test]
fn answers_are_what_stands_there() {
    // F-I1, F-S3, F-S4, F-S13, F-S16, F-S17, F-S18, F-S21, F-X1, F-X2, F-X3, F-B6
    fuzz("fuzz-answers", targets::ANSWERS);
}

#[test]
fn waits_are_obeyed_and_bounded() {
    // F-T1, F-T2, F-T5, F-T8, F-C4, F-S10, F-S11, F-I6
    fuzz("fuzz-waits", targets::WAITS);
}

#[test]
fn names_are_read_or_refused() {
    // F-X1, F-X6
    fuzz("fuzz-names", targets::NAMES);
}

#[test]
fn settings_are_taken_or_refused_without_a_secret() {
    // F-U1, F-U2, F-U4, F-I9
    fuzz("fuzz-configuration", targets::CONFIGURATION);
}

#[test]
fn a_store_that_somebody_else_wrote_is_shown() {
    // F-B13, F-X1, F-P10
    fuzz("fuzz-stored", targets::STORED);
}

#[test]
fn no_request_passes_the_guard_without_its_token() {
    // F-W1, F-W2, F-W3, F-W4
    fuzz("fuzz-requests", targets::REQUESTS);
}

/// One input again: `CHAINFILL_FUZZ_INPUT=FILE CHAINFILL_FUZZ_TARGET=answers cargo nextest run fuzz::one_input_again`.
#[test]
fn one_input_again() {
    let Ok(path) = std::env::var("CHAINFILL_FUZZ_INPUT") else { return };
    (targets::chosen().run)(&std::fs::read(path).expect("the input"));
}

fn fuzz(name: &'static str, target: Target) {
    let mut bout = Bout::new(name, INPUTS);
    let seeds = (target.seeds)();
    println!("{} seeds", seeds.len());
    for seed in &seeds {
        take(&mut bout, target, seed);
    }
    let mut mutator = Mutator::new(bout.rng(), seeds, target.words);
    while bout.left() > 0 {
        let round = bout.left().min(ROUND);
        for _ in 0..round {
            take(&mut bout, target, &mutator.next());
        }
        bout.done(round);
    }
    let peak_kib = peak_kib();
    assert!(peak_kib <= PEAK_KIB_MAX, "{peak_kib} KiB at the peak");
}

/// A panic is told with the input that leads to it.
fn take(bout: &mut Bout, target: Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        bout.lost(1);
        let path = kept(target.name, input);
        panic!(
            "CHAINFILL_FUZZ_TARGET={} CHAINFILL_FUZZ_INPUT={} cargo nextest run fuzz::one_input_again\n{:?}",
            target.name,
            path.display(),
            String::from_utf8_lossy(input)
        );
    }
}

fn kept(name: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("fuzz-{name}-{}", std::process::id()));
    std::fs::write(&path, input).expect("room for an input");
    path
}

/// Most memory that this process ever held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
