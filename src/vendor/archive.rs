//! What the vendor holds: which options, and which bars of each. The truth that tests compare with.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::bars::{Bar, bars_of, is_empty, life_of, write_text};
use super::listing;
use super::settings::{Order, Settings};
use crate::domain::instrument::{Instrument, expiry_code};

/// Options looked at for rows that were not asked for.
const OTHERS_TRIED_MAX: usize = 500;

/// One row of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) symbol: Arc<str>,
    pub(crate) bar: Bar,
}

/// The options and their bars. Bars are made when they are asked for: 250,000 of them would not be small.
#[derive(Debug)]
pub(crate) struct Archive {
    seed: u64,
    names: Vec<Arc<str>>,
    expiries: Vec<Option<Date>>,
    places: HashMap<Arc<str>, usize>,
    /// Options of each `BTC-17APR24`.
    chains: HashMap<String, Vec<usize>>,
    pub(crate) empties_share: f64,
    pub(crate) until: Option<Date>,
    pub(crate) order: Order,
}

impl Archive {
    pub(crate) fn new(settings: &Settings) -> Archive {
        let names = settings.names.clone().unwrap_or_else(|| listing::made(settings.seed, &settings.counts));
        let names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
        let mut chains: HashMap<String, Vec<usize>> = HashMap::new();
        let mut expiries = Vec::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            let option = Instrument::parse(name).ok();
            if let Some(Instrument { currency, expiry, .. }) = &option {
                chains.entry(format!("{currency}-{}", expiry_code(*expiry))).or_default().push(place);
            }
            expiries.push(option.map(|option| option.expiry));
        }
        Archive {
            seed: settings.seed,
            places: names.iter().enumerate().map(|(place, name)| (Arc::clone(name), place)).collect(),
            names,
            expiries,
            chains,
            empties_share: settings.empties_share,
            until: settings.archive_until,
            order: settings.order,
        }
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The bars of an option, oldest first; none for one that is not listed.
    pub(crate) fn truth(&self, symbol: &str) -> Vec<Bar> {
        if !self.places.contains_key(symbol) || is_empty(self.seed, symbol, self.empties_share) {
            return Vec::new();
        }
        let mut bars = bars_of(self.seed, symbol);
        bars.retain(|bar| self.until.is_none_or(|until| bar.date <= until));
        bars
    }

    /// The names whose expiry lies in a year; those without an expiry are in every year.
    pub(crate) fn names_of_year(&self, year: i16) -> impl Iterator<Item = &Arc<str>> {
        let of_year = move |expiry: &Option<Date>| expiry.is_none_or(|expiry| expiry.year() == year);
        self.names.iter().zip(&self.expiries).filter(move |(_, expiry)| of_year(expiry)).map(|(name, _)| name)
    }

    pub(crate) fn newest_year(&self) -> Option<i16> {
        self.expiries.iter().flatten().map(|expiry| expiry.year()).max()
    }

    pub(crate) fn rows_of_symbol(&self, symbol: &str) -> Vec<Row> {
        match self.places.get(symbol) {
            Some(place) => self.rows(&[*place], |_| true),
            None => Vec::new(),
        }
    }

    /// Rows of one expiry by its code, to the letter: `5APR24` is known, `05APR24` is not.
    pub(crate) fn rows_of_expiry(&self, currency: &str, code: &str) -> Vec<Row> {
        self.chains.get(&format!("{currency}-{code}")).map_or_else(Vec::new, |places| self.rows(places, |_| true))
    }

    /// Rows of all options of a currency on one date.
    pub(crate) fn rows_of_date(&self, currency: &str, date: Date) -> Vec<Row> {
        let mut places: Vec<usize> = Vec::new();
        let chains = self.chains.iter().filter(|(key, _)| key.rsplit_once('-').is_some_and(|(c, _)| c == currency));
        for place in chains.flat_map(|(_, places)| places) {
            let expiry = self.expiries[*place].unwrap_or(Date::MIN);
            let (first, last) = life_of(self.seed, &self.names[*place], expiry);
            if (first..=last).contains(&date) {
                places.push(*place);
            }
        }
        places.sort_unstable();
        self.rows(&places, |bar| bar.date == date)
    }

    /// Rows of the default option: the first listed one that holds bars.
    pub(crate) fn rows_of_default(&self) -> Vec<Row> {
        let mut rows = self.names.iter().map(|name| self.rows_of_symbol(name));
        rows.find(|rows| !rows.is_empty()).unwrap_or_default()
    }

    /// Rows of an option of another expiry than the asked ones; `pick` chooses among the listed options.
    pub(crate) fn rows_of_another(&self, asked: &[Row], mut pick: impl FnMut(usize) -> usize) -> Option<Vec<Row>> {
        let asked_expiry = asked.first().and_then(|row| self.expiry(&row.symbol));
        let tries = (0..OTHERS_TRIED_MAX).map(|_| &self.names[pick(self.names.len())]);
        tries
            .filter(|name| self.expiry(name) != asked_expiry)
            .map(|name| self.rows_of_symbol(name))
            .find(|rows| !rows.is_empty())
    }

    fn expiry(&self, symbol: &str) -> Option<Date> {
        self.places.get(symbol).and_then(|place| self.expiries[*place])
    }

    fn rows(&self, places: &[usize], wanted: impl Fn(&Bar) -> bool) -> Vec<Row> {
        let mut rows = Vec::new();
        for place in places {
            let symbol = &self.names[*place];
            let bars = self.truth(symbol).into_iter().filter(&wanted);
            rows.extend(bars.map(|bar| Row { symbol: Arc::clone(symbol), bar }));
        }
        // Stable: options of one date stay in the listing's order.
        match self.order {
            Order::NewestFirst => rows.sort_by_key(|row| std::cmp::Reverse(row.bar.unix_ms)),
            Order::OldestFirst => rows.sort_by_key(|row| row.bar.unix_ms),
        }
        rows
    }
}

/// Appends a list of names as JSON.
pub(crate) fn write_names<'a>(names: impl Iterator<Item = &'a Arc<str>>, out: &mut String) {
    for (at, name) in names.enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_text(name, out);
    }
}
