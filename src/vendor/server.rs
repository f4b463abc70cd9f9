//! The vendor behind a real socket.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::reply::{Ask, Reply};
use super::wire::{self, Wish};
use super::{Vendor, drf};
use crate::domain::moment::Moment;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 256;

/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// How long replies under way may take once the server is told to stop.
const STOP_MS_MAX: u64 = 500;

/// Pause after a connection that could not be accepted: no file descriptor is left.
const ACCEPT_PAUSE_MS: u64 = 50;

/// A running server. Dropped, it ends at once; [`Server::stop`] lets replies under way end first.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    vendor: Arc<Mutex<Vendor>>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

/// What of a request's head matters.
#[derive(Debug, Default)]
struct Head {
    method: String,
    ask: Ask,
    wish: Wish,
    has_body: bool,
}

/// What every connection needs.
struct Shared<Now> {
    vendor: Arc<Mutex<Vendor>>,
    now: Now,
}

impl Server {
    /// Listens and serves until it is stopped. The clock is the caller's.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind<Now>(addr: SocketAddr, vendor: Arc<Mutex<Vendor>>, now: Now) -> io::Result<Server>
    where
        Now: Fn() -> Moment + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared { vendor: Arc::clone(&vendor), now });
        let accepting = tokio::spawn(accept(listener, shared, stopped));
        Ok(Server { addr, vendor, stop, accepting })
    }

    /// Where it listens, with the port that it got.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for a client.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// The vendor, to look at its log or to change its mood.
    pub fn vendor(&self) -> &Arc<Mutex<Vendor>> {
        &self.vendor
    }

    /// Takes no more requests, lets replies under way end, then closes what is left.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<Now>(listener: TcpListener, shared: Arc<Shared<Now>>, mut stopped: watch::Receiver<bool>)
where
    Now: Fn() -> Moment + Send + Sync + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared), stopped.clone()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await,
            },
        }
    }
    drop(listener);
    let ends = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(STOP_MS_MAX), ends).await;
}

/// One connection, request after request. A client that goes away, or speaks no HTTP, ends it.
async fn serve<Now>(mut stream: TcpStream, shared: Arc<Shared<Now>>, mut stopped: watch::Receiver<bool>)
where
    Now: Fn() -> Moment + Send + Sync + 'static,
{
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(1 << 10);
    loop {
        let head = tokio::select! {
            head = read_head(&mut stream, &mut buffer) => head,
            _ = stopped.changed() => return,
        };
        let Ok(Some(head)) = head else { return };
        let mut wish = head.wish;
        let reply = match head.method.as_str() {
            "GET" | "HEAD" => answer(&shared, &head.ask),
            method => drf::method_not_allowed(method),
        };
        // A body of the client is not read: nothing that follows it on this connection can be trusted.
        wish.close |= head.has_body;
        if reply.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(reply.delay_ms)).await;
        }
        if !matches!(wire::send(&mut stream, &reply, wish).await, Ok(true)) {
            return;
        }
    }
}

fn answer<Now: Fn() -> Moment>(shared: &Shared<Now>, ask: &Ask) -> Reply {
    let mut vendor = shared.vendor.lock().unwrap_or_else(PoisonError::into_inner);
    // Read under the lock, so that the log and the throttle see moments in order.
    let now = (shared.now)();
    vendor.answer(now, ask)
}

/// The next head on a connection; `None` where the client closed it or sends none that is one.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Head>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = Head::parse(&String::from_utf8_lossy(&buffer[..end]));
            buffer.drain(..end + 4);
            return Ok(head);
        }
        if buffer.len() > HEAD_BYTES_MAX || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

impl Head {
    fn parse(text: &str) -> Option<Head> {
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, path, version) = (words.next()?, words.next()?, words.next()?);
        let mut head = Head { method: method.to_owned(), ..Head::default() };
        path.clone_into(&mut head.ask.path);
        head.wish.head_only = method == "HEAD";
        head.wish.close = version == "HTTP/1.0";
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "authorization" => head.ask.authorization = Some(value.to_owned()),
                "accept" => head.ask.accept = Some(value.to_owned()),
                "accept-encoding" => head.wish.gzip = value.to_ascii_lowercase().contains("gzip"),
                "connection" => head.wish.close |= value.eq_ignore_ascii_case("close"),
                "content-length" => head.has_body |= value != "0",
                "transfer-encoding" => head.has_body = true,
                _ => {}
            }
        }
        Some(head)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read as _;
    use std::net::Ipv4Addr;

    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::vendor::Settings;
    use crate::vendor::settings::KEY_DEFAULT;

    const LISTING: &str = "/v1/data/ohlc/deribit/options/available/";

    async fn server(faults: &str) -> Server {
        let settings = Settings {
            counts: vec![("BTC".into(), 200)],
            throttles: vec!["8/hour".parse().unwrap()],
            faults: faults.parse().unwrap(),
            keeps_log: true,
            ..Settings::default()
        };
        let vendor = Arc::new(Mutex::new(Vendor::new(settings)));
        Server::bind((Ipv4Addr::LOCALHOST, 0).into(), vendor, || Moment(1_000_000)).await.unwrap()
    }

    fn request(path: &str, more: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nAuthorization: Token {KEY_DEFAULT}\r\n{more}\r\n"
        )
    }

    /// All that comes until the server closes the connection, at most a megabyte: head and body.
    async fn raw(server: &Server, request: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.take(1 << 20).read_to_end(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
        let body = bytes.split_off(end);
        (String::from_utf8(bytes).unwrap(), body)
    }

    fn client() -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().no_proxy().retry(reqwest::retry::never()).build().unwrap()
    }

    fn length(head: &str) -> usize {
        let line = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        line.unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn a_whole_answer_is_plain_or_gzip_as_asked() {
        let server = server("").await;
        let (head, body) = raw(&server, &request(LISTING, "Connection: close\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nVary: Accept\r\n"), "{head}");
        assert!(head.contains("\r\nDate: Thu, 01 Jan 1970 00:16:40 GMT\r\n"), "{head}");
        assert!(!head.contains("gzip") && length(&head) == body.len());
        let (head, packed) =
            raw(&server, &request(LISTING, "Connection: close\r\nAccept-Encoding: gzip, br\r\n")).await;
        assert!(head.contains("\r\nContent-Encoding: gzip\r\n") && length(&head) == packed.len());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut plain).unwrap();
        assert!(plain == body && packed.len() < body.len());
    }

    #[tokio::test]
    async fn one_connection_takes_many_requests_and_the_throttle_ends_them() {
        // F-T3
        let server = server("").await;
        let client = client();
        let url = format!("{}/data/ohlc/deribit/options/?symbol=BTC-1JAN30-1-C", server.url());
        let mut statuses = Vec::new();
        for _ in 0..9 {
            let reply = client.get(&url).header("Authorization", format!("token {KEY_DEFAULT}")).send().await.unwrap();
            statuses.push((reply.status().as_u16(), reply.headers().get("retry-after").cloned()));
            let _ = reply.bytes().await.unwrap();
        }
        assert!(statuses[..8].iter().all(|status| *status == (200, None)), "{statuses:?}");
        assert_eq!((statuses[8].0, statuses[8].1.as_ref().unwrap().as_bytes()), (429, &b"3600"[..]));
        let vendor = Arc::clone(server.vendor());
        server.stop().await;
        assert_eq!(vendor.lock().unwrap().log().kept().len(), 9);
        assert!(client.get(&url).send().await.unwrap_err().is_connect(), "it is gone");
    }

    #[tokio::test]
    async fn bodies_are_broken_on_the_wire_in_each_manner() {
        // F-S13
        let server = server("s13=1").await;
        let ask = request(LISTING, "Accept-Encoding: gzip\r\n");
        let (head, body) = raw(&server, &ask).await;
        assert!(body.len() < length(&head), "short by its own length");
        let (head, body) = raw(&server, &ask).await;
        assert!(head.contains("Transfer-Encoding: chunked") && !body.ends_with(b"0\r\n\r\n"), "{head}");
        let (head, packed) = raw(&server, &request(LISTING, "Accept-Encoding: gzip\r\nConnection: close\r\n")).await;
        assert_eq!(length(&head), packed.len(), "whole by HTTP's rules");
        let mut plain = Vec::new();
        assert!(flate2::read::GzDecoder::new(&*packed).read_to_end(&mut plain).is_err());
        let (head, body) = raw(&server, &ask).await;
        assert!(!head.contains("Content-Length") && !head.contains("chunked"), "{head}");
        assert!(!body.ends_with(b"]}"));
        assert_eq!(raw(&server, &ask).await, (String::new(), vec![]), "closed before the head");
    }

    #[tokio::test]
    async fn a_bomb_unfolds_and_an_endless_body_goes_on() {
        // F-S14
        let server = server("s14=1").await;
        let client = client();
        let url = format!("{}/data/ohlc/deribit/options/available/", server.url());
        for _ in 0..2 {
            let ask = client.get(&url).header("Authorization", format!("Token {KEY_DEFAULT}"));
            let mut reply = ask.send().await.unwrap();
            let mut bytes = 0;
            while bytes < 32 << 20 {
                bytes += reply.chunk().await.unwrap().unwrap().len();
            }
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn silence_and_a_trickle_hold_the_connection_and_stopping_ends_them() {
        // F-S15, F-P1
        let server = server("s15@1,p1@2+").await;
        let mut trickle = TcpStream::connect(server.addr()).await.unwrap();
        trickle.write_all(request(LISTING, "").as_bytes()).await.unwrap();
        let mut head = vec![0; 64];
        trickle.read_exact(&mut head).await.unwrap();
        assert_eq!(raw(&server, &request(LISTING, "")).await.0, "");
        server.stop().await;
        let mut rest = Vec::new();
        let _ = trickle.read_to_end(&mut rest).await;
        assert!(rest.len() < 1_024, "the body never came");
    }

    #[tokio::test]
    async fn other_methods_and_things_that_are_no_requests() {
        let server = server("").await;
        let (head, body) = raw(&server, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").await;
        assert!(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{head}");
        assert_eq!(body, br#"{"detail":"Method \"POST\" not allowed."}"#);
        assert_eq!(raw(&server, "hello\r\n\r\n").await.0, "");
        let (head, body) = raw(&server, &request(LISTING, "Connection: close\r\n").replace("GET", "HEAD")).await;
        assert!(length(&head) > 1_000 && body.is_empty());
    }
}
