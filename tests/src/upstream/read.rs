//! HTTP/1.1 requests off a socket, kept as they came.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::message::{self, Framing};

/// One request as it arrived.
#[derive(Clone)]
pub struct Recorded {
    /// Request line and headers with their line ends, up to the empty line.
    pub head: Vec<u8>,
    /// The body without chunk framing.
    pub body: Vec<u8>,
    /// Trailer lines with their line ends.
    pub trailers: Vec<u8>,
    /// When the last of it was here.
    pub at: Instant,
}

impl Recorded {
    fn request_line(&self) -> Vec<String> {
        let line = self.head.split(|b| *b == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line).split(' ').map(str::to_owned).collect()
    }

    pub fn method(&self) -> String {
        self.request_line().first().cloned().unwrap_or_default()
    }

    /// Path with query.
    pub fn target(&self) -> String {
        self.request_line().get(1).cloned().unwrap_or_default()
    }

    /// Names in lower case, values as bytes, in the order of arrival.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        message::headers(&self.head)
    }

    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers().into_iter().find(|(n, _)| n == name)?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text()))
    }
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.head))?;
        f.write_str(&String::from_utf8_lossy(self.body.get(..400).unwrap_or(&self.body)))
    }
}

/// Bytes received and not yet part of a request.
#[derive(Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// The next whole request, or none when the peer is done.
    pub(super) async fn next(&mut self, stream: &mut TcpStream, bytes: &AtomicUsize) -> Option<Recorded> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            if let Some((message, used)) = message::parse(&self.buffer, Framing::Request) {
                self.buffer.drain(..used);
                let message::Message { head, body, trailers } = message;
                return Some(Recorded { head, body, trailers, at: Instant::now() });
            }
            let n = stream.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
            bytes.fetch_add(n, Ordering::SeqCst);
            self.buffer.extend_from_slice(&chunk[..n]);
        }
    }
}
