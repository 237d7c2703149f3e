//! The HTTP API: for filters (`api::filter`) and for people and their tools (`api::people`).
//!
//! Must not go here: pages (`ui`), anything that decides (`store`, `hold::transition`).

pub mod events;
pub mod extract;
pub mod filter;
pub mod health;
pub mod limits;
pub mod login;
pub mod metrics;
pub mod observations;
pub mod oidc;
pub mod people;
pub mod problem;
pub mod receipts;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/v1/holds", post(filter::intake).get(people::list))
        .route("/v1/holds/{id}", get(people::show))
        .route("/v1/holds/{id}/wait", get(filter::wait))
        .route("/v1/holds/{id}/release", post(filter::release))
        .route("/v1/holds/{id}/detach", post(filter::detach))
        .route("/v1/holds/{id}/outcome", post(filter::outcome))
        .route("/v1/holds/{id}/status", post(filter::status))
        .route("/v1/holds/{id}/approve", post(people::approve))
        .route("/v1/holds/{id}/deny", post(people::deny))
        .route("/v1/holds/{id}/ask", post(people::ask))
        .route("/v1/holds/{id}/revoke", post(people::revoke))
        .route("/v1/holds/{id}/answer", post(filter::answer))
        .route("/v1/holds/{id}/withdraw", post(filter::withdraw))
        .route("/v1/control", get(filter::control).post(people::control))
        .route("/v1/observations", post(observations::add).get(observations::list))
        .route("/v1/audit", get(people::audit))
        .route("/v1/login/request", post(login::request))
        .route("/v1/login", post(login::redeem))
        .route("/v1/login/oidc/device", post(oidc::start))
        .route("/v1/login/oidc/device/token", post(oidc::finish))
        .route("/.well-known/jwks.json", get(receipts::jwks))
        .route("/v1/events", get(events::events))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(problem::wrong_method)
}

#[cfg(test)]
mod tests;
