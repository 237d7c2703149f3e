//! Errors as `application/problem+json` (RFC 9457) with a stable `code`; the one table from what went wrong to what is
//! answered.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_engine::hold::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::scope::Scope;
use crate::hold::intake::Invalid;
use crate::hold::transition::Refusal;
use crate::store::Error;
use crate::ticket;

pub const PROBLEM_JSON: &str = "application/problem+json";
/// Where all codes are explained, at this service.
const REFERENCE: &str = "/problems";

#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where the code is explained.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// Stable: programs tell problems apart by it.
    pub code: &'static str,
    pub detail: String,
    /// How the hold stands, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// When asking again makes sense.
    #[serde(skip)]
    pub retry_after_s: Option<u64>,
}

/// The code of the problem that a response tells, for metrics.
#[derive(Clone, Copy)]
pub struct Code(pub &'static str);

pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error");
        Problem {
            kind: format!("{REFERENCE}#{code}"),
            title,
            status,
            code,
            detail: detail.into(),
            state: None,
            retry_after_s: None,
        }
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn unauthorized() -> Problem {
        let detail = "expected `authorization: Bearer` with a token that is neither revoked nor over";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub fn lacks(scope: Scope) -> Problem {
        let detail = format!("this takes a token with scope `{}`", scope.as_str());
        Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", detail)
    }

    pub fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here that you may see")
    }

    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", detail)
    }

    pub fn too_large(max: usize) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("expected at most {max} bytes"))
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Problem {
        Problem::invalid(invalid.to_string())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let (status, code) = match &error {
            Error::Address(_)
            | Error::Corrupt(_)
            | Error::Database(_)
            | Error::NoRandom(_)
            | Error::NotDurable { .. }
            | Error::WrongKey => {
                // The source names tables and files, never values.
                tracing::error!(error = ?error, "the database cannot be used");
                let detail = "the approver's database cannot be used; nothing was changed";
                return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail);
            }
            Error::AlreadyVoted => (StatusCode::CONFLICT, "already_voted"),
            Error::Grant(_) => (StatusCode::UNPROCESSABLE_ENTITY, "grant_not_allowed"),
            Error::KillNotAllowed => (StatusCode::FORBIDDEN, "kill_not_allowed"),
            Error::KillSwitch => (StatusCode::CONFLICT, "kill_switch"),
            Error::LoginOver => (StatusCode::FORBIDDEN, "login_over"),
            Error::LoginRequired => (StatusCode::FORBIDDEN, "login_required"),
            Error::NoReceipt => (StatusCode::SERVICE_UNAVAILABLE, "no_receipt"),
            Error::NotReviewer => (StatusCode::FORBIDDEN, "not_reviewer"),
            Error::OwnRequest => (StatusCode::FORBIDDEN, "own_request"),
            Error::ReasonRequired => (StatusCode::UNPROCESSABLE_ENTITY, "reason_required"),
            Error::Refused(Refusal::Already(_)) => (StatusCode::CONFLICT, "already_decided"),
            Error::Refused(Refusal::NotAsked) => (StatusCode::CONFLICT, "not_asked"),
            Error::Refused(Refusal::NotJoinable) => (StatusCode::CONFLICT, "not_joinable"),
            Error::Refused(Refusal::NotReleased) => (StatusCode::CONFLICT, "not_released"),
            Error::Refused(Refusal::Reported) => (StatusCode::CONFLICT, "already_reported"),
            Error::Refused(Refusal::TooLate) => (StatusCode::CONFLICT, "too_late"),
            Error::Refused(Refusal::TooManyQuestions) => (StatusCode::CONFLICT, "too_many_questions"),
            Error::Refused(Refusal::Undecided) => (StatusCode::CONFLICT, "undecided"),
            Error::Stale => (StatusCode::CONFLICT, "stale"),
            Error::Ticket(ticket::Refusal::Missing) => (StatusCode::CONFLICT, "ticket_missing"),
            Error::Ticket(ticket::Refusal::NotOpen) => (StatusCode::CONFLICT, "ticket_not_open"),
            Error::Ticket(ticket::Refusal::Unchecked) => (StatusCode::SERVICE_UNAVAILABLE, "ticket_unchecked"),
            Error::TooManyHolds(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_holds"),
            Error::TooManyKills(_) => (StatusCode::CONFLICT, "too_many_kills"),
            Error::TooManyLogins => (StatusCode::TOO_MANY_REQUESTS, "too_many_logins"),
            Error::Unknown => return Problem::not_found(),
            Error::UnknownWorkflow(workflow) => {
                tracing::warn!(workflow, "a gateway's policy names a workflow that is not known here");
                (StatusCode::UNPROCESSABLE_ENTITY, "unknown_workflow")
            }
            Error::WrongNonce => (StatusCode::CONFLICT, "wrong_nonce"),
            Error::WrongTenant { token, policy } => {
                tracing::warn!(token, policy, "a gateway's policy names another tenant than its token");
                (StatusCode::UNPROCESSABLE_ENTITY, "wrong_tenant")
            }
        };
        let state = match &error {
            Error::Refused(Refusal::Already(state)) => Some(*state),
            _ => None,
        };
        Problem { state, ..Problem::new(status, code, error.to_string()) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, retry_after_s) = (self.status, self.code, self.retry_after_s);
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(Code(code));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What every code means, the gateway's too; `type` of a problem leads here.
#[utoipa::path(get, path = "/problems", tag = "service", security(()),
    responses((status = 200, body = String, content_type = "text/markdown")))]
pub async fn reference() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], include_str!("../../../docs/reason-codes.md"))
}

pub async fn unknown_route() -> Problem {
    Problem::not_found()
}

pub async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not take that method")
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
