//! The door: so many connections, each with a bounded head, and none for ever.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::address::Address;
use super::patient::Patient;
use crate::limits::{
    DASHBOARD_CONNECTIONS_MAX, DASHBOARD_FIELDS_MAX, DASHBOARD_HEAD_BYTES_MAX, DASHBOARD_HEAD_MS_MAX,
    DASHBOARD_SEND_BYTES, DASHBOARD_SILENCE_MS_MAX,
};

/// Connections that the system keeps until they are taken.
const BACKLOG: u32 = 256;
/// A pause where no more files can be opened: taking connections at once again would only burn the processor.
const BREATH_MS: u64 = 50;

const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Listens.
///
/// # Errors
/// In words, where that cannot be.
pub async fn listen(address: &Address) -> Result<TcpListener, String> {
    let found = lookup_host((address.host.as_str(), address.port)).await.map_err(|error| error.to_string())?;
    let mut why = "the name stands for no address".to_owned();
    for at in found {
        let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let open = || {
            let socket = socket?;
            socket.set_reuseaddr(true)?;
            // What a client does not take is kept by the system: little, so that it is noticed.
            socket.set_send_buffer_size(DASHBOARD_SEND_BYTES)?;
            socket.bind(at)?;
            socket.listen(BACKLOG)
        };
        match open() {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                why = String::from("another program uses that port");
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// Serves until it is closed, and then lets what is under way end.
pub async fn serve(listener: TcpListener, router: Router, mut closed: watch::Receiver<bool>) {
    let places = std::sync::Arc::new(Semaphore::new(DASHBOARD_CONNECTIONS_MAX));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = closed.changed() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(BREATH_MS)).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let (router, closed) = (router.clone(), closed.clone());
                open.spawn(async move {
                    connection(stream, router, closed).await;
                    drop(place);
                });
            }
            Err(_) => refuse(stream).await,
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, router: Router, mut closed: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Patient::new(stream, Duration::from_millis(DASHBOARD_SILENCE_MS_MAX)));
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(DASHBOARD_HEAD_MS_MAX))
            .max_buf_size(DASHBOARD_HEAD_BYTES_MAX)
            .max_headers(DASHBOARD_FIELDS_MAX)
            .serve_connection(io, TowerToHyperService::new(router))
    );
    tokio::select! {
        _ = &mut serving => return, // a client that went away, or spoke no HTTP, is nobody's error
        _ = closed.changed() => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

/// Told to come back, without a place of its own: what does not fit into the system's buffer is not waited for.
async fn refuse(mut stream: TcpStream) {
    let _ = stream.try_write(FULL);
    let _ = stream.shutdown().await;
}
