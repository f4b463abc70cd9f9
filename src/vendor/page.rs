//! The body of an answer: the rows of one page in the envelope of the API's face.

use std::fmt::Write as _;

use super::archive::Row;
use super::question::Part;
use super::settings::{Face, Settings};

/// How pages are cut and what they say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paging {
    pub(crate) face: Face,
    pub(crate) rows_max: u32,
    pub(crate) says_more: bool,
    /// The offset that is said to come next, whatever is true (S18).
    pub(crate) next_offset: Option<u32>,
}

impl Paging {
    pub(crate) fn of(settings: &Settings) -> Paging {
        let Settings { face, page_rows_max, says_more, .. } = *settings;
        Paging { face, rows_max: page_rows_max, says_more, next_offset: None }
    }
}

/// The rows that one page holds, and whether more follow it. The face of 2025 has no pages.
pub(crate) fn page_of(rows: &[Row], part: Part, paging: Paging) -> (&[Row], bool) {
    if paging.face == Face::Symbol2025 {
        return (rows, false);
    }
    let limit = part.limit.unwrap_or(paging.rows_max).min(paging.rows_max) as usize;
    let from = (part.offset as usize).min(rows.len());
    let until = from.saturating_add(limit).min(rows.len());
    (&rows[from..until], until < rows.len())
}

/// The body around rows that were written already.
pub(crate) fn envelope(rows: &str, count: usize, more: bool, part: Part, paging: Paging) -> String {
    let mut body = String::with_capacity(rows.len() + 64);
    let _ = write!(body, r#"{{"result":[{rows}]"#);
    if paging.face == Face::Expiry2026 && paging.says_more {
        let honest = part.offset.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        let next = match paging.next_offset {
            Some(wrong) => Some(wrong),
            None => more.then_some(honest),
        };
        let _ = match next {
            Some(next) => write!(body, r#","pagination":{{"has_more":true,"next_offset":{next}}}"#),
            None => write!(body, r#","pagination":{{"has_more":false,"next_offset":null}}"#),
        };
    }
    body.push('}');
    body
}

/// Rows as the vendor writes them, with commas between.
pub(crate) fn written(rows: &[Row]) -> String {
    let mut text = String::with_capacity(rows.len() * 150);
    for (at, Row { symbol, bar }) in rows.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "," });
        bar.write_row(symbol, &mut text);
    }
    text
}
