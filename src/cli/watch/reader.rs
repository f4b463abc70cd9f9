//! Looks at the store once a second, beside the screen: a store that is slow or away makes no key wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::clock::{Clock, SystemClock};
use crate::domain::moment::Moment;
use crate::domain::tally::Tally;
use crate::limits::{LOG_TAIL_MAX, LOOK_EVERY_MS, LOOK_SHARE};
use crate::sight;
use crate::store::{Outside, StoreError};
use crate::view::screen::seen::{Need, Seen, Trouble};

/// The screen's end of it.
pub(super) struct Reader {
    need: watch::Sender<Need>,
    seen: mpsc::Receiver<Seen>,
}

impl Reader {
    /// Starts to look.
    pub(super) fn start(store: Arc<dyn Outside>, clock: SystemClock) -> Reader {
        let (need, needed) = watch::channel(Need::default());
        let (tell, seen) = mpsc::channel(1);
        tokio::spawn(look_on(Looker { store, clock, seen: Seen::default(), map: None }, needed, tell));
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

    /// What was seen next.
    pub(super) async fn seen(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }
}

async fn look_on(mut looker: Looker, mut needed: watch::Receiver<Need>, tell: mpsc::Sender<Seen>) {
    loop {
        let need = needed.borrow_and_update().clone();
        looker.look(&need).await;
        if tell.send(looker.seen.clone()).await.is_err() {
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
    clock: SystemClock,
    seen: Seen,
    map: Option<Map>,
}

/// What the coverage that was read last was read for, and when it may be read again.
struct Map {
    tallies: Vec<Tally>,
    not_before: Moment,
}

impl Looker {
    async fn look(&mut self, need: &Need) {
        match self.read(need).await {
            Ok(()) => self.seen.trouble = None,
            Err(error) => {
                let is_nothing = matches!(error, StoreError::Nothing { .. });
                let words = error.to_string();
                match &mut self.seen.trouble {
                    Some(trouble) => (trouble.words, trouble.is_nothing) = (words, is_nothing),
                    None => self.seen.trouble = Some(Trouble { since: self.clock.now(), words, is_nothing }),
                }
            }
        }
    }

    async fn read(&mut self, need: &Need) -> Result<(), StoreError> {
        let page = sight::page(&self.store, self.clock.now()).await?;
        (self.seen.page, self.seen.at) = (Some(page), self.clock.now());
        self.seen.journal = self.store.journal(LOG_TAIL_MAX).await?;
        self.map(need).await?;
        let chain = async |store: &Arc<dyn Outside>| match &need.chain {
            None => Ok::<_, StoreError>(None),
            Some((currency, expiry)) => Ok(Some((currency.clone(), *expiry, store.chain(currency, *expiry).await?))),
        };
        self.seen.chain = chain(&self.store).await?;
        self.seen.story = match &need.story {
            None => None,
            Some(symbol) => self.store.story(symbol).await?,
        };
        Ok(())
    }

    /// The coverage reads every option of a currency: only where something has changed, and in a large store more
    /// seldom, so that looking never takes more than a small share of the time.
    async fn map(&mut self, need: &Need) -> Result<(), StoreError> {
        let Some(currency) = &need.currency else { return Ok(()) };
        let tallies = self.seen.page.as_ref().map(|page| page.tallies.clone()).unwrap_or_default();
        let now = self.clock.now();
        let is_same = self.seen.coverage.as_ref().is_some_and(|(known, _)| known == currency);
        if is_same && self.map.as_ref().is_some_and(|map| map.tallies == tallies || now < map.not_before) {
            return Ok(());
        }
        self.seen.coverage = Some((currency.clone(), self.store.coverage(currency).await?));
        let took_ms = now.until_ms(self.clock.now()).max(0);
        self.map = Some(Map { tallies, not_before: now + took_ms.saturating_mul(LOOK_SHARE) });
        Ok(())
    }
}
