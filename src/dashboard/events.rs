//! `/api/events`: the snapshots as they come, for as long as somebody listens. A slow client skips some.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use super::snapshot::Snapshot;
use super::watcher::Watcher;
use super::{Desk, page};
use crate::limits::{DASHBOARD_HEARTBEAT_MS, DASHBOARD_RETRY_MS};

/// A comment: it keeps the connection, and tells the page that the server lives.
const HEARTBEAT: &[u8] = b": still here\n\n";

/// One who listens.
struct Listener {
    next: Next,
    watcher: Arc<Watcher>,
    news: Receiver<Option<Arc<Snapshot>>>,
}

enum Next {
    Hello(Bytes),
    Newest,
    News,
    Nothing,
}

/// A stream of server-sent events.
pub async fn events(State(desk): State<Arc<Desk>>) -> Response {
    let hello = serde_json::json!({
        "v": crate::view::json::VERSION,
        "version": env!("CARGO_PKG_VERSION"),
        "start": desk.start,
        "zone": page::zone(&desk.tz, desk.now()),
        "beside_run": desk.is_beside_run,
    });
    let hello = Bytes::from(format!("retry: {DASHBOARD_RETRY_MS}\nevent: hello\ndata: {hello}\n\n"));
    let listener = Listener { next: Next::Hello(hello), watcher: desk.watcher.clone(), news: desk.watcher.subscribe() };
    let stream = stream::unfold(listener, |mut listener| async {
        let bytes = listener.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), listener))
    });
    ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(stream)).into_response()
}

impl Listener {
    async fn next(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.next, Next::News) {
            Next::Hello(bytes) => {
                self.next = Next::Newest;
                Some(bytes)
            }
            Next::Newest => {
                let newest = self.watcher.fresh().await;
                self.news.mark_unchanged();
                Some(self.told(&newest))
            }
            Next::News => match timeout(Duration::from_millis(DASHBOARD_HEARTBEAT_MS), self.news.changed()).await {
                Err(_) => Some(Bytes::from_static(HEARTBEAT)),
                Ok(Err(_)) => None,
                Ok(Ok(())) => {
                    let newest = self.news.borrow_and_update().clone()?;
                    Some(self.told(&newest))
                }
            },
            Next::Nothing => None,
        }
    }

    fn told(&mut self, snapshot: &Snapshot) -> Bytes {
        if snapshot.is_last {
            self.next = Next::Nothing;
        }
        snapshot.frame.clone()
    }
}
