//! What is fuzzed: functions of any bytes that panic where a promise does not hold. A seeded mutator drives them in
//! `./check` (tests/it/fuzz.rs), libFuzzer for longer (fuzz/, `scripts/fuzz`).

mod answers;
mod configuration;
mod names;
pub mod plain;
mod requests;
mod stored;
mod vendor;
mod waits;

/// One of them.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line and in the table.
    pub name: &'static str,
    /// Takes any bytes and panics where something is wrong.
    pub run: fn(&[u8]),
    /// Good inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that inputs are made of.
    pub words: &'static [&'static str],
}

pub const ANSWERS: Target = Target { name: "answers", run: answers::run, seeds: answers::seeds, words: answers::WORDS };
pub const WAITS: Target = Target { name: "waits", run: waits::run, seeds: waits::seeds, words: waits::WORDS };
pub const NAMES: Target = Target { name: "names", run: names::run, seeds: names::seeds, words: names::WORDS };
pub const CONFIGURATION: Target =
    Target { name: "configuration", run: configuration::run, seeds: configuration::seeds, words: configuration::WORDS };
pub const STORED: Target = Target { name: "stored", run: stored::run, seeds: stored::seeds, words: stored::WORDS };
pub const REQUESTS: Target =
    Target { name: "requests", run: requests::run, seeds: requests::seeds, words: requests::WORDS };

/// The one that `CHAINFILL_FUZZ_TARGET` names.
pub fn chosen() -> Target {
    let name = std::env::var("CHAINFILL_FUZZ_TARGET").expect("CHAINFILL_FUZZ_TARGET names the target");
    ALL.into_iter().find(|target| target.name == name).expect("a target of that name")
}

/// All of them.
pub const ALL: [Target; 6] = [ANSWERS, WAITS, NAMES, CONFIGURATION, STORED, REQUESTS];
