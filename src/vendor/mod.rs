//! The simulated vendor: Django REST Framework's throttle and authentication, both faces of the API, a listing
//! and bars that it makes itself, and faults on request. [`Vendor`] is pure and is told the time; [`server`]
//! puts it behind a socket, [`transport`] behind the port that the engine uses.

pub mod access;
mod archive;
pub mod bars;
mod drf;
pub mod faults;
pub mod listing;
mod page;
pub mod question;
pub mod reply;
mod seed;
pub mod server;
pub mod settings;
mod spoil;
pub mod throttle;
pub mod transport;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use fastrand::Rng;
use jiff::civil::Date;

use crate::domain::moment::Moment;
use access::{Access, AccessLog};
use archive::Archive;
use bars::Bar;
use drf::Shown;
use faults::{About, Draws, Faults, Kind};
use page::Paging;
use question::{BARS_PATH, LISTING_PATH, Part, Question, question};
pub use reply::{Ask, Cut, Reply};
pub use settings::{Face, ListingFace, Settings};
use throttle::{Rate, Throttles};

/// The vendor. The same settings and the same questions at the same moments give the same answers.
#[derive(Debug)]
pub struct Vendor {
    settings: Settings,
    archive: Archive,
    /// One for each server process.
    throttles: Vec<Throttles>,
    draws: Draws,
    rng: Rng,
    log: AccessLog,
    listings: HashMap<Option<i16>, Bytes>,
}

/// An answer on its way through the vendor's layers.
struct Judged {
    reply: Reply,
    key_ok: bool,
    fault: Option<Kind>,
}

impl Vendor {
    /// A vendor that has not been asked anything yet.
    pub fn new(settings: Settings) -> Vendor {
        let processes = settings.processes.max(1) as usize;
        Vendor {
            archive: Archive::new(&settings),
            throttles: vec![Throttles::new(&settings.throttles); processes],
            draws: Draws::new(settings.faults.clone(), settings.seed),
            rng: Rng::with_seed(seed::mixed(settings.seed, "processes")),
            log: AccessLog::new(settings.keeps_log),
            listings: HashMap::new(),
            settings,
        }
    }

    /// Answers one GET.
    pub fn answer(&mut self, now: Moment, ask: &Ask) -> Reply {
        let Judged { mut reply, key_ok, fault } = self.judged(now, ask);
        reply.headers.push(("Date", spoil::http_date(now + self.settings.clock_skew_ms)));
        reply.delay_ms = self.settings.latency_ms;
        let status = reply.status;
        let told = reply.headers.iter().find(|(name, _)| *name == "Retry-After");
        let retry_after = told.map(|(_, text)| text.clone());
        self.log.add(
            || Access { at: now, path: ask.path.clone(), status, retry_after, key_ok, fault },
            status,
            key_ok,
            fault,
        );
        reply
    }

    /// The bars that it holds for an option, oldest first: what a client must end up with.
    pub fn truth(&self, symbol: &str) -> Vec<Bar> {
        self.archive.truth(symbol)
    }

    /// Every listed name, in the listing's order.
    pub fn names(&self) -> &[Arc<str>] {
        self.archive.names()
    }

    /// What reached it so far.
    pub fn log(&self) -> &AccessLog {
        &self.log
    }

    /// How it is set up.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Other limits from now on; what was counted stays counted (T7).
    pub fn set_throttles(&mut self, rates: &[Rate]) {
        self.settings.throttles = rates.to_vec();
        self.throttles.iter_mut().for_each(|process| process.change(rates));
    }

    /// Forgets what was counted, as a server that restarts does (T6).
    pub fn forget_throttles(&mut self) {
        self.throttles.iter_mut().for_each(Throttles::forget);
    }

    /// Somebody else uses the same key for so many requests (T10).
    pub fn spend_elsewhere(&mut self, now: Moment, requests: u32) {
        for _ in 0..requests {
            let process = self.rng.usize(..self.throttles.len());
            let _ = self.throttles[process].check(now);
        }
    }

    /// Other faults from now on, counted from the next request.
    pub fn set_faults(&mut self, faults: Faults) {
        self.settings.faults = faults.clone();
        self.draws = Draws::new(faults, self.settings.seed);
    }

    /// Another share of empty options: a smaller one lets the archive grow.
    pub fn set_empties_share(&mut self, share: f64) {
        self.settings.empties_share = share;
        self.archive.empties_share = share;
    }

    /// Another date of the last published bar; `None` publishes all.
    pub fn set_archive_until(&mut self, date: Option<Date>) {
        self.settings.archive_until = date;
        self.archive.until = date;
    }

    /// Lets a request through path, renderer, authentication, throttle and view, in DRF's order.
    fn judged(&mut self, now: Moment, ask: &Ask) -> Judged {
        let (path, parameters) = match ask.path.split_once('?') {
            Some((path, parameters)) => (path, Some(parameters)),
            None => (ask.path.as_str(), None),
        };
        let key = drf::authenticate(ask.authorization.as_deref(), &self.settings.key);
        let key_ok = key.is_ok();
        let plain = |reply| Judged { reply, key_ok, fault: None };
        if path != LISTING_PATH && path != BARS_PATH {
            let known = [LISTING_PATH, BARS_PATH].iter().any(|known| known.strip_suffix('/') == Some(path));
            return plain(if known { drf::to_slash(path, parameters) } else { drf::not_found() });
        }
        let shown = match drf::negotiate(ask.accept.as_deref()) {
            Ok(shown) => shown,
            Err(reply) => return plain(reply),
        };
        let mut judged = match key {
            Ok(()) => self.served(now, &ask.path, question(self.settings.face, path, parameters)),
            Err(reply) => plain(reply),
        };
        if shown == Shown::Html {
            judged.reply = drf::browsable(&judged.reply);
        }
        judged
    }

    /// Throttle and view, with the fault that is due.
    fn served(&mut self, now: Moment, path: &str, (asked, part): (Question, Part)) -> Judged {
        let listing = matches!(asked, Question::Listing(_));
        let fault = self.draws.draw(About {
            path,
            listing,
            pages: !listing && self.settings.face == Face::Expiry2026,
            expiry: matches!(asked, Question::Expiry(..) | Question::Date(..)),
        });
        let wait_s = self.settings.fault_wait_s;
        let judged = |reply, fault| Judged { reply, key_ok: true, fault };
        if let Some(kind) = fault
            && let Some(reply) = spoil::before_the_view(kind, &mut self.draws, now, wait_s)
        {
            return judged(reply, fault);
        }
        let process = self.rng.usize(..self.throttles.len());
        if let Err(refusal) = self.throttles[process].check(now) {
            return judged(drf::throttled(refusal), None);
        }
        if let Some(kind) = fault {
            let paging = Paging::of(&self.settings);
            let empty = if listing { r#"{"result":[]}"#.into() } else { page::envelope("", 0, false, part, paging) };
            if let Some(reply) = spoil::instead(kind, &mut self.draws, wait_s, &empty) {
                return judged(reply, fault);
            }
        }
        let reply = match asked {
            Question::Refused => spoil::refused(),
            Question::Listing(year) => self.listing(year),
            Question::Symbol(symbol) => self.page(self.archive.rows_of_symbol(&symbol), part, fault),
            Question::Expiry(currency, code) => self.page(self.archive.rows_of_expiry(&currency, &code), part, fault),
            Question::Date(currency, date) => self.page(self.archive.rows_of_date(&currency, date), part, fault),
            Question::Default => self.page(self.archive.rows_of_default(), part, fault),
        };
        match fault {
            Some(kind) => judged(spoil::bytes(kind, &mut self.draws, reply), fault),
            None => judged(reply, None),
        }
    }

    fn listing(&mut self, year: Option<i16>) -> Reply {
        let year = match (year, self.settings.listing) {
            (None, ListingFace::YearNeeded) => return spoil::refused(),
            (None, ListingFace::NewestYear) => self.archive.newest_year(),
            (year, _) => year,
        };
        let archive = &self.archive;
        let body = self.listings.entry(year).or_insert_with(|| {
            let mut body = String::from(r#"{"result":["#);
            match year {
                Some(year) => archive::write_names(archive.names_of_year(year), &mut body),
                None => archive::write_names(archive.names().iter(), &mut body),
            }
            body.push_str("]}");
            Bytes::from(body)
        });
        Reply::json(200, body.clone())
    }

    fn page(&mut self, mut rows: Vec<archive::Row>, mut part: Part, fault: Option<Kind>) -> Reply {
        let mut paging = Paging::of(&self.settings);
        if let Some(kind) = fault {
            if let Some(others) = spoil::other_rows(kind, &mut self.draws, &self.archive, &rows) {
                // From their first row on: an empty page past their end would look like the end of the asked ones.
                (rows, part.offset) = (others, 0);
            }
            let spoilt = spoil::rows(kind, &mut self.draws, rows.clone());
            // A row that is twice in one page's view only would push another off its end: no table does that.
            let in_one_page = part.offset == 0 && !page::page_of(&spoilt, part, paging).1;
            if kind != Kind::B6 || in_one_page {
                rows = spoilt;
            }
            paging = spoil::paging(kind, &mut self.draws, part, paging);
        }
        let (page, more) = page::page_of(&rows, part, paging);
        let mut written = page::written(page);
        if let Some(kind) = fault {
            written = spoil::written(kind, &mut self.draws, written);
        }
        Reply::json(200, page::envelope(&written, page.len(), more, part, paging))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
