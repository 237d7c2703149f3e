//! The kill switch: gateways wait for it, people and their automation turn it.
//!
//! Must not go here: what it does to holds (`store::control`), to requests (the gateway).

use axum::extract::State;
use privyseal_engine::hold::{Control, Kill};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Authenticated, Gateway, Json, Query};
use super::filter::{oldest, until};
use super::fleet::{self, About};
use super::people::{MAX_BODY, may, page_size};
use super::problem::Result;
use crate::app::App;
use crate::auth::Caller;
use crate::auth::scope::Scope;
use crate::hold::intake;
use crate::store::control::Killed;

#[derive(Deserialize, IntoParams)]
pub struct WaitControl {
    #[serde(default = "oldest")]
    v: u16,
    #[serde(default)]
    epoch: u64,
    #[serde(default)]
    wait_ms: u64,
    /// 1 if the filter knows switches of single principals.
    #[serde(default)]
    principals: u8,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct SetKill {
    pub kill: Kill,
    /// Of this principal alone, as its holds name it; without one, of everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

#[derive(Deserialize, IntoParams)]
pub struct KillsQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// The switch of everybody, and of whom else it is on.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Switches {
    /// Rises whenever the switch is turned.
    pub epoch: u64,
    /// Of everybody.
    pub kill: Kill,
    pub principals: Vec<Killed>,
    /// Give this as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// Waits until the kill switch is turned.
#[utoipa::path(get, path = "/v1/control", tag = "gateways", security(("token" = ["gateway:serve"])), params(WaitControl, About), responses((status = 200, body = Control)))]
pub async fn wait(
    State(app): State<App>,
    Gateway(token): Gateway,
    Query(wait): Query<WaitControl>,
    Query(about): Query<About>,
) -> Result<axum::Json<Control>> {
    let v = intake::version(wait.v)?;
    fleet::note(&app, &token, about).await?;
    let control = app.store.of(&token.tenant).wait_control(wait.epoch, until(wait.wait_ms), &app.stop).await;
    let control = if wait.principals == 0 { of_everybody(control) } else { control };
    Ok(axum::Json(Control { v, ..control }))
}

/// Turns the kill switch, of everybody or of one principal.
#[utoipa::path(post, path = "/v1/control", tag = "people", security(("token" = ["kill:write"]), ("session" = [])), request_body = SetKill, responses((status = 200, body = Control)))]
pub async fn turn(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(SetKill { kill, principal }): Json<SetKill, MAX_BODY>,
) -> Result<axum::Json<Control>> {
    may(&caller, Scope::KillWrite)?;
    principal.as_deref().map_or(Ok(()), |principal| intake::name("principal", principal))?;
    let store = app.store.of(caller.tenant());
    if let Caller::Person(session) = &caller {
        store.may_kill(session).await?;
    }
    let control = store.set_kill(kill, principal.as_deref(), caller.actor()).await?;
    Ok(axum::Json(Control { hold: vec![], deny: vec![], ..control }))
}

/// How the kill switch stands, of everybody and of the principals for whom it is on, by their names.
#[utoipa::path(get, path = "/v1/kills", tag = "people", security(("token" = ["holds:read"]), ("session" = [])), params(KillsQuery), responses((status = 200, body = Switches)))]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<KillsQuery>,
) -> Result<axum::Json<Switches>> {
    may(&caller, Scope::HoldsRead)?;
    let store = app.store.of(caller.tenant());
    let limit = page_size(query.limit);
    let principals = store.kills(query.cursor.as_deref(), limit).await?;
    let is_full = principals.len() == limit as usize;
    let next = principals.last().filter(|_| is_full).map(|killed| killed.principal.clone());
    let Control { epoch, kill, .. } = store.control();
    Ok(axum::Json(Switches { epoch, kill, principals, next }))
}

/// For a filter that knows no switch of a single principal: while one is on, everything is held. What comes of those who
/// are denied is then refused here.
fn of_everybody(control: Control) -> Control {
    let is_for_some = !control.hold.is_empty() || !control.deny.is_empty();
    let kill = if control.kill == Kill::Off && is_for_some { Kill::Hold } else { control.kill };
    Control { kill, hold: vec![], deny: vec![], ..control }
}
