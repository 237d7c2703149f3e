//! Is the process alive; can it serve.

use axum::extract::State;
use axum::http::StatusCode;

use super::problem::{Problem, Result};
use crate::app::App;

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Can it serve?
///
/// Ready means that the database takes writes and the service is not about to stop.
#[utoipa::path(get, path = "/readyz", tag = "service", security(()), responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn ready(State(app): State<App>) -> Result<&'static str> {
    if app.stop.is_cancelled() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the service is about to stop"));
    }
    app.store.check_writable().await?;
    Ok("ready\n")
}
