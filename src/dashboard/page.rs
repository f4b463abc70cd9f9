//! The page: plain files inside the program. Nothing is built, and nothing comes from elsewhere.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;

use super::Desk;
use super::guard::answer;
use crate::domain::moment::Moment;

const INDEX: &str = include_str!("page/index.html");
/// Where the page's token goes.
const PAGE_TOKEN: &str = "{{page-token}}";

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($path:literal $kind:expr),* $(,)?) => {
        &[$(($path, $kind, include_str!(concat!("page/", $path)))),*]
    };
}

const ASSETS: &[(&str, &str, &str)] = assets![
    "style.css" CSS,
    "parts.css" CSS,
    "app.js" JS,
    "charts.js" JS,
    "controls.js" JS,
    "coverage.js" JS,
    "currencies.js" JS,
    "details.js" JS,
    "dom.js" JS,
    "journal.js" JS,
    "map.js" JS,
    "story.js" JS,
    "stream.js" JS,
    "theme.js" JS,
    "verdict.js" JS,
    "words.js" JS,
    "vendor/uplot.css" CSS,
    "vendor/uplot.js" JS,
];

/// The page, with the token of this start in it.
pub async fn index(State(desk): State<Arc<Desk>>) -> Response {
    Html(INDEX.replace(PAGE_TOKEN, &desk.guard.page_token)).into_response()
}

/// One of its files.
pub async fn asset(Path(path): Path<String>) -> Response {
    match ASSETS.iter().find(|(name, _, _)| *name == path) {
        Some((_, kind, text)) => ([(CONTENT_TYPE, *kind)], *text).into_response(),
        None => answer(StatusCode::NOT_FOUND, "the page has no such file"),
    }
}

/// A time zone as a browser understands it: its name, else its offset at the moment.
pub fn zone(tz: &TimeZone, now: Moment) -> String {
    tz.iana_name().map_or_else(|| now.offset(tz), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_without_a_name_has_the_offset_of_the_season() {
        let tz = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let july = Moment(1_751_328_000_000);
        assert_eq!([zone(&tz, july), zone(&tz, Moment::default())], ["+02:00", "+01:00"]);
    }
}
