//! Notices that wait for one target, so many and no more: a new one drives the oldest out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::notice::Notice;
use crate::limits::NOTICES_QUEUED_MAX;

/// A queue; every clone is the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Notice>>,
    is_closed: bool,
    lost: u64,
}

impl Queue {
    /// Puts one behind the others. Never waits.
    pub(super) fn push(&self, notice: Arc<Notice>) {
        let mut state = self.state();
        if state.waiting.len() >= NOTICES_QUEUED_MAX {
            state.waiting.pop_front();
            state.lost += 1;
        }
        state.waiting.push_back(notice);
        drop(state);
        self.0.news.notify_one();
    }

    /// Says that none will come any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.0.news.notify_one();
    }

    /// The next one; `None` when there is none and none will come.
    pub(super) async fn next(&self) -> Option<Arc<Notice>> {
        loop {
            {
                let mut state = self.state();
                if let Some(notice) = state.waiting.pop_front() {
                    return Some(notice);
                }
                if state.is_closed {
                    return None;
                }
            }
            self.0.news.notified().await;
        }
    }

    /// Whether none will come any more.
    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Waits until it is.
    pub(super) async fn closed(&self) {
        while !self.is_closed() {
            self.0.news.notified().await;
        }
    }

    /// At the end the last one matters: it, where others wait. The others are lost.
    pub(super) fn last(&self) -> Option<Arc<Notice>> {
        let mut state = self.state();
        let last = if state.is_closed { state.waiting.pop_back() } else { None };
        if last.is_some() {
            state.lost += state.waiting.len() as u64;
            state.waiting.clear();
        }
        last
    }

    /// How many were lost since this was asked last.
    pub(super) fn lost(&self) -> u64 {
        std::mem::take(&mut self.state().lost)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner) // nothing in here leaves it half done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::Health;
    use crate::domain::moment::Moment;
    use crate::domain::progress::Progress;
    use crate::notify::notice::Kind;

    fn notice(at: usize) -> Arc<Notice> {
        let at = Moment(i64::try_from(at).unwrap());
        Arc::new(Notice::new(Kind::Milestone, at, ("", ""), (Health::Fine, ""), &Progress::default()))
    }

    #[tokio::test]
    async fn the_oldest_give_way_and_at_the_end_only_the_last_counts() {
        let queue = Queue::default();
        (0..NOTICES_QUEUED_MAX + 3).for_each(|at| queue.push(notice(at)));
        assert_eq!((queue.lost(), queue.lost()), (3, 0));
        assert_eq!(queue.next().await.map(|notice| notice.at), Some(Moment(3)));
        assert!(queue.last().is_none(), "it is not the end");
        queue.close();
        queue.closed().await;
        let last = i64::try_from(NOTICES_QUEUED_MAX).unwrap() + 2;
        assert_eq!(queue.last().map(|notice| notice.at), Some(Moment(last)));
        assert_eq!(queue.lost(), NOTICES_QUEUED_MAX as u64 - 2);
        assert!(queue.next().await.is_none());
    }
}
