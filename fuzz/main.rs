//! One of the fuzz targets, driven by libFuzzer: `CHAINFILL_FUZZ_TARGET` names it. Its good inputs and its words are put
//! where `CHAINFILL_FUZZ_SEEDS` and `CHAINFILL_FUZZ_WORDS` say, before libFuzzer looks there.

#![no_main]

#[path = "../tests/it/fuzz/targets/mod.rs"]
mod targets;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use targets::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn prepare() {
    let target = targets::chosen();
    if let Ok(folder) = std::env::var("CHAINFILL_FUZZ_SEEDS") {
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).expect("room for a seed");
        }
    }
    if let Ok(path) = std::env::var("CHAINFILL_FUZZ_WORDS") {
        let mut dictionary = String::new();
        for word in target.words.iter().filter(|word| !word.is_empty()) {
            let bytes = word.bytes().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "\\x{byte:02x}");
                text
            });
            let _ = writeln!(dictionary, "\"{bytes}\"");
        }
        std::fs::write(path, dictionary).expect("room for the words");
    }
    let _ = TARGET.set(target);
}

fuzz_target!(init: prepare(), |data: &[u8]| {
    (TARGET.get().expect("it was prepared").run)(data);
});
