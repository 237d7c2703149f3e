//! The listener: HTTP/1.1 and HTTP/2 on one port, with TLS where certificates are given, drained when the service stops.
//!
//! axum's own `serve` caps an HTTP/2 connection at 200 streams; a gateway keeps thousands of polls on one.

use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::auth::certificate::Peer;
use crate::tls::Tls;

/// Long polls that one gateway may have open on a connection.
const MAX_STREAMS: u32 = 20_000;
/// The longest that a handshake, or the head of a request, may take to arrive.
const HEAD: Duration = Duration::from_secs(10);
/// How long open requests may take to finish when the service stops.
const DRAIN: Duration = Duration::from_secs(10);
/// Pause after an accept that failed, as when no file descriptors are left.
const BREATHE: Duration = Duration::from_millis(50);

/// Serves until `stop`.
pub async fn run(listener: TcpListener, tls: Option<Tls>, router: Router, stop: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(20)));
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHE).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        // Answers are small and people wait for them.
        let _unless_closed = stream.set_nodelay(true);
        let connection = Connection { builder: builder.clone(), watcher: graceful.watcher(), router: router.clone() };
        let (acceptor, stop) = (tls.as_ref().map(Tls::acceptor), stop.clone());
        tokio::spawn(async move {
            let Some(acceptor) = acceptor else { return connection.serve(stream).await };
            if let Some(Some((stream, peer))) = stop.run_until_cancelled(shake_hands(stream, acceptor)).await {
                let router = connection.router.layer(Extension(peer));
                Connection { router, ..connection }.serve(stream).await;
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// A stream of TLS, and whose certificate came with it.
async fn shake_hands(stream: TcpStream, acceptor: TlsAcceptor) -> Option<(TlsStream<TcpStream>, Peer)> {
    let stream = match tokio::time::timeout(HEAD, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no connection over TLS came about");
            return None;
        }
        Err(_) => return None,
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let peer = certificate.map(Peer::of).unwrap_or_default();
    Some((stream, peer))
}

struct Connection {
    builder: Builder<TokioExecutor>,
    watcher: Watcher,
    router: Router,
}

impl Connection {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let connection = self.builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router));
        if let Err(error) = self.watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
