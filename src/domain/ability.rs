//! What was found out about the vendor's API at run time, so that it is found out once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::instrument::Currency;
use super::moment::Moment;
use crate::limits::{DAY_MS, REPROBE_DAYS, REPROBE_OPTIONS_MIN};

/// The vendor's abilities as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ability {
    /// Whether one query can fetch a whole expiry.
    #[serde(default)]
    pub expiry_queries: Proven,
    /// Whether the listing needs one request a year.
    #[serde(default)]
    pub listing_by_year: Proven,
    /// The most rows that a page held while there was more: the vendor's cap, where it is lower than asked.
    #[serde(default)]
    pub page_rows: Option<u32>,
    /// When a whole expiry was last asked for to see whether that can be done.
    #[serde(default)]
    pub probed_at: Option<Moment>,
    /// When all years of a listing by year were last asked for: most runs ask for the newest alone.
    #[serde(default)]
    pub listed_whole_at: Option<Moment>,
    /// The currencies that were ever asked for; none in a store that an older version wrote. A listing may hold others:
    /// what nobody asked for is not missing.
    #[serde(default)]
    pub asked_for: BTreeSet<Currency>,
}

impl Ability {
    /// Whether an option of that currency that is not there is missing.
    pub fn is_asked_for(&self, currency: &Currency) -> bool {
        self.asked_for.is_empty() || self.asked_for.contains(currency)
    }

    /// Whether it is worth a request to find out about expiries. A vendor that could not do it may have learned
    /// to: with much to fetch it is asked again after some days.
    pub fn should_probe(&self, now: Moment, wanted: usize) -> bool {
        match self.expiry_queries {
            Proven::Yes => false,
            Proven::Unknown => true,
            Proven::No => {
                let old =
                    self.probed_at.is_none_or(|at| !at.has_been(now) || at.until_ms(now) >= REPROBE_DAYS * DAY_MS);
                old && wanted >= REPROBE_OPTIONS_MIN
            }
        }
    }

    /// Whether all years of a listing by year were asked for within that time.
    pub fn listed_whole_within(&self, span_ms: i64, now: Moment) -> bool {
        self.listed_whole_at.is_some_and(|at| at.has_been(now) && at.until_ms(now) < span_ms)
    }
}

/// What is known of a yes-or-no question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proven {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It was seen to be so.
    Yes,
    /// It was seen not to be so.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_out_in_the_future_is_not_known() {
        // F-I10: written under a clock that was a year ahead
        let now = Moment(1_795_435_200_000);
        let known = |ago_ms: i64| Ability {
            expiry_queries: Proven::No,
            probed_at: Some(now - ago_ms),
            listed_whole_at: Some(now - ago_ms),
            ..Ability::default()
        };
        for (ago_ms, probes, is_fresh) in
            [(0, false, true), (-1, true, false), (-365 * DAY_MS, true, false), (REPROBE_DAYS * DAY_MS, true, false)]
        {
            let ability = known(ago_ms);
            assert_eq!(ability.should_probe(now, REPROBE_OPTIONS_MIN), probes, "{ago_ms}");
            assert_eq!(ability.listed_whole_within(REPROBE_DAYS * DAY_MS, now), is_fresh, "{ago_ms}");
        }
    }
}
