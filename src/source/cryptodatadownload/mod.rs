//! CryptoDataDownload: daily candles of Deribit's options, in both faces of its API.
//!
//! In 2025 a query named one option; in 2026 it may name an expiry and pages. Sources: the vendor's own
//! Swagger pages and three published client scripts; nothing here was tried against the live vendor.

mod named;
mod names;
mod number;
mod status;
mod wire;

use crate::domain::answer::{More, Page, Query};
use crate::domain::instrument::{Symbol, expiry_code};
use crate::limits::{BODY_BYTES_MAX, LISTING_BYTES_MAX, PAGE_ROWS};
use crate::source::fault::Fault;
use crate::source::{ListingAsk, Request, Response, Source, percent_encoded};

/// The vendor's base URL.
pub const BASE_URL: &str = "https://api.cryptodatadownload.com/v1/";

/// The listing, and the bars. The trailing slash matters: without it the vendor redirects.
const LISTING: &str = "data/ohlc/deribit/options/available/";
const BARS: &str = "data/ohlc/deribit/options/";

/// The vendor.
#[derive(Clone, Copy, Debug, Default)]
pub struct CryptoDataDownload;

impl Source for CryptoDataDownload {
    fn name(&self) -> &'static str {
        "cryptodatadownload"
    }

    fn listing_request(&self, ask: ListingAsk) -> Request {
        let path = match ask {
            ListingAsk::All => LISTING.to_owned(),
            ListingAsk::Year(year) => format!("{LISTING}?year={year}"),
        };
        Request { path, body_bytes_max: LISTING_BYTES_MAX }
    }

    fn read_listing(&self, response: &Response) -> Result<Vec<Symbol>, Fault> {
        status::check(response, LISTING)?;
        wire::names(&response.body)
    }

    fn request(&self, query: &Query, offset: u32) -> Request {
        let page = format!("limit={PAGE_ROWS}&offset={offset}");
        let path = match query {
            // The API of 2025 knows `symbol` alone; it ignores the rest.
            Query::Symbol(symbol) if offset == 0 => format!("{BARS}?symbol={}", percent_encoded(symbol.as_str())),
            Query::Symbol(symbol) => format!("{BARS}?symbol={}&{page}", percent_encoded(symbol.as_str())),
            Query::Expiry(currency, expiry) => {
                format!("{BARS}?currency={}&expiry={}&{page}", percent_encoded(currency.as_str()), expiry_code(*expiry))
            }
        };
        Request { path, body_bytes_max: BODY_BYTES_MAX }
    }

    fn read(&self, query: &Query, response: &Response) -> Result<Page, Fault> {
        status::check(response, BARS)?;
        let mut page = wire::page(&response.body, query)?;
        // S17: where it does say that there is more, there is. One option's history fits one answer; the API of 2025 says nothing of pages and has none.
        if matches!(query, Query::Symbol(_)) && page.more == More::Unsaid {
            page.more = More::End;
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests;
