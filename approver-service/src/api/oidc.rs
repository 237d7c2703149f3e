//! Logins of terminals by single sign-on: started here, confirmed at the provider in any browser, finished here.
//!
//! Must not go here: the browser's way (`ui::oidc`).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use oauth2::StandardDeviceAuthorizationResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Json;
use super::login::Login;
use super::problem::{Problem, Result};
use crate::app::App;
use crate::auth::oidc::{Error, Provider};
use crate::store::login::DECIDE_MS;

const MAX_BODY: usize = 16 * 1024;

/// What the provider says of a login that is to be confirmed (RFC 8628, 3.2), for the terminal to show and to send back.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct DeviceLogin {
    #[schema(value_type = Object)]
    pub login: StandardDeviceAuthorizationResponse,
}

/// Starts a login at the identity provider (RFC 8628).
#[utoipa::path(post, path = "/v1/login/oidc/device", tag = "logins", security(()), responses((status = 200, body = DeviceLogin)))]
pub async fn start(State(app): State<App>) -> Result<axum::Json<DeviceLogin>> {
    let provider = provider(&app)?;
    app.limits.check_login()?;
    Ok(axum::Json(DeviceLogin { login: provider.start_device().await? }))
}

/// Waits until the login is confirmed at the provider.
///
/// 202 while nobody has confirmed it.
#[utoipa::path(post, path = "/v1/login/oidc/device/token", tag = "logins", request_body = DeviceLogin, security(()), responses((status = 200, body = Login), (status = 202, body = Object)))]
pub async fn finish(State(app): State<App>, Json(device): Json<DeviceLogin, MAX_BODY>) -> Result<Response> {
    let Some(identity) = provider(&app)?.finish_device(&device.login).await? else {
        return Ok((StatusCode::ACCEPTED, axum::Json(serde_json::json!({}))).into_response());
    };
    let (session, secret) = app.of_identity(&identity)?.log_in_as(&identity, DECIDE_MS).await?;
    let login = Login { person: session.person, session: secret, expires_ms: session.expires_ms };
    Ok(axum::Json(login).into_response())
}

pub fn provider(app: &App) -> Result<&Provider> {
    app.provider.as_ref().ok_or_else(Problem::not_found)
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let (status, code) = match &error {
            Error::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "provider_unavailable"),
            Error::Refused(_) | Error::Token(_) | Error::Claim { .. } => (StatusCode::FORBIDDEN, "provider_refused"),
        };
        if matches!(error, Error::Claim { .. }) {
            // For whoever set it up: the person in the browser can do nothing about it.
            tracing::warn!(%error, "a login was refused");
        }
        Problem::new(status, code, error.to_string())
    }
}
