//! Who may ask for what: checked for every request before any route sees it (W1, W2, W3).

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN,
    REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::Desk;
use super::address::{Address, host_of, is_loopback};
use super::secret::{Token, random, same};

/// The field in which the page shows the token of this start.
pub const PAGE_FIELD: HeaderName = HeaderName::from_static("x-chainfill-page");

const COOKIE_NAME: &str = "chainfill";

/// No origin may do anything with these pages but themselves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// The rules of one start.
pub struct Guard {
    /// What the page of this start shows with an order.
    pub page_token: String,
    token: Option<Token>,
    names: Vec<String>,
    /// Whether other machines may ask: then by number as well, which no name of somebody else's can stand for.
    by_number: bool,
}

impl Guard {
    /// The rules for an address.
    pub fn new(address: &Address, name: Option<String>, token: Option<Token>) -> Guard {
        let names = name.into_iter().chain([address.host.clone()]).collect();
        Guard { page_token: random(), token, names, by_number: !address.is_loopback() }
    }

    /// Whether this server goes by that name. Behind any other name is somebody who wants a browser to take his page
    /// for this one (DNS rebinding).
    fn is_called(&self, host: &str) -> bool {
        is_loopback(host)
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
            || (self.by_number && host.parse::<IpAddr>().is_ok())
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer = text(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if bearer.is_some_and(|shown| token.is(shown.trim())) {
            return true;
        }
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == COOKIE_NAME && same(value, &token.cookie()))
    }

    /// Whether the page of this start asks, and no other site on its behalf.
    fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let host = text(headers, &HOST);
        let origin = text(headers, &ORIGIN)
            .and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
        let page = text(headers, &PAGE_FIELD);
        host.is_some() && origin == host && page.is_some_and(|shown| same(shown, &self.page_token))
    }
}

/// Lets a request through, or answers it here. Every answer gets the headers that keep a browser in its place.
pub async fn stand(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let mut response = match refused(&desk.guard, &request) {
        Some(response) => response,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refused(guard: &Guard, request: &Request) -> Option<Response> {
    let headers = request.headers();
    // A request may name its host twice, before its path as well: both must be right, and the field only once.
    let field = (headers.get_all(HOST).iter().count() == 1).then(|| text(headers, &HOST)).flatten();
    let hosts = [field, request.uri().authority().map(axum::http::uri::Authority::as_str).or(field)];
    if !hosts.into_iter().all(|host| host.and_then(host_of).is_some_and(|host| guard.is_called(host))) {
        return Some(answer(
            StatusCode::MISDIRECTED_REQUEST,
            "this server does not go by that name; --dashboard-host NAME lets it",
        ));
    }
    if let Some(response) = login(guard, request) {
        return Some(response);
    }
    if !guard.knows(headers) {
        let mut response = answer(
            StatusCode::UNAUTHORIZED,
            "this dashboard wants its token: open /?token=TOKEN once, or send it as a bearer token",
        );
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Some(response);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) && !guard.is_own_page(headers) {
        return Some(answer(StatusCode::FORBIDDEN, "only the page of this server may order; reload it if it is one"));
    }
    None
}

/// `/?token=…` is turned into a cookie, so that the token does not stay in the address.
fn login(guard: &Guard, request: &Request) -> Option<Response> {
    let token = guard.token.as_ref()?;
    let query = request.uri().query().filter(|_| request.uri().path() == "/" && request.method() == Method::GET)?;
    let shown = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    if !token.is(shown) {
        return Some(answer(StatusCode::UNAUTHORIZED, "that is not this dashboard's token"));
    }
    let cookie = format!("{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000", token.cookie());
    let mut response = answer(StatusCode::SEE_OTHER, "known from now on");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    response.headers_mut().insert(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    Some(response)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A short answer in words.
pub fn answer(status: StatusCode, words: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{words}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
