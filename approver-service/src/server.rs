//! The listener: HTTP/1.1 and HTTP/2 with prior knowledge on one port, drained when the service stops.
//!
//! axum's own `serve` caps an HTTP/2 connection at 200 streams; a gateway keeps thousands of polls on one.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Long polls that one gateway may have open on a connection.
const MAX_STREAMS: u32 = 20_000;
/// The longest that the head of a request may take to arrive.
const HEAD: Duration = Duration::from_secs(10);
/// How long open requests may take to finish when the service stops.
const DRAIN: Duration = Duration::from_secs(10);
/// Pause after an accept that failed, as when no file descriptors are left.
const BREATHE: Duration = Duration::from_millis(50);

/// Serves until `stop`.
pub async fn run(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(20)));
    let service = TowerToHyperService::new(router);
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
        let connection = builder.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}
