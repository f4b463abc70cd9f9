//! A vendor's language: which request asks for what, and what an answer says. Pure: nothing is sent here.

pub mod cryptodatadownload;
pub mod fault;

use std::fmt::Write as _;

use bytes::Bytes;

use crate::domain::answer::{Page, Query};
use crate::domain::instrument::Symbol;
use fault::Fault;

/// A request as the transport needs it. Every one is a GET; the key is the transport's business (I9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Path and query below the vendor's base URL, no leading slash: `data/ohlc/deribit/options/?symbol=…`.
    pub path: String,
    /// Most decoded bytes that its answer may hold.
    pub body_bytes_max: usize,
}

/// What of a whole answer matters. The body is complete: the transport reports a cut one as a failure.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// `Date`, as it was sent.
    pub date: Option<String>,
    /// `Content-Type`, as it was sent.
    pub content_type: Option<String>,
    /// `Location`, as it was sent.
    pub location: Option<String>,
    /// The decoded body.
    pub body: Bytes,
}

/// Which listing to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListingAsk {
    /// All of it (the API of 2025).
    All,
    /// One year of it (the API of 2026).
    Year(i16),
}

/// A vendor: one file each.
pub trait Source: Send + Sync {
    /// The word that rows carry in `data_source`.
    fn name(&self) -> &'static str;

    /// The request for a listing.
    fn listing_request(&self, ask: ListingAsk) -> Request;

    /// The names in a listing, in the vendor's order, as they stand there.
    ///
    /// # Errors
    /// What is wrong with the answer.
    fn read_listing(&self, response: &Response) -> Result<Vec<Symbol>, Fault>;

    /// The request for one page of a query.
    fn request(&self, query: &Query, offset: u32) -> Request;

    /// One page of a query's answer, with every row checked to be of what was asked.
    ///
    /// # Errors
    /// What is wrong with the answer.
    fn read(&self, query: &Query, response: &Response) -> Result<Page, Fault>;
}

/// Text as a URL's query holds it: all but letters, digits and `-_.~` as `%2B`. Option names need none of it.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}"); // into a string: it cannot fail
        }
    }
    encoded
}
