//! The gateways on a page.
//!
//! Must not go here: what counts as wrong (`fleet`).

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::guard::Visitor;
use super::notice::{Refused, page};
use super::pages::Top;
use crate::app::App;
use crate::clock::span;
use crate::fleet::{Gateway, alarms};

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    top: Top,
    /// `production: policy`, and what differs.
    alarms: Vec<(String, String)>,
    gateways: Vec<(Gateway, String)>,
}

pub async fn show(State(app): State<App>, Visitor(session): Visitor) -> Result<Response, Refused> {
    let found = app.store.of(&session.tenant).fleet().await?;
    let now = app.store.now();
    let alarms = alarms(&found, now)
        .into_iter()
        .map(|alarm| (format!("{}: {}", alarm.environment, alarm.kind.as_str()), alarm.what.join(", ")))
        .collect();
    let seen = |gateway: Gateway| {
        let ago = span(now.saturating_sub(gateway.seen_ms).max(0));
        let seen = if gateway.is_silent(now) { format!("silent for {ago}") } else { format!("{ago} ago") };
        (gateway, seen)
    };
    let gateways = found.into_iter().map(seen).collect();
    Ok(page(&FleetPage { top: Top::of(&app, &session), alarms, gateways }))
}
