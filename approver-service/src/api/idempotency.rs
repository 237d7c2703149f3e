//! `Idempotency-Key`: what a caller sends twice under one key is done once, and answered twice the same.
//!
//! What succeeded is kept for a day. What was refused has changed nothing and is judged anew. Must not go here: what keeps
//! a decision from happening twice without a key (`store`).

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::extract::Authenticated;
use super::problem::{Problem, Result};
use crate::app::App;
use crate::auth::Caller;
use crate::secret::sha256;
use crate::store::idempotency::{Answer, Begun, Key};

pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_KEY: usize = 255;
/// More than any call takes.
const MAX_BODY: usize = 512 * 1024;

pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_asked = request.method() == Method::POST
        && request.headers().contains_key(HEADER)
        && request.headers().contains_key(header::AUTHORIZATION);
    if !is_asked {
        return next.run(request).await;
    }
    match answer(app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answer(app: App, request: Request, next: Next) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    let expected = || Problem::invalid(format!("`{HEADER}`: expected 1 to {MAX_KEY} visible ASCII characters"));
    let key = parts.headers.get(HEADER).and_then(|key| key.to_str().ok()).ok_or_else(expected)?.to_owned();
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(expected());
    }
    let Authenticated(caller) = Authenticated::from_request_parts(&mut parts, &app).await?;
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| Problem::too_large(MAX_BODY))?;
    let request = sha256(&format!("{}\n{}", parts.uri.path(), String::from_utf8_lossy(&body)));
    let caller_id = match &caller {
        Caller::Person(session) => format!("person {}", session.person),
        Caller::Token(token) => format!("token {}", token.id),
    };
    let store = app.store.of(caller.tenant());
    let key = Key { caller: caller_id, key, request };
    match store.begin_once(&key).await? {
        Begun::First => {}
        Begun::Before(before) => return Ok(repeated(before)),
        Begun::Running => {
            let detail = "a request with this key is being answered; ask again in a moment";
            return Err(Problem::new(StatusCode::CONFLICT, "key_in_use", detail));
        }
        Begun::OtherRequest => {
            let detail = "this key was used for another request: take a new one";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", detail));
        }
    }
    let (parts, answered) = next.run(Request::from_parts(parts, Body::from(body))).await.into_parts();
    let answered = to_bytes(answered, MAX_BODY).await.unwrap_or_else(|_| Bytes::new());
    let kept = parts
        .status
        .is_success()
        .then(|| Answer { status: parts.status.as_u16(), body: String::from_utf8_lossy(&answered).into_owned() });
    store.end_once(&key, kept).await?;
    Ok(Response::from_parts(parts, Body::from(answered)))
}

/// Every call that succeeds answers JSON, or nothing.
fn repeated(before: Answer) -> Response {
    let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK);
    match before.body.is_empty() {
        true => status.into_response(),
        false => (status, [(header::CONTENT_TYPE, "application/json")], before.body).into_response(),
    }
}
