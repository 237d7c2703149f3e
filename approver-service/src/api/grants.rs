//! Grants: what was granted, and taking it back.
//!
//! Must not go here: granting, which comes with an approval (`api::people`).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Authenticated, Decides, Json, Query};
use super::people::{MAX_BODY, Reason, may, page_size};
use super::problem::Result;
use crate::app::App;
use crate::auth::scope::Scope;
use crate::decision;
use crate::grant::Grant;

#[derive(Deserialize, IntoParams)]
pub struct GrantsQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct GrantPage {
    pub grants: Vec<Grant>,
    /// Give this as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// Grants, newest first.
#[utoipa::path(get, path = "/v1/grants", tag = "people", security(("token" = ["holds:read"]), ("session" = [])), params(GrantsQuery), responses((status = 200, body = GrantPage)))]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<GrantsQuery>,
) -> Result<axum::Json<GrantPage>> {
    may(&caller, Scope::HoldsRead)?;
    let limit = page_size(query.limit);
    let grants = app.store.of(caller.tenant()).grants(query.cursor.as_deref(), limit).await?;
    let is_full = grants.len() == limit as usize;
    let next = grants.last().filter(|_| is_full).map(|grant| grant.id.clone());
    Ok(axum::Json(GrantPage { grants, next }))
}

/// Takes a grant back: from now on people are asked again.
#[utoipa::path(post, path = "/v1/grants/{id}/revoke", tag = "people", security(("session" = [])), params(("id" = String, Path, description = "The hold that the grant came with")), request_body = Reason, responses((status = 204)))]
pub async fn revoke(
    State(app): State<App>,
    Decides(session): Decides,
    Path(id): Path<String>,
    Json(Reason { reason }): Json<Reason, MAX_BODY>,
) -> Result<StatusCode> {
    decision::revoke_grant(&app, &session, &id, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
