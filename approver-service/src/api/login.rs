//! Logins for terminals. The code appears on the service's own terminal, never in an answer.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Json;
use super::problem::Result;
use crate::app::App;
use crate::store::login::{DECIDE_MS, Proof};

const MAX_BODY: usize = 4 * 1024;

#[derive(Serialize, Deserialize, ToSchema)]
pub struct LoginRequest {
    pub person: String,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Redeem {
    /// Eight digits; dashes and spaces are ignored.
    pub code: String,
}

/// A person's session, for a terminal to keep.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Login {
    pub person: String,
    pub session: String,
    pub expires_ms: i64,
}

/// Asks for a login; link and code appear on the service's own terminal.
///
/// Answers the same whether or not there is such a person.
#[utoipa::path(post, path = "/v1/login/request", tag = "logins", request_body = LoginRequest, security(()), responses((status = 202)))]
pub async fn request(State(app): State<App>, Json(request): Json<LoginRequest, MAX_BODY>) -> Result<StatusCode> {
    app.announce_login(&request.person).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Exchanges a code for a session.
#[utoipa::path(post, path = "/v1/login", tag = "logins", request_body = Redeem, security(()), responses((status = 200, body = Login)))]
pub async fn redeem(State(app): State<App>, Json(redeem): Json<Redeem, MAX_BODY>) -> Result<axum::Json<Login>> {
    let (session, secret) = app.store.log_in(Proof::Code(&digits(&redeem.code)), DECIDE_MS).await?;
    Ok(axum::Json(Login { person: session.person, session: secret, expires_ms: session.expires_ms }))
}

/// A code as it was made, without what people put between its digits.
pub fn digits(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).collect()
}
