//! `POST /api/orders`: what a person tells a run from the page. It is left in the store, where the run finds it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use super::Desk;
use super::api::problem;
use super::watcher::bounded;
use crate::clock::Clock;
use crate::domain::instrument::Symbol;
use crate::domain::order::{Order, Which};
use crate::limits::{
    DASHBOARD_ORDER_BYTES_MAX, DASHBOARD_ORDER_MS_MAX, LOOK_MS_MAX, ORDER_WAIT_MS_MAX, RATE_PER_S_RANGE,
};
use crate::sight::{self, Outcome};
use crate::store::{Left, StoreError};
use crate::view::json::line;
use crate::view::words;

/// How often it looks whether the order was taken.
const TAKEN_MS: u64 = 100;

/// Takes an order and says what became of it.
pub async fn order(State(desk): State<Arc<Desk>>, body: Body) -> Response {
    let read = timeout(Duration::from_millis(DASHBOARD_ORDER_MS_MAX), to_bytes(body, DASHBOARD_ORDER_BYTES_MAX)).await;
    let Ok(Ok(body)) = read else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the order is too long, or comes too slowly");
    };
    let order = match serde_json::from_slice::<Order>(&body) {
        Ok(order) if is_sane(&order) => order,
        _ => return problem(StatusCode::BAD_REQUEST, "no such order: stop, pause, resume, pace or retry"),
    };
    let _place = desk.watcher.reader().await;
    let store = &*desk.watcher.store;
    match bounded(store, unknown(&desk, &order)).await {
        Ok(None) => {}
        Ok(Some(name)) => {
            return problem(StatusCode::NOT_FOUND, &format!("no option {} is known", name.escape_debug()));
        }
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
    let (left, outcome) = match bounded(store, leave(&desk, &order)).await {
        Ok(Some(told)) => told,
        Ok(None) => return problem(StatusCode::CONFLICT, &nobody(&order)),
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    let who = format!("process {} on host {}", left.holder.identity.pid, left.holder.identity.host);
    let (code, words) = match outcome {
        Some(Outcome::Taken) => (StatusCode::OK, format!("{who} {}", words::followed(&order))),
        Some(Outcome::Over) if order == Order::Stop => (StatusCode::OK, format!("{who} has ended; nothing is lost")),
        Some(Outcome::Over) => {
            let words = format!("{who} ended before it took the order; {}", nobody(&order));
            return problem(StatusCode::CONFLICT, &words);
        }
        None => (StatusCode::ACCEPTED, format!("{who} has not taken the order yet; it does when it can")),
    };
    let told = json!({ "order": order.word(), "done": code == StatusCode::OK, "words": words });
    (code, [(CONTENT_TYPE, "application/json; charset=utf-8")], line(None, &told)).into_response()
}

/// The first name that nobody knows: a run would pass it over without a word.
async fn unknown(desk: &Desk, order: &Order) -> Result<Option<String>, StoreError> {
    let Order::Retry(which) = order else { return Ok(None) };
    for name in &which.symbols {
        if desk.watcher.store.story(&Symbol::new(name)).await?.is_none() {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// Leaves the order and waits a little until it is taken; `None` where no run is there to take it, an outcome of `None`
/// where that takes too long.
async fn leave(desk: &Desk, order: &Order) -> Result<Option<(Left, Option<Outcome>)>, StoreError> {
    let store = &desk.watcher.store;
    let Some(left) = store.leave_order(order, desk.now()).await? else { return Ok(None) };
    if left.holder.gone(&(desk.from)()).is_some() {
        return Ok(None);
    }
    let started = desk.steady.now();
    // The whole of it must fit into one bounded read.
    let patience_ms = ORDER_WAIT_MS_MAX.min(LOOK_MS_MAX / 2);
    while started.until_ms(desk.steady.now()).unsigned_abs() < patience_ms {
        if let Some(outcome) = sight::order(store, &left, &(desk.from)(), false).await? {
            return Ok(Some((left, Some(outcome))));
        }
        tokio::time::sleep(Duration::from_millis(TAKEN_MS)).await;
    }
    Ok(Some((left, None)))
}

fn is_sane(order: &Order) -> bool {
    match order {
        #[allow(clippy::cast_possible_truncation)] // a thousand seconds
        Order::Pace { spacing_ms } => (0..=(1_000.0 / RATE_PER_S_RANGE.0) as i64).contains(spacing_ms),
        Order::Retry(which) => *which != Which::default(),
        Order::Stop | Order::Pause | Order::Resume => true,
        Order::Unread(_) => false,
    }
}

/// No run is there: what a person can do instead.
fn nobody(order: &Order) -> String {
    match order {
        Order::Retry(which) => {
            let words = which.words();
            format!(
                "no run is at work; `chainfill retry {words}` puts them back, and `chainfill backfill` asks for them"
            )
        }
        order => format!("no run is at work; there is nothing to {}", order.word()),
    }
}
