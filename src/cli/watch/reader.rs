//! Looks at the store once a second, beside the screen: a store that is slow or away makes no key wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::clock::{Clock, SystemClock};
use crate::domain::moment::Moment;
use crate::domain::tally::Tally;
use crate::domain::vantage::Vantage;
use crate::limits::{LOG_TAIL_MAX, LOOK_EVERY_MS, LOOK_SHARE};
use crate::process;
use crate::sight;
use crate::store::{Outside, StoreError};
use crate::view::screen::seen::{Need, Seen, Trouble};

/// The screen's end of it.
pub(super) struct Reader {
    need: watch::Sender<Need>,
    seen: mpsc::Receiver<(Seen, SystemClock)>,
}

impl Reader {
    /// Starts to look.
    pub(super) fn start(store: Arc<dyn Outside>) -> Reader {
        let (need, needed) = watch::channel(Need::default());
        let (tell, seen) = mpsc::channel(1);
        tokio::spawn(look_on(Looker::new(store), needed, tell));
        Reader { need, seen }
    }

    /// What is on the screen now; something else is looked for at once.
    pub(super) fn want(&self, need: Need) {
        self.need.send_if_modified(|known| {
            let is_other = *known != need;
            *known = need;
            is_other
        });
    }

    /// What was seen next, and the clock that its times are read by: it is anchored anew at each look, so that a step
    /// of the wall clock is followed (C2).
    pub(super) async fn seen(&mut self) -> Option<(Seen, SystemClock)> {
        self.seen.recv().await
    }
}

async fn look_on(mut looker: Looker, mut needed: watch::Receiver<Need>, tell: mpsc::Sender<(Seen, SystemClock)>) {
    loop {
        let need = needed.borrow_and_update().clone();
        let clock = looker.look(&need).await;
        if tell.send((looker.seen.clone(), clock)).await.is_err() {
            return;
        }
        match timeout(Duration::from_millis(LOOK_EVERY_MS), needed.changed()).await {
            Err(_) | Ok(Ok(())) => {}
            Ok(Err(_)) => return,
        }
    }
}

struct Looker {
    store: Arc<dyn Outside>,
    /// For how old something is, however the wall clock is stepped: when the page was read, and since when there is
    /// trouble.
    steady: SystemClock,
    read_at: Moment,
    trouble_at: Moment,
    seen: Seen,
    map: Option<Map>,
}

/// What the coverage that was read last was read for, and when it may be read again.
struct Map {
    tallies: Vec<Tally>,
    not_before: Moment,
}

impl Looker {
    fn new(store: Arc<dyn Outside>) -> Looker {
        let steady = SystemClock::start();
        let (read_at, trouble_at) = (steady.now(), steady.now());
        Looker { store, steady, read_at, trouble_at, seen: Seen::default(), map: None }
    }

    async fn look(&mut self, need: &Need) -> SystemClock {
        let (from, clock) = (process::vantage(), SystemClock::start());
        match self.read(need, &from).await {
            Ok(()) => self.seen.trouble = None,
            Err(error) => {
                let is_nothing = matches!(error, StoreError::Nothing { .. });
                let words = error.to_string();
                match &mut self.seen.trouble {
                    Some(trouble) => (trouble.words, trouble.is_nothing) = (words, is_nothing),
                    None => {
                        self.trouble_at = self.steady.now();
                        self.seen.trouble = Some(Trouble { since: self.trouble_at, words, is_nothing });
                    }
                }
            }
        }
        let now = self.steady.now();
        let shown = |at: Moment| clock.now() - at.until_ms(now);
        self.seen.at = shown(self.read_at);
        if let Some(trouble) = &mut self.seen.trouble {
            trouble.since = shown(self.trouble_at);
        }
        clock
    }

    async fn read(&mut self, need: &Need, from: &Vantage) -> Result<(), StoreError> {
        let page = sight::page(&self.store, from).await?;
        (self.seen.page, self.read_at) = (Some(page), self.steady.now());
        self.seen.journal = sight::journal(&self.store, LOG_TAIL_MAX, from).await?;
        self.map(need).await?;
        let chain = async |store: &Arc<dyn Outside>| match &need.chain {
            None => Ok::<_, StoreError>(None),
            Some((currency, expiry)) => Ok(Some((currency.clone(), *expiry, store.chain(currency, *expiry).await?))),
        };
        self.seen.chain = chain(&self.store).await?;
        self.seen.story = match &need.story {
            None => None,
            Some(symbol) => sight::story(&self.store, symbol, from).await?,
        };
        Ok(())
    }

    /// The coverage reads every option of a currency: only where something has changed, and in a large store more
    /// seldom, so that looking never takes more than a small share of the time.
    async fn map(&mut self, need: &Need) -> Result<(), StoreError> {
        let Some(currency) = &need.currency else { return Ok(()) };
        let tallies = self.seen.page.as_ref().map(|page| page.tallies.clone()).unwrap_or_default();
        let now = self.steady.now();
        let is_same = self.seen.coverage.as_ref().is_some_and(|(known, _)| known == currency);
        if is_same && self.map.as_ref().is_some_and(|map| map.tallies == tallies || now < map.not_before) {
            return Ok(());
        }
        self.seen.coverage = Some((currency.clone(), self.store.coverage(currency).await?));
        let took_ms = now.until_ms(self.steady.now()).max(0);
        self.map = Some(Map { tallies, not_before: now + took_ms.saturating_mul(LOOK_SHARE) });
        Ok(())
    }
}
