//! A vendor that says the key back.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::rig::program::Desk;

/// Refuses every key, and says it back in body and header.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let token = head.iter().find(|line| line.to_ascii_lowercase().starts_with("authorization")).unwrap();
            let body = format!("{{\"detail\":\"Invalid token. You sent {token}\"}}");
            let answer = format!(
                "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nLocation: /?{token}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_key_that_the_vendor_says_back_is_neither_shown_nor_stored_nor_logged() {
    // F-I9
    // What it says and what it leaves is searched when the desk is cleared.
    let desk = Desk::new();
    let said = desk.chainfill(&["backfill", "--api-url", &echo()]).with_key().ends_with(7).said();
    assert!(said.contains("[the key]"), "{said}");
}
