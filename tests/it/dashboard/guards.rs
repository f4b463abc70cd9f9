//! Who may ask for what.

use super::serving;
use crate::rig::program::Desk;

const PATHS: [&str; 9] = [
    "/",
    "/assets/app.js",
    "/api/status",
    "/api/events",
    "/api/coverage?currency=BTC",
    "/api/orders",
    "/healthz",
    "/metrics",
    "/nowhere",
];

const TOKEN: &str = "a-token-of-24-characters";

#[test]
fn a_host_that_is_not_this_machine_is_misdirected() {
    // F-W1
    let desk = Desk::new();
    let (_program, served) = serving(&desk, &[]);
    for host in ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "10.1.2.3", "", "localhost:x", "[::2]"]
    {
        for path in PATHS {
            assert_eq!(served.ask("GET", path, &[("Host", host)], "").status, 421, "{host} {path}");
        }
    }
    for host in ["localhost", "127.0.0.1:9", "[::1]:8787", "LOCALHOST:1"] {
        assert_eq!(served.ask("GET", "/healthz", &[("Host", host)], "").status, 200, "{host}");
    }
    let twice = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!([400, 421].contains(&served.raw(twice).status));
    let none = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(served.raw(none).status, 421);
    let absolute = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(served.raw(absolute).status, 421);
    let (_program, served) = serving(&desk, &["--dashboard-host", "nas.example"]);
    assert_eq!(served.ask("GET", "/", &[("Host", "nas.example")], "").status, 200);
    assert_eq!(served.ask("GET", "/", &[("Host", "evil.example")], "").status, 421);
}

#[test]
fn nobody_but_the_page_orders_on_any_route_with_any_method() {
    // F-W2
    let desk = Desk::new();
    let (_program, served) = serving(&desk, &[]);
    let (origin, token) = (format!("http://{}", served.host()), served.page_token());
    for path in PATHS {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"] {
            let refused: [&[(&str, &str)]; 6] = [
                &[],
                &[("Origin", &origin)],
                &[("X-Chainfill-Page", &token)],
                &[("Origin", "http://evil.example"), ("X-Chainfill-Page", &token)],
                &[("Origin", "null"), ("X-Chainfill-Page", &token)],
                &[("Origin", &origin), ("X-Chainfill-Page", "0123456789abcdef0123456789abcdef")],
            ];
            for fields in refused {
                assert_eq!(served.ask(method, path, fields, "{}").status, 403, "{method} {path} {fields:?}");
            }
            if (method, path) != ("POST", "/api/orders") {
                let fields = [("Origin", origin.as_str()), ("X-Chainfill-Page", &token)];
                let status = served.ask(method, path, &fields, "{}").status;
                assert!([404, 405].contains(&status), "{method} {path}: {status}");
            }
        }
    }
    assert_eq!(served.get("/api/orders").status, 405);
}

#[test]
fn every_answer_keeps_the_browser_in_its_place() {
    // F-W3
    let desk = Desk::new();
    let (_program, served) = serving(&desk, &[]);
    let mut answers: Vec<_> =
        PATHS.iter().filter(|path| **path != "/api/events").map(|path| served.get(path)).collect();
    answers.push(served.ask("GET", "/", &[("Host", "evil.example")], ""));
    answers.push(served.ask("POST", "/", &[("Origin", "http://evil.example")], ""));
    for answer in &answers {
        for field in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.head.contains(field), "{field}: {}", answer.head);
        }
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
    }
    let page = &answers[0].body;
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("onclick"), "inline is forbidden");
    let elsewhere = page.split("https://").count() + page.split("http://").count();
    assert_eq!(elsewhere, 2, "nothing comes from elsewhere: {page}");
}

#[test]
fn the_token_opens_each_request_and_is_never_shown() {
    let desk = Desk::new();
    let taken = desk.chainfill(&["serve", "--listen", "0.0.0.0:0"]).ends_with(2).said();
    assert!(taken.contains("--dashboard-token") && taken.contains("other machines"), "{taken}");
    for bad in ["hunter2", "white space is no token", &"x".repeat(300)] {
        let said = desk.chainfill(&["serve", "--dashboard-token", bad]).ends_with(2).said();
        assert!(said.contains("token") && !said.contains(bad), "{said}");
        let said = desk.chainfill(&["serve"]).env("CHAINFILL_DASHBOARD_TOKEN", bad).ends_with(2).said();
        assert!(said.contains("token") && !said.contains(bad), "{said}");
    }
    let args = ["serve", "--listen", "0.0.0.0:0"];
    let mut program = desk.chainfill(&args).env("CHAINFILL_DASHBOARD_TOKEN", TOKEN).spawn();
    let served = super::Served::by(&mut program);
    for path in PATHS {
        let answer = served.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.body.contains(TOKEN));
        let bad = [("Authorization", "Bearer a-token-of-24-characterx")];
        assert_eq!(served.ask("GET", path, &bad, "").status, 401, "{path}");
    }
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(served.ask("GET", "/healthz", &[("Authorization", &bearer)], "").status, 200);
    // By number from anywhere, but under no name that is not its own.
    let fields = [("Authorization", bearer.as_str()), ("Host", "10.1.2.3:8787")];
    assert_eq!(served.ask("GET", "/healthz", &fields, "").status, 200);
    let fields = [("Authorization", bearer.as_str()), ("Host", "evil.example")];
    assert_eq!(served.ask("GET", "/healthz", &fields, "").status, 421);
    assert_eq!(served.get("/?token=a-token-of-24-characterx").status, 401);
    let login = served.get(&format!("/?token={TOKEN}"));
    assert_eq!(login.status, 303);
    assert!(
        login.head.contains("location: /\r\n") && login.head.contains("httponly; samesite=strict"),
        "{}",
        login.head
    );
    let (_, rest) = login.head.split_once("set-cookie: ").unwrap();
    let cookie = rest.split_once(';').unwrap().0;
    assert!(!cookie.contains(TOKEN));
    assert_eq!(served.ask("GET", "/", &[("Cookie", cookie)], "").status, 200);
    assert_eq!(served.ask("GET", "/", &[("Cookie", &format!("chainfill={TOKEN}"))], "").status, 401);
    // Who is known is still no page that orders.
    assert_eq!(served.ask("POST", "/api/orders", &[("Cookie", cookie)], "{}").status, 403);
    assert!(!program.said().contains(TOKEN), "{}", program.said());
}

#[test]
fn heads_bodies_and_addresses_are_bounded() {
    // F-I12
    let desk = Desk::new();
    let (_program, served) = serving(&desk, &[]);
    let long = "x".repeat(40_000);
    assert!([414, 431].contains(&served.get(&format!("/{long}")).status));
    assert_eq!(served.ask("GET", "/", &[("X-Long", &long)], "").status, 431);
    let many: Vec<(&str, &str)> = vec![("X-Many", "1"); 200];
    assert_eq!(served.ask("GET", "/", &many, "").status, 431);
    let answer = served.order(&format!(r#"{{"order":"{}"}}"#, "x".repeat(100_000)));
    assert!([413, 0].contains(&answer.status), "{answer:?}");
    for bad in ["", "{}", "[]", r#"{"order":"rm"}"#, r#"{"order":"pace","spacing_ms":-1}"#, r#"{"order":"retry"}"#] {
        assert_eq!(served.order(bad).status, 400, "{bad}");
    }
    assert_eq!(served.get("/assets/../guard.rs").status, 404);
    assert_eq!(served.get("/assets/%2e%2e/%2e%2e/guard.rs").status, 404);
    assert_eq!(served.get(&format!("/api/option/{}", "y".repeat(500))).status, 404);
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() {
    // F-U3
    let desk = Desk::new();
    let (_program, served) = serving(&desk, &[]);
    let at = served.host();
    for args in [vec!["serve", "--listen", &at], vec!["backfill", "--dashboard", &at]] {
        let ended = desk.chainfill(&args).with_key().ends_with(2);
        assert!(ended.err.contains(&at) && ended.err.contains("another program uses that port"), "{}", ended.err);
        assert!(ended.err.lines().count() <= 2, "{}", ended.err);
    }
    assert!(!desk.database().exists(), "nothing was begun");
    let said = desk.chainfill(&["backfill", "--dashboard", "BTC"]).with_key().ends_with(2).said();
    assert!(said.contains("BTC is no address") && said.contains("currencies come before it"), "{said}");
}
