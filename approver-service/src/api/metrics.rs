//! Metrics for Prometheus.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::extract::Authenticated;
use super::people::may;
use super::problem::{Problem, Result};
use crate::app::App;
use crate::auth::scope::Scope;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", security(("token" = ["metrics:read"]), ("session" = [])), responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(app): State<App>, Authenticated(caller): Authenticated) -> Result<impl IntoResponse> {
    may(&caller, Scope::MetricsRead)?;
    let text = app
        .metrics
        .render(&app.store.of(caller.tenant()).gauges().await?)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics cannot be written"))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}
