//! How long a hard test goes on: so often in `./check`, as `./trust` says elsewhere; and what came of it, as a line
//! for the table of TRUST.md.

use std::io::Write as _;
use std::time::{Duration, Instant};

use fastrand::Rng;

/// The seed of a test that cuts or draws by chance: printed, and taken from `CHAINFILL_SEED` where that is set.
pub fn seed(name: &str) -> u64 {
    let seed = number("CHAINFILL_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{name}: CHAINFILL_SEED={seed} tells the same story");
    seed
}

/// One hard test while it runs. Its line is written when it ends, also by a panic.
pub struct Bout {
    name: &'static str,
    times: u64,
    times_max: u64,
    lost: u64,
    began: Instant,
    until: Option<Instant>,
    seed: u64,
}

impl Bout {
    /// A test of that name, as `trust.list` has it; in `./check` it does what it does so many times.
    /// `CHAINFILL_TRUST_TIMES` and `CHAINFILL_TRUST_S` say otherwise.
    pub fn new(name: &'static str, times_in_check: u64) -> Bout {
        let seed = seed(name);
        let began = Instant::now();
        Bout {
            name,
            times: 0,
            times_max: number("CHAINFILL_TRUST_TIMES").unwrap_or(times_in_check),
            lost: 0,
            began,
            until: number("CHAINFILL_TRUST_S").map(|seconds| began + Duration::from_secs(seconds)),
            seed,
        }
    }

    /// A generator; the seed was printed.
    pub fn rng(&self) -> Rng {
        Rng::with_seed(self.seed)
    }

    /// How often it is still to be done. None when its time is over, but once it is always done.
    pub fn left(&self) -> u64 {
        let over = self.times > 0 && self.until.is_some_and(|until| Instant::now() >= until);
        if over { 0 } else { self.times_max.saturating_sub(self.times) }
    }

    /// It was done so often.
    pub fn done(&mut self, times: u64) {
        self.times += times;
    }

    /// So much was lost, doubled, made up, or sent early. The caller fails after it: this one is for the table.
    pub fn lost(&mut self, lost: u64) {
        self.lost += lost;
    }
}

impl Drop for Bout {
    fn drop(&mut self) {
        let took_s = self.began.elapsed().as_secs();
        let line = serde_json::json!({
            "name": self.name, "times": self.times, "wanted": self.times_max, "lost": self.lost,
            "failed": std::thread::panicking(), "took_s": took_s, "seed": self.seed,
        });
        println!("{line}");
        let Ok(path) = std::env::var("CHAINFILL_TRUST_LOG") else { return };
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
