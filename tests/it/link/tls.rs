//! A certificate that does not hold: no key, no password and no question leaves.

use crate::rig::canary;
use crate::rig::certificate::{Certificate, Shown, make};
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;

const LATER: &str = "20990101000000Z";
const LONG_AGO: &str = "20200102000000Z";

/// Exit codes: the vendor gave no answer, it refuses the key, the store cannot be used.
const NO_ANSWER: i32 = 4;
const KEY: i32 = 7;
const STORE: i32 = 8;

#[test]
fn a_vendor_whose_certificate_does_not_hold_hears_nothing() {
    // F-P2, F-I9
    let folder = tempfile::tempdir().unwrap();
    let root = make(folder.path(), "root", "", LATER, None);
    let right = "IP:127.0.0.1,DNS:localhost";
    let cases: [(Certificate, Option<&str>); 4] = [
        (make(folder.path(), "good", right, LATER, Some(&root)), None),
        (make(folder.path(), "expired", right, LONG_AGO, Some(&root)), Some("expired")),
        (make(folder.path(), "elsewhere", "DNS:api.example", LATER, Some(&root)), Some("not valid for name")),
        (make(folder.path(), "self", right, LATER, None), Some("certificate")),
    ];
    let trusted = root.cert.display().to_string();
    // Each is tried for 20 seconds until a vendor that never answered is given up.
    std::thread::scope(|scope| {
        for (certificate, fault) in &cases {
            let trusted = &trusted;
            scope.spawn(move || {
                let (vendor, desk) = (Shown::start(certificate), Desk::new());
                let url = format!("https://127.0.0.1:{}/v1", vendor.port);
                let backfill = desk.chainfill(&["backfill", "BTC", "--api-url", &url]).with_key();
                let ended = backfill.env("SSL_CERT_FILE", trusted).run();
                match fault {
                    None => {
                        ended.expect_code(KEY);
                        assert!(vendor.heard().contains(&format!("Token {}", canary::key())), "a good one is believed");
                    }
                    Some(fault) => {
                        let ended = ended.expect_code(NO_ANSWER);
                        assert!(ended.said().contains(fault), "{fault}: {}", ended.said());
                        assert_eq!(vendor.heard(), "");
                    }
                }
            });
        }
    });
}

#[test]
fn a_database_whose_certificate_does_not_hold_hears_nothing() {
    // F-P2, F-U4
    let folder = tempfile::tempdir().unwrap();
    let root = make(folder.path(), "root", "", LATER, None);
    for (name, names, until) in [("private", "IP:127.0.0.1", LATER), ("expired", "IP:127.0.0.1", LONG_AGO)] {
        let certificate = make(folder.path(), name, names, until, Some(&root));
        let pg = Postgres::start_with_tls(&certificate);
        let url = pg.database().replace("postgres@", "postgres:s3cret@");
        let before = pg.log().matches("connection authorized").count();
        let desk = Desk::new();
        let args = ["status", "--store", &format!("{url}?sslmode=require")];
        let ended = desk.chainfill(&args).ends_with(STORE);
        assert!(ended.err.contains("certificate"), "{}", ended.err);
        assert!(!ended.said().contains("s3cret"));
        assert_eq!(pg.log().matches("connection authorized").count(), before, "{}", pg.log());
    }
    // And one that has none is not spoken to in the clear where TLS is asked for.
    let pg = Postgres::start();
    let ended =
        Desk::new().chainfill(&["status", "--store", &format!("{}?sslmode=require", pg.database())]).ends_with(STORE);
    assert!(ended.err.contains("does not support TLS"), "{}", ended.err);
}
