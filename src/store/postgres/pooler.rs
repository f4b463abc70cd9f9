//! Whether a pooler stands between: the server's process that answers is then not the one that was greeted (P9).
//!
//! Through a pooler in transaction mode two transactions may meet two of the server's sessions, and each of those has
//! other clients. What is prepared or set on a session is then lost, or somebody else's: a named `COMMIT` could be
//! another program's statement of the same name, and be answered without an error. So it is found out before anything
//! is set or prepared, and not by an error afterwards.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio_postgres::Client;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// A request to cancel: its length, its code, the process, a secret. Four bytes each.
const CANCEL_BYTES: usize = 16;

/// The number of the process that greeted, which the driver keeps for cancelling and says nowhere else. `None` where
/// it said none, as some poolers do not.
pub(super) async fn greeted_by(client: &Client) -> Option<i32> {
    let (mut reader, writer) = tokio::io::duplex(CANCEL_BYTES * 4);
    // Where TLS is demanded the driver asks for it first.
    reader.write_all(b"S").await.ok()?;
    client.cancel_token().cancel_query_raw(writer, Bare).await.ok()?;
    let mut said = Vec::with_capacity(CANCEL_BYTES * 2);
    reader.read_to_end(&mut said).await.ok()?;
    let request = said.last_chunk::<CANCEL_BYTES>()?;
    let process = request[8..12].try_into().ok()?;
    Some(i32::from_be_bytes(process)).filter(|process| *process != 0)
}

/// TLS that is none: the request leaves this process nowhere.
struct Bare;

/// See [`Bare`].
struct BareStream(DuplexStream);

impl TlsConnect<DuplexStream> for Bare {
    type Stream = BareStream;
    type Error = io::Error;
    type Future = Ready<Result<BareStream, io::Error>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        ready(Ok(BareStream(stream)))
    }
}

impl TlsStream for BareStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for BareStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for BareStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
