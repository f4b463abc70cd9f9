//! What can be wrong with an answer. None of these is ever "no data" (I1).

/// Why a request brought no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The vendor's throttle: 429, or a 403 or 503 with `Retry-After`.
    #[error("the rate limit is reached (HTTP {status}{})", wait_s.map(|s| format!(", {s} s")).unwrap_or_default())]
    Throttled {
        /// The HTTP status.
        status: u16,
        /// Seconds to wait as the vendor stated them, clamped; `None` where it stated none that makes sense.
        wait_s: Option<i64>,
        /// What it said, word for word, shortened.
        said: String,
    },
    /// 401, or 403 without `Retry-After`.
    #[error("the vendor refuses the key (HTTP {status}: {said})")]
    KeyRefused {
        /// The HTTP status.
        status: u16,
        /// The vendor's words.
        said: String,
    },
    /// 404.
    #[error("the vendor does not know the path {path}")]
    NoSuchPath {
        /// The path that was asked for.
        path: String,
    },
    /// 400 and other refusals of this one query.
    #[error("the vendor refuses the query (HTTP {status}: {said})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The vendor's words.
        said: String,
    },
    /// A redirect, which is never followed: the key would go along (S10).
    #[error("the vendor redirects to {to}; it was not followed, the key stays here")]
    Redirected {
        /// Where to.
        to: String,
    },
    /// 5xx, or any other status that says nothing of the query.
    #[error("the vendor is in trouble (HTTP {status}: {said})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// Seconds to wait, where it said so.
        wait_s: Option<i64>,
        /// The vendor's words.
        said: String,
    },
    /// A 200 whose body is not what the vendor documents: HTML, cut, another envelope.
    #[error("the answer is not what the vendor documents: {what}")]
    Malformed {
        /// What was found, shortened.
        what: String,
    },
    /// A field has another name or another kind of value than documented (S21).
    #[error("the vendor's fields differ from the documented ones: {what}")]
    OtherFields {
        /// The difference.
        what: String,
    },
    /// A value that cannot be held exactly, or cannot be true (X2, X3).
    #[error("the answer holds a value that cannot be kept: {what}")]
    BadValue {
        /// Which field, which value, and why.
        what: String,
    },
    /// Rows of another option than asked (S16, S19).
    #[error("the answer speaks of {found}, not of {asked}")]
    OtherOption {
        /// What was asked for.
        asked: String,
        /// What came.
        found: String,
    },
    /// More decoded bytes than the bound (S14).
    #[error("the answer is longer than {bytes_max} bytes; it was cut off")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// Pages that repeat or do not end (S18).
    #[error("{what}")]
    Pages {
        /// What is wrong with them.
        what: String,
    },
    /// Rows that moved between two pages: some may be missing.
    #[error("{what}")]
    Moved {
        /// Which.
        what: String,
    },
    /// No answer: refused, reset, timed out, cut short, TLS.
    #[error("{what}")]
    NoAnswer {
        /// What happened, without URL and key.
        what: String,
        /// Whether the vendor may have counted it: it left, and nothing whole came back.
        may_count: bool,
    },
}

impl Fault {
    /// A short word for tables, metrics and the journal.
    pub fn class(&self) -> &'static str {
        match self {
            Fault::Throttled { .. } => "throttled",
            Fault::KeyRefused { .. } => "key_refused",
            Fault::NoSuchPath { .. } => "no_such_path",
            Fault::Refused { .. } => "refused",
            Fault::Redirected { .. } => "redirected",
            Fault::Unavailable { .. } => "unavailable",
            Fault::Malformed { .. } => "malformed",
            Fault::OtherFields { .. } => "other_fields",
            Fault::BadValue { .. } => "bad_value",
            Fault::OtherOption { .. } => "other_option",
            Fault::TooLong { .. } => "too_long",
            Fault::Pages { .. } | Fault::Moved { .. } => "pages",
            Fault::NoAnswer { .. } => "no_answer",
        }
    }
}
