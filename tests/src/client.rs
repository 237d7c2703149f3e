//! An HTTP/1.1 client on a raw socket: what it sends is what the test wrote, and it never tries again.

pub mod message;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::message::Framing;
use crate::PATIENCE;

/// An answer.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, values as bytes, in the order of arrival.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<u8>,
}

impl Response {
    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value))?;
        }
        f.write_str(&String::from_utf8_lossy(self.body.get(..2000).unwrap_or(&self.body)))
    }
}

/// A request to be written as bytes.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Request {
        let host = (b"host".to_vec(), b"crm.example".to_vec());
        Request { method: method.into(), target: target.into(), headers: vec![host], body: Vec::new() }
    }

    pub fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    pub fn post(target: &str, json: &Value) -> Request {
        Request::new("POST", target).body("application/json", json.to_string())
    }

    /// Adds a header, also if there is one of that name.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Request {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Replaces a header, or removes it (`None`).
    pub fn set(mut self, name: &str, value: Option<&str>) -> Request {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name.as_bytes()));
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    pub fn with_method(mut self, method: &str) -> Request {
        self.method = method.into();
        self
    }

    pub fn with_target(mut self, target: &str) -> Request {
        self.target = target.into();
        self
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.set("content-type", Some(content_type)).set("content-length", Some(&length))
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.head();
        out.extend_from_slice(&self.body);
        out
    }

    /// Request line, headers and the empty line.
    pub fn head(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// Sends it over a connection of its own.
    pub async fn send(&self, addr: SocketAddr) -> Result<Response> {
        let mut connection = Connection::open(addr).await?;
        connection.write(&self.to_bytes()).await?;
        connection.response().await
    }
}

/// One connection; dropping it leaves the server as a client that went away.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(addr: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(addr).await.with_context(|| format!("nobody listens on {addr}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::new() })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// The next whole answer. 1xx answers come as answers of their own.
    pub async fn response(&mut self) -> Result<Response> {
        self.response_within(PATIENCE * 3).await
    }

    /// The same, where it may take longer than tests do.
    pub async fn response_within(&mut self, patience: Duration) -> Result<Response> {
        tokio::time::timeout(patience, self.read()).await.context("no answer")?
    }

    async fn read(&mut self) -> Result<Response> {
        let mut chunk = vec![0; 64 * 1024];
        let mut closed = false;
        loop {
            let framing = if closed { Framing::ClosedResponse } else { Framing::Response };
            if let Some((message, used)) = message::parse(&self.buffer, framing) {
                self.buffer.drain(..used);
                let status = message.status().context("no status line")?;
                let headers = message::headers(&message.head);
                return Ok(Response { status, headers, body: message.body, trailers: message.trailers });
            }
            if closed {
                bail!("the connection closed within an answer: {:?}", String::from_utf8_lossy(&self.buffer));
            }
            match self.stream.read(&mut chunk).await? {
                0 => closed = true,
                n => self.buffer.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// All that has come so far, once `what` is in it.
    pub async fn until(&mut self, what: &[u8]) -> Result<&[u8]> {
        let come = async {
            let mut chunk = vec![0; 64 * 1024];
            while !self.buffer.windows(what.len()).any(|window| window == what) {
                match self.stream.read(&mut chunk).await? {
                    0 => bail!("the connection closed after {:?}", String::from_utf8_lossy(&self.buffer)),
                    n => self.buffer.extend_from_slice(&chunk[..n]),
                }
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, come).await.context("it did not come")??;
        Ok(&self.buffer)
    }

    /// All that comes until the server closes, or breaks off.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(Ok(n @ 1..)) = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await {
            self.buffer.extend_from_slice(&chunk[..n]);
        }
        std::mem::take(&mut self.buffer)
    }

    /// Leaves without saying goodbye.
    pub fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }
}

/// GET over a connection of its own.
pub async fn get(addr: SocketAddr, target: &str) -> Result<Response> {
    Request::get(target).send(addr).await
}
