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
use crate::domain::order::{Order, Which};
use crate::limits::{
    DASHBOARD_ORDER_BYTES_MAX, DASHBOARD_ORDER_MS_MAX, LEASE_MS, LOOK_MS_MAX, ORDER_WAIT_MS_MAX, RATE_PER_S_RANGE,
};
use crate::process;
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
    match bounded(&*desk.watcher.store, leave(&desk, &order)).await {
        Ok(None) => problem(StatusCode::CONFLICT, &nobody(&order)),
        Ok(Some((left, taken))) => {
            let (pid, host) = (left.holder.identity.pid, &left.holder.identity.host);
            let words = if taken {
                format!("process {pid} on host {host} {}", done(&order))
            } else {
                format!("process {pid} on host {host} has not taken the order yet; it does when it can")
            };
            let code = if taken { StatusCode::OK } else { StatusCode::ACCEPTED };
            let told = json!({ "order": order.word(), "done": taken, "words": words });
            (code, [(CONTENT_TYPE, "application/json; charset=utf-8")], line(None, &told)).into_response()
        }
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// Leaves the order and waits a little until it is taken; `None` where no run is there to take it.
async fn leave(desk: &Desk, order: &Order) -> Result<Option<(Left, bool)>, StoreError> {
    let store = &desk.watcher.store;
    let Some(left) = store.leave_order(order, desk.clock.now()).await? else { return Ok(None) };
    let started = desk.clock.now();
    // The whole of it must fit into one bounded read.
    let patience_ms = ORDER_WAIT_MS_MAX.min(LOOK_MS_MAX / 2);
    while started.until_ms(desk.clock.now()).unsigned_abs() < patience_ms {
        let run = store.glance(desk.clock.now()).await?.run;
        let ended = run.is_none_or(|run| run.epoch != left.holder.epoch || run.ended.is_some());
        if store.order_taken(left.id).await? {
            return Ok(Some((left, true)));
        }
        // Out of sight and without a sign of life for longer than its lease, it is as good as dead.
        let gone = match process::alive(&left.holder.identity) {
            Some(alive) => !alive,
            None => left.holder.beat_age_ms >= LEASE_MS,
        };
        if ended || gone {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(TAKEN_MS)).await;
    }
    Ok(Some((left, false)))
}

fn is_sane(order: &Order) -> bool {
    match order {
        #[allow(clippy::cast_possible_truncation)] // a thousand seconds
        Order::Pace { spacing_ms } => (0..=(1_000.0 / RATE_PER_S_RANGE.0) as i64).contains(spacing_ms),
        Order::Retry(which) => *which != Which::default(),
        Order::Stop | Order::Pause | Order::Resume => true,
    }
}

fn done(order: &Order) -> String {
    match order {
        Order::Stop => "finishes what is under way and ends; nothing is lost".to_owned(),
        Order::Pause => "is paused".to_owned(),
        Order::Resume => "goes on".to_owned(),
        Order::Pace { spacing_ms } => format!("sends {} now", words::pace(*spacing_ms)),
        Order::Retry(_) => "has them pending again".to_owned(),
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
