//! Counts of gateways in observe mode: taken in, and read.
//!
//! Must not go here: how long they are kept (`store::observation`).

use axum::extract::State;
use axum::http::StatusCode;
use privyseal_engine::observation::{Batch, MAX_KINDS, Seen};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cursor;
use super::extract::{Authenticated, Gateway, Json, Query};
use super::filter::in_environment;
use super::people::{may, page_size};
use super::problem::Result;
use crate::app::App;
use crate::auth::scope::Scope;
use crate::hold::intake;
use crate::store::observation::Observation;

const MAX_BATCH: usize = 512 * 1024;

#[derive(Deserialize, IntoParams)]
pub struct Since {
    #[serde(default)]
    since_ms: i64,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct ObservationPage {
    pub observations: Vec<Observation>,
    /// Give this as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// Adds what a gateway in observe mode has counted.
#[utoipa::path(post, path = "/v1/observations", tag = "gateways", security(("token" = ["gateway:serve"])), request_body = Batch, responses((status = 204)))]
pub async fn add(
    State(app): State<App>,
    Gateway(token): Gateway,
    Json(batch): Json<Batch, MAX_BATCH>,
) -> Result<StatusCode> {
    intake::version(batch.v)?;
    in_environment(&app, &batch.environment)?;
    intake::name("tenant", &batch.tenant)?;
    intake::name("environment", &batch.environment)?;
    // What is over the bound is counted as one.
    intake::count("counts", batch.counts.len(), MAX_KINDS + 1)?;
    for count in &batch.counts {
        match &count.seen {
            Seen::Rule { rule, outcome, .. } => {
                intake::name("rule", rule)?;
                intake::name("outcome", outcome)?;
            }
            Seen::Entity { entity } => intake::name("entity", entity)?,
            Seen::Uninspected { code } => intake::name("code", code)?,
            Seen::Dropped => {}
        }
    }
    app.store.of(&token.tenant).observe(&batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What gateways in observe mode would have done, by environment, kind and name.
#[utoipa::path(get, path = "/v1/observations", tag = "people", security(("token" = ["observations:read"]), ("session" = [])), params(Since), responses((status = 200, body = ObservationPage)))]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<Since>,
) -> Result<axum::Json<ObservationPage>> {
    may(&caller, Scope::ObservationsRead)?;
    let (after, limit) = (cursor::read(query.cursor.as_deref())?, page_size(query.limit));
    let observations = app.store.of(caller.tenant()).observed(query.since_ms, &after, limit).await?;
    let is_full = observations.len() == limit as usize;
    let next = observations
        .last()
        .filter(|_| is_full)
        .map(|last| cursor::write([&last.environment, &last.kind, &last.name, &last.category, &last.outcome]));
    Ok(axum::Json(ObservationPage { observations, next }))
}
