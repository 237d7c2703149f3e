//! Is the process alive; can it serve.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use super::problem::{Problem, Result};
use crate::app::App;

/// How long the database may take: who asks, asks again in a moment, and does not wait for longer.
const LONGEST: Duration = Duration::from_secs(1);

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Can it serve?
///
/// Ready means that the database takes writes, there is a key to sign receipts with, and the service is not about to stop.
#[utoipa::path(get, path = "/readyz", tag = "service", security(()), responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn ready(State(app): State<App>) -> Result<&'static str> {
    if app.leaving.is_cancelled() || app.stop.is_cancelled() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the service is about to stop"));
    }
    let writable = tokio::time::timeout(LONGEST, app.store.check_writable()).await;
    writable.map_err(|_| {
        let detail = "the approver's database does not answer in time";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail)
    })??;
    if app.receipts.keys.current().signing(app.store.now()).is_none() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_receipt", "no key signs receipts now"));
    }
    Ok("ready\n")
}
