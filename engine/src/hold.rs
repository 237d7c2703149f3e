//! The contract between filter and approver, version 2: what travels in each call.
//!
//! | call | request | answer |
//! |---|---|---|
//! | `POST /v1/holds` | [`Intake`] | [`View`] (201 created, 200 joined) |
//! | `GET /v1/holds/{id}/wait?revision=N&wait_ms=M` | – | [`View`], when its revision exceeds N or after M ms |
//! | `POST /v1/holds/{id}/release` | [`Release`] | [`Answer`] (200, whatever its verdict) |
//! | `POST /v1/holds/{id}/detach` | [`Detach`] | 204 |
//! | `POST /v1/holds/{id}/outcome` | [`Report`] | 204 |
//! | `POST /v1/holds/{id}/status` | [`StatusQuery`] | [`View`]; 404 for another's hold as for an unknown one |
//! | `POST /v1/holds/{id}/answer` | [`Information`] | [`View`]; 409 where nothing was asked |
//! | `POST /v1/holds/{id}/withdraw` | [`StatusQuery`] | [`View`]; 409 where it is over |
//! | `GET /v1/control?epoch=N&wait_ms=M` | – | [`Control`], when its epoch differs from N or after M ms. A filter that does not say `principals=1` knows no switch of a single principal: while one is on, it is told to hold everything |
//!
//! Every call carries `Authorization: Bearer` with a token of role `filter`. Errors are `application/problem+json` with a
//! stable `code`. Times are Unix milliseconds. Unknown fields are ignored on both sides, and the approver answers in the
//! version that it was asked in, so that either may be newer by one version. Calls without a body say theirs in the query,
//! `v=2`; version 1 said none. Version 2 added receipts ([`Forwarded`], [`Answer::receipt`]).
//!
//! Must not go here: when to call what (`exchange`), who may decide (the approver).

mod release;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use release::{Answer, Forwarded, Release, ReleaseVerdict};

/// The version of this contract, in every message as `v`.
pub const VERSION: u16 = 2;
/// The oldest version that is still spoken, by filters and approvers alike.
pub const OLDEST: u16 = 1;

/// Is `v` a version in which a message can be understood?
pub const fn is_spoken(v: u16) -> bool {
    OLDEST <= v && v <= VERSION
}

/// Where a hold stands. `Pending` and `InfoRequested` wait for people; `Approved` waits to be collected; the rest is final,
/// but for `Released`, which still takes its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pending,
    InfoRequested,
    Approved,
    Denied,
    Expired,
    Withdrawn,
    Cancelled,
    Lapsed,
    Revoked,
    Released,
}

impl State {
    /// The name as it stands in JSON, in databases and in audit records.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::InfoRequested => "info_requested",
            State::Approved => "approved",
            State::Denied => "denied",
            State::Expired => "expired",
            State::Withdrawn => "withdrawn",
            State::Cancelled => "cancelled",
            State::Lapsed => "lapsed",
            State::Revoked => "revoked",
            State::Released => "released",
        }
    }

    /// True while people may still decide.
    pub const fn is_open(self) -> bool {
        matches!(self, State::Pending | State::InfoRequested)
    }

    /// True while an identical request may still join: open, or approved and not yet collected.
    pub const fn is_live(self) -> bool {
        matches!(self, State::Pending | State::InfoRequested | State::Approved)
    }
}

/// How bad it would be, as the rule says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

impl Risk {
    pub const ALL: [Risk; 4] = [Risk::Low, Risk::Medium, Risk::High, Risk::Critical];

    /// The name as it stands in policies and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
            Risk::Critical => "critical",
        }
    }
}

/// Create a hold, or join the live one with the same digest and principal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Intake {
    pub v: u16,
    /// This stream's own random name, 32 lower-case hex digits.
    pub nonce: String,
    /// SHA-256 of the request, 64 lower-case hex digits. The approver stores only an HMAC of it.
    pub digest: String,
    /// SHA-256, 64 hex digits, of what a decision relies on: verdict, rules, workflow, risk, preview. If it differs at
    /// join or release the policy has changed, and the approval no longer counts.
    pub terms: String,
    /// The canonical parts of the digest, each as 16 hex digits of a keyed HMAC, by name (`method`, `path`, `header x-a`,
    /// `body`, …): two holds that differ in exactly one are a near miss.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// [`crate::keys::proof`] of the nonce: shows before anybody decides that gateway and approver share one secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// What a grant would be for, 64 lower-case hex digits of a keyed HMAC; only where the workflow allows grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_target: Option<String>,
    pub tenant: String,
    pub environment: String,
    /// Which gateway asks: Envoy's node id.
    #[serde(default)]
    pub gateway: String,
    /// The verified principal. Without one nobody can join, and the hold ends with its connection.
    pub principal: Option<String>,
    pub on_behalf_of: Option<String>,
    pub rules: Vec<String>,
    pub category: Option<String>,
    pub risk: Risk,
    pub workflow: String,
    /// Why it is held, for the approver.
    pub why: String,
    /// How long people may take to decide.
    pub deadline_ms: u64,
    /// How long an approval may wait to be collected.
    pub approval_ttl_ms: u64,
    /// How long a hold without a waiting client lives.
    pub rejoin_ms: u64,
    /// Live holds that this principal may have.
    pub max_live: u32,
    pub preview: Preview,
}

/// What the approver sees: the request, masked, made from the same bytes as the digest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Preview {
    pub method: String,
    pub scheme: String,
    pub authority: String,
    /// Canonical path with query, masked.
    pub path: String,
    /// Masked; credentials appear by name only.
    pub headers: Vec<(String, String)>,
    /// Masked text of the body, at most 16 KiB; empty if there is none or it is binary.
    pub body: String,
    pub content_type: Option<String>,
    /// Bytes of the body as received.
    pub body_bytes: u64,
    /// True if `body` or `headers` do not show all.
    pub truncated: bool,
    /// Entity type → how many values were masked.
    pub findings: BTreeMap<String, u32>,
    /// `purpose` and `ticket`, where the rules require them: the agent's own words, masked. Nobody has verified them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stated: BTreeMap<String, String>,
    /// What the `{name}`s in the paths of the rules stand for, by name, masked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub captures: BTreeMap<String, String>,
}

impl Preview {
    /// Bytes of masked body that travel to the approver.
    pub const MAX_BODY: usize = 16 * 1024;
    /// Headers that travel to the approver.
    pub const MAX_HEADERS: usize = 100;
}

/// A hold as filters and agents see it: no votes, no names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct View {
    pub v: u16,
    pub id: String,
    pub state: State,
    /// Rises with each change of the hold; the wait call takes the last one seen.
    pub revision: u64,
    pub deadline_ms: i64,
    /// The reason given with a denial or revocation, or the question asked, masked by the approver.
    #[serde(default)]
    pub reason: Option<String>,
    /// True if this call joined a hold that was there.
    #[serde(default)]
    pub joined: bool,
    #[serde(default)]
    pub near_miss: Option<NearMiss>,
}

/// A live hold of the same principal that differs from this one in a single part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NearMiss {
    pub hold: String,
    pub differs: String,
}

/// The client left: nobody waits on this stream any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Detach {
    pub v: u16,
    pub nonce: String,
}

/// What became of a released request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed,
    Unknown,
}

/// The upstream's answer to a released request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Report {
    pub v: u16,
    pub nonce: String,
    pub outcome: Outcome,
    pub status: Option<u16>,
}

/// An agent asks, through its gateway, how its hold stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StatusQuery {
    pub v: u16,
    pub tenant: String,
    pub environment: String,
    pub principal: String,
}

/// An agent answers, through its gateway, what an approver asked of its hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Information {
    pub v: u16,
    pub tenant: String,
    pub environment: String,
    pub principal: String,
    /// Masked by the gateway, at most 4,096 bytes. Anybody's words: nothing of it is verified.
    pub answer: String,
}

impl Information {
    /// Bytes of an answer, before and after masking.
    pub const MAX_ANSWER: usize = 4096;
}

/// The kill switch, for the gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kill {
    #[default]
    Off,
    /// Hold every request.
    Hold,
    /// Deny every request.
    Deny,
}

/// What every worker's long poll on `/v1/control` learns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Control {
    pub v: u16,
    pub epoch: u64,
    /// Of every request.
    pub kill: Kill,
    /// Principals whose requests are held, each by its [`principal_name`](crate::control::principal_name).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<String>,
    /// Principals whose requests are denied, named likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

#[cfg(test)]
mod tests;
