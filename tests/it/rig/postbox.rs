//! A small HTTP server that keeps what it is sent, and answers as told. It sends answers that no service would document.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::canary;

/// How long what is expected may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was sent.
#[derive(Clone, Debug)]
pub struct Letter {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status and these headers, each with its line break.
    Status(u16, &'static str),
    /// With 200 and this JSON.
    Json(String),
    /// Not at all: the connection is closed.
    HangUp,
    /// Not at all, while the client waits.
    Silence,
    /// With a body that does not end.
    Endless,
}

/// The server. It ends when this is dropped.
pub struct Postbox {
    pub url: String,
    letters: Arc<Mutex<Vec<Letter>>>,
    ends: Arc<AtomicBool>,
}

impl Postbox {
    /// Answers the first requests as told, and those after them with the last reply.
    pub fn start(replies: &[Reply]) -> Postbox {
        let replies = replies.to_vec();
        Postbox::answering(move |number, _| replies[number.min(replies.len() - 1)].clone())
    }

    /// Answers each request by its number and what it is.
    pub fn answering(reply: impl Fn(usize, &Letter) -> Reply + Send + Sync + 'static) -> Postbox {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (letters, ends) = (Arc::<Mutex<Vec<Letter>>>::default(), Arc::<AtomicBool>::default());
        let (kept, over, reply) = (Arc::clone(&letters), Arc::clone(&ends), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Some(letter) = stream.as_ref().ok().and_then(read) else { continue };
                canary::listen("a letter beside its header", letter.beside_key().as_bytes());
                let mut kept = kept.lock().unwrap();
                let number = kept.len();
                kept.push(letter.clone());
                drop(kept);
                let (over, reply) = (Arc::clone(&over), Arc::clone(&reply));
                std::thread::spawn(move || answer(stream.unwrap(), reply(number, &letter), &over));
            }
        });
        Postbox { url, letters, ends }
    }

    /// What came so far.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }

    /// Waits until so many have come.
    pub fn until(&self, count: usize) -> Vec<Letter> {
        let from = Instant::now();
        loop {
            let letters = self.letters();
            if letters.len() >= count {
                return letters;
            }
            assert!(from.elapsed() < PATIENCE, "{count} did not come within {PATIENCE:?}: {letters:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Postbox {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://")); // it looks up, and ends
    }
}

impl Letter {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }

    /// All of it but the one header in which the key belongs, where this is a vendor's.
    fn beside_key(&self) -> String {
        let others: Vec<_> = self.headers.iter().filter(|(name, _)| name != "authorization").collect();
        format!("{} {others:?} {}", self.path, self.body)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

fn read(stream: &TcpStream) -> Option<Letter> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut bytes = Vec::new();
        reader.read_until(b'\n', &mut bytes).ok()?;
        Some((String::from_utf8_lossy(&bytes).trim_end().to_owned(), bytes.len()))
    };
    let (request, _) = line()?;
    let path = request.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    while let (text, 3..) = line()? {
        let (name, value) = text.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(Some(0))?];
    reader.read_exact(&mut body).ok()?;
    Some(Letter { path, headers, body: String::from_utf8(body).ok()? })
}

fn answer(mut stream: TcpStream, reply: Reply, over: &AtomicBool) {
    match reply {
        Reply::Status(status, headers) => {
            let head = format!("HTTP/1.1 {status} -\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\nok");
            let _ = stream.write_all(head.as_bytes());
        }
        Reply::Json(body) => {
            let head = "HTTP/1.1 200 -\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
        }
        Reply::HangUp => {}
        Reply::Silence => {
            // Until the client hangs up, or the test is over.
            let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
            let mut byte = [0];
            while !over.load(Ordering::Relaxed) && stream.read(&mut byte).map_or_else(is_silence, |read| read > 0) {}
        }
        Reply::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 -\r\nconnection: close\r\n\r\n");
            while !over.load(Ordering::Relaxed) && stream.write_all(&[b'x'; 1 << 12]).is_ok() {}
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // as the closure's place wants it
fn is_silence(error: std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
