//! What Django and Django REST Framework do before a view: content negotiation, token authentication, and the
//! bodies of their refusals, to the letter.

use secrecy::{ExposeSecret as _, SecretString};

use super::reply::Reply;
use super::throttle::Refusal;

const NO_CREDENTIALS: &str = "Authentication credentials were not provided.";

const NOT_FOUND: &str = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n  \
     <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n";

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As JSON.
    Json,
    /// As the browsable API's page.
    Html,
}

/// Chooses the renderer as DRF does for `[JSONRenderer, BrowsableAPIRenderer]`: the most specific ranges
/// first, whatever their weights, and JSON first among equals.
///
/// # Errors
/// 406, when neither will do.
pub(crate) fn negotiate(accept: Option<&str>) -> Result<Shown, Reply> {
    let ranges: Vec<&str> = accept.unwrap_or("*/*").split(',').map(str::trim).collect();
    for level in (0..4).rev() {
        for (shown, media) in [(Shown::Json, "application/json"), (Shown::Html, "text/html")] {
            if ranges.iter().any(|range| specific(range) == level && takes(range, media)) {
                return Ok(shown);
            }
        }
    }
    Err(detail(406, "Could not satisfy the request Accept header."))
}

/// How specific a media range is: `*/*`, `text/*`, `text/html`, `text/html; level=1`.
fn specific(range: &str) -> u8 {
    let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
    match media.trim() {
        any if any.starts_with('*') => 0,
        kind if kind.ends_with("/*") => 1,
        _ if parameters.trim().is_empty() || parameters.trim().starts_with("q=") => 2,
        _ => 3,
    }
}

/// Whether a media range takes a media type.
fn takes(range: &str, media: &str) -> bool {
    let range = range.split(';').next().unwrap_or("").trim();
    let kind = media.split('/').next().unwrap_or(media);
    range == media || range.starts_with('*') || range.strip_suffix("/*") == Some(kind)
}

/// Token authentication with `IsAuthenticated`.
///
/// # Errors
/// 401, with DRF's own words.
pub(crate) fn authenticate(authorization: Option<&str>, key: &SecretString) -> Result<(), Reply> {
    let words: Vec<&str> = authorization.unwrap_or("").split_whitespace().collect();
    let said = match words[..] {
        [keyword, ..] if !keyword.eq_ignore_ascii_case("token") => NO_CREDENTIALS,
        [] => NO_CREDENTIALS,
        [_] => "Invalid token header. No credentials provided.",
        [_, given] if given == key.expose_secret() => return Ok(()),
        [_, _] => "Invalid token.",
        _ => "Invalid token header. Token string should not contain spaces.",
    };
    Err(unauthorized(said))
}

/// 401 with those words.
pub(crate) fn unauthorized(said: &str) -> Reply {
    detail(401, said).with("WWW-Authenticate", "Token")
}

/// 429 as DRF's exception handler builds it.
pub(crate) fn throttled(refusal: Refusal) -> Reply {
    let reply = Reply::json(429, refusal.body());
    match refusal.wait_s {
        Some(wait_s) => reply.with("Retry-After", &wait_s.to_string()),
        None => reply,
    }
}

/// An error of DRF.
pub(crate) fn detail(status: u16, said: &str) -> Reply {
    Reply::json(status, format!(r#"{{"detail":{}}}"#, serde_json::Value::from(said)))
}

/// Django's page for a path that it does not know.
pub(crate) fn not_found() -> Reply {
    Reply::html(404, NOT_FOUND)
}

/// Django's redirect to the path with its slash.
pub(crate) fn to_slash(path: &str, query: Option<&str>) -> Reply {
    let location = query.map_or_else(|| format!("{path}/"), |query| format!("{path}/?{query}"));
    Reply::html(301, "").with("Location", &location)
}

/// Any other method than GET and HEAD.
pub(crate) fn method_not_allowed(method: &str) -> Reply {
    detail(405, &format!("Method \"{method}\" not allowed."))
}

/// The browsable API's page around an answer.
pub(crate) fn browsable(reply: &Reply) -> Reply {
    let shown = String::from_utf8_lossy(&reply.body).replace('&', "&amp;").replace('<', "&lt;");
    let mut page = Reply::html(
        reply.status,
        format!(
            "<!DOCTYPE html>\n<html>\n  <head>\n    <title>Options – Django REST framework</title>\n  </head>\n  \
             <body><pre>{shown}</pre></body>\n</html>\n"
        ),
    );
    page.headers.extend(reply.headers.iter().filter(|(name, _)| *name != "Content-Type").cloned());
    page
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_present_a_key_gets_the_observed_answer() {
        // F-S7
        let key = SecretString::from("secret");
        for (header, said) in [
            (None, "Authentication credentials were not provided."),
            (Some("Token"), "Invalid token header. No credentials provided."),
            (Some("Token a b"), "Invalid token header. Token string should not contain spaces."),
            (Some("Token wrong"), "Invalid token."),
            (Some("Bearer secret"), "Authentication credentials were not provided."),
        ] {
            let reply = authenticate(header, &key).unwrap_err();
            assert_eq!(reply.body, format!(r#"{{"detail":"{said}"}}"#), "{header:?}");
            assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Token")));
            assert_eq!(reply.header("Content-Type"), Some("application/json"));
            assert_eq!((reply.header("Vary"), reply.header("Allow")), (Some("Accept"), Some("GET, HEAD, OPTIONS")));
        }
        for header in ["TOKEN secret", "token secret", "Token secret"] {
            assert!(authenticate(Some(header), &key).is_ok(), "{header}");
        }
    }

    #[test]
    fn the_accept_header_chooses_as_observed() {
        // F-S2: a browser's header brings HTML with status 200.
        for (accept, shown) in [
            (None, Shown::Json),
            (Some("*/*"), Shown::Json),
            (Some("application/json"), Shown::Json),
            (Some("application/*"), Shown::Json),
            (Some("text/html"), Shown::Html),
            (Some("text/html, application/json"), Shown::Json),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Shown::Html),
            (Some("text/html, application/json; indent=4"), Shown::Json),
        ] {
            assert_eq!(negotiate(accept).unwrap(), shown, "{accept:?}");
        }
        let refused = negotiate(Some("text/csv")).unwrap_err();
        assert_eq!(refused.status, 406);
        assert_eq!(refused.body, r#"{"detail":"Could not satisfy the request Accept header."}"#);
    }
}
