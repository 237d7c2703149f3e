//! What the gateway itself answers, in the caller's own protocol: problem details (RFC 9457), a JSON-RPC error for MCP, and the
//! error that clients of a single API read. Each says hold, `next`, `executed` and a reason code.
//!
//! Must not go here: when to answer (`exchange`), which protocol it is (`protocol`).

mod aws;
mod kubernetes;
mod llm;

use std::fmt::Display;

use serde_json::Value;

use crate::protocol::Protocol;

/// Where agents ask for their holds, on the gateway itself.
pub const STATUS_PATH: &str = "/.well-known/privyseal/holds/";

/// Whole seconds after which a pending request should be sent again: short, since the next sending waits in the gateway.
const RETRY_AFTER_S: u32 = 2;

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

    /// For protocols whose clients show people a text and nothing else.
    fn text(&self) -> String {
        match &self.hold {
            Some(hold) => format!("{} ({}, hold {hold})", self.detail, self.code),
            None => format!("{} ({})", self.detail, self.code),
        }
    }

    /// What every protocol's answer carries. A problem's `status` is the HTTP status (RFC 9457), so ours is `state`.
    fn members(&self) -> Members {
        let executed = match self.executed {
            Executed::No => Value::Bool(false),
            Executed::Yes => Value::Bool(true),
            Executed::Unknown => text("unknown"),
        };
        let mut members = vec![
            ("code", text(self.code)),
            ("state", text(self.status.as_str())),
            ("next", text(self.next.as_str())),
            ("executed", executed),
        ];
        if let Some(hold) = &self.hold {
            members.push(("hold", text(hold)));
            members.push(("status_url", Value::String(format!("{STATUS_PATH}{hold}"))));
        }
        members.extend(self.near_miss.iter().map(|near| ("near_miss", text(near))));
        members
    }

    /// `members`, then those that every answer carries.
    fn with(&self, mut members: Members) -> Value {
        members.extend(self.members());
        object(members)
    }
}

/// Members of a JSON object.
type Members = Vec<(&'static str, Value)>;

// Far smaller than what `json!` makes of the same.
fn object(members: Members) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// An answer as Envoy sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    pub status: u16,
    /// For `%RESPONSE_CODE_DETAILS%` in access logs.
    pub details: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// How a protocol puts an answer.
struct Shape {
    content_type: &'static str,
    /// Beside those that every answer has.
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Shape {
    fn json(body: &dyn Display) -> Shape {
        Shape { content_type: "application/json", headers: Vec::new(), body: body.to_string().into_bytes() }
    }
}

/// `notice` in the words of `protocol`. `rpc_id` is the raw JSON id of the JSON-RPC call answered.
pub fn render(notice: &Notice, protocol: Protocol, rpc_id: Option<&str>) -> LocalReply {
    let shape = match protocol {
        Protocol::Anthropic => Shape::json(&llm::anthropic(notice)),
        Protocol::Aws(wire) => aws::shape(notice, wire),
        Protocol::Gemini => Shape::json(&llm::gemini(notice)),
        Protocol::GitHub => Shape::json(&github(notice)),
        Protocol::Http => Shape { content_type: "application/problem+json", ..Shape::json(&problem(notice)) },
        Protocol::Kubernetes => Shape::json(&kubernetes::status(notice)),
        Protocol::Mcp => Shape::json(&json_rpc(notice, rpc_id)),
        Protocol::OpenAiChat | Protocol::OpenAiResponses => Shape::json(&llm::openai(notice)),
    };
    let retry = notice.status == Status::Pending;
    let mut headers = vec![
        ("content-type", shape.content_type.to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-privyseal-status", notice.status.as_str().to_owned()),
        ("x-privyseal-code", notice.code.to_owned()),
        // OpenAI's and Anthropic's SDKs obey it before they look at the status.
        ("x-should-retry", retry.to_string()),
    ];
    if retry {
        headers.push(("retry-after", RETRY_AFTER_S.to_string()));
    }
    if let Some(hold) = &notice.hold {
        headers.push(("x-privyseal-hold", hold.clone()));
    }
    headers.extend(shape.headers);
    let status = if protocol == Protocol::Mcp { 200 } else { notice.http };
    LocalReply { status, details: format!("privyseal_{}", notice.code), headers, body: shape.body }
}

fn problem(notice: &Notice) -> Value {
    notice.with(vec![
        ("type", Value::String(kind_of_problem(notice))),
        ("title", text(title(notice.status))),
        ("status", Value::from(notice.http)),
        ("detail", text(&notice.detail)),
    ])
}

/// An error of GitHub's REST API ("Troubleshooting the REST API").
fn github(notice: &Notice) -> Value {
    notice.with(vec![
        ("message", Value::String(notice.text())),
        ("documentation_url", Value::String(kind_of_problem(notice))),
        ("status", Value::String(notice.http.to_string())),
    ])
}

/// A JSON-RPC 2.0 error; its id is `null` where the request had none that could be read.
fn json_rpc(notice: &Notice, id: Option<&str>) -> String {
    // -32000 to -32099 are the server's own (JSON-RPC 2.0, 5.1).
    let code = match notice.status {
        Status::Pending => -32_050,
        Status::Denied => -32_051,
        Status::Refused => -32_052,
        Status::Released => -32_053,
    };
    let error = object(vec![
        ("code", Value::from(code)),
        ("message", Value::String(notice.text())),
        ("data", notice.with(vec![("detail", text(&notice.detail))])),
    ]);
    // The id is echoed as it was written: a number there may be wider than ours.
    format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.unwrap_or("null"))
}

fn kind_of_problem(notice: &Notice) -> String {
    format!("urn:privyseal:{}", notice.code)
}

const fn title(status: Status) -> &'static str {
    match status {
        Status::Pending => "waiting for approval",
        Status::Denied => "denied",
        Status::Refused => "refused",
        Status::Released => "already released",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::aws::Wire;
    use crate::testing::test;

    pub(super) fn pending() -> Notice {
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
            (Protocol::Aws(Wire::Json), ""),
            (Protocol::GitHub, ""),
            (Protocol::Http, ""),
            (Protocol::Kubernetes, "/details"),
            (Protocol::OpenAiChat, "/error"),
            (Protocol::OpenAiResponses, "/error"),
            (Protocol::Anthropic, "/error"),
            (Protocol::Gemini, "/error/details/0"),
            (Protocol::Mcp, "/error/data"),
        ] {
            let reply = render(&pending(), protocol, Some("7"));
            assert_eq!(reply.status, if protocol == Protocol::Mcp { 200 } else { 429 });
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            check_members(body.pointer(pointer).unwrap());
            assert!(reply.headers.contains(&("x-should-retry", "true".into())));
            assert!(reply.headers.contains(&("retry-after", "2".into())));
        }
    }

    #[test]
    fn json_rpc_echoes_ids_as_written() {
        let reply = render(&pending(), Protocol::Mcp, Some("123456789012345678901234567890"));
        let body = std::str::from_utf8(&reply.body).unwrap();
        assert!(body.contains(r#""id":123456789012345678901234567890,"#));
        let reply = render(&pending(), Protocol::Mcp, None);
        assert!(serde_json::from_slice::<Value>(&reply.body).unwrap()["id"].is_null());
    }

    #[test]
    fn a_problem_keeps_its_http_status() {
        let body: Value = serde_json::from_slice(&render(&pending(), Protocol::Http, None).body).unwrap();
        assert_eq!(body["status"], 429);
        assert_eq!(body["state"], "pending");
    }
}
