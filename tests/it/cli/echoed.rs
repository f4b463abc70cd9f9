//! A vendor that quotes the key in its errors: nobody who reads them learns it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use crate::rig::archive::reader;
use crate::rig::program::Desk;

const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// Lists three options and refuses each with a page that quotes what was sent. It ends with the test.
fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut sent = String::new();
            let mut lines = BufReader::new(&stream);
            while lines.read_line(&mut sent).unwrap_or(0) > 2 {}
            let (status, body) = if sent.contains("/available/") {
                (
                    "200 OK",
                    r#"{"result":["BTC-17APR24-60000-C","BTC-17APR24-61000-C","BTC-18APR24-61000-C"]}"#.to_owned(),
                )
            } else {
                (
                    "400 Bad Request",
                    format!("<pre>{}</pre>", &sent[sent.to_lowercase().find("authorization").unwrap_or(0)..]),
                )
            };
            let _ = write!(
                &stream,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nRetry-After: {KEY}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

#[test]
fn a_key_that_the_vendor_sends_back_is_in_no_file_and_in_no_word() {
    // F-I9
    let (desk, url) = (Desk::new(), start());
    let ended = desk.chainfill(&["backfill", "--api-url", &url, "--log-file", "run.log"]).key(KEY).run();
    assert!(ended.said().contains("[the key]") && !ended.said().contains(KEY), "{}", ended.said());
    let sql = "SELECT count(*) FROM chainfill_attempt WHERE note LIKE '%[the key]%'";
    let notes: u32 = reader(&desk.database()).query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(notes > 0);
    for entry in std::fs::read_dir(desk.path()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{:?}", entry.path());
    }
}
