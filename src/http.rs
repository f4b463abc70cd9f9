//! The only way out: one GET, one whole answer. The key lives here and on the wire (I9).

use std::error::Error as _;
use std::pin::{Pin, pin};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Sleep;

use crate::limits::{
    BODIES_LONG_MAX, BODIES_PAGE_MAX, BODY_BYTES_FREE, BODY_BYTES_PAGE, CONNECT_MS_MAX, REQUEST_MS_MAX,
};
use crate::redaction::Redaction;
use crate::source::fault::Fault;
use crate::source::{Request, Response};

/// Sends requests to the vendor. Tests put a vendor in simulated time here.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request and reads its answer to the end. Sends it once: nothing is retried unseen (T12).
    ///
    /// # Errors
    /// [`Fault::NoAnswer`] or [`Fault::TooLong`]; every answer that arrived whole is a [`Response`], whatever its status.
    async fn send(&self, request: &Request) -> Result<Response, Fault>;
}

/// The vendor's API over HTTP.
#[derive(Debug)]
pub struct Http {
    client: Client,
    base: Url,
    redaction: Redaction,
    room: Room,
}

/// Room for answers that come in. Each has a little of its own; who needs more waits for it, all of it at once, so that
/// no two hold what the other one waits for.
#[derive(Debug)]
struct Room {
    pages: Semaphore,
    long: Semaphore,
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The base URL is none.
    #[error("--api-url {0} is not a URL: {1}")]
    NotAUrl(String, String),
    /// The key would travel in the clear.
    #[error("--api-url {0}: http:// is for this machine only, because the key would travel in the clear; use https://")]
    InTheClear(String),
    /// The key is no header value.
    #[error("the key holds a character that no key has (a line break, a quote, a byte-order mark?)")]
    Key,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Http {
    /// A client for a vendor's base URL. Redirects are not followed (S10), no Referer is sent, nothing is
    /// retried: each of these would send the key, or the quota, where nobody asked it to go.
    ///
    /// # Errors
    /// Where the URL, the key or TLS do not serve.
    pub fn new(base: &str, key: Option<&SecretString>, connections: usize) -> Result<Http, HttpError> {
        let base = base_url(base)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            let text = SecretString::from(format!("Token {}", key.expose_secret()));
            let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| HttpError::Key)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // A second call finds the provider of the first; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("chainfill/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .timeout(Duration::from_millis(REQUEST_MS_MAX))
            .pool_max_idle_per_host(connections)
            .tcp_nodelay(true);
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| HttpError::Tls(words(&error)))?;
        let room = Room { pages: Semaphore::new(BODIES_PAGE_MAX), long: Semaphore::new(BODIES_LONG_MAX) };
        Ok(Http { client, base, redaction: Redaction::of(key), room })
    }

    async fn exchange(&self, request: &Request) -> Result<Response, Fault> {
        let url = self.base.join(&request.path).map_err(|error| Fault::NoAnswer {
            what: format!("the path {} cannot be asked for: {error}", request.path),
            may_count: false,
        })?;
        let mut deadline = pin!(tokio::time::sleep(Duration::from_millis(REQUEST_MS_MAX)));
        let mut answer = self.client.get(url).send().await.map_err(|error| no_answer(&error))?;
        let header = |name: HeaderName| {
            let text = |bytes| self.redaction.text(String::from_utf8_lossy(bytes).into_owned());
            answer.headers().get(name).map(|value| text(value.as_bytes()))
        };
        let mut response = Response {
            status: answer.status().as_u16(),
            retry_after: header(reqwest::header::RETRY_AFTER),
            date: header(reqwest::header::DATE),
            content_type: header(reqwest::header::CONTENT_TYPE),
            location: header(reqwest::header::LOCATION),
            body: Bytes::new(),
        };
        let bytes_max = request.body_bytes_max;
        let mut first: Option<Bytes> = None;
        let mut body = BytesMut::new();
        let (mut page, mut long) = (None, None);
        while let Some(chunk) = answer.chunk().await.map_err(|error| no_answer(&error))? {
            // The bound counts decoded bytes: a kilobyte of gzip can hold a gigabyte (S14).
            let bytes = first.as_ref().map_or(0, Bytes::len) + body.len() + chunk.len();
            if bytes > bytes_max {
                return Err(Fault::TooLong { bytes_max });
            }
            if bytes > BODY_BYTES_FREE && page.is_none() {
                page = room_by(deadline.as_mut(), &self.room.pages).await?;
            }
            if bytes > BODY_BYTES_PAGE && long.is_none() {
                long = room_by(deadline.as_mut(), &self.room.long).await?;
            }
            match first.take() {
                None if body.is_empty() => first = Some(chunk),
                Some(start) => {
                    body.extend_from_slice(&start);
                    body.extend_from_slice(&chunk);
                }
                None => body.extend_from_slice(&chunk),
            }
        }
        drop((page, long));
        response.body = self.redaction.body(first.unwrap_or_else(|| body.freeze()));
        Ok(response)
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: &Request) -> Result<Response, Fault> {
        self.exchange(request).await
    }
}

fn base_url(text: &str) -> Result<Url, HttpError> {
    let mut base = Url::parse(text).map_err(|error| HttpError::NotAUrl(plain(text).to_owned(), error.to_string()))?;
    let bad = |why: &str| Err(HttpError::NotAUrl(without_secrets(&base), why.to_owned()));
    if !base.username().is_empty() || base.password().is_some() {
        return bad("it holds a user name; the key belongs into CRYPTODATADOWNLOAD_API_KEY");
    }
    if base.query().is_some() || base.fragment().is_some() {
        return bad("it holds a query; name the base alone");
    }
    match base.scheme() {
        "https" => {}
        "http" if is_loopback(&base) => {}
        "http" => return Err(HttpError::InTheClear(without_secrets(&base))),
        _ => return bad("it is neither https:// nor http://"),
    }
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path())); // without the slash, joining drops the last part
    }
    Ok(base)
}

/// A text that is no URL, where it cannot hold a name, a password or a query: a key may have been put there (I9).
fn plain(text: &str) -> &str {
    if text.contains(['@', '?', '#']) { "(not shown: it may hold a secret)" } else { text }
}

fn without_secrets(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or(""), url.path())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Waits for room as long as the request may take; meanwhile the answer waits on its connection.
async fn room_by<'a>(deadline: Pin<&mut Sleep>, room: &'a Semaphore) -> Result<Option<SemaphorePermit<'a>>, Fault> {
    tokio::select! {
        biased;
        permit = room.acquire() => Ok(permit.ok()), // it is never closed
        () = deadline => Err(Fault::NoAnswer { what: too_late(), may_count: true }),
    }
}

fn too_late() -> String {
    format!("no whole answer within {} s", REQUEST_MS_MAX / 1000)
}

fn no_answer(error: &reqwest::Error) -> Fault {
    let what = if error.is_timeout() && !error.is_connect() { too_late() } else { words(error) };
    Fault::NoAnswer { what, may_count: !error.is_connect() }
}

/// An error's causes in words. reqwest's own words name the URL; its causes do not.
fn words(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "no answer"
    };
    let mut text = what.to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_over_https_or_stays_on_this_machine() {
        // F-U1, F-U2
        for good in ["https://api.example/v1", "http://127.0.0.1:8700/v1/", "http://localhost:1", "http://[::1]:80/"] {
            assert!(Http::new(good, None, 4).is_ok(), "{good}");
        }
        for bad in [
            "http://api.example/v1",
            "http://127.0.0.1.example/",
            "ftp://x/",
            "nonsense",
            "https://u:p@x/",
            "https://u:p@",
            "https://x:y/?a=u:p",
            "https://x/?a=b",
        ] {
            let error = Http::new(bad, None, 4).unwrap_err().to_string();
            assert!(!error.contains("u:p"), "{error}");
        }
        for key in ["a\nb", "a\u{0}b"] {
            assert!(matches!(Http::new("https://x/", Some(&SecretString::from(key)), 1), Err(HttpError::Key)));
        }
        assert_eq!(base_url("https://x/v1").unwrap().join("data/?a=b").unwrap().as_str(), "https://x/v1/data/?a=b");
    }
}
