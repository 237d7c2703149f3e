//! Errors as a Kubernetes API server puts them: a `Status`, whose `message` kubectl and the clients show.
//!
//! Must not go here: other protocols (`reply`).

use serde_json::Value;

use super::{Notice, RETRY_AFTER_S, Status, object, text};

pub(super) fn status(notice: &Notice) -> Value {
    let cause = object(vec![("reason", text(notice.code)), ("message", text(&notice.detail))]);
    let mut details = vec![("causes", Value::Array(vec![cause]))];
    if notice.status == Status::Pending {
        details.push(("retryAfterSeconds", Value::from(RETRY_AFTER_S)));
    }
    object(vec![
        ("kind", text("Status")),
        ("apiVersion", text("v1")),
        ("metadata", object(Vec::new())),
        ("status", text("Failure")),
        ("message", Value::String(notice.text())),
        ("reason", text(reason(notice))),
        ("code", Value::from(notice.http)),
        ("details", notice.with(details)),
    ])
}

/// The API's own words for HTTP statuses (`metav1.StatusReason`).
const fn reason(notice: &Notice) -> &'static str {
    match notice.http {
        403 => "Forbidden",
        409 => "Conflict",
        413 => "RequestEntityTooLarge",
        415 => "UnsupportedMediaType",
        429 => "TooManyRequests",
        500.. => "ServiceUnavailable",
        _ => "BadRequest",
    }
}
