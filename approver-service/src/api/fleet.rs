//! The gateways that ask, for people and their tools.
//!
//! Must not go here: what counts as wrong (`fleet`).

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cursor;
use super::extract::{Authenticated, Query};
use super::people::{may, page_size};
use super::problem::Result;
use crate::app::App;
use crate::auth::Token;
use crate::auth::scope::Scope;
use crate::fleet::{Alarm, Gateway, alarms};
use crate::hold::intake;

/// What a gateway tells of itself when it asks for the kill switch; since filters do.
#[derive(Deserialize, IntoParams)]
pub struct About {
    /// Envoy's node id.
    #[serde(default)]
    gateway: String,
    environment: Option<String>,
    /// Version of the filter.
    filter: Option<String>,
    /// The beginning of the SHA-256 of its policy.
    policy: Option<String>,
    /// `enforce` or `observe`.
    mode: Option<String>,
}

#[derive(Deserialize, IntoParams)]
pub struct FleetQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Fleet {
    /// The time by which they were seen.
    pub now_ms: i64,
    pub gateways: Vec<Gateway>,
    /// What is wrong with any of them, on this page or another.
    pub alarms: Vec<Alarm>,
    /// Give this as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// The gateways that asked within a day, by environment and name, and what is wrong with them.
#[utoipa::path(get, path = "/v1/fleet", tag = "people", security(("token" = ["fleet:read"]), ("session" = [])), params(FleetQuery), responses((status = 200, body = Fleet)))]
pub async fn fleet(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<FleetQuery>,
) -> Result<axum::Json<Fleet>> {
    may(&caller, Scope::FleetRead)?;
    let (after, limit) = (cursor::read(query.cursor.as_deref())?, page_size(query.limit));
    let store = app.store.of(caller.tenant());
    let gateways = store.gateways(&after, limit).await?;
    let is_full = gateways.len() == limit as usize;
    let next = gateways.last().filter(|_| is_full).map(|last| cursor::write([&last.environment, &last.gateway]));
    let now_ms = app.store.now();
    let alarms = alarms(&store.fleet().await?, now_ms);
    Ok(axum::Json(Fleet { now_ms, alarms, gateways, next }))
}

/// Notes who asks, if it says so. Nobody's requests wait for that.
pub async fn note(app: &App, token: &Token, about: About) -> Result<()> {
    let About {
        gateway,
        environment: Some(environment),
        filter: Some(version),
        policy: Some(policy),
        mode: Some(mode),
    } = about
    else {
        return Ok(());
    };
    let gateway = if gateway.is_empty() { token.name.clone() } else { gateway };
    for (field, value) in [
        ("gateway", &gateway),
        ("environment", &environment),
        ("filter", &version),
        ("policy", &policy),
        ("mode", &mode),
    ] {
        intake::name(field, value)?;
    }
    let seen = Gateway { environment, gateway, version, policy, mode, seen_ms: 0 };
    if let Err(error) = app.store.of(&token.tenant).note_gateway(seen).await {
        tracing::warn!(?error, "a gateway could not be noted");
    }
    Ok(())
}
