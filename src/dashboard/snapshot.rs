//! One look at the store, made once and handed to everybody as the same bytes.

use axum::body::Bytes;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::domain::health::Health;
use crate::domain::moment::Moment;
use crate::store::StoreError;
use crate::view::escape::safe;
use crate::view::json;
use crate::view::status::StatusPage;

/// What was seen.
pub struct Snapshot {
    /// When.
    pub at: Moment,
    /// Whether to worry.
    pub health: Health,
    /// The verdict's sentence.
    pub sentence: String,
    /// The page as `status --json` has it; where the store cannot be read, verdict and place only.
    pub json: Bytes,
    /// The same as an event.
    pub frame: Bytes,
    /// What it was made from; `None` where the store cannot be read.
    pub page: Option<StatusPage>,
    /// Whether nothing comes after it.
    pub is_last: bool,
}

/// A page on a store that cannot be read.
#[derive(Serialize)]
struct Away<'a> {
    verdict: AwayVerdict<'a>,
    store: &'a str,
    /// Since when it could not be read.
    away_since: Moment,
}

#[derive(Serialize)]
struct AwayVerdict<'a> {
    health: Health,
    sentence: &'a str,
}

impl Snapshot {
    /// Of a store that was read.
    pub fn of(number: u64, page: StatusPage, at: Moment, tz: &TimeZone) -> Snapshot {
        let (health, sentence) = page.verdict(at, tz);
        let json = page.json(at, tz);
        Snapshot::build(number, at, health, sentence, json, Some(page))
    }

    /// Of a store that was not.
    pub fn away(number: u64, place: &str, error: &StoreError, since: Moment, at: Moment) -> Snapshot {
        let (health, sentence) = match error {
            StoreError::Nothing { place } => {
                let place = safe(place);
                (
                    Health::Idle,
                    format!(
                        "Idle: there is no archive at {place} yet; `chainfill backfill` starts one, and it shows here."
                    ),
                )
            }
            error => (Health::Worry, format!("Worry: {}.", safe(&error.to_string()))),
        };
        let told = Away { verdict: AwayVerdict { health, sentence: &sentence }, store: place, away_since: since };
        let json = json::line(Some(at), &told);
        Snapshot::build(number, at, health, sentence, json, None)
    }

    /// The same as the last one.
    pub fn last(&self, number: u64) -> Snapshot {
        let mut frame = frame(number, &self.json);
        frame.extend_from_slice(b"event: bye\ndata: {}\n\n");
        Snapshot {
            sentence: self.sentence.clone(),
            json: self.json.clone(),
            frame: frame.into(),
            page: self.page.clone(),
            is_last: true,
            ..*self
        }
    }

    fn build(
        number: u64,
        at: Moment,
        health: Health,
        sentence: String,
        json: String,
        page: Option<StatusPage>,
    ) -> Snapshot {
        let json = Bytes::from(json);
        let frame = frame(number, &json).into();
        Snapshot { at, health, sentence, json, frame, page, is_last: false }
    }
}

/// JSON is one line here, so that it is one event.
fn frame(number: u64, json: &[u8]) -> Vec<u8> {
    let mut frame = format!("id: {number}\nevent: status\ndata: ").into_bytes();
    frame.extend_from_slice(json);
    frame.extend_from_slice(b"\n\n");
    frame
}
