//! Pages for people: rendered here, no script, plain forms; what changes something is a POST with a token of the session.
//!
//! Must not go here: anything that decides (`store`), JSON (`api`).

mod decide;
mod fleet;
mod grants;
mod guard;
mod kill;
mod login;
mod notice;
mod observed;
mod oidc;
mod pages;
mod preview;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;

const STYLE: &str = include_str!("../static/style.css");
const ICON: &str = include_str!("../static/icon.svg");

/// `same-origin` and not `no-referrer`, which would make browsers send `Origin: null` with our own forms.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(pages::list))
        .route("/holds/{id}", get(pages::show))
        .route("/holds/{id}/approve", post(decide::approve))
        .route("/holds/{id}/deny", post(decide::deny))
        .route("/holds/{id}/ask", post(decide::ask))
        .route("/holds/{id}/revoke", post(decide::revoke))
        .route("/grants", get(grants::show))
        .route("/grants/{id}/revoke", post(grants::revoke))
        .route("/kill", get(kill::show).post(kill::turn))
        .route("/observed", get(observed::show))
        .route("/gateways", get(fleet::show))
        .route("/login", get(login::form).post(login::request))
        .route("/login/code", post(login::code))
        .route("/login/confirm", get(login::confirm).post(login::confirmed))
        .route("/login/oidc", get(oidc::start))
        .route("/login/oidc/callback", get(oidc::callback))
        .route("/login/oidc/finish", post(oidc::finish))
        .route("/logout", post(login::logout))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/icon.svg", get(|| asset("image/svg+xml", ICON)))
        .layer(map_response(async |mut response: Response| {
            for (name, value) in HEADERS {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        }))
}

async fn asset(content_type: &'static str, body: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type)], body)
}

#[cfg(test)]
mod tests;
