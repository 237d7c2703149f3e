//! What the policy says of a request that is held, as hashes: whether an approval still counts, and what a grant is for.
//!
//! Must not go here: the request itself, which the digest binds (`binding`).

use super::Gateway;
use super::holding::json;
use crate::binding::Binding;
use crate::classify::Decision;
use crate::digest::{Encoder, hex};
use crate::grant;
use crate::hold::Preview;
use crate::policy::Workflow;
use crate::request::Head;

/// SHA-256 of what a decision relies on beside the request itself, which the digest binds. Of the preview it takes what was
/// masked and whether all is shown, not the text: that has a JSON-RPC id in it, and a resend has another id.
pub(super) fn terms(decision: &Decision, preview: &Preview) -> String {
    let mut encoder = decided("privyseal/terms/v1", decision);
    encoder.field("masked", &json(&preview.findings));
    encoder.field("truncated", &json(&preview.truncated));
    hex(&encoder.sha256())
}

/// What the policy says of a request that is held.
fn decided(domain: &str, decision: &Decision) -> Encoder {
    let mut encoder = Encoder::new(domain);
    encoder.field("verdict", b"hold");
    decision.rules.iter().for_each(|rule| encoder.field("rule", rule.as_bytes()));
    encoder.field("category", decision.category.as_deref().unwrap_or_default().as_bytes());
    encoder.field("risk", &json(&decision.risk));
    encoder.field("workflow", decision.workflow.as_bytes());
    encoder.field("why", decision.why.as_bytes());
    encoder
}

/// What a grant would be for, where the workflow knows grants and the agent is known.
pub(super) fn grant_target(
    gateway: &Gateway,
    head: &Head,
    decision: &Decision,
    binding: &Binding,
    body: &[u8],
) -> Option<String> {
    head.principal.as_ref()?;
    let workflow = Workflow::at(gateway.policy.workflows(), &decision.workflow, decision.risk)?;
    let decided = decided("privyseal/decided/v1", decision);
    grant::target(workflow.grants.as_ref()?, &decided, &binding.fields, body, &gateway.keys.grant)
}
