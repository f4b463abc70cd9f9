//! The way to the simulated vendor, on which requests and answers are late or lost.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chainfill::http::Transport;
use chainfill::source::fault::Fault;
use chainfill::source::{Request, Response};
use chainfill::vendor::Vendor;
use chainfill::vendor::transport::VendorTransport;
use fastrand::Rng;

use super::oracle::Oracle;
use super::world_clock::WorldClock;
use crate::rig::simulated::journal_words;

/// One run's way out.
pub struct RoughWire {
    pub vendor: Arc<Mutex<Vendor>>,
    pub weather: Arc<Weather>,
    pub oracle: Arc<Mutex<Oracle>>,
    pub clock: WorldClock,
    pub run: usize,
}

/// What is wrong on the way, for every run.
pub struct Weather {
    pub rng: Mutex<Rng>,
    pub latency_ms: (u64, u64),
    pub lost: f64,
    /// Until when nothing gets through, in true time.
    pub down_until: AtomicI64,
    /// At the end of the story all goes well.
    pub over: AtomicBool,
}

impl Weather {
    /// How long it takes there and back, and whether it is lost there or back.
    fn draw(&self) -> (u64, u64, bool, bool) {
        let mut rng = self.rng.lock().unwrap();
        let (least, most) = self.latency_ms;
        let lost = !self.over.load(Ordering::Relaxed) && rng.f64() < self.lost;
        let there = rng.bool();
        (rng.u64(least..most), rng.u64(least..most), lost && there, lost && !there)
    }

    fn is_down(&self, clock: &WorldClock) -> bool {
        clock.true_now().0 < self.down_until.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Transport for RoughWire {
    async fn send(&self, request: &Request) -> Result<Response, Fault> {
        let query = journal_words(&format!("/v1/{}", request.path));
        self.oracle.lock().unwrap().leaves(self.clock.true_now(), self.run, &query);
        let (there_ms, back_ms, lost_there, lost_back) = self.weather.draw();
        let no_answer = |what: &str, may_count| Err(Fault::NoAnswer { what: what.to_owned(), may_count });
        tokio::time::sleep(Duration::from_millis(there_ms)).await;
        if self.weather.is_down(&self.clock) {
            return no_answer("no route to host", false);
        }
        if lost_there {
            return no_answer("the request timed out", true);
        }
        let clock = self.clock.clone();
        let vendor = VendorTransport::new(self.vendor.clone(), move || clock.true_now(), 0);
        let answered_at = self.clock.true_now();
        let answer = vendor.send(request).await;
        tokio::time::sleep(Duration::from_millis(back_ms)).await;
        if lost_back || self.weather.is_down(&self.clock) {
            return no_answer("the connection was reset", true);
        }
        let now = self.clock.true_now();
        self.oracle.lock().unwrap().comes(now, self.run, &query, answered_at, answer.as_ref().ok());
        answer
    }
}
