//! What handlers take from a request: who calls, and a bounded JSON body.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::app::App;
use crate::auth::scope::Scope;
use crate::auth::{Caller, SESSION_PREFIX, Session, Token};

/// The longest that a body may take to arrive.
pub const SLOWEST: Duration = Duration::from_secs(10);

/// Somebody with a token or a session, or a gateway with a certificate.
pub struct Authenticated(pub Caller);

/// A gateway.
pub struct Gateway(pub Token);

/// A person whose session is fresh enough to decide.
pub struct Decides(pub Session);

impl FromRequestParts<App> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let secret = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, secret)| secret.trim());
        let caller = match secret {
            Some(secret) if secret.starts_with(SESSION_PREFIX) => app.store.session(secret).await?.map(Caller::Person),
            Some(secret) => app.store.token(secret).await?.map(Caller::Token),
            None => {
                parts.extensions.get().and_then(|peer| app.gateways.identify(peer, &app.tenants)).map(Caller::Token)
            }
        };
        let caller = caller.ok_or_else(Problem::unauthorized)?;
        app.limits.check(&caller)?;
        Ok(Authenticated(caller))
    }
}

impl FromRequestParts<App> for Gateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Authenticated::from_request_parts(parts, app).await?.0 {
            Caller::Token(token) if token.is_gateway() => Ok(Gateway(token)),
            _ => Err(Problem::lacks(Scope::GatewayServe)),
        }
    }
}

impl FromRequestParts<App> for Decides {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Authenticated::from_request_parts(parts, app).await?.0 {
            Caller::Person(session) => Ok(Decides(session)),
            Caller::Token(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "login_required",
                "a token reads but never decides: log in with `privyseal login`",
            )),
        }
    }
}

/// The query, parsed.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Query(query.0)),
            Err(_) => Err(Problem::invalid("a query parameter has the wrong type")),
        }
    }
}

/// A JSON body of at most `MAX` bytes.
pub struct Json<T, const MAX: usize>(pub T);

impl<T: DeserializeOwned, const MAX: usize> FromRequest<App> for Json<T, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &App) -> Result<Self, Problem> {
        let body = match tokio::time::timeout(SLOWEST, to_bytes(request.into_body(), MAX)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Err(Problem::too_large(MAX)),
            Err(_) => {
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time"));
            }
        };
        // The message of serde_json may quote values: only the place is told.
        serde_json::from_slice(&body).map(Json).map_err(|e| {
            let what = if e.is_data() { "a member is missing or has the wrong type" } else { "not valid JSON" };
            Problem::invalid(format!("{what} at line {} column {}", e.line(), e.column()))
        })
    }
}
