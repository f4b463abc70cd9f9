//! The API that is read. What each endpoint tells stands in `docs/api.md`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Desk;
use super::asked::Asked;
use super::watcher::bounded;
use crate::domain::candle::Candle;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionRecord;
use crate::limits::{DASHBOARD_JOURNAL_MAX, DASHBOARD_RUNS_MAX, SYMBOL_BYTES_MAX};
use crate::sight;
use crate::store::StoreError;
use crate::view::forecasts::ForecastsPage;
use crate::view::json::line;

/// Lines of the journal, and runs, unless told otherwise.
const NEWEST_DEFAULT: usize = 50;

#[derive(Deserialize)]
pub(super) struct OfCurrency {
    currency: String,
}

#[derive(Deserialize)]
pub(super) struct OfExpiry {
    currency: String,
    /// Empty for names that do not parse.
    #[serde(default)]
    expiry: String,
}

#[derive(Deserialize)]
pub(super) struct Newest {
    newest: Option<usize>,
}

/// An option's line in the ledger.
#[derive(Serialize)]
struct Line<'a> {
    symbol: &'a Symbol,
    currency: &'a Currency,
    expiry: Option<Date>,
    strike: Option<String>,
    option_type: Option<&'a str>,
    state: &'a str,
    rows: u32,
    first_bar: Option<Date>,
    last_bar: Option<Date>,
    fetched_at: Option<i64>,
    listed: bool,
    reason: Option<&'a str>,
}

impl Line<'_> {
    fn of(record: &OptionRecord) -> Line<'_> {
        let terms = record.instrument.as_ref();
        Line {
            symbol: &record.symbol,
            currency: &record.currency,
            expiry: terms.map(|terms| terms.expiry),
            strike: terms.map(|terms| terms.strike.normalize().to_string()),
            option_type: terms.map(|terms| terms.option_type.letter()),
            state: record.state.word(),
            rows: record.row_count,
            first_bar: record.first_bar,
            last_bar: record.last_bar,
            fetched_at: record.fetched_at.map(|at| at.0),
            listed: record.listed,
            reason: record.reason.as_deref(),
        }
    }
}

/// `/api/status`: the page as `status --json` has it, at most a second old.
pub async fn status(State(desk): State<Arc<Desk>>) -> Response {
    let snapshot = desk.watcher.fresh().await;
    let code = if snapshot.page.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, JSON, snapshot.json.clone()).into_response()
}

/// `/api/coverage`: the expiries of a currency with a letter an option.
pub async fn coverage(State(desk): State<Arc<Desk>>, Asked(Query(of)): Asked<Query<OfCurrency>>) -> Response {
    let Ok(currency) = of.currency.parse::<Currency>() else { return unknown("no such currency") };
    let _place = desk.watcher.reader().await;
    told(desk.watcher.map(&currency).await)
}

/// `/api/chain`: the options of one expiry.
pub async fn chain(State(desk): State<Arc<Desk>>, Asked(Query(of)): Asked<Query<OfExpiry>>) -> Response {
    let Ok(currency) = of.currency.parse::<Currency>() else { return unknown("no such currency") };
    let expiry = match of.expiry.as_str() {
        "" => None,
        text => match text.parse::<Date>() {
            Ok(date) => Some(date),
            Err(_) => return unknown("no such expiry: write 2024-04-12"),
        },
    };
    let _place = desk.watcher.reader().await;
    let store = &desk.watcher.store;
    let records = bounded(&**store, store.chain(&currency, expiry)).await;
    told(records.map(|records| {
        let options: Vec<Line<'_>> = records.iter().map(Line::of).collect();
        Bytes::from(line(Some(desk.now()), &json!({ "currency": currency, "expiry": expiry, "options": options })))
    }))
}

/// `/api/option/SYMBOL`: one option's story.
pub async fn option(State(desk): State<Arc<Desk>>, Asked(Path(symbol)): Asked<Path<String>>) -> Response {
    if symbol.len() > SYMBOL_BYTES_MAX {
        return unknown("no such option");
    }
    let _place = desk.watcher.reader().await;
    let store = &desk.watcher.store;
    match bounded(&**store, sight::story(store, &Symbol::new(&symbol), &(desk.from)())).await {
        Ok(None) => unknown("no such option"),
        story => told(story.map(|story| {
            let story = story.map(|story| {
                json!({
                    "option": Line::of(&story.record),
                    "attempts": story.attempts,
                    "bars": story.bars.iter().map(bar).collect::<Vec<_>>(),
                })
            });
            Bytes::from(line(Some(desk.now()), &story))
        })),
    }
}

/// `/api/journal`: the newest requests, newest first.
pub async fn journal(State(desk): State<Arc<Desk>>, Asked(Query(of)): Asked<Query<Newest>>) -> Response {
    let newest = of.newest.unwrap_or(NEWEST_DEFAULT).min(DASHBOARD_JOURNAL_MAX);
    let _place = desk.watcher.reader().await;
    let store = &desk.watcher.store;
    let lines = bounded(&**store, sight::journal(store, newest, &(desk.from)())).await;
    told(lines.map(|lines| Bytes::from(line(Some(desk.now()), &json!({ "requests": lines })))))
}

/// `/api/forecasts`: what was said of the finish of the last runs, and how good that was.
pub async fn forecasts(State(desk): State<Arc<Desk>>, Asked(Query(of)): Asked<Query<Newest>>) -> Response {
    let newest = of.newest.unwrap_or(NEWEST_DEFAULT).min(DASHBOARD_RUNS_MAX);
    let _place = desk.watcher.reader().await;
    let store = &desk.watcher.store;
    let runs = bounded(&**store, store.runs(newest)).await;
    told(runs.map(|runs| {
        let page = ForecastsPage { runs: sight::forecasts(&runs, &(desk.from)()) };
        Bytes::from(page.json(desk.now()))
    }))
}

/// Any other path.
pub async fn nowhere() -> Response {
    unknown("there is nothing here; / is the page")
}

const JSON: [(axum::http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json; charset=utf-8")];

/// JSON, or why the store cannot be read.
pub(super) fn told(json: Result<Bytes, StoreError>) -> Response {
    match json {
        Ok(json) => (JSON, json).into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// What went wrong, as JSON.
pub(super) fn problem(code: StatusCode, words: &str) -> Response {
    (code, JSON, line(None, &json!({ "error": words }))).into_response()
}

fn unknown(words: &str) -> Response {
    problem(StatusCode::NOT_FOUND, words)
}

/// Numbers as text: no digit is lost on the way.
fn bar(candle: &Candle) -> serde_json::Value {
    let [open, high, low, close, volume] =
        candle.values().map(|value| value.map(|value| value.normalize().to_string()));
    json!({ "date": candle.date, "open": open, "high": high, "low": low, "close": close, "volume": volume })
}
