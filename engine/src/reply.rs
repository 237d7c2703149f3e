//! What the gateway itself answers, in the caller's own protocol: problem details (RFC 9457), a JSON-RPC error for MCP, the
//! provider's error object for LLM APIs. Each says hold, `next`, `executed` and a reason code.
//!
//! Must not go here: when to answer (`exchange`).

use serde_json::{Value, json};

use crate::protocol::Protocol;

/// Where agents ask for their holds, on the gateway itself.
pub const STATUS_PATH: &str = "/.well-known/privyseal/holds/";

/// Whole seconds after which a pending request should be sent again: short, since the next sending waits in the gateway.
const RETRY_AFTER_S: &str = "2";

/// What the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Wait,
    ResendIdenticalRequest,
    AnswerQuestion,
    Stop,
}

impl Next {
    pub const fn as_str(self) -> &'static str {
        match self {
            Next::Wait => "wait",
            Next::ResendIdenticalRequest => "resend_identical_request",
            Next::AnswerQuestion => "answer_question",
            Next::Stop => "stop",
        }
    }
}

/// Did the request run?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executed {
    No,
    Yes,
    Unknown,
}

/// The class of an answer, in `x-privyseal-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Denied,
    Refused,
    Released,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Denied => "denied",
            Status::Refused => "refused",
            Status::Released => "released",
        }
    }
}

/// One answer, before it takes a protocol's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// HTTP status, but for MCP, whose answers are 200.
    pub http: u16,
    pub status: Status,
    /// Stable, listed in docs/reason-codes.md.
    pub code: &'static str,
    pub detail: String,
    pub hold: Option<String>,
    /// Another hold that differs in one part, in words.
    pub near_miss: Option<String>,
    pub next: Next,
    pub executed: Executed,
}

impl Notice {
    /// A refusal because of a doubt: nothing ran.
    pub fn refused(http: u16, code: &'static str, detail: impl Into<String>) -> Notice {
        Notice {
            http,
            status: Status::Refused,
            code,
            detail: detail.into(),
            hold: None,
            near_miss: None,
            next: Next::Stop,
            executed: Executed::No,
        }
    }

    /// Members that every protocol's answer carries.
    fn members(&self) -> Value {
        let mut members = json!({
            "code": self.code,
            "status": self.status.as_str(),
            "next": self.next.as_str(),
            "executed": match self.executed {
                Executed::No => json!(false),
                Executed::Yes => json!(true),
                Executed::Unknown => json!("unknown"),
            },
        });
        if let (Some(object), Some(hold)) = (members.as_object_mut(), &self.hold) {
            object.insert("hold".into(), json!(hold));
            object.insert("status_url".into(), json!(format!("{STATUS_PATH}{hold}")));
        }
        if let (Some(object), Some(near)) = (members.as_object_mut(), &self.near_miss) {
            object.insert("near_miss".into(), json!(near));
        }
        members
    }
}

/// An answer as Envoy sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    pub status: u16,
    /// For `%RESPONSE_CODE_DETAILS%` in access logs.
    pub details: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// `notice` in the words of `protocol`. `rpc_id` is the raw JSON id of the JSON-RPC call answered.
pub fn render(notice: &Notice, protocol: Protocol, rpc_id: Option<&str>) -> LocalReply {
    let retry = notice.status == Status::Pending;
    let (status, content_type, body) = match protocol {
        Protocol::Mcp => (200, "application/json", json_rpc(notice, rpc_id)),
        Protocol::OpenAiChat | Protocol::OpenAiResponses => {
            (notice.http, "application/json", openai(notice).to_string())
        }
        Protocol::Anthropic => (notice.http, "application/json", anthropic(notice).to_string()),
        Protocol::Gemini => (notice.http, "application/json", gemini(notice).to_string()),
        Protocol::Http => (notice.http, "application/problem+json", problem(notice).to_string()),
    };
    let mut headers = vec![
        ("content-type", content_type.to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-privyseal-status", notice.status.as_str().to_owned()),
        ("x-privyseal-code", notice.code.to_owned()),
        // OpenAI's and Anthropic's SDKs obey it before they look at the status.
        ("x-should-retry", retry.to_string()),
    ];
    if retry {
        headers.push(("retry-after", RETRY_AFTER_S.to_owned()));
    }
    if let Some(hold) = &notice.hold {
        headers.push(("x-privyseal-hold", hold.clone()));
    }
    LocalReply { status, details: format!("privyseal_{}", notice.code), headers, body }
}

fn problem(notice: &Notice) -> Value {
    let mut body = json!({
        "type": format!("urn:privyseal:{}", notice.code),
        "title": title(notice.status),
        "status": notice.http,
        "detail": notice.detail,
    });
    merge(&mut body, notice);
    body
}

/// `{"error": {...}}` as the OpenAI API answers errors; our members ride inside.
fn openai(notice: &Notice) -> Value {
    let mut error = json!({
        "message": notice.detail,
        "type": kind(notice.status),
        "param": null,
    });
    merge(&mut error, notice);
    json!({ "error": error })
}

fn anthropic(notice: &Notice) -> Value {
    let mut error = json!({ "type": kind(notice.status), "message": notice.detail });
    merge(&mut error, notice);
    json!({ "type": "error", "error": error })
}

/// Google's error model (google.rpc.Status as JSON).
fn gemini(notice: &Notice) -> Value {
    let status = match notice.status {
        Status::Pending => "RESOURCE_EXHAUSTED",
        Status::Denied => "PERMISSION_DENIED",
        Status::Refused | Status::Released => "FAILED_PRECONDITION",
    };
    let mut details =
        json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "privyseal", "reason": notice.code });
    merge(&mut details, notice);
    json!({ "error": { "code": notice.http, "message": notice.detail, "status": status, "details": [details] } })
}

/// A JSON-RPC 2.0 error; its id is `null` where the request had none that could be read.
fn json_rpc(notice: &Notice, id: Option<&str>) -> String {
    let mut data = json!({ "detail": notice.detail });
    merge(&mut data, notice);
    // -32000 to -32099 are the server's own (JSON-RPC 2.0, 5.1).
    let code = match notice.status {
        Status::Pending => -32_050,
        Status::Denied => -32_051,
        Status::Refused => -32_052,
        Status::Released => -32_053,
    };
    let error = json!({ "code": code, "message": notice.detail, "data": data });
    // The id is echoed as it was written: a number there may be wider than ours.
    format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.unwrap_or("null"))
}

fn merge(into: &mut Value, notice: &Notice) {
    if let (Some(into), Value::Object(members)) = (into.as_object_mut(), notice.members()) {
        for (name, value) in members {
            // A problem's `status` is the HTTP status (RFC 9457): ours stands in the header and in `state`.
            let name = if name == "status" { "state".to_owned() } else { name };
            into.insert(name, value);
        }
    }
}

const fn title(status: Status) -> &'static str {
    match status {
        Status::Pending => "waiting for approval",
        Status::Denied => "denied",
        Status::Refused => "refused",
        Status::Released => "already released",
    }
}

const fn kind(status: Status) -> &'static str {
    match status {
        Status::Pending => "approval_pending",
        Status::Denied => "permission_error",
        Status::Refused => "approval_refused",
        Status::Released => "already_released",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn pending() -> Notice {
        Notice {
            http: 429,
            status: Status::Pending,
            code: "approval_pending",
            detail: "a person must approve this \"export\"".into(),
            hold: Some("h1".into()),
            near_miss: None,
            next: Next::ResendIdenticalRequest,
            executed: Executed::No,
        }
    }

    fn check_members(members: &Value) {
        assert_eq!(members["hold"], "h1");
        assert_eq!(members["status_url"], "/.well-known/privyseal/holds/h1");
        assert_eq!(members["next"], "resend_identical_request");
        assert_eq!(members["executed"], false);
        assert_eq!(members["code"], "approval_pending");
    }

    #[test]
    fn every_protocol_carries_the_members() {
        for (protocol, pointer) in [
            (Protocol::Http, ""),
            (Protocol::OpenAiChat, "/error"),
            (Protocol::OpenAiResponses, "/error"),
            (Protocol::Anthropic, "/error"),
            (Protocol::Gemini, "/error/details/0"),
            (Protocol::Mcp, "/error/data"),
        ] {
            let reply = render(&pending(), protocol, Some("7"));
            assert_eq!(reply.status, if protocol == Protocol::Mcp { 200 } else { 429 });
            let body: Value = serde_json::from_str(&reply.body).unwrap();
            check_members(body.pointer(pointer).unwrap());
            assert!(reply.headers.contains(&("x-should-retry", "true".into())));
            assert!(reply.headers.contains(&("retry-after", "2".into())));
        }
    }

    #[test]
    fn json_rpc_echoes_ids_as_written() {
        let reply = render(&pending(), Protocol::Mcp, Some("123456789012345678901234567890"));
        assert!(reply.body.contains(r#""id":123456789012345678901234567890,"#));
        let reply = render(&pending(), Protocol::Mcp, None);
        assert!(serde_json::from_str::<Value>(&reply.body).unwrap()["id"].is_null());
    }

    #[test]
    fn a_problem_keeps_its_http_status() {
        let body: Value = serde_json::from_str(&render(&pending(), Protocol::Http, None).body).unwrap();
        assert_eq!(body["status"], 429);
        assert_eq!(body["state"], "pending");
    }
}
