//! Notices to a person who is elsewhere: at the start, at milestones, at long cooldowns, when there is a reason to
//! worry, and at the end.
//!
//! They leave from a thread of their own, each target with a bounded queue of its own, so that no target holds up the
//! run or another target. What is lost is said in one line, and fails nothing.

mod command;
mod delivery;
pub mod form;
pub mod notice;
pub mod occasion;
mod post;
mod queue;
pub mod target;
pub mod worry;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{oneshot, watch};

use crate::domain::event::Event;
use crate::domain::moment::Moment;
use crate::domain::progress::{Progress, View};
use crate::limits::{
    NOTICE_RETRY_MS_FIRST, NOTICE_TRY_MS_MAX, NOTICES_END_MS_MAX, NOTICES_LOOK_MS, NOTICES_SIGHT_MS, SCREEN_END_MS_MAX,
};
use delivery::Delivery;
use notice::Notice;
use occasion::Occasions;
use queue::Queue;
use target::Target;
use worry::Worries;

/// What is told to whom.
pub struct Setup {
    /// Who is told.
    pub targets: Vec<Target>,
    /// The host that the run is on.
    pub host: String,
    /// The zone of the times in it.
    pub tz: TimeZone,
    /// A cooldown at least so long is told.
    pub cooldown_ms: i64,
    /// How long it may take.
    pub patience: Patience,
    /// The time: a worry may begin while nothing happens.
    pub now: Box<dyn Fn() -> Moment + Send>,
    /// Where it is said, in one line, that a notice could not be delivered.
    pub tell: Arc<dyn Fn(&str) + Send + Sync>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Between two looks whether there is a reason to worry.
    pub look_ms: u64,
    /// One try of a notice.
    pub try_ms: u64,
    /// Before the second try; doubled with each one.
    pub retry_ms: u64,
    /// The last notices, at the end of the run.
    pub end_ms: u64,
}

/// The run's end of it. When it is dropped, the targets get what is left, for a bounded time.
pub struct Notify {
    occasions: Occasions,
    queues: Arc<[Queue]>,
    seen: watch::Sender<Option<Seen>>,
}

/// The other end: where the last notice is waited for.
#[derive(Debug)]
pub struct Farewell {
    ended: oneshot::Receiver<()>,
    give_up: oneshot::Sender<()>,
    end_ms: u64,
}

/// A run as it was seen last.
#[derive(Clone)]
struct Seen {
    at: Moment,
    progress: Arc<Progress>,
    run: notice::Run,
    store: String,
}

/// Starts to notify.
///
/// # Errors
/// In words, where a target's client, the thread or its runtime cannot be made.
pub fn start(setup: Setup) -> Result<(Notify, Farewell), String> {
    let Setup { targets, host, tz, cooldown_ms, patience, now, tell } = setup;
    let delivery = |target| Delivery::new(target, patience, Arc::clone(&tell));
    let deliveries: Vec<_> = targets.into_iter().map(delivery).collect::<Result<_, _>>()?;
    let queues: Arc<[Queue]> = deliveries.iter().map(Delivery::queue).collect();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (seen, sight) = watch::channel(None);
    let (end, ended) = oneshot::channel();
    let (give_up, given_up) = oneshot::channel();
    let worries = Worries::new(tz.clone());
    let told_to = Arc::clone(&queues);
    let body = move || {
        runtime.block_on(async {
            let deliver = futures_util::future::join_all(deliveries.into_iter().map(Delivery::run));
            let all = async { tokio::join!(deliver, look(worries, sight, &told_to, patience.look_ms, now)) };
            tokio::select! {
                _ = all => {}
                _ = given_up => {} // what is under way is dropped, and a command with it
            }
        });
        runtime.shutdown_background();
        let _ = end.send(()); // nobody waits for it any more: that is well
    };
    thread::Builder::new().name("notify".to_owned()).spawn(body).map_err(|error| error.to_string())?;
    let occasions = Occasions::new(host, tz, cooldown_ms);
    Ok((Notify { occasions, queues, seen }, Farewell { ended, give_up, end_ms: patience.end_ms }))
}

/// Looks again and again whether there is a reason to worry, until the run's end of it is gone.
async fn look(
    mut worries: Worries,
    mut sight: watch::Receiver<Option<Seen>>,
    queues: &[Queue],
    look_ms: u64,
    now: Box<dyn Fn() -> Moment + Send>,
) {
    loop {
        let pause = tokio::time::sleep(Duration::from_millis(look_ms));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                change = sight.changed() => if change.is_err() { return },
            }
        }
        let Some(seen) = sight.borrow().clone() else { continue };
        if let Some(notice) = worries.look(&seen.progress, now()) {
            push(queues, notice.of(&seen.run, &seen.store));
        }
    }
}

fn push(queues: &[Queue], notice: Notice) {
    let notice = Arc::new(notice);
    for queue in queues {
        queue.push(Arc::clone(&notice));
    }
}

impl View for Notify {
    fn show(&mut self, at: Moment, event: &Event, progress: &Progress) {
        if let Some(notice) = self.occasions.of(at, event, progress) {
            push(&self.queues, notice);
        }
        // A run may answer hundreds of requests a second: it is copied now and then, and where it turns.
        let is_due = self
            .seen
            .borrow()
            .as_ref()
            .is_none_or(|seen| seen.at.until_ms(at) >= NOTICES_SIGHT_MS || seen.progress.phase != progress.phase);
        if is_due {
            let (run, store) = self.occasions.signature();
            self.seen.send_replace(Some(Seen { at, progress: Arc::new(progress.clone()), run, store }));
        }
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        // A run that fails ends without an event: silence would look like work.
        let seen = self.seen.borrow().clone();
        if let Some(notice) = seen.and_then(|seen| self.occasions.broken_off(seen.at, &seen.progress)) {
            push(&self.queues, notice);
        }
        for queue in self.queues.iter() {
            queue.close();
        }
    }
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            look_ms: NOTICES_LOOK_MS,
            try_ms: NOTICE_TRY_MS_MAX,
            retry_ms: NOTICE_RETRY_MS_FIRST,
            end_ms: NOTICES_END_MS_MAX,
        }
    }
}

impl Farewell {
    /// Waits until the last notices have left, but not for ever. The run's end must be gone.
    pub async fn wait(self) {
        let Farewell { mut ended, give_up, end_ms } = self;
        if tokio::time::timeout(Duration::from_millis(end_ms), &mut ended).await.is_err() {
            drop(give_up);
            let _ = tokio::time::timeout(Duration::from_millis(SCREEN_END_MS_MAX), ended).await; // late or early: it is over
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::progress::Phase;

    #[test]
    fn a_run_that_answers_fast_is_copied_now_and_then_and_where_it_turns() {
        let (seen, sight) = watch::channel(None);
        let occasions = Occasions::new("nas".into(), TimeZone::UTC, 0);
        let mut notify = Notify { occasions, queues: Arc::new([]), seen };
        let mut copies: Vec<i64> = Vec::new();
        for ms in 0..5_000 {
            let phase = if ms < 2_500 { Phase::Fetching } else { Phase::VendorDown };
            notify.show(Moment(ms), &Event::Sent, &Progress { phase, ..Progress::default() });
            copies.extend(sight.borrow().as_ref().map(|seen: &Seen| seen.at.0));
        }
        copies.dedup();
        assert_eq!(copies, [0, 1_000, 2_000, 2_500, 3_500, 4_500]);
    }
}
