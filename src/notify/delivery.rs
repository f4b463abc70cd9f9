//! One target and its notices: each is tried a bounded number of times, in their order.

use std::sync::Arc;
use std::time::Duration;

use super::Patience;
use super::command::Command;
use super::notice::Notice;
use super::post::Post;
use super::queue::Queue;
use super::target::Target;
use crate::limits::{NOTICE_RETRY_MS_MAX, NOTICE_TRIES_MAX};
use crate::view::numbers::counted;

/// A target with what it takes to reach it.
pub(super) struct Delivery {
    shown: String,
    way: Way,
    queue: Queue,
    retry_ms: u64,
    tell: Arc<dyn Fn(&str) + Send + Sync>,
}

enum Way {
    Post(Post),
    Command(Command),
}

/// Why a notice did not arrive.
#[derive(Debug)]
pub(super) struct Miss {
    /// In words without a secret.
    pub words: String,
    /// Whether it may arrive when it is tried again.
    pub may_pass: bool,
    /// How long the target asks to wait.
    pub wait_ms: Option<u64>,
}

impl Delivery {
    /// To that target. `tell` is told of each notice that did not arrive.
    pub(super) fn new(
        target: Target,
        patience: Patience,
        tell: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Delivery, String> {
        let try_ms = patience.try_ms;
        let shown = target.to_string();
        let way = match target {
            Target::Service { form, url } => Way::Post(Post::new(form, url, try_ms)?),
            Target::Command { line, hidden } => Way::Command(Command { line, hidden, try_ms }),
        };
        Ok(Delivery { shown, way, queue: Queue::default(), retry_ms: patience.retry_ms, tell })
    }

    /// Where its notices are put.
    pub(super) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Delivers until the queue is closed and empty.
    pub(super) async fn run(self) {
        while let Some(notice) = self.queue.next().await {
            self.deliver(notice).await;
            match self.queue.lost() {
                0 => {}
                lost => {
                    let notices = counted(lost, "older notice");
                    (self.tell)(&format!(
                        "notify: {} did not get {notices} in time: newer ones went first",
                        self.shown
                    ));
                }
            }
        }
    }

    async fn deliver(&self, mut notice: Arc<Notice>) {
        let mut tries = 0;
        loop {
            let Err(miss) = self.send(&notice).await else { return };
            tries += 1;
            let is_given_up = !miss.may_pass || tries >= NOTICE_TRIES_MAX;
            let mut last = self.queue.last();
            if last.is_none() && !is_given_up {
                self.pause(tries, miss.wait_ms).await;
                last = self.queue.last();
            }
            if is_given_up || last.is_some() {
                self.lost(&notice, &miss, tries);
            }
            match last {
                Some(last) => (notice, tries) = (last, 0),
                None if is_given_up => return,
                None => {}
            }
        }
    }

    fn lost(&self, notice: &Notice, miss: &Miss, tries: u32) {
        let tried = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
        let (shown, kind) = (&self.shown, notice.kind.word());
        (self.tell)(&format!("notify: {shown} did not get the notice of {kind}: {}; tried {tried}", miss.words));
    }

    async fn send(&self, notice: &Notice) -> Result<(), Miss> {
        match &self.way {
            Way::Post(post) => post.send(notice).await,
            Way::Command(command) => command.run(notice).await,
        }
    }

    /// Ever longer, or as long as the target says; at the end no longer than the first one.
    async fn pause(&self, tries: u32, wait_ms: Option<u64>) {
        let doubled = self.retry_ms.saturating_mul(1 << tries.saturating_sub(1).min(20));
        let pause_ms = wait_ms.unwrap_or(doubled).min(NOTICE_RETRY_MS_MAX);
        let pause = |ms| tokio::time::sleep(Duration::from_millis(ms));
        if self.queue.is_closed() {
            return pause(pause_ms.min(self.retry_ms)).await;
        }
        tokio::select! {
            () = pause(pause_ms) => {}
            () = self.queue.closed() => {}
        }
    }
}
