//! The first requests of a run: what is there? Nothing is planned from half a list (T11).

use std::collections::HashSet;
use std::sync::Arc;

use super::Run;
use super::queue::{Ask, Work};
use super::shutdown::Stop;
use crate::domain::ability::{Ability, Proven};
use crate::domain::event::Event;
use crate::domain::instrument::{Currency, Instrument, Symbol};
use crate::domain::ledger::OptionRecord;
use crate::domain::listing::{ListingNews, compare};
use crate::domain::moment::Moment;
use crate::limits::{
    DAY_MS, EMPTY_DAYS_DEFAULT, LISTING_BARREN_YEARS, LISTING_FIRST_YEAR, LISTING_NAMES_MAX, LISTING_REFUSED_YEARS,
};
use crate::source::ListingAsk;
use crate::source::fault::Fault;

/// A listing on its way in.
#[derive(Debug)]
pub(super) struct Listing {
    left: Vec<ListingAsk>,
    names: Vec<Symbol>,
    asked: Vec<i16>,
    requests: u32,
    /// Years in a row, newest first, that held nothing.
    barren: u32,
    /// Years that were refused before any brought a name.
    refused_count: u32,
    /// Years of known options that were refused: what is known of them stays.
    missed_years: Vec<i16>,
    /// The whole list looked like one year's: another year is asked for to see whether that matters.
    probing: bool,
    /// Whether the past years are asked for too.
    whole: bool,
}

impl Listing {
    /// What to ask for first. By year, the past years' lists are taken as kept for a month: they hardly change,
    /// and a daily run should cost only what can bring news.
    pub fn start(ability: &Ability, now: Moment) -> Listing {
        let year = now.date().year();
        let month_ms = i64::from(EMPTY_DAYS_DEFAULT) * DAY_MS;
        let fresh = ability.listed_whole_within(month_ms, now);
        let left = match ability.listing_by_year {
            Proven::Yes if fresh => vec![ListingAsk::Year(year), ListingAsk::Year(year + 1)],
            Proven::Yes => all_years(year),
            Proven::Unknown | Proven::No => vec![ListingAsk::All],
        };
        let whole = ability.listing_by_year != Proven::Yes || !fresh;
        Listing {
            left,
            names: Vec::new(),
            asked: Vec::new(),
            requests: 0,
            barren: 0,
            refused_count: 0,
            missed_years: Vec::new(),
            probing: false,
            whole,
        }
    }
}

impl Run {
    /// Queues the next request of the listing, or finishes it.
    pub(super) fn ask_listing(&mut self) {
        let Some(listing) = &mut self.listing else { return };
        match listing.left.pop() {
            Some(ask) => self.queue.push_first(Work::new(Ask::Listing(ask))),
            None => self.finish_listing(),
        }
    }

    /// Takes a good listing in.
    pub(super) fn take_names(&mut self, ask: ListingAsk, names: Vec<Symbol>) {
        let now = self.now();
        let Some(listing) = &mut self.listing else { return };
        listing.requests += 1;
        match ask {
            ListingAsk::All => {
                listing.names = names;
                if self.ability.listing_by_year == Proven::Unknown
                    && let Some(year) = suspicious(&listing.names, now.date().year())
                {
                    listing.probing = true;
                    listing.left = vec![ListingAsk::Year(year)];
                }
            }
            ListingAsk::Year(year) => {
                let known: HashSet<&Symbol> = listing.names.iter().collect();
                // A vendor that ignores the year names all again: that is the same list, not twice as many names.
                let fresh: Vec<Symbol> = names.iter().filter(|name| !known.contains(name)).cloned().collect();
                let news = !fresh.is_empty();
                listing.asked.push(year);
                // Years without a name count where they come before all that is named: this year may hold none yet.
                let is_barren = names.is_empty() && years(&listing.names).all(|named| year < named);
                listing.barren = if is_barren { listing.barren + 1 } else { 0 };
                let ignored = names_before(&names, year);
                if std::mem::take(&mut listing.probing) {
                    self.ability.listing_by_year = if news { Proven::Yes } else { Proven::No };
                    self.batch.ability = Some(self.ability.clone());
                    if news {
                        listing.left = all_years(now.date().year());
                        listing.left.retain(|ask| *ask != ListingAsk::Year(year));
                    }
                }
                if self.ability.listing_by_year == Proven::Unknown && !names.is_empty() {
                    self.ability.listing_by_year = if ignored { Proven::No } else { Proven::Yes };
                    self.batch.ability = Some(self.ability.clone());
                }
                if ignored {
                    listing.left.clear(); // the year made no difference: this is the whole list
                }
                if listing.names.len() + fresh.len() > LISTING_NAMES_MAX {
                    let what = format!("the vendor's years hold more than {LISTING_NAMES_MAX} names");
                    self.stop(Stop::at_vendor(what));
                    return;
                }
                listing.names.extend(fresh);
                if !listing.names.is_empty() && listing.barren >= LISTING_BARREN_YEARS {
                    listing.left.clear(); // years come newest first: before these two there is nothing
                }
            }
        }
        self.ask_listing();
    }

    /// A listing that the vendor refuses without a year may be had with one. Whether that is tried now.
    pub(super) fn listing_refused(&mut self, ask: ListingAsk, fault: &Fault) -> bool {
        // Only a year that brings names will prove it: the refusal may be an accident. So may that of a year: it is
        // asked for again before anybody believes that the list without one is whole (T11).
        let may_help = ask == ListingAsk::All && self.ability.listing_by_year == Proven::Unknown;
        let Some(listing) = &mut self.listing else { return false };
        if !may_help || !matches!(fault, Fault::Refused { .. }) {
            return false;
        }
        listing.requests += 1;
        listing.left = all_years(self.ports.clock.now().date().year());
        self.ask_listing();
        true
    }

    /// A year was refused time and again: the vendor has no such year, unless it refuses every year. Then to go on
    /// would spend quota for nothing. Nor is a refusal an empty list: what is known of that year stays (T11), until a later
    /// run asks for it.
    pub(super) fn year_refused(&mut self, ask: ListingAsk, fault: &Fault) {
        let is_known =
            self.records.iter().any(|record| record.listed && year_of(record).map(ListingAsk::Year) == Some(ask));
        if let Some(listing) = &mut self.listing
            && listing.names.is_empty()
        {
            listing.refused_count += 1;
            if listing.refused_count >= LISTING_REFUSED_YEARS {
                self.stop(Stop::at_vendor(format!("the vendor refuses every listing: {fault}")));
                return;
            }
        }
        match (&mut self.listing, ask) {
            (Some(listing), ListingAsk::Year(year)) if is_known => {
                listing.requests += 1;
                listing.missed_years.push(year);
                self.ask_listing();
            }
            _ => self.take_names(ask, Vec::new()),
        }
    }

    /// The listing is in the store: the ledger follows it, and the plan is made.
    pub(super) fn listed(&mut self, news: ListingNews) {
        for symbol in &news.vanished {
            if let Some(&at) = self.index.get(symbol) {
                self.records[at].listed = false;
            }
        }
        for symbol in &news.returned {
            if let Some(&at) = self.index.get(symbol) {
                self.records[at].listed = true;
            }
        }
        let new = u32::try_from(news.new.len()).unwrap_or(u32::MAX);
        self.index.extend((self.records.len()..).zip(&news.new).map(|(at, record)| (record.symbol.clone(), at)));
        if self.records.is_empty() {
            self.records = news.new; // the first listing is the longest: it is not there twice
        } else {
            self.records.extend(news.new);
        }
        self.tell(Event::Listed {
            names: news.names,
            unparsed: news.unparsed,
            new,
            vanished: news.vanished,
            requests: news.requests,
        });
        if let Some(stop) = self.unlisted_currency() {
            self.stop(stop);
        } else if !self.settings.only_listing {
            self.plan();
        }
    }

    /// A currency that was asked for and of which nothing is listed: a slip of the pen, most likely (U1).
    fn unlisted_currency(&self) -> Option<Stop> {
        let listed = |currency: &Currency| self.records.iter().any(|record| record.currency == *currency);
        let missing = self.settings.currencies.iter().find(|currency| self.settings.named && !listed(currency))?;
        let mut known: Vec<_> = self.records.iter().map(|record| record.currency.clone()).collect();
        known.sort();
        known.dedup();
        let known: Vec<_> = known.iter().map(Currency::as_str).collect();
        Some(Stop::at_usage(format!("no option of {missing} is listed; listed are {}", known.join(", "))))
    }

    fn finish_listing(&mut self) {
        let now = self.now();
        let Some(listing) = self.listing.take() else { return };
        let mut names = listing.names;
        let missed: Vec<String> = listing.missed_years.iter().map(ToString::to_string).collect();
        if names.is_empty() && !missed.is_empty() {
            self.stop(Stop::at_vendor(format!("the vendor refuses its listing of {}", missed.join(", "))));
            return;
        }
        let was_asked = |record: &OptionRecord| year_of(record).is_some_and(|year| listing.asked.contains(&year));
        // This year and the next may well hold nothing yet; what was listed there does not go all at once.
        let gone = names.is_empty() && self.records.iter().any(|record| record.listed && was_asked(record));
        if self.ability.listing_by_year == Proven::Yes || !missed.is_empty() {
            // Years that were not asked for are as they were.
            let kept = self.records.iter().filter(|record| record.listed && !was_asked(record));
            names.extend(kept.map(|record| record.symbol.clone()));
        }
        if names.is_empty() || gone {
            self.stop(Stop::at_vendor(
                "the vendor's listing is empty; nothing was changed. Try again later, or look at --api-url".into(),
            ));
            return;
        }
        if listing.whole && self.ability.listing_by_year == Proven::Yes {
            self.ability.listed_whole_at = Some(now);
            self.batch.ability = Some(self.ability.clone());
        }
        self.missed_years = missed;
        self.batch.listing = Some(Arc::new(compare(&self.records, &names, now, listing.requests)));
    }
}

/// The year in which an option ends.
fn year_of(record: &OptionRecord) -> Option<i16> {
    record.instrument.as_ref().map(|instrument| instrument.expiry.year())
}

/// The years in which named options end.
fn years(names: &[Symbol]) -> impl Iterator<Item = i16> {
    names.iter().filter_map(|name| Instrument::parse(name.as_str()).ok()).map(|instrument| instrument.expiry.year())
}

/// Whether a year's list names options that had ended before that year: then the vendor ignored the year.
fn names_before(names: &[Symbol], year: i16) -> bool {
    years(names).any(|named| named < year)
}

/// The years to ask for, the last one first: the list is worked off from its end.
fn all_years(year: i16) -> Vec<ListingAsk> {
    (LISTING_FIRST_YEAR..=year + 1).map(ListingAsk::Year).collect()
}

/// A year that a whole listing should name and this one does not: it looks like the list of one year, or of this
/// year on. `None`: it looks whole.
fn suspicious(names: &[Symbol], this_year: i16) -> Option<i16> {
    let (first, last) =
        years(names).fold((i16::MAX, i16::MIN), |(first, last), year| (first.min(year), last.max(year)));
    (first <= last && (first == last || first >= this_year)).then_some(first - 1)
}
