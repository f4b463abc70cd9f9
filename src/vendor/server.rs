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
