//! The one exchange that lets a request run: the release asked for, and the authenticated answer with its receipt.
//!
//! Must not go here: whether an answer counts (`decision`), what a receipt says (the approver).

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::State;
use crate::digest::Encoder;

/// Ask to run an approved request, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Release {
    pub v: u16,
    pub nonce: String,
    pub digest: String,
    pub terms: String,
    pub tenant: String,
    pub environment: String,
    #[serde(default)]
    pub principal: Option<String>,
    /// What goes on to the upstream, for the receipt; since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
}

/// A request as the upstream gets it. The approver writes it into the receipt and keeps none of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Forwarded {
    pub method: String,
    pub authority: String,
    /// Canonical path with query.
    pub path: String,
    /// SHA-256 of the body, 64 lower-case hex digits.
    pub body_sha256: String,
}

/// What the approver answers to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReleaseVerdict {
    /// This stream, and no other, may run the request now.
    Released,
    /// Another stream ran it.
    AlreadyReleased,
    /// The hold is not approved (any more); `state` says how it stands.
    NotApproved,
    /// The request, its terms or its scope are not those that were approved.
    Mismatch,
}

impl ReleaseVerdict {
    const fn as_str(self) -> &'static str {
        match self {
            ReleaseVerdict::Released => "released",
            ReleaseVerdict::AlreadyReleased => "already_released",
            ReleaseVerdict::NotApproved => "not_approved",
            ReleaseVerdict::Mismatch => "mismatch",
        }
    }
}

/// The authenticated, idempotent answer to a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Answer {
    pub v: u16,
    pub hold: String,
    pub nonce: String,
    pub digest: String,
    pub tenant: String,
    pub environment: String,
    pub verdict: ReleaseVerdict,
    pub state: State,
    pub issued_ms: i64,
    pub expires_ms: i64,
    /// A JWT that proves the release to the upstream; since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// HMAC over what stands here, 64 lower-case hex digits.
    pub mac: String,
}

impl Answer {
    /// HMAC-SHA-256 over the length-prefixed fields, under the key shared by gateway and approver.
    pub fn authenticate(&self, key: &[u8]) -> String {
        crate::digest::hex(&self.mac_state(key).finalize().into_bytes())
    }

    /// Does `mac` fit? Compared in constant time.
    pub fn is_authentic(&self, key: &[u8]) -> bool {
        crate::digest::unhex(&self.mac).is_some_and(|mac| self.mac_state(key).verify_slice(&mac).is_ok())
    }

    fn mac_state(&self, key: &[u8]) -> Hmac<Sha256> {
        let mut e = Encoder::new("privyseal/answer/v1");
        e.field("v", self.v.to_string().as_bytes());
        e.field("hold", self.hold.as_bytes());
        e.field("nonce", self.nonce.as_bytes());
        e.field("digest", self.digest.as_bytes());
        e.field("tenant", self.tenant.as_bytes());
        e.field("environment", self.environment.as_bytes());
        e.field("verdict", self.verdict.as_str().as_bytes());
        e.field("state", self.state.as_str().as_bytes());
        e.field("issued_ms", self.issued_ms.to_string().as_bytes());
        e.field("expires_ms", self.expires_ms.to_string().as_bytes());
        // Version 1 knew no receipt: its answers are authenticated as they always were.
        if self.v > 1 {
            e.field("receipt", self.receipt.as_deref().unwrap_or_default().as_bytes());
        }
        crate::digest::mac(key, e.as_bytes())
    }
}
