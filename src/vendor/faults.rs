//! When the simulated vendor misbehaves, and how: `s2=0.01,all=0.1,s5@100,s6@500+`.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

use super::seed::mixed;

/// One kind of misbehaviour; the names are those of the catalogue of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // `KINDS` says what each one is
pub enum Kind {
    S1,
    S2,
    S3,
    S5,
    S6,
    S7,
    S8,
    S9,
    S10,
    S11,
    S12,
    S13,
    S14,
    S15,
    S16,
    S17,
    S18,
    S19,
    S20,
    S21,
    T1,
    T2,
    T8,
    X2,
    X3,
    B6,
    P1,
}

/// Which requests a kind can spoil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoils {
    Any,
    /// Those that are answered with rows.
    Rows,
    /// Those that are answered in pages.
    Pages,
    /// Those that ask for a whole expiry.
    Expiry,
}

/// Every kind: name, whether `all` holds it (a retry mends it and it costs no long wait), which requests it can
/// spoil, and what it is.
const KINDS: [(Kind, &str, bool, Spoils, &str); 27] = [
    (Kind::S1, "s1", true, Spoils::Any, "a 429 out of the blue"),
    (Kind::S2, "s2", true, Spoils::Any, "HTML with status 200"),
    (Kind::S3, "s3", true, Spoils::Any, "a detail, or a result that is null, missing, a string or a map"),
    (Kind::S5, "s5", false, Spoils::Any, "an episode: this and the next answers are empty lists"),
    (Kind::S6, "s6", true, Spoils::Any, "404"),
    (Kind::S7, "s7", true, Spoils::Any, "a 401 for a key that is right"),
    (Kind::S8, "s8", true, Spoils::Any, "400"),
    (Kind::S9, "s9", true, Spoils::Any, "500, 502 and 503, with and without Retry-After"),
    (Kind::S10, "s10", true, Spoils::Any, "a redirect to another host"),
    (Kind::S11, "s11", true, Spoils::Any, "204, 206, 304 and an empty 200"),
    (Kind::S12, "s12", true, Spoils::Any, "a byte-order mark, bad UTF-8, a wrong content type"),
    (Kind::S13, "s13", true, Spoils::Any, "a body that ends early, in each of the manners"),
    (Kind::S14, "s14", true, Spoils::Any, "a gzip bomb or an endless body"),
    (Kind::S15, "s15", false, Spoils::Any, "one byte every ten seconds"),
    (Kind::S16, "s16", true, Spoils::Rows, "the rows of another option"),
    (Kind::S17, "s17", true, Spoils::Pages, "fewer rows on a page than asked for"),
    (Kind::S18, "s18", true, Spoils::Pages, "the same next_offset again"),
    (Kind::S19, "s19", true, Spoils::Expiry, "an expiry query that is ignored"),
    (Kind::S20, "s20", false, Spoils::Rows, "another value for a bar"),
    (Kind::S21, "s21", true, Spoils::Rows, "a field with another name"),
    (Kind::T1, "t1", false, Spoils::Any, "a 429 that says no time"),
    (Kind::T2, "t2", false, Spoils::Any, "a 429 with an odd Retry-After"),
    (Kind::T8, "t8", false, Spoils::Any, "403 and 503 with Retry-After"),
    (Kind::X2, "x2", false, Spoils::Rows, "a price that is no number, or one that cannot be held"),
    (Kind::X3, "x3", false, Spoils::Rows, "seconds for milliseconds"),
    (Kind::B6, "b6", false, Spoils::Rows, "a bar twice"),
    (Kind::P1, "p1", false, Spoils::Any, "a connection that closes unanswered, or stays silent"),
];

/// Empty answers of one S5 episode, the first one included.
pub const EPISODE_ANSWERS: u32 = 40;

/// Refusals (401, 400, 404, redirect) that `all` gives to one and the same question: the program may take a
/// third one for the vendor's last word.
const REFUSALS_MAX: u8 = 2;

/// Requests between two 401 of `all`: two in a row mean that the key is dead, which no retry mends.
const KEY_REFUSALS_APART: u64 = 50;

/// When which faults come. The empty one is an honest vendor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults(Vec<Rule>);

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    /// `None` is `all`.
    kind: Option<Kind>,
    when: When,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// That share of the requests.
    Share(f64),
    /// The request of that number, counted from 1.
    At(u64),
    /// That request and all after it.
    From(u64),
}

/// Why a text names no faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// No kind of that name.
    #[error("there is no fault `{0}`; there are: all, {known}", known = known())]
    Kind(String),
    /// Neither a share nor a number.
    #[error("`{0}` says not when: write s2=0.01 for a share, s2@100 for the hundredth request, s2@100+ from there on")]
    When(String),
}

/// What is asked, as far as faults care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About<'a> {
    pub(crate) path: &'a str,
    /// A listing, which has no rows.
    pub(crate) listing: bool,
    /// The answer has pages.
    pub(crate) pages: bool,
    /// A whole expiry.
    pub(crate) expiry: bool,
}

/// Draws faults, the same ones for the same seed and order of requests.
#[derive(Debug)]
pub(crate) struct Draws {
    faults: Faults,
    rng: Rng,
    asked: u64,
    episode_left: u32,
    key_refused_at: Option<u64>,
    refusals: HashMap<u64, u8>,
    turns: HashMap<Kind, usize>,
}

impl Faults {
    /// Reads `s2=0.01,all=0.1,s5@100`; empty text and `none` are an honest vendor.
    ///
    /// # Errors
    /// The part that is wrong, with what would be right.
    pub fn parse(text: &str) -> Result<Faults, FaultsError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "none");
        parts.map(Rule::parse).collect::<Result<_, _>>().map(Faults)
    }

    /// Every kind that can be asked for: its name, whether `all` holds it, and what it is.
    pub fn kinds() -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        KINDS.iter().map(|(_, name, in_all, _, what)| (*name, *in_all, *what))
    }
}

impl Rule {
    fn parse(part: &str) -> Result<Rule, FaultsError> {
        let wrong = || FaultsError::When(part.to_owned());
        let (name, when) = if let Some((name, share)) = part.split_once('=') {
            let share: f64 = share.trim().parse().map_err(|_| wrong())?;
            (name, When::Share(Some(share).filter(|share| (0.0..=1.0).contains(share)).ok_or_else(wrong)?))
        } else {
            let (name, at) = part.split_once('@').ok_or_else(wrong)?;
            let number = |text: &str| text.trim().parse::<u64>().ok().filter(|at| *at > 0).ok_or_else(wrong);
            match at.strip_suffix('+') {
                Some(from) => (name, When::From(number(from)?)),
                None => (name, When::At(number(at)?)),
            }
        };
        let name = name.trim().to_ascii_lowercase();
        let kind = KINDS.iter().find(|(_, known, ..)| *known == name).map(|(kind, ..)| *kind);
        if kind.is_none() && name != "all" {
            return Err(FaultsError::Kind(name));
        }
        Ok(Rule { kind, when })
    }
}

impl Kind {
    /// The name, as it is asked for.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, ..)| name)
    }

    fn spoils(self, about: About<'_>) -> bool {
        let kind = KINDS.iter().find(|(kind, ..)| *kind == self);
        kind.is_some_and(|(_, _, _, spoils, _)| match spoils {
            Spoils::Any => true,
            Spoils::Rows => !about.listing,
            Spoils::Pages => about.pages,
            Spoils::Expiry => about.expiry,
        })
    }

    fn is_refusal(self) -> bool {
        matches!(self, Kind::S6 | Kind::S7 | Kind::S8 | Kind::S10)
    }
}

impl Draws {
    pub(crate) fn new(faults: Faults, seed: u64) -> Draws {
        let rng = Rng::with_seed(mixed(seed, "faults"));
        let (refusals, turns) = (HashMap::new(), HashMap::new());
        Draws { faults, rng, asked: 0, episode_left: 0, key_refused_at: None, refusals, turns }
    }

    /// Whether and how the next request is spoilt.
    pub(crate) fn draw(&mut self, about: About<'_>) -> Option<Kind> {
        self.asked += 1;
        if self.episode_left > 0 {
            self.episode_left -= 1;
            return Some(Kind::S5);
        }
        for at in 0..self.faults.0.len() {
            let Rule { kind, when } = self.faults.0[at];
            let hit = match when {
                When::Share(share) => self.rng.f64() < share,
                When::At(number) => self.asked == number,
                When::From(number) => self.asked >= number,
            };
            let kind = match kind {
                _ if !hit => None,
                None => self.any(about),
                Some(kind) => Some(kind).filter(|kind| kind.spoils(about)),
            };
            if kind == Some(Kind::S5) {
                self.episode_left = EPISODE_ANSWERS - 1;
            }
            if kind.is_some() {
                return kind;
            }
        }
        None
    }

    /// The number of the next form of a kind that has several, each in its turn.
    pub(crate) fn turn(&mut self, kind: Kind, forms: usize) -> usize {
        let turn = self.turns.entry(kind).or_default();
        *turn += 1;
        (*turn - 1) % forms
    }

    /// A number below a bound, for places and amounts.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.rng.usize(..bound) }
    }

    fn any(&mut self, about: About<'_>) -> Option<Kind> {
        let path = mixed(0, about.path);
        let refused = self.refusals.get(&path).copied().unwrap_or(0);
        let key_refused_lately = self.key_refused_at.is_some_and(|at| self.asked - at < KEY_REFUSALS_APART);
        let fitting: Vec<Kind> = KINDS
            .iter()
            .filter(|(_, _, in_all, ..)| *in_all)
            .map(|(kind, ..)| *kind)
            .filter(|kind| kind.spoils(about))
            .filter(|kind| !kind.is_refusal() || refused < REFUSALS_MAX)
            .filter(|kind| *kind != Kind::S7 || !key_refused_lately)
            .collect();
        let kind = self.rng.choice(fitting)?;
        if kind.is_refusal() {
            self.refusals.insert(path, refused + 1);
        }
        if kind == Kind::S7 {
            self.key_refused_at = Some(self.asked);
        }
        Some(kind)
    }
}

impl FromStr for Faults {
    type Err = FaultsError;

    fn from_str(text: &str) -> Result<Faults, FaultsError> {
        Faults::parse(text)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Rule { kind, when }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let name = kind.map_or("all", Kind::name);
            match when {
                When::Share(share) => write!(f, "{comma}{name}={share}")?,
                When::At(number) => write!(f, "{comma}{name}@{number}")?,
                When::From(number) => write!(f, "{comma}{name}@{number}+")?,
            }
        }
        Ok(())
    }
}

fn known() -> String {
    KINDS.map(|(_, name, ..)| name).join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SYMBOL: About<'_> = About { path: "/a", listing: false, pages: false, expiry: false };
    const EXPIRY: About<'_> = About { path: "/b", listing: false, pages: true, expiry: true };
    const LISTING: About<'_> = About { path: "/c", listing: true, pages: false, expiry: false };

    fn draws(text: &str) -> Draws {
        Draws::new(text.parse().unwrap(), 7)
    }

    #[test]
    fn texts_are_read_written_and_refused() {
        for text in ["", "s2=0.01,s3=0.02,all=0.1", "s5@100,s6@500+", "b6=1"] {
            assert_eq!(Faults::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Faults::parse(" none ").unwrap(), Faults::default());
        assert!(Faults::parse("s99=0.1").unwrap_err().to_string().contains("no fault `s99`; there are: all, s1, s2"));
        for wrong in ["s2", "s2=x", "s2=1.5", "s2=-1", "s2=NaN", "s2@0", "s2@x", "s2@5-"] {
            assert!(matches!(Faults::parse(wrong), Err(FaultsError::When(_))), "{wrong}");
        }
    }

    #[test]
    fn all_spreads_over_every_kind_that_a_retry_mends() {
        let mut draws = draws("all=0.1");
        let mut seen: HashMap<Kind, u32> = HashMap::new();
        for number in 0..60_000 {
            let path = format!("/{number}");
            if let Some(kind) = draws.draw(About { path: &path, ..EXPIRY }) {
                *seen.entry(kind).or_default() += 1;
            }
        }
        let total: u32 = seen.values().sum();
        assert!((5_700..=6_300).contains(&total), "{total} of 60,000 at 10 %");
        for (kind, name, in_all, ..) in KINDS {
            assert_eq!(seen.contains_key(&kind), in_all, "{name}");
            assert!(!in_all || seen[&kind] > total / 40, "{name}: {} of {total}", seen[&kind]);
        }
    }

    #[test]
    fn a_kind_comes_only_where_it_can() {
        let mut draws = draws("all=1");
        for _ in 0..2_000 {
            let kind = draws.draw(LISTING).unwrap();
            assert!(!matches!(kind, Kind::S16 | Kind::S17 | Kind::S18 | Kind::S19 | Kind::S21), "{kind:?}");
            let kind = draws.draw(SYMBOL).unwrap();
            assert!(!matches!(kind, Kind::S17 | Kind::S18 | Kind::S19), "{kind:?}");
        }
    }

    #[test]
    fn all_never_says_no_for_good() {
        // F-S7, F-S8: what the program takes for the last word must not come from a passing fault.
        let mut draws = draws("all=1");
        let (mut refusals, mut last) = (0, None);
        for number in 0..2_000_u64 {
            match draws.draw(SYMBOL) {
                Some(kind) if kind.is_refusal() => refusals += 1,
                _ => {}
            }
            if draws.draw(About { path: &number.to_string(), ..SYMBOL }) == Some(Kind::S7) {
                assert!(last.is_none_or(|last| number - last >= 25), "{number} after {last:?}");
                last = Some(number);
            }
        }
        assert_eq!((refusals, last.is_some()), (2, true));
    }

    #[test]
    fn numbers_and_episodes_come_when_they_were_asked_for() {
        // F-S5
        let mut draws = draws("s6@3,s5@10,s9@60+");
        let seen: Vec<Option<Kind>> = (1..=70).map(|_| draws.draw(SYMBOL)).collect();
        assert_eq!(seen[2], Some(Kind::S6));
        assert_eq!(seen.iter().filter(|kind| **kind == Some(Kind::S5)).count(), 40);
        assert_eq!((seen[8], seen[9], seen[48], seen[49]), (None, Some(Kind::S5), Some(Kind::S5), None));
        assert!(seen[59..].iter().all(|kind| *kind == Some(Kind::S9)) && seen[58].is_none());
    }

    #[test]
    fn the_same_seed_spoils_the_same_requests() {
        // F-I11
        let run = || {
            let mut draws = draws("all=0.3");
            (0..500).map(|_| draws.draw(EXPIRY)).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }
}
