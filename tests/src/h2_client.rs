//! An HTTP/2 client (prior knowledge) that says exactly which frames end a request: headers, data or trailers.

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::PATIENCE;
use crate::client::Response;

/// One connection; clones share it.
pub struct H2 {
    send: SendRequest<Bytes>,
    connection: JoinHandle<()>,
}

impl H2 {
    pub async fn open(addr: SocketAddr) -> Result<H2> {
        let (send, connection) = h2::client::handshake(TcpStream::connect(addr).await?).await?;
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(H2 { send, connection })
    }

    /// Sends head, body pieces and trailers as given; empty pieces and no trailers end the request with its head.
    pub async fn send(&self, request: Request<()>, pieces: &[&[u8]], trailers: Option<HeaderMap>) -> Result<Response> {
        let mut send = self.send.clone().ready().await?;
        let ends_with_head = pieces.is_empty() && trailers.is_none();
        let (response, mut stream) = send.send_request(request, ends_with_head)?;
        for (i, piece) in pieces.iter().enumerate() {
            let last = i + 1 == pieces.len() && trailers.is_none();
            stream.send_data(Bytes::copy_from_slice(piece), last)?;
        }
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers)?;
        }
        let response = tokio::time::timeout(PATIENCE * 3, response).await??;
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        let headers = head.headers.iter().map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
        let mut trailers = Vec::new();
        for (name, value) in &body.trailers().await?.unwrap_or_default() {
            trailers.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        Ok(Response { status: head.status.as_u16(), headers, body: bytes, trailers })
    }
}

impl Drop for H2 {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
