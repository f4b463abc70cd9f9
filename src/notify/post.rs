//! One notice to one service: a POST, and whether it was taken.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};

use super::delivery::Miss;
use super::form::{Form, Message};
use super::notice::Notice;

/// A service and the client for it.
#[derive(Debug)]
pub(super) struct Post {
    form: Form,
    url: Url,
    client: Client,
}

impl Post {
    /// To that service. No redirect is followed: a notice goes where it was sent, and nowhere else.
    pub(super) fn new(form: Form, url: Url, try_ms: u64) -> Result<Post, String> {
        // A second call finds the provider of the first; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("chainfill/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .timeout(Duration::from_millis(try_ms))
            .pool_max_idle_per_host(0); // minutes pass between two notices
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| words(&error))?;
        Ok(Post { form, url, client })
    }

    /// Sends it once. The body of the answer is not read: its status says all, and a body has no end.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Miss> {
        let Message { url, headers, body } = self.form.message(&self.url, notice);
        let mut request = self.client.post(url).body(body);
        for (name, value) in headers {
            // Names may hold any letter: ntfy takes UTF-8, and control characters are gone long since.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                request = request.header(name, value);
            }
        }
        let answer =
            request.send().await.map_err(|error| Miss { words: words(&error), may_pass: true, wait_ms: None })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let wait_s = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
        Err(Miss {
            words: refusal(status),
            may_pass: status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT),
            wait_ms: wait_s
                .and_then(|wait_s| u64::try_from(Duration::try_from_secs_f64(wait_s).ok()?.as_millis()).ok()),
        })
    }
}

fn refusal(status: StatusCode) -> String {
    match status.as_u16() {
        300..=399 => format!("HTTP {}: it points elsewhere; name the URL that it points to", status.as_u16()),
        401 | 403 | 404 | 410 => format!("HTTP {}: look at the URL, its token may be gone", status.as_u16()),
        other => format!("HTTP {other}"),
    }
}

/// An error's causes in words. reqwest's own words name the URL; its causes do not.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() && !error.is_connect() {
        return "no answer in time".to_owned();
    }
    let mut text = if error.is_connect() { "no connection" } else { "no answer" }.to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
