//! What a failed request means for its query and for the run: the one place that decides it.

use super::moment::Moment;
use crate::limits::{BACKOFF_MS_FIRST, BACKOFF_MS_MAX, REFUSED_TRIES_MAX, TRIES_MAX};

/// What kind of failure it is, in the words of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The vendor's throttle.
    Throttled,
    /// The key is refused.
    Key,
    /// This query is refused: 400, 404, a redirect.
    Refused,
    /// The answer is in another language: a field renamed or retyped.
    OtherLanguage,
    /// The answer speaks of other options.
    OtherOption,
    /// The pages of the answer cannot be read to the end, or it is too long.
    Endless,
    /// Its rows moved while its pages were read: some may be missing.
    Moved,
    /// A value in it cannot be kept.
    BadValue,
    /// The vendor or the network is in trouble, or the answer is broken: it may well be whole next time.
    Trouble,
}

/// What a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// The listing, or one option.
    One,
    /// An expiry, to find out whether that can be done.
    Probe,
    /// An expiry of a vendor that has answered others.
    Expiry,
}

/// What is known when a request has failed.
#[derive(Clone, Copy, Debug)]
pub struct Circumstance {
    /// Tries of this query, this one included.
    pub tries: u32,
    /// Different queries in a row that failed in this way, with no good answer between.
    pub alike: u32,
    /// So many of them mean all: more, where an option that is known to hold data was answered since.
    pub alike_max: u32,
    /// Whether such an option was answered since another answer was good.
    pub vouched: bool,
    /// Whether the vendor counts as down: then a failure says nothing of its query.
    pub down: bool,
    /// What the query asks for.
    pub asks: Asks,
    /// A random number in 0..1, for the back-off's jitter.
    pub jitter: f64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same query again, no sooner than then; the try counts or not.
    Again {
        /// When.
        at: Moment,
        /// Whether the try counts against the query.
        counts: bool,
    },
    /// Ask for the options of this expiry one by one.
    BySymbol {
        /// Whether the vendor cannot do it for any expiry.
        for_all: bool,
    },
    /// Its options need attention.
    GiveUp,
    /// The key is refused: end the run, blame no option.
    StopKey,
    /// All queries fail alike: end the run, blame no option.
    StopVendor,
    /// The evidence is thin: an option that is known to hold data says more, where there is one.
    AskWitness {
        /// Where there is none.
        or: Alone,
    },
}

/// What to do where nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// The same query again.
    Again {
        /// When.
        at: Moment,
    },
    /// An expiry's options one by one.
    BySymbol,
    /// End the run: the key.
    StopKey,
    /// End the run: all fail alike.
    StopVendor,
}

impl From<Alone> for Verdict {
    fn from(alone: Alone) -> Verdict {
        match alone {
            Alone::Again { at } => Verdict::Again { at, counts: false },
            Alone::BySymbol => Verdict::BySymbol { for_all: false },
            Alone::StopKey => Verdict::StopKey,
            Alone::StopVendor => Verdict::StopVendor,
        }
    }
}

/// Decides what a failure means. Nothing here ever means "no data" (I1).
pub fn judge(failure: Failure, now: Moment, at: Circumstance) -> Verdict {
    let again = |tries_max: u32| {
        if at.tries < tries_max {
            Verdict::Again { at: now + backoff_ms(at.tries, at.jitter), counts: true }
        } else {
            Verdict::GiveUp
        }
    };
    match failure {
        // The governor knows when; the option is not to blame (S1).
        Failure::Throttled => Verdict::Again { at: now, counts: false },
        // A single 401 can be a proxy's mood, or be meant for one option: the key is dead where others are refused as
        // well, an option is to blame where they are not (S7).
        Failure::Key if at.tries > REFUSED_TRIES_MAX => Verdict::GiveUp,
        Failure::Key if at.alike >= 2 => Verdict::AskWitness { or: Alone::StopKey },
        Failure::Key => {
            let soon = now + BACKOFF_MS_FIRST;
            if at.tries < REFUSED_TRIES_MAX {
                Verdict::Again { at: soon, counts: true }
            } else {
                Verdict::AskWitness { or: Alone::Again { at: soon } }
            }
        }
        Failure::OtherOption if at.asks == Asks::Probe => Verdict::BySymbol { for_all: true },
        // It could be done before: one foreign answer is an accident, three expiries alike are a change (S19).
        Failure::OtherOption if at.asks == Asks::Expiry && at.alike >= REFUSED_TRIES_MAX => {
            Verdict::BySymbol { for_all: true }
        }
        Failure::OtherOption if at.asks == Asks::Expiry && at.tries < REFUSED_TRIES_MAX => again(TRIES_MAX),
        Failure::Refused | Failure::OtherLanguage if at.asks == Asks::Probe && at.tries >= 2 => {
            Verdict::BySymbol { for_all: true }
        }
        Failure::BadValue if at.asks == Asks::Probe && at.tries >= 2 => Verdict::BySymbol { for_all: false },
        // A vendor that was never asked for an expiry may not survive the question; or it is just down.
        Failure::Trouble if at.asks == Asks::Probe && at.tries >= REFUSED_TRIES_MAX => {
            if at.vouched {
                Verdict::BySymbol { for_all: false }
            } else {
                Verdict::AskWitness { or: Alone::BySymbol }
            }
        }
        // A bar that is added while pages are read moves them once: a second look is cheaper than each option.
        Failure::Moved if at.tries <= 2 => again(TRIES_MAX),
        Failure::Endless | Failure::Moved | Failure::OtherOption if at.asks != Asks::One => {
            Verdict::BySymbol { for_all: false }
        }
        Failure::Refused if at.asks == Asks::Expiry && at.tries >= 2 => Verdict::BySymbol { for_all: false },
        Failure::Refused | Failure::OtherLanguage | Failure::OtherOption if at.alike >= at.alike_max => {
            Verdict::AskWitness { or: Alone::StopVendor }
        }
        Failure::Refused | Failure::OtherLanguage => again(REFUSED_TRIES_MAX),
        Failure::OtherOption | Failure::Endless | Failure::Moved | Failure::BadValue => again(TRIES_MAX),
        Failure::Trouble if at.down => Verdict::Again { at: now + backoff_ms(at.tries, at.jitter), counts: false },
        Failure::Trouble => again(TRIES_MAX),
    }
}

/// A pause after so many tries: doubled each time, capped, with full jitter (S9).
pub fn backoff_ms(tries: u32, jitter: f64) -> i64 {
    let cap = BACKOFF_MS_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(20)).min(BACKOFF_MS_MAX);
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let pause = (cap as f64 * jitter.clamp(0.0, 1.0)) as i64;
    pause.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ALIKE_MAX;

    fn at(tries: u32, alike: u32) -> Circumstance {
        Circumstance { tries, alike, alike_max: ALIKE_MAX, vouched: false, down: false, asks: Asks::One, jitter: 1.0 }
    }

    #[test]
    fn a_throttled_option_is_never_blamed() {
        // F-S1
        let verdict = judge(Failure::Throttled, Moment(5), at(99, 99));
        assert_eq!(verdict, Verdict::Again { at: Moment(5), counts: false });
    }

    #[test]
    fn the_key_is_doubted_after_a_confirmation_and_an_option_where_the_key_opens_others() {
        // F-S7
        assert!(matches!(judge(Failure::Key, Moment(0), at(1, 1)), Verdict::Again { counts: true, .. }));
        assert_eq!(judge(Failure::Key, Moment(0), at(1, 2)), Verdict::AskWitness { or: Alone::StopKey });
        let again = Alone::Again { at: Moment(BACKOFF_MS_FIRST) };
        assert_eq!(judge(Failure::Key, Moment(0), at(3, 1)), Verdict::AskWitness { or: again });
        assert_eq!(judge(Failure::Key, Moment(0), at(4, 1)), Verdict::GiveUp, "the key opens others");
    }

    #[test]
    fn one_refused_query_is_given_up_and_many_alike_end_the_run() {
        // F-S6, F-S8, F-S10, F-S21
        assert!(matches!(judge(Failure::Refused, Moment(0), at(2, 1)), Verdict::Again { counts: true, .. }));
        assert_eq!(judge(Failure::Refused, Moment(0), at(3, 1)), Verdict::GiveUp);
        let doubted = Verdict::AskWitness { or: Alone::StopVendor };
        assert_eq!(judge(Failure::Refused, Moment(0), at(1, 5)), doubted);
        assert_eq!(judge(Failure::OtherLanguage, Moment(0), at(1, 5)), doubted);
        assert_eq!(judge(Failure::Trouble, Moment(0), at(8, 99)), Verdict::GiveUp);
    }

    #[test]
    fn a_vendor_that_is_down_is_no_fault_of_the_option() {
        // F-P1, F-S9
        let down = Circumstance { down: true, ..at(50, 50) };
        assert!(matches!(judge(Failure::Trouble, Moment(0), down), Verdict::Again { counts: false, .. }));
        assert_eq!([1, 2, 3, 7, 30].map(|tries| backoff_ms(tries, 1.0)), [1_000, 2_000, 4_000, 60_000, 60_000]);
        assert_eq!(backoff_ms(3, 0.25), 1_000);
    }

    #[test]
    fn an_expiry_query_that_is_ignored_falls_back_to_symbols() {
        // F-S19, F-S18, F-S14
        let probe = Circumstance { asks: Asks::Probe, ..at(1, 1) };
        assert_eq!(judge(Failure::OtherOption, Moment(0), probe), Verdict::BySymbol { for_all: true });
        assert_eq!(judge(Failure::Endless, Moment(0), probe), Verdict::BySymbol { for_all: false });
        for asks in [Asks::Probe, Asks::Expiry] {
            // The first time it began anew once, and was tried once.
            let moved = |tries| judge(Failure::Moved, Moment(0), Circumstance { asks, ..at(tries, 1) });
            assert!(matches!(moved(2), Verdict::Again { counts: true, .. }), "rows that moved once are read once more");
            assert_eq!(moved(3), Verdict::BySymbol { for_all: false });
        }
        assert!(matches!(judge(Failure::Moved, Moment(0), at(TRIES_MAX - 1, 1)), Verdict::Again { counts: true, .. }));
        assert_eq!(judge(Failure::Moved, Moment(0), at(TRIES_MAX, 1)), Verdict::GiveUp);
        let expiry = |tries, alike| Circumstance { asks: Asks::Expiry, ..at(tries, alike) };
        assert!(matches!(judge(Failure::OtherOption, Moment(0), expiry(1, 1)), Verdict::Again { counts: true, .. }));
        assert_eq!(judge(Failure::OtherOption, Moment(0), expiry(3, 1)), Verdict::BySymbol { for_all: false });
        assert_eq!(judge(Failure::OtherOption, Moment(0), expiry(1, 3)), Verdict::BySymbol { for_all: true });
    }

    #[test]
    fn a_try_is_made_again_when_its_pause_is_over() {
        // F-S9
        let again = |counts| Verdict::Again { at: Moment(14_000), counts };
        assert_eq!(judge(Failure::Trouble, Moment(10_000), at(3, 1)), again(true));
        assert_eq!(judge(Failure::Trouble, Moment(10_000), Circumstance { down: true, ..at(3, 1) }), again(false));
    }

    #[test]
    fn a_question_for_an_expiry_that_fails_again_gives_way_to_its_options() {
        // F-S8, F-S10, F-S21, F-S9: what fails for all expiries and what fails for this one are told apart.
        let judged = |failure, asks, tries| judge(failure, Moment(0), Circumstance { asks, ..at(tries, 1) });
        let again = |tries| Verdict::Again { at: Moment(backoff_ms(tries, 1.0)), counts: true };
        for (failure, asks, tries_max, then) in [
            (Failure::Refused, Asks::Probe, 2, Verdict::BySymbol { for_all: true }),
            (Failure::OtherLanguage, Asks::Probe, 2, Verdict::BySymbol { for_all: true }),
            (Failure::BadValue, Asks::Probe, 2, Verdict::BySymbol { for_all: false }),
            (Failure::Trouble, Asks::Probe, 3, Verdict::AskWitness { or: Alone::BySymbol }),
            (Failure::Refused, Asks::Expiry, 2, Verdict::BySymbol { for_all: false }),
            (Failure::OtherLanguage, Asks::Expiry, 3, Verdict::GiveUp),
            (Failure::BadValue, Asks::Expiry, TRIES_MAX, Verdict::GiveUp),
            (Failure::Trouble, Asks::Expiry, TRIES_MAX, Verdict::GiveUp),
            (Failure::BadValue, Asks::One, TRIES_MAX, Verdict::GiveUp),
        ] {
            assert_eq!(judged(failure, asks, tries_max - 1), again(tries_max - 1), "{failure:?} {asks:?}");
            assert_eq!(judged(failure, asks, tries_max), then, "{failure:?} {asks:?}");
        }
        let vouched = Circumstance { asks: Asks::Probe, vouched: true, ..at(3, 1) };
        assert_eq!(judge(Failure::Trouble, Moment(0), vouched), Verdict::BySymbol { for_all: false });
    }
}
