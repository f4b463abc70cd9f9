//! What is asked of the simulated vendor, what it answers, and how the answer is broken on its way.

use std::fmt;

use bytes::Bytes;

/// A GET as it reaches the vendor.
#[derive(Clone, Default)]
pub struct Ask {
    /// Path and query: `/v1/data/ohlc/deribit/options/?symbol=X`.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Accept` header.
    pub accept: Option<String>,
}

/// An answer before it is on the wire: the body is neither compressed nor cut yet.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, without `Content-Length`, `Content-Encoding` and `Transfer-Encoding`: those are the wire's.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: Bytes,
    /// How much of it arrives.
    pub cut: Cut,
    /// How long the vendor takes.
    pub delay_ms: u64,
}

/// How a body is broken on the wire. `at` is the number of the body's bytes that still leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// It is not.
    #[default]
    Whole,
    /// `Content-Length` promises the whole, the connection closes before (S13).
    ShortLength {
        /// Bytes sent.
        at: usize,
    },
    /// Chunked, and closed without the last chunk (S13).
    CutChunk {
        /// Bytes sent.
        at: usize,
    },
    /// A gzip stream that ends early inside a body that HTTP calls whole (S13).
    CutGzip {
        /// Bytes of the plain body that are inside.
        at: usize,
    },
    /// No length at all: the body ends where the connection does, so HTTP calls the rest a whole answer (S13).
    CutClose {
        /// Bytes sent.
        at: usize,
    },
    /// The connection closes before the first byte of the head (P1).
    BeforeHead,
    /// The head comes, the body never does (P1).
    Stall,
    /// One byte every ten seconds (S15).
    Trickle,
    /// Gzip that unfolds without end (S14).
    Bomb,
    /// Plain bytes without end (S14).
    Endless,
}

impl fmt::Debug for Ask {
    /// Without the key (I9).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ask { path, authorization, accept } = self;
        let has_key = authorization.is_some();
        f.debug_struct("Ask").field("path", path).field("has_key", &has_key).field("accept", accept).finish()
    }
}

impl Ask {
    /// A question with that key, as chainfill asks it.
    pub fn json(path: &str, key: &str) -> Ask {
        Ask {
            path: path.to_owned(),
            authorization: Some(format!("Token {key}")),
            accept: Some("application/json".to_owned()),
        }
    }
}

impl Reply {
    /// A view's answer, with the headers that Django REST Framework adds.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply::new(status, "application/json", body.into()).with("Vary", "Accept").with("Allow", "GET, HEAD, OPTIONS")
    }

    /// A page from Django or from the server before it.
    pub fn html(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply::new(status, "text/html; charset=utf-8", body.into())
    }

    /// An answer of that content type.
    pub(crate) fn new(status: u16, content_type: &str, body: Bytes) -> Reply {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Reply { status, headers, body, cut: Cut::Whole, delay_ms: 0 }
    }

    /// The answer with one header more.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
