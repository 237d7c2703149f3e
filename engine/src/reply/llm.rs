//! Errors as the APIs of language models put them: their SDKs raise them with type and message; our members ride inside.
//!
//! Must not go here: other protocols (`reply`).

use serde_json::Value;

use super::{Notice, Status, object, text};

/// `{"error": {...}}` as the OpenAI API answers errors.
pub(super) fn openai(notice: &Notice) -> Value {
    let error = notice.with(vec![
        ("message", Value::String(notice.text())),
        ("type", text(kind(notice.status))),
        ("param", Value::Null),
    ]);
    object(vec![("error", error)])
}

pub(super) fn anthropic(notice: &Notice) -> Value {
    let error = notice.with(vec![("type", text(kind(notice.status))), ("message", Value::String(notice.text()))]);
    object(vec![("type", text("error")), ("error", error)])
}

/// Google's error model (google.rpc.Status as JSON).
pub(super) fn gemini(notice: &Notice) -> Value {
    let status = match notice.status {
        Status::Pending => "RESOURCE_EXHAUSTED",
        Status::Denied => "PERMISSION_DENIED",
        Status::Refused | Status::Released => "FAILED_PRECONDITION",
    };
    let details = notice.with(vec![
        ("@type", text("type.googleapis.com/google.rpc.ErrorInfo")),
        ("domain", text("privyseal")),
        ("reason", text(notice.code)),
    ]);
    let error = object(vec![
        ("code", Value::from(notice.http)),
        ("message", Value::String(notice.text())),
        ("status", text(status)),
        ("details", Value::Array(vec![details])),
    ]);
    object(vec![("error", error)])
}

const fn kind(status: Status) -> &'static str {
    match status {
        Status::Pending => "approval_pending",
        Status::Denied => "permission_error",
        Status::Refused => "approval_refused",
        Status::Released => "already_released",
    }
}
