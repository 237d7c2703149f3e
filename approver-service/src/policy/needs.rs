//! What a policy needs of the proxy that enforces it: room, time, verified names.
//!
//! Must not go here: how a proxy is told (`render`), whether it has it (`doctor`).

use std::time::Duration;

use privyseal_engine::classify::Verdict;
use privyseal_engine::policy::{IdentitySource, Policy};

/// Bytes of the largest body that a policy reads.
pub fn largest_body(policy: &Policy) -> usize {
    let limits = policy.rules().iter().filter_map(|rule| rule.body_limit);
    limits.chain([policy.settings().body_limit]).max().unwrap_or_default()
}

/// How long a request may wait for a person.
pub fn longest_wait(policy: &Policy) -> Duration {
    let wait = policy.settings().hold.wait;
    wait.http.max(wait.mcp).max(wait.llm)
}

/// Can anything be held?
pub fn holds(policy: &Policy) -> bool {
    policy.rules().verdicts().any(|verdict| verdict == Verdict::Hold)
}

/// Under which names `jwt_authn` must leave the claims of tokens that principals are taken from.
pub fn jwt_payloads(policy: &Policy) -> impl Iterator<Item = &str> {
    let identity = &policy.settings().identity;
    identity.principal.iter().chain(&identity.on_behalf_of).filter_map(|source| match source {
        IdentitySource::JwtClaim { metadata_key, .. } => Some(metadata_key.as_str()),
        IdentitySource::TrustedHeader(_) => None,
    })
}
