//! Cells of an archive altered by somebody else: a flipped bit, a hand in a shell, a script of their own. Whatever stands
//! there is read, shown, proved and worked on, or refused with what mends it: nothing panics or hangs over it, no bar of
//! another option changes, and a proof that finds nothing is true.

mod archive;
mod postgres;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use chainfill::domain::proof::Wrong;
use chainfill::store::{StoreError, StoreUrl};
use fastrand::Rng;

use self::archive::{Archive, Seen};
use self::postgres::Database;
use self::sqlite::File;
use crate::rig::bout::{Bout, seed};

/// Stories in `./check`; `./trust` asks for more.
const ON_SQLITE: u64 = 1_000;
const ON_POSTGRES: u64 = 40;

/// Stories in which each kind must have been seen.
const STORIES_MIN: u64 = 500;

/// Most alterations of one story.
const ALTERED_MAX: usize = 3;

/// What was altered.
#[derive(Debug, Default)]
pub struct Altered {
    /// In words.
    words: Vec<String>,
    /// The options that a row of it named, before or after.
    symbols: BTreeSet<String>,
}

/// Where the archive stands.
pub trait Place {
    /// For whoever opens it.
    fn url(&self) -> StoreUrl;
    /// The archive as it is now is what [`Place::put_back`] brings back.
    fn keep(&mut self);
    fn put_back(&mut self);
    /// Alters a row of it. What was done, and the options that it named; `None` where the table does not take it.
    fn alter(&self, rng: &mut Rng) -> Option<(String, Vec<String>)>;
    /// Every row of the table of bars in words, by symbol.
    fn rows(&self) -> BTreeMap<String, Vec<String>>;
}

#[test]
fn whatever_cell_of_a_file_is_altered_nothing_panics_and_no_proof_is_false() {
    // F-B13, F-B14, F-X1, F-P7
    tell_all("altered-sqlite", ON_SQLITE, &mut Archive::new(File::new()));
}

#[test]
fn whatever_cell_of_a_database_is_altered_nothing_panics_and_no_proof_is_false() {
    // F-B13, F-B14, F-X1
    tell_all("altered-postgres", ON_POSTGRES, &mut Archive::new(Database::new()));
}

/// One story again: `CHAINFILL_SEED=… CHAINFILL_STORE=postgres cargo nextest run altered::one_story_again --no-capture`.
#[test]
fn one_story_again() {
    match std::env::var("CHAINFILL_STORE").as_deref() {
        Ok("sqlite") => println!("{:?}", tell(&mut Archive::new(File::new()), seed("altered"))),
        Ok("postgres") => println!("{:?}", tell(&mut Archive::new(Database::new()), seed("altered"))),
        _ => {}
    }
}

fn tell_all<P: Place>(name: &'static str, stories: u64, archive: &mut Archive<P>) {
    let mut bout = Bout::new(name, stories);
    let mut rng = bout.rng();
    let mut told: BTreeMap<Came, u64> = BTreeMap::new();
    while bout.left() > 0 {
        let seed = rng.u64(..);
        match catch_unwind(AssertUnwindSafe(|| tell(archive, seed))) {
            Ok(came) => *told.entry(came).or_default() += 1,
            Err(what) => {
                bout.lost(1);
                println!("the story that failed is that of CHAINFILL_SEED={seed} in altered::one_story_again");
                resume_unwind(what);
            }
        }
        bout.done(1);
    }
    println!("{told:?}");
    let all: u64 = told.values().sum();
    let is_seen = |came| told.get(&came).is_some_and(|count| count * 50 >= all);
    // A few stories may well be all of one kind.
    assert!(
        all < STORIES_MIN || [Came::Refused, Came::Mended, Came::Unnoticed].into_iter().all(is_seen),
        "{told:?}: it shows less than it says"
    );
}

/// What came of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// The archive cannot be worked on as it is, and that is told.
    Refused,
    /// A proof found it, and what it found was brought home.
    Mended,
    /// The bars are what they were.
    Unnoticed,
    /// The run was told to stop before its end: it waited, as it was told by what stood there.
    Stopped,
}

/// One story: cells are altered, everybody looks, and a run works on what is there.
fn tell<P: Place>(archive: &mut Archive<P>, seed: u64) -> Came {
    archive.place.put_back();
    let altered = alter(&archive.place, &mut Rng::with_seed(seed));
    let before = archive.place.rows();
    if let Err(error) = archive.looked_at() {
        refused(&error, &altered);
    }
    match archive.proved() {
        Ok(seen) => truthful(archive, &seen, &altered.words),
        Err(error) => refused(&error, &altered),
    }
    match archive.worked_on() {
        Ok(report) => println!("{}", report.words),
        Err(error) => refused(&error, &altered),
    }
    let came = match archive.mended() {
        Ok(Some((damaged, seen))) => {
            mended(archive, &damaged, &seen, &altered.words);
            if damaged.is_empty() { Came::Unnoticed } else { Came::Mended }
        }
        Ok(None) => Came::Stopped,
        Err(error) => {
            refused(&error, &altered);
            Came::Refused
        }
    };
    let after = archive.place.rows();
    for (symbol, rows) in before.iter().filter(|(symbol, _)| !altered.symbols.contains(*symbol)) {
        assert_eq!(after.get(symbol), Some(rows), "{symbol} is another one after {:?}", altered.words);
    }
    came
}

fn alter(place: &impl Place, rng: &mut Rng) -> Altered {
    let mut altered = Altered::default();
    let count = if rng.bool() { 1 } else { rng.usize(1..=ALTERED_MAX) };
    while altered.words.len() < count {
        if let Some((words, symbols)) = place.alter(rng) {
            altered.words.push(words);
            altered.symbols.extend(symbols);
        }
    }
    altered
}

/// An option of which a proof finds nothing holds what the vendor sent, no bar more or less.
fn truthful<P: Place>(archive: &Archive<P>, seen: &Seen, words: &[String]) {
    let found: BTreeSet<&String> = seen.findings.iter().map(|(symbol, _)| symbol).collect();
    let none = Vec::new();
    for symbol in seen.bars.keys().chain(seen.ledger.keys()).filter(|symbol| !found.contains(*symbol)) {
        let (truth, stored) = (archive.truth.get(symbol), seen.bars.get(symbol).unwrap_or(&none));
        // Of a name that the vendor does not have there is nothing to hold; nor need there be of what nobody asks for.
        let may_be_none = truth.is_none() || !seen.is_asked_for(symbol);
        let is_true = truth == Some(stored) || may_be_none && stored.is_empty();
        assert!(is_true, "{symbol} is said to be whole after {words:?}: {stored:?}");
    }
}

/// What a proof found, `retry` and `backfill` bring home: every bar of it is there. One that the vendor never had may stand
/// beside them, and a row that is no bar stays where it is.
fn mended<P: Place>(archive: &Archive<P>, damaged: &BTreeSet<String>, seen: &Seen, words: &[String]) {
    let none = Vec::new();
    let is_known =
        |symbol: &String| damaged.contains(symbol) && archive.truth.contains_key(symbol) && seen.is_asked_for(symbol);
    for (symbol, truth) in archive.truth.iter().filter(|(symbol, _)| is_known(symbol)) {
        let stored = seen.bars.get(symbol).unwrap_or(&none);
        let lacking: Vec<_> = truth.iter().filter(|bar| !stored.contains(bar)).collect();
        assert!(lacking.is_empty(), "{symbol} lacks {lacking:?} after {words:?}");
    }
    let still = seen.findings.iter().filter(|(symbol, wrong)| is_known(symbol) && wrong.is_damage());
    let still: Vec<_> = still.filter(|(_, wrong)| !matches!(wrong, Wrong::RowsUnreadable { .. })).collect();
    assert!(still.is_empty(), "{still:?} after {words:?}");
}

/// What cannot be worked on is told with the table or the option that stands in the way, and with what mends it; never as a
/// fault of the program, or of the link.
fn refused(error: &StoreError, altered: &Altered) {
    let words = &altered.words;
    println!("refused: {error} after {words:?}");
    let (what, mend) = match error {
        StoreError::Unfit { what, mend, .. } => (what, mend),
        // Without its table of versions it is no archive.
        StoreError::Nothing { .. } => return,
        _ => panic!("{error} after {words:?}"),
    };
    assert!(!what.contains("has died") && !mend.is_empty(), "{error} after {words:?}");
    let says_where = |name: &str| !name.is_empty() && what.contains(name);
    let is_named = ["chainfill", "cryptodatadownload", "its tables"].into_iter().any(says_where)
        || altered.symbols.iter().any(|symbol| says_where(symbol) || says_where(&format!("{symbol:?}")));
    assert!(is_named, "{error}: where? After {words:?}");
}

/// The text with a bit flipped, a part of it gone, or a number in it made another.
fn garbled(text: &str, rng: &mut Rng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.is_empty() {
        return "?".to_owned();
    }
    let at = rng.usize(..bytes.len());
    match rng.u8(..4) {
        0 => bytes[at] ^= 1 << rng.u8(..7),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..(at + 1 + rng.usize(..8)).min(text.len()))),
        _ => {
            let from = bytes[at..].iter().position(u8::is_ascii_digit).map_or(at, |more| at + more);
            let len = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let numbers =
                ["0", "-1", "1", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1e9"];
            bytes.splice(from..from + len, numbers[rng.usize(..numbers.len())].bytes());
        }
    }
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
