//! The gateways that ask, for people and their tools.
//!
//! Must not go here: what counts as wrong (`fleet`).

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Authenticated;
use super::people::may;
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

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Fleet {
    /// The time by which they were seen.
    pub now_ms: i64,
    pub gateways: Vec<Gateway>,
    pub alarms: Vec<Alarm>,
}

/// The gateways that asked within a day, and what is wrong with them.
#[utoipa::path(get, path = "/v1/fleet", tag = "people", security(("token" = ["fleet:read"]), ("session" = [])), responses((status = 200, body = Fleet)))]
pub async fn fleet(State(app): State<App>, Authenticated(caller): Authenticated) -> Result<axum::Json<Fleet>> {
    may(&caller, Scope::FleetRead)?;
    let gateways = app.store.of(caller.tenant()).fleet().await?;
    let now_ms = app.store.now();
    Ok(axum::Json(Fleet { now_ms, alarms: alarms(&gateways, now_ms), gateways }))
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
