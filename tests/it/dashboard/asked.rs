//! A client that sends exactly what it is told to, as a browser would not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::rig::canary;
use crate::rig::program::Running;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where something is served.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    pub port: u16,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Served {
    /// Waits until a program says where it serves.
    pub fn by(program: &mut Running<'_>) -> Served {
        program.until_said("Dashboard: http://");
        let mut port = None;
        program.until("the whole address", || true);
        while port.is_none() {
            let said = program.said();
            let rest = said.split_once("Dashboard: http://").map_or("", |(_, rest)| rest);
            port = rest.split_once('/').and_then(|(host, _)| host.rsplit_once(':')?.1.parse().ok());
            program.look("the whole address");
        }
        Served { port: port.unwrap() }
    }

    /// Its name and port.
    pub fn host(self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A plain GET.
    pub fn get(self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// A GET of JSON.
    pub fn json(self, path: &str) -> serde_json::Value {
        let answer = self.get(path);
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {answer:?}"))
    }

    /// A request with these fields; `Host` is right unless it is among them.
    pub fn ask(self, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let host = self.host();
        let mut lines = vec![format!("{method} {path} HTTP/1.1")];
        if !fields.iter().any(|(name, _)| *name == "Host") {
            lines.push(format!("Host: {host}"));
        }
        lines.extend(fields.iter().map(|(name, value)| format!("{name}: {value}")));
        lines.push(format!("Content-Length: {}", body.len()));
        lines.push("Connection: close".to_owned());
        self.raw(&format!("{}\r\n\r\n{body}", lines.join("\r\n")))
    }

    /// Exactly these bytes.
    pub fn raw(self, request: &str) -> Answer {
        let mut stream = self.connect();
        let _ = stream.write_all(request.as_bytes()); // it may be refused before its end
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text); // a server that refuses may reset
        canary::listen("a page of the dashboard", &text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.unwrap_or(0), head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// The stream of events, from its first line on.
    pub fn events(self) -> impl Iterator<Item = String> {
        let mut stream = self.connect();
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: {}\r\n\r\n", self.host()).unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.inspect(|line| canary::listen("the stream of the dashboard", line.as_bytes()))
    }

    /// A connection.
    pub fn connect(self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The token that the page holds.
    pub fn page_token(self) -> String {
        let page = self.get("/").body;
        let (_, rest) = page.split_once(r#"name="chainfill-page" content=""#).expect("a token in the page");
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// An order as the page gives it.
    pub fn order(self, order: &str) -> Answer {
        let origin = format!("http://{}", self.host());
        let token = self.page_token();
        self.ask("POST", "/api/orders", &[("Origin", &origin), ("X-Chainfill-Page", &token)], order)
    }
}
