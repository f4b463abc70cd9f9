//! A reply as bytes on a connection, whole or broken. Written by hand, because an HTTP library mends or refuses
//! just what has to be broken here.

use std::io::{self, Write as _};
use std::time::Duration;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::reply::{Cut, Reply};

/// Bodies below this are not worth a compression.
const GZIP_BYTES_MIN: usize = 1_024;

/// Decoded bytes after which even an endless body ends.
const ENDLESS_BYTES_MAX: usize = 1 << 32;

/// Plain bytes of one chunk of an endless body.
const CHUNK_BYTES: usize = 1 << 16;

/// Plain bytes that one chunk of a bomb unfolds to.
const BOMB_CHUNK_BYTES: usize = 1 << 20;

/// Pause between two bytes of a trickle.
const TRICKLE_MS: u64 = 10_000;

/// How long a silent connection is held for a client that waits.
const STALL_MS_MAX: u64 = 300_000;

/// How the client wants its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) gzip: bool,
    pub(crate) head_only: bool,
    pub(crate) close: bool,
}

/// Sends a reply; `true` where the connection can take another request.
///
/// # Errors
/// When the client is gone.
pub(crate) async fn send(stream: &mut TcpStream, reply: &Reply, wish: Wish) -> io::Result<bool> {
    let body = &reply.body;
    let cut_at = |at: usize| &body[..at.min(body.len())];
    match reply.cut {
        Cut::Whole => return whole(stream, reply, wish).await,
        Cut::CutGzip { at } if wish.gzip => {
            let packed = gzip(body)?;
            let at = (packed.len() * at / body.len().max(1)).min(packed.len() - 1);
            let mut bytes = head(reply, &[("Content-Encoding", "gzip"), ("Content-Length", &at.to_string())]);
            bytes.extend_from_slice(&packed[..at]);
            stream.write_all(&bytes).await?;
            return Ok(!wish.close);
        }
        Cut::ShortLength { at } | Cut::CutGzip { at } => {
            let mut bytes = head(reply, &[("Content-Length", &body.len().to_string())]);
            bytes.extend_from_slice(cut_at(at));
            stream.write_all(&bytes).await?;
        }
        Cut::CutChunk { at } => {
            let mut bytes = head(reply, &[("Transfer-Encoding", "chunked")]);
            write!(bytes, "{:x}\r\n", body.len())?;
            bytes.extend_from_slice(cut_at(at));
            stream.write_all(&bytes).await?;
        }
        Cut::CutClose { at } => {
            let mut bytes = head(reply, &[("Connection", "close")]);
            bytes.extend_from_slice(cut_at(at));
            stream.write_all(&bytes).await?;
        }
        Cut::BeforeHead => {}
        Cut::Stall => {
            stream.write_all(&head(reply, &[("Content-Length", &body.len().to_string())])).await?;
            // Until the client has had enough of it.
            let _ = tokio::time::timeout(Duration::from_millis(STALL_MS_MAX), stream.read_u8()).await;
        }
        Cut::Trickle => {
            stream.write_all(&head(reply, &[("Content-Length", &body.len().to_string())])).await?;
            for byte in body {
                stream.write_u8(*byte).await?;
                tokio::time::sleep(Duration::from_millis(TRICKLE_MS)).await;
            }
        }
        Cut::Bomb if wish.gzip => bomb(stream, reply).await?,
        Cut::Bomb | Cut::Endless => endless(stream, reply).await?,
    }
    stream.shutdown().await?;
    Ok(false)
}

async fn whole(stream: &mut TcpStream, reply: &Reply, wish: Wish) -> io::Result<bool> {
    let connection = if wish.close { "close" } else { "keep-alive" };
    if matches!(reply.status, 204 | 304) {
        stream.write_all(&head(reply, &[("Connection", connection)])).await?;
        return Ok(!wish.close);
    }
    let packed = if wish.gzip && reply.body.len() >= GZIP_BYTES_MIN { Some(gzip(&reply.body)?) } else { None };
    let body: &[u8] = packed.as_deref().unwrap_or(&reply.body);
    let length = body.len().to_string();
    let mut framing = vec![("Content-Length", length.as_str()), ("Connection", connection)];
    if packed.is_some() {
        framing.push(("Content-Encoding", "gzip"));
    }
    let mut bytes = head(reply, &framing);
    if !wish.head_only {
        bytes.extend_from_slice(body);
    }
    stream.write_all(&bytes).await?;
    Ok(!wish.close)
}

/// Spaces without end: valid JSON so far, at every moment.
async fn endless(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    stream.write_all(&head(reply, &[("Transfer-Encoding", "chunked")])).await?;
    let mut chunk = format!("{CHUNK_BYTES:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + CHUNK_BYTES, b' ');
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..ENDLESS_BYTES_MAX / CHUNK_BYTES {
        stream.write_all(&chunk).await?;
    }
    Ok(())
}

/// The same, a thousand times smaller: one compressed block over and over, each of which needs nothing of the
/// block before it.
async fn bomb(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    let mut block = Vec::with_capacity(CHUNK_BYTES);
    let spaces = vec![b' '; BOMB_CHUNK_BYTES];
    Compress::new(Compression::fast(), false).compress_vec(&spaces, &mut block, FlushCompress::Full)?;
    let mut bytes = head(reply, &[("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]);
    bytes.extend_from_slice(b"a\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff\r\n");
    stream.write_all(&bytes).await?;
    let chunk = [format!("{:x}\r\n", block.len()).as_bytes(), &block, b"\r\n"].concat();
    for _ in 0..ENDLESS_BYTES_MAX / BOMB_CHUNK_BYTES {
        stream.write_all(&chunk).await?;
    }
    Ok(())
}

fn head(reply: &Reply, framing: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512 + reply.body.len());
    let _ = write!(bytes, "HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    let own = reply.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in own.chain(framing.iter().copied()) {
        let _ = write!(bytes, "{name}: {value}\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
