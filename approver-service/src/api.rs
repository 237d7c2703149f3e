//! The HTTP API: for filters (`api::filter`) and for people and their tools (`api::people`).
//!
//! Must not go here: pages (`ui`), anything that decides (`store`, `hold::transition`).

pub mod asker;
pub mod control;
pub mod cursor;
pub mod events;
pub mod extract;
pub mod filter;
pub mod fleet;
pub mod grants;
pub mod health;
pub mod idempotency;
pub mod limits;
pub mod login;
pub mod metrics;
pub mod observations;
pub mod oidc;
pub mod openapi;
pub mod people;
pub mod problem;
pub mod receipts;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// Every route with its description: what is not described cannot be called.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(filter::intake, people::list))
        .routes(routes!(people::show))
        .routes(routes!(filter::wait))
        .routes(routes!(filter::release))
        .routes(routes!(filter::detach))
        .routes(routes!(filter::leave))
        .routes(routes!(filter::outcome))
        .routes(routes!(filter::status))
        .routes(routes!(people::approve))
        .routes(routes!(people::deny))
        .routes(routes!(people::ask))
        .routes(routes!(people::revoke))
        .routes(routes!(filter::answer))
        .routes(routes!(filter::withdraw))
        .routes(routes!(grants::list))
        .routes(routes!(grants::revoke))
        .routes(routes!(control::wait, control::turn))
        .routes(routes!(control::list))
        .routes(routes!(observations::add, observations::list))
        .routes(routes!(fleet::fleet))
        .routes(routes!(people::audit))
        .routes(routes!(login::request))
        .routes(routes!(login::redeem))
        .routes(routes!(oidc::start))
        .routes(routes!(oidc::finish))
        .routes(routes!(receipts::jwks))
        .routes(routes!(events::events))
        .routes(routes!(metrics::metrics))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(openapi::openapi))
        .routes(routes!(problem::reference))
}

#[cfg(test)]
mod tests;
