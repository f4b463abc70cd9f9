//! The world's time, which stands still for nobody, and the clocks that runs read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chainfill::clock::Clock;
use chainfill::domain::moment::Moment;

use crate::rig::world::BEGIN;

/// The true time: the paused one of the runtime, and what the machine slept through.
#[derive(Clone)]
pub struct WorldClock {
    start: tokio::time::Instant,
    slept_ms: Arc<AtomicI64>,
}

impl WorldClock {
    pub fn new() -> WorldClock {
        WorldClock { start: tokio::time::Instant::now(), slept_ms: Arc::default() }
    }

    pub fn true_now(&self) -> Moment {
        BEGIN + self.awake_ms() + self.slept_ms.load(Ordering::Relaxed)
    }

    /// The machine sleeps: no timer runs, and the world goes on.
    pub fn sleep(&self, ms: i64) {
        self.slept_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// What the runtime simulated, in milliseconds.
    pub fn awake_ms(&self) -> i64 {
        i64::try_from(self.start.elapsed().as_millis()).unwrap()
    }
}

/// A run's clock: the wall clock at its start, moved on by the boot clock.
pub struct RunClock {
    pub world: WorldClock,
    /// How far the wall clock was from the truth when it started.
    pub step_ms: i64,
}

impl Clock for RunClock {
    fn now(&self) -> Moment {
        self.world.true_now() + self.step_ms
    }
}
