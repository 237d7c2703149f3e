//! What happens to holds, as it happens: server-sent events in the order of the audit log, resumed by `Last-Event-ID`.
//!
//! An event says that something happened, not what was said: who listens reads the hold. Must not go here: the log's own
//! records (`api::people`).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::extract::Authenticated;
use super::people::may;
use super::problem::{Problem, Result};
use crate::app::App;
use crate::auth::scope::Scope;
use crate::store;
use crate::store::tail::Happening;

/// After one look at the log, how long until the next, however much is written.
const PAUSE: Duration = Duration::from_millis(100);
/// How long one stream lasts: who listens shows again that they may. Browsers come back by themselves.
const LASTS: Duration = Duration::from_secs(15 * 60);

struct Listening {
    log: store::Scope,
    newest: watch::Receiver<i64>,
    stop: CancellationToken,
    after: i64,
    ready: VecDeque<Event>,
    until: Instant,
}

/// What happens to holds, as it happens.
#[utoipa::path(get, path = "/v1/events", tag = "people", security(("token" = ["events:read"]), ("session" = [])), params(("last-event-id" = Option<String>, Header, description = "Number of the last event that was heard")), responses((status = 200, body = String, content_type = "text/event-stream")))]
pub async fn events(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    may(&caller, Scope::EventsRead)?;
    let after = match headers.get("last-event-id") {
        None => app.store.last_record().await?,
        Some(id) => id
            .to_str()
            .ok()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| Problem::invalid("`last-event-id`: expected the number of an event"))?,
    };
    let listening = Listening {
        newest: app.store.newest_record(),
        log: app.store.of(caller.tenant()),
        stop: app.stop.clone(),
        after,
        ready: VecDeque::new(),
        until: Instant::now() + LASTS,
    };
    Ok(Sse::new(unfold(listening, next)).keep_alive(KeepAlive::default()))
}

/// The next event; none when the stream is over, or the log cannot be read: who listens asks again from where it was.
async fn next(mut listening: Listening) -> Option<(std::result::Result<Event, Infallible>, Listening)> {
    loop {
        if let Some(event) = listening.ready.pop_front() {
            return Some((Ok(event), listening));
        }
        // Before the look: what is written meanwhile is newer.
        listening.newest.borrow_and_update();
        let (upto, happened) = listening.log.happened(listening.after).await.ok()?;
        let is_ahead = upto > listening.after;
        listening.after = upto;
        listening.ready = happened.iter().filter_map(|happening| event(happening)).collect();
        if is_ahead {
            continue;
        }
        if Instant::now() >= listening.until {
            return None;
        }
        tokio::select! {
            () = tokio::time::sleep_until(listening.until) => {}
            () = written(&mut listening.newest) => {}
            () = listening.stop.cancelled() => return None,
        }
    }
}

/// Returns when anything was written since the last look, of whichever tenant.
async fn written(newest: &mut watch::Receiver<i64>) {
    tokio::time::sleep(PAUSE).await;
    // The store is as long as the service.
    let _closed = newest.changed().await;
}

fn event(happening: &Happening) -> Option<Event> {
    Event::default().id(happening.seq.to_string()).event(&happening.kind).json_data(happening).ok()
}
