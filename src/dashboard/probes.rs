//! `/healthz` and `/metrics`: what other programs watch.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Desk;
use super::guard::answer;
use crate::domain::health::Health;
use crate::view::escape::safe;
use crate::view::exposition::CONTENT_TYPE as EXPOSITION;
use crate::view::metrics;

/// 200 while nobody need look, 503 when somebody should; the sentence says why.
pub async fn health(State(desk): State<Arc<Desk>>) -> Response {
    let snapshot = desk.watcher.fresh().await;
    let code = match snapshot.health {
        Health::Fine | Health::Done | Health::Idle => StatusCode::OK,
        Health::Worry => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer(code, &safe(&snapshot.sentence))
}

/// The same for Prometheus.
pub async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let snapshot = desk.watcher.fresh().await;
    let text = snapshot.page.as_ref().map_or_else(metrics::away, |page| metrics::text(page, snapshot.at));
    ([(CONTENT_TYPE, EXPOSITION)], text).into_response()
}
