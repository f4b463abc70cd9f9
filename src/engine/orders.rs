//! What people tell a run from outside: stop, pause, go on, another pace, ask again.

use std::time::Duration;

use super::shutdown::Stop;
use super::{Run, with_ahead};
use crate::domain::event::Event;
use crate::domain::ledger::{Happening, OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::domain::order::{Order, Which};
use crate::limits::{CONTROL_MS, STOP_MS_MAX};
use crate::store::{OptionNews, StoreError};

/// What the store says of orders: their numbers and what they say.
pub(super) type Heard = Result<Vec<(i64, Order)>, StoreError>;

impl Run {
    /// Looks for orders from outside.
    pub(super) fn poll_orders(&mut self, now: Moment) {
        if now < self.control_at {
            return;
        }
        // Moved on whatever comes of it: a look that is overdue would wake the loop each millisecond.
        self.control_at = now + CONTROL_MS;
        let is_full = self.store_is_full();
        if self.orders.is_some() || (self.store_is_away() && !is_full) {
            return;
        }
        // On a full disk nothing can be marked, and an order to stop is heard all the same (B11).
        let followed = if is_full { Vec::new() } else { self.followed.clone() };
        let (store, epoch) = (self.ports.store.clone(), self.epoch);
        self.orders = Some(Box::pin(async move { store.take_orders(epoch, &followed).await }));
    }

    /// Follows orders from outside, one after another. A store that cannot be asked shows itself at the next commit;
    /// what it did not say it says at the next look.
    pub(super) fn obey(&mut self, orders: Heard) {
        let Ok(orders) = orders else { return };
        // The store knows of those that were marked; what it returns now are others, or could not be marked.
        let before = std::mem::replace(&mut self.followed, orders.iter().map(|(id, _)| *id).collect());
        let news: Vec<Order> =
            orders.into_iter().filter(|(id, _)| !before.contains(id)).map(|(_, order)| order).collect();
        if !news.is_empty() && !self.store_is_full() {
            self.control_at = self.now(); // who waits for it hears at once that it was followed
        }
        for order in news {
            match order {
                Order::Stop => self.stop(Stop::by_request("chainfill stop")),
                Order::Pause => self.pause(),
                Order::Resume => self.unpause(),
                Order::Pace { spacing_ms } => self.set_pace(spacing_ms),
                Order::Retry(which) => self.retry(&which),
                Order::Unread(text) => self.tell(Event::Unread { text }),
            }
        }
    }

    /// Marks what was followed as taken, where the run ends before it would have looked again: whoever left it would be
    /// told that nobody took it.
    pub(super) async fn mark_followed(&self) {
        if self.followed.is_empty() {
            return;
        }
        let marked = self.ports.store.take_orders(self.epoch, &self.followed);
        // A store that does not answer is no reason not to end: it is asked once.
        let _ = tokio::time::timeout(Duration::from_millis(STOP_MS_MAX.unsigned_abs()), marked).await;
    }

    /// Sends nothing more; what is in flight comes home.
    fn pause(&mut self) {
        if self.paused || self.stop.is_some() {
            return;
        }
        self.paused = true;
        self.told_wait = None; // a wait that is not over when the run goes on is told again
        self.tell(Event::Paused);
        let now = self.now();
        self.clear_runway(now);
    }

    fn unpause(&mut self) {
        if std::mem::take(&mut self.paused) {
            self.tell(Event::Unpaused);
        }
    }

    fn set_pace(&mut self, spacing_ms: i64) {
        let now = self.now();
        self.settings.pace.spacing_ms = spacing_ms.max(0);
        self.governor.set_pace(with_ahead(self.settings.pace), now);
        self.tell(Event::Paced { spacing_ms: self.settings.pace.spacing_ms });
        self.send_next(); // where it is slower, what is announced and has not left is taken back
    }

    /// Puts options back to pending, with a line in the log of what people asked for (I8). They are asked for once
    /// that is committed.
    fn retry(&mut self, which: &Which) {
        let now = self.now();
        let data_source = self.ports.source.name();
        let is_known = |record: &OptionRecord| record.state != OptionState::Pending;
        // Another order may have put it back a moment ago; and what was just given up is asked for no more, whatever the
        // ledger says yet.
        let on_the_way = self.on_the_way();
        let mut count = 0;
        for symbol in which.of(&self.records) {
            let record = self.index.get(&symbol).and_then(|at| self.records.get(*at));
            let comes_anyway = self.scope.is_open(&symbol) || !record.is_some_and(is_known);
            if on_the_way.put_back.contains(&symbol) || (comes_anyway && !on_the_way.given_up.contains(&symbol)) {
                continue;
            }
            count += 1;
            let (candles, flaws) = (Vec::new(), Vec::new());
            let happening = Happening::PutBack;
            self.batch.options.push(OptionNews { symbol, happening, candles, flaws, at: now, data_source });
        }
        let words = format!("retry {}: {count} options", which.words());
        self.batch.action = Some(match self.batch.action.take() {
            Some(before) => format!("{before}; {words}"),
            None => words,
        });
        if count == 0 {
            self.tell(Event::PutBack { options: 0, todo: Vec::new(), requests: 0 });
        }
    }

    /// Asks for options that were put back, now that the ledger says so.
    pub(super) fn ask_again(&mut self) {
        let symbols = std::mem::take(&mut self.to_ask_again);
        // A run that has no plan yet makes it with the ledger as it is then.
        if symbols.is_empty() || !self.scope.is_planned || self.stop.is_some() {
            return;
        }
        let (todo, requests) = self.ask_for(&symbols);
        let options = u64::try_from(symbols.len()).unwrap_or(u64::MAX);
        self.tell(Event::PutBack { options, todo, requests });
    }
}
