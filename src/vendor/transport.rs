//! The vendor behind the engine's port, without sockets: for whole runs in simulated time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};

use super::Vendor;
use super::reply::{Ask, Cut, Reply};
use crate::domain::moment::Moment;
use crate::http::Transport;
use crate::limits::REQUEST_MS_MAX;
use crate::source::fault::Fault;
use crate::source::{Request, Response};

/// What stands before the path of every request.
const BASE: &str = "/v1/";

/// A client of a [`Vendor`] in the same process. Its time is tokio's, which tests pause.
pub struct VendorTransport<Now> {
    vendor: Arc<Mutex<Vendor>>,
    now: Now,
    latency_ms: u64,
    key: SecretString,
}

impl<Now: Fn() -> Moment + Send + Sync> VendorTransport<Now> {
    /// A client with the vendor's own key; a request takes `latency_ms`, half of it before the vendor sees it.
    pub fn new(vendor: Arc<Mutex<Vendor>>, now: Now, latency_ms: u64) -> VendorTransport<Now> {
        let key = vendor.lock().unwrap_or_else(PoisonError::into_inner).settings().key.clone();
        VendorTransport { vendor, now, latency_ms, key }
    }

    /// The client with another key.
    #[must_use]
    pub fn with_key(mut self, key: SecretString) -> VendorTransport<Now> {
        self.key = key;
        self
    }
}

#[async_trait]
impl<Now: Fn() -> Moment + Send + Sync> Transport for VendorTransport<Now> {
    async fn send(&self, request: &Request) -> Result<Response, Fault> {
        let there_ms = self.latency_ms / 2;
        sleep(there_ms).await;
        let ask = Ask::json(&format!("{BASE}{}", request.path), self.key.expose_secret());
        let at = (self.now)();
        let reply = self.vendor.lock().unwrap_or_else(PoisonError::into_inner).answer(at, &ask);
        sleep(reply.delay_ms + self.latency_ms - there_ms).await;
        if matches!(reply.cut, Cut::Stall | Cut::Trickle) {
            sleep(REQUEST_MS_MAX).await;
        }
        arrived(&reply, request.body_bytes_max)
    }
}

/// What an honest client makes of a reply.
fn arrived(reply: &Reply, body_bytes_max: usize) -> Result<Response, Fault> {
    let no_answer = |what: &str| Err(Fault::NoAnswer { what: what.to_owned(), may_count: true });
    let body = match reply.cut {
        Cut::Whole => reply.body.clone(),
        // HTTP calls this one a success; the client has to find out from what is inside.
        Cut::CutClose { at } => reply.body.slice(..at.min(reply.body.len())),
        Cut::ShortLength { .. } | Cut::CutChunk { .. } => return no_answer("the answer ended early"),
        Cut::CutGzip { .. } => return no_answer("the answer's gzip ended early"),
        Cut::BeforeHead => return no_answer("the connection was closed without an answer"),
        Cut::Stall | Cut::Trickle => return no_answer("the request timed out"),
        Cut::Bomb | Cut::Endless => return Err(Fault::TooLong { bytes_max: body_bytes_max }),
    };
    let body = if matches!(reply.status, 204 | 304) { Bytes::new() } else { body };
    if body.len() > body_bytes_max {
        return Err(Fault::TooLong { bytes_max: body_bytes_max });
    }
    let header = |name| reply.header(name).map(str::to_owned);
    Ok(Response {
        status: reply.status,
        retry_after: header("Retry-After"),
        date: header("Date"),
        content_type: header("Content-Type"),
        location: header("Location"),
        body,
    })
}

async fn sleep(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::vendor::Settings;

    fn client(faults: &str) -> VendorTransport<impl Fn() -> Moment + Send + Sync> {
        let settings = Settings {
            counts: vec![("BTC".into(), 100)],
            throttles: vec![],
            faults: faults.parse().unwrap(),
            ..Settings::default()
        };
        let start = tokio::time::Instant::now();
        let now = move || Moment(i64::try_from(start.elapsed().as_millis()).unwrap());
        VendorTransport::new(Arc::new(Mutex::new(Vendor::new(settings))), now, 100)
    }

    fn listing() -> Request {
        Request { path: "data/ohlc/deribit/options/available/".into(), body_bytes_max: 1 << 20 }
    }

    #[tokio::test(start_paused = true)]
    async fn an_honest_answer_arrives_whole_and_takes_its_time() {
        let client = client("");
        let start = tokio::time::Instant::now();
        let response = client.send(&listing()).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(100));
        assert_eq!((response.status, response.content_type.as_deref()), (200, Some("application/json")));
        assert_eq!(response.date.as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert!(response.body.starts_with(br#"{"result":["BTC-"#));
        let small = Request { body_bytes_max: 10, ..listing() };
        assert_eq!(client.send(&small).await.unwrap_err(), Fault::TooLong { bytes_max: 10 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_key_is_refused() {
        // F-S7
        let client = client("").with_key(SecretString::from("wrong"));
        assert_eq!(client.send(&listing()).await.unwrap().status, 401);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_body_is_what_the_real_client_reports() {
        // F-S13: the fourth manner is a success by HTTP's rules, and yet not whole.
        let client = client("s13=1");
        for manner in 0..5 {
            let answer = client.send(&listing()).await;
            match answer {
                Ok(response) => {
                    assert_eq!(manner, 3);
                    assert!(serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
                }
                Err(fault) => {
                    assert_ne!(manner, 3);
                    assert!(matches!(fault, Fault::NoAnswer { may_count: true, .. }), "{fault:?}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn endless_and_silent_answers_end_at_the_bounds() {
        // F-S14, F-S15
        let bomb = client("s14=1").send(&listing()).await.unwrap_err();
        assert_eq!(bomb, Fault::TooLong { bytes_max: 1 << 20 });
        let start = tokio::time::Instant::now();
        let trickle = client("s15=1").send(&listing()).await.unwrap_err();
        assert!(matches!(trickle, Fault::NoAnswer { may_count: true, .. }));
        assert_eq!(start.elapsed(), Duration::from_millis(REQUEST_MS_MAX + 100));
    }
}
