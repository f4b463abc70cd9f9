//! A server of a few lines, which says whatever it is told to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Answer = dyn Fn(&str) -> String + Send + Sync;

/// It listens until the test ends; an empty answer closes the connection without a word.
pub struct Wire {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Wire {
    pub fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let (answer, counter): (Arc<Answer>, _) = (Arc::new(answer), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, counter) = (answer.clone(), counter.clone());
                std::thread::spawn(move || serve(stream, &*answer, &counter));
            }
        });
        Wire { address, requests }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Requests that came.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, answer: &Answer, counter: &AtomicU64) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else { return };
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    counter.fetch_add(1, Ordering::Relaxed);
    let body = answer(first.split(' ').nth(1).unwrap_or_default());
    if !body.is_empty() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
        let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
    }
}
