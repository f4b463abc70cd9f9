//! Requests to the dashboard, through its guard and all its routes: without the right name, origin and token nothing is ordered
//! and nothing shown, and whatever comes gets an answer with the headers that keep a browser in its place.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use chainfill::dashboard::{Address, Settings, Token, routes};
use chainfill::domain::moment::Moment;
use chainfill::domain::run::Identity;
use chainfill::store::{Claim, Epoch, MemoryStore, Store as _};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jiff::tz::TimeZone;
use tokio::runtime::Runtime;

/// What the command line named.
const TOKEN: &str = "a-token-of-the-fuzzer";
/// In an input it stands for the token that the page shows.
const PAGE: &str = "@page";
/// More than the longest answer holds.
const ANSWER_BYTES_MAX: usize = 4 << 20;

pub const WORDS: &[&str] = &[
    "GET ",
    "HEAD ",
    "POST ",
    "PUT ",
    "DELETE ",
    "PATCH ",
    "OPTIONS ",
    "TRACE ",
    "CONNECT ",
    "/",
    "/api/status",
    "/api/orders",
    "/api/chain?currency=",
    "/api/coverage?currency=BTC",
    "/api/option/",
    "/api/journal?newest=",
    "/api/forecasts",
    "/healthz",
    "/metrics",
    "/assets/app.js",
    "/assets/../",
    "%2e%2e/",
    "%00",
    "%",
    "?token=",
    "a-token-of-the-fuzzer",
    "\nHost: ",
    "localhost",
    "127.0.0.1:8787",
    "[::1]",
    "evil.example",
    "\nOrigin: ",
    "http://",
    "https://",
    "http://localhost",
    "\nX-Chainfill-Page: ",
    PAGE,
    "\nAuthorization: Bearer ",
    "\nCookie: chainfill=",
    "\n\n",
    "{\"order\":\"pause\"}",
    "{\"order\":\"pace\",\"spacing_ms\":",
    "{\"order\":\"retry\",\"symbols\":[\"",
    "null",
    "-1",
    "18446744073709551616",
    "&expiry=",
    "\nContent-Type: application/json",
    "\nX-HTTP-Method-Override: POST",
];

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

struct Desk {
    runtime: Runtime,
    open: Router,
    closed: Router,
    page_tokens: [String; 2],
    cookie: String,
    store: Arc<MemoryStore>,
}

impl Desk {
    fn new() -> Desk {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = Arc::new(MemoryStore::new());
        // A run of long ago on another host: orders can be left, and nobody is waited for.
        let identity = Identity {
            pid: 7,
            host: "elsewhere".to_owned(),
            boot_id: String::new(),
            machine: String::new(),
            pid_namespace: String::new(),
            pid_started: 0,
            started_at: Moment(0),
            started_boot_ms: 0,
            command: "backfill".to_owned(),
        };
        let claim = Claim { identity, now: Moment(0), alive: |_| None };
        runtime.block_on(store.begin(&claim)).expect("nobody holds it");
        let made = |token: Option<Token>| {
            routes(Settings {
                store: store.clone(),
                address: Address::default(),
                name: None,
                token,
                tz: TimeZone::UTC,
                is_beside_run: false,
                from: chainfill::process::vantage,
            })
        };
        let token: Token = TOKEN.parse().expect("a token");
        let cookie = token.cookie();
        let ((open, first), (closed, second)) = (made(None), made(Some(token)));
        Desk { runtime, open, closed, page_tokens: [first, second], cookie, store }
    }

    /// How many orders were left since the last time; they count as taken then.
    fn orders(&self) -> usize {
        let epoch = Epoch(1);
        let left = self.runtime.block_on(self.store.take_orders(epoch, &[])).expect("the run's own store");
        let ids: Vec<i64> = left.into_iter().map(|(id, _)| id).collect();
        if !ids.is_empty() {
            self.runtime.block_on(self.store.take_orders(epoch, &ids)).expect("the run's own store");
        }
        ids.len()
    }
}

pub fn run(data: &[u8]) {
    DESK.with_borrow_mut(|desk| {
        let desk = desk.get_or_insert_with(Desk::new);
        for is_closed in [false, true] {
            let page_token = &desk.page_tokens[usize::from(is_closed)];
            let text = String::from_utf8_lossy(data).replace(PAGE, page_token);
            let Some(request) = request(&text) else { return };
            judged(desk, is_closed, request);
        }
    });
}

fn judged(desk: &Desk, is_closed: bool, request: Request<Body>) {
    let (parts, body) = request.into_parts();
    let told = Told::of(&parts, desk, is_closed);
    let router = if is_closed { desk.closed.clone() } else { desk.open.clone() };
    let service = TowerToHyperService::new(router);
    let (status, head, size) = desk.runtime.block_on(async {
        let answer = service.call(Request::from_parts(parts, body)).await.expect("routes never fail");
        let (head, body) = answer.into_parts();
        // Events come for as long as somebody listens.
        let streams =
            head.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let size = if streams { 0 } else { to_bytes(body, ANSWER_BYTES_MAX).await.expect("a bounded answer").len() };
        (head.status, head.headers, size)
    });
    assert!(!status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{status} for {told:?}");
    for name in ["content-security-policy", "x-content-type-options", "cache-control", "x-frame-options"] {
        assert!(head.contains_key(name), "no {name} for {told:?}");
    }
    assert!(!head.keys().any(|name| name.as_str().starts_with("access-control-")), "CORS for {told:?}");
    let mut refusals = vec![StatusCode::MISDIRECTED_REQUEST, StatusCode::UNAUTHORIZED];
    if !told.may_look {
        refusals.push(StatusCode::SEE_OTHER); // the way in, with the token in the address
        assert!(refusals.contains(&status) && size < 200, "{status} for {told:?}");
    } else if !told.is_safe && !told.may_order {
        refusals.push(StatusCode::FORBIDDEN);
        assert!(refusals.contains(&status), "{status} for {told:?}");
    }
    if desk.orders() > 0 {
        assert!(told.may_look && told.may_order && !told.is_safe, "an order was taken of {told:?}");
    }
}

/// What the rules say of a request, in a second way: W1 and W2.
#[derive(Debug)]
struct Told {
    may_look: bool,
    is_safe: bool,
    may_order: bool,
    #[allow(dead_code)] // it is told where a promise is broken
    line: String,
}

impl Told {
    fn of(parts: &axum::http::request::Parts, desk: &Desk, is_closed: bool) -> Told {
        let all = |name: &str| -> Vec<String> {
            parts
                .headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect()
        };
        let hosts = all("host");
        let first = hosts.first().cloned().unwrap_or_default();
        let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
        let is_own = hosts.len() == 1 && is_this_machine(&first) && authority.is_none_or(|name| is_this_machine(&name));
        let bearer = format!("Bearer {TOKEN}");
        let cookie = format!("chainfill={}", desk.cookie);
        let knows = !is_closed
            || all("authorization").first().is_some_and(|value| value.split_whitespace().eq(bearer.split(' ')))
            || all("cookie").iter().any(|value| value.split(';').any(|pair| pair.trim() == cookie));
        let origin = all("origin").first().cloned().unwrap_or_default();
        let from_itself = [format!("http://{first}"), format!("https://{first}")].contains(&origin);
        let page_token = &desk.page_tokens[usize::from(is_closed)];
        Told {
            may_look: is_own && knows,
            is_safe: [Method::GET, Method::HEAD].contains(&parts.method),
            may_order: from_itself && all("x-chainfill-page").first() == Some(page_token),
            line: format!("{} {} {:?}", parts.method, parts.uri, parts.headers),
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `POST /path`, header lines, an empty line, the body.
fn request(text: &str) -> Option<Request<Body>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, uri) = lines.next()?.split_once(' ')?;
    let fields = lines.filter_map(|line| line.split_once(": "));
    let request =
        fields.fold(Request::builder().method(method).uri(uri), |request, (name, value)| request.header(name, value));
    request.body(Body::from(body.to_owned())).ok()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let paths = [
        "/",
        "/assets/app.js",
        "/api/status",
        "/api/coverage?currency=BTC",
        "/api/chain?currency=ETH&expiry=2024-04-12",
        "/api/option/ETH-12APR24-3100-C",
        "/api/journal?newest=5",
        "/api/forecasts",
        "/healthz",
        "/metrics",
        "/api/events",
        "/?token=a-token-of-the-fuzzer",
        "http://localhost/api/status",
    ];
    let look = |path: &str| format!("GET {path}\nHost: localhost:8787\nAuthorization: Bearer {TOKEN}\n\n");
    let orders = [
        r#"{"order":"pause"}"#,
        r#"{"order":"resume"}"#,
        r#"{"order":"stop"}"#,
        r#"{"order":"pace","spacing_ms":200}"#,
        r#"{"order":"retry","symbols":["ETH-12APR24-3100-C"]}"#,
        r#"{"order":"retry","attention":true}"#,
    ];
    let order = |body: &str| {
        format!(
            "POST /api/orders\nHost: 127.0.0.1:8787\nOrigin: http://127.0.0.1:8787\nX-Chainfill-Page: {PAGE}\n\
             Authorization: Bearer {TOKEN}\n\n{body}"
        )
    };
    let seeds = paths.iter().map(|path| look(path)).chain(orders.iter().map(|body| order(body)));
    seeds.map(String::into_bytes).collect()
}
