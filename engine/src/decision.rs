//! Is this the approver's word? Validates its answers before anything relies on them, and says what a state means to an agent.
//!
//! Must not go here: retries and timing (`exchange`).

use crate::hold::{Answer, ReleaseVerdict, State, View, is_spoken};
use crate::reply::{Executed, Next, Notice, Status};

/// How far an answer's time of issue may lie in our future.
const MAX_SKEW_MS: i64 = 30_000;

/// Why an answer does not release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Silence or nonsense: the approver may do better when asked again.
    Retry { code: &'static str },
    /// A proper no.
    Final { http: u16, code: &'static str, detail: String, executed: bool },
}

const SILENT: Refusal = Refusal::Retry { code: "approver_unavailable" };
const WRONG: Refusal = Refusal::Retry { code: "approver_answer_invalid" };

/// What an answer must repeat to count.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub hold: &'a str,
    pub nonce: &'a str,
    pub digest: &'a str,
    pub tenant: &'a str,
    pub environment: &'a str,
}

/// Reads the answer to create, wait or status.
pub fn view(status: Option<u16>, body: &[u8]) -> Result<View, Refusal> {
    match status {
        Some(200 | 201) => {}
        Some(429) => {
            return Err(Refusal::Final {
                http: 429,
                code: "too_many_holds",
                detail: "too many requests of this principal wait for a decision already".to_owned(),
                executed: false,
            });
        }
        Some(401 | 403) => return Err(Refusal::Retry { code: "approver_refuses_gateway" }),
        Some(status @ 400..500) => return Err(no(status, "approver_refused")),
        // Envoy itself answers 503 and 504 for a cluster that is down or slow; no status at all is a reset.
        None | Some(500..) => return Err(SILENT),
        Some(_) => return Err(WRONG),
    }
    let view: View = serde_json::from_slice(body).map_err(|_| WRONG)?;
    let plain =
        |id: &str| !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_spoken(view.v) && plain(&view.id) { Ok(view) } else { Err(WRONG) }
}

/// Reads the answer to a release. `Ok` is the only way a held request may run; it carries the receipt, where the approver
/// writes one.
pub fn release(
    status: Option<u16>,
    body: &[u8],
    expected: &Expected<'_>,
    key: &[u8],
    now_ms: u64,
) -> Result<Option<String>, Refusal> {
    match status {
        Some(200) => {}
        Some(401 | 403) => return Err(Refusal::Retry { code: "approver_refuses_gateway" }),
        Some(status @ 400..500) => return Err(no(status, "approver_refused")),
        None | Some(500..) => return Err(SILENT),
        Some(_) => return Err(WRONG),
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| WRONG)?;
    let ours = is_spoken(answer.v)
        && answer.hold == expected.hold
        && answer.nonce == expected.nonce
        && answer.digest == expected.digest
        && answer.tenant == expected.tenant
        && answer.environment == expected.environment;
    if !ours || !answer.is_authentic(key) {
        return Err(WRONG);
    }
    let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
    let fresh = answer.expires_ms > now_ms && answer.issued_ms <= now_ms.saturating_add(MAX_SKEW_MS);
    match answer.verdict {
        ReleaseVerdict::Released if answer.state == State::Released && fresh => {
            Ok(answer.receipt.filter(|receipt| is_token(receipt)))
        }
        ReleaseVerdict::Released => Err(Refusal::Final {
            http: 503,
            code: "approver_answer_expired",
            detail: "the approver's answer came too late to be used".to_owned(),
            executed: false,
        }),
        ReleaseVerdict::AlreadyReleased => Err(Refusal::Final {
            http: 409,
            code: "already_released",
            detail: "this approval was used by another identical request; it is not executed twice".to_owned(),
            executed: true,
        }),
        ReleaseVerdict::NotApproved => {
            let (_, code, _, detail) = answer_to_agent(answer.state, None);
            Err(Refusal::Final { http: 403, code, detail, executed: false })
        }
        ReleaseVerdict::Mismatch => Err(Refusal::Final {
            http: 403,
            code: "request_differs",
            detail: "this request is not the one that was approved".to_owned(),
            executed: false,
        }),
    }
}

/// What a hold's state means to the agent that waits: class, reason code, what to do, in words.
pub fn answer_to_agent(state: State, reason: Option<&str>) -> (Status, &'static str, Next, String) {
    let with_reason = |text: &str| match reason {
        Some(reason) if !reason.is_empty() => format!("{text}: {reason}"),
        _ => text.to_owned(),
    };
    match state {
        State::Pending => (
            Status::Pending,
            "approval_pending",
            Next::ResendIdenticalRequest,
            "a person must approve this request; send the identical request again to keep waiting".to_owned(),
        ),
        State::InfoRequested => {
            (Status::Pending, "information_requested", Next::AnswerQuestion, with_reason("the approver asks"))
        }
        State::Approved => (
            Status::Pending,
            "approval_ready",
            Next::ResendIdenticalRequest,
            "this request was approved; send the identical request again to execute it, once".to_owned(),
        ),
        State::Denied => {
            (Status::Denied, "approval_denied", Next::Stop, with_reason("the approver denied this request"))
        }
        State::Expired => {
            (Status::Denied, "approval_expired", Next::Stop, "nobody decided in time; nothing was executed".to_owned())
        }
        State::Withdrawn => (Status::Denied, "approval_withdrawn", Next::Stop, "this request was withdrawn".to_owned()),
        State::Cancelled => (
            Status::Denied,
            "approval_cancelled",
            Next::ResendIdenticalRequest,
            with_reason("this hold was cancelled; send the request again to ask anew"),
        ),
        State::Lapsed => (
            Status::Denied,
            "approval_lapsed",
            Next::ResendIdenticalRequest,
            "the approval was not used in time; send the request again to ask anew".to_owned(),
        ),
        State::Revoked => (Status::Denied, "approval_revoked", Next::Stop, with_reason("the approval was revoked")),
        State::Released => (
            Status::Released,
            "already_released",
            Next::Stop,
            "this approval was used; the request is not executed twice".to_owned(),
        ),
    }
}

/// The answer to an agent that asks for its own hold.
pub fn status_notice(view: View) -> Notice {
    let (status, code, next, detail) = answer_to_agent(view.state, view.reason.as_deref());
    let executed = if view.state == State::Released { Executed::Yes } else { Executed::No };
    Notice { http: 200, status, code, detail, hold: Some(view.id), near_miss: None, next, executed }
}

/// May it stand in a header? What the approver signs never needs more than these.
fn is_token(receipt: &str) -> bool {
    receipt.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn no(status: u16, code: &'static str) -> Refusal {
    Refusal::Final {
        http: 503,
        code,
        detail: format!("the approver refused the gateway's call with {status}"),
        executed: false,
    }
}

#[cfg(test)]
mod tests;
