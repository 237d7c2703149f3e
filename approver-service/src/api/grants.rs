//! Grants: what was granted, and taking it back.
//!
//! Must not go here: granting, which comes with an approval (`api::people`).

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::extract::{Authenticated, Decides, Json};
use super::people::{MAX_BODY, Reason, may};
use super::problem::Result;
use crate::app::App;
use crate::auth::scope::Scope;
use crate::decision;
use crate::grant::Grant;

/// The newest so many.
const MOST: u32 = 500;

/// Grants, newest first.
#[utoipa::path(get, path = "/v1/grants", tag = "people", security(("token" = ["holds:read"]), ("session" = [])), responses((status = 200, body = Vec<Grant>)))]
pub async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Result<axum::Json<Vec<Grant>>> {
    may(&caller, Scope::HoldsRead)?;
    Ok(axum::Json(app.store.of(caller.tenant()).grants(MOST).await?))
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
