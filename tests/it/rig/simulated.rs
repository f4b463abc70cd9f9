//! The simulated vendor behind a real socket, in this process, so that a test can look at its log and its truth.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use chainfill::clock::{Clock as _, SystemClock};
use chainfill::domain::candle::Candle;
use chainfill::domain::moment::Moment;
use chainfill::source::Response;
use chainfill::vendor::Vendor;
use chainfill::vendor::access::Access;
use chainfill::vendor::bars::Bar;
use chainfill::vendor::server::Server;
use chainfill::vendor::settings::Settings;
use tokio::sync::oneshot;

use super::table::{Row, row_of};
use super::{canary, lock};
use crate::simulator::retry_after::wait_ms;

/// A request as the vendor saw it.
#[derive(Clone, Debug)]
pub struct Came {
    /// In the journal's words.
    pub query: String,
    pub at_ms: i64,
    /// Whether it was refused for its rate, and the wait that it was told then.
    pub is_refused: bool,
    pub wait_ms: Option<i64>,
}

/// A vendor that listens. It ends when this is dropped.
pub struct Simulated {
    /// `http://127.0.0.1:PORT/v1`, for `--api-url`.
    pub base_url: String,
    vendor: Arc<Mutex<Vendor>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulated {
    /// Starts one on a free port. It takes the key of this test, and keeps its log.
    pub fn start(settings: Settings) -> Simulated {
        let clock = SystemClock::start();
        Simulated::start_at(settings, move || clock.now())
    }

    /// Starts one in a world with that time.
    pub fn start_at(settings: Settings, now: impl Fn() -> Moment + Send + Sync + 'static) -> Simulated {
        let settings = Settings { key: canary::key().into(), keeps_log: true, ..settings };
        let vendor = Arc::new(Mutex::new(Vendor::new(settings)));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let its_vendor = Arc::clone(&vendor);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                let server = Server::bind(any, its_vendor, now).await.unwrap();
                tell.send(server.url()).unwrap();
                let _ = stopped.await;
                server.stop().await;
            });
        });
        let base_url = told.recv().expect("the vendor listens");
        Simulated { base_url, vendor, stop: Some(stop), thread: Some(thread) }
    }

    /// The vendor itself.
    pub fn vendor(&self) -> MutexGuard<'_, Vendor> {
        lock(&self.vendor)
    }

    /// Every bar of every listed option.
    pub fn truth(&self) -> BTreeMap<String, Vec<Candle>> {
        let vendor = self.vendor();
        let bars = |name: &str| vendor.truth(name).iter().map(|bar| bar.candle().expect("a bar")).collect();
        vendor.names().iter().map(|name| (name.to_string(), bars(name))).collect()
    }

    /// The same as rows of the table, made of the vendor's own texts.
    pub fn rows(&self) -> BTreeMap<String, Vec<Row>> {
        let vendor = self.vendor();
        let row = |name: &str, bar: &Bar| {
            let values = [&bar.open, &bar.high, &bar.low, &bar.close, &bar.volume].map(String::as_str);
            row_of(name, &bar.date.to_string(), bar.unix_ms, values)
        };
        let rows = |name: &str| vendor.truth(name).iter().map(|bar| row(name, bar)).collect();
        vendor.names().iter().map(|name| (name.to_string(), rows(name))).collect()
    }

    /// Every request in the order in which they came.
    pub fn came(&self) -> Vec<Came> {
        let vendor = self.vendor();
        let skew_ms = vendor.settings().clock_skew_ms;
        let came = |access: &Access| {
            // As it stood in the answer: a date is measured against the server's own (C4).
            let date = (access.at + skew_ms).timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let (status, retry_after) = (access.status, access.retry_after.clone());
            let wait_ms = wait_ms(&Response { status, retry_after, date: Some(date), ..Response::default() });
            let is_refused = status == 429 || wait_ms.is_some();
            Came { query: journal_words(&access.path), at_ms: access.at.0, is_refused, wait_ms }
        };
        vendor.log().kept().iter().map(came).collect()
    }

    /// Requests that came, refused ones included.
    pub fn requests(&self) -> u64 {
        self.vendor().log().requests
    }

    /// How often each query came, by the words that the journal has for it.
    pub fn served(&self) -> BTreeMap<String, u64> {
        served(&self.vendor())
    }
}

/// How often each query came to a vendor that keeps its log.
pub fn served(vendor: &Vendor) -> BTreeMap<String, u64> {
    let mut served = BTreeMap::new();
    for access in vendor.log().kept() {
        *served.entry(journal_words(&access.path)).or_default() += 1;
    }
    served
}

impl Drop for Simulated {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for access in self.vendor().log().kept() {
            canary::listen("the URL of a request", access.path.as_bytes());
        }
        canary::none_heard();
    }
}

/// What the journal calls a request for a path.
pub fn journal_words(path: &str) -> String {
    let of = |name: &str| {
        let (_, parameters) = path.split_once('?')?;
        parameters.split('&').find_map(|pair| pair.split_once('=').filter(|(its, _)| *its == name).map(|(_, v)| v))
    };
    let page = |query: String| match of("offset").unwrap_or("0") {
        "0" => query,
        offset => format!("{query} +{offset}"),
    };
    match (of("symbol"), of("currency"), of("expiry"), of("year")) {
        (Some(symbol), ..) => page(symbol.to_owned()),
        (_, Some(currency), Some(expiry), _) => page(format!("{currency} {expiry}")),
        (.., Some(year)) => format!("the listing of {year}"),
        _ => "the listing".to_owned(),
    }
}
