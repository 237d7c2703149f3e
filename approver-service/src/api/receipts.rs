//! The public keys of receipts, for upstreams: no secret, no caller.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::App;

/// How long an upstream may keep the set; far below the overlap of a rotation.
const KEEP: &str = "public, max-age=300";

/// The public keys of receipts.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "service", security(()), responses((status = 200, body = Object, content_type = "application/jwk-set+json")))]
pub async fn jwks(State(app): State<App>) -> impl IntoResponse {
    let published = app.receipts.keys.current().published(app.store.now());
    ([(header::CACHE_CONTROL, KEEP), (header::CONTENT_TYPE, "application/jwk-set+json")], axum::Json(published))
}
