//! The policy that runs: whether it enforces, whether it is the one that should run, whether names are verified.
//!
//! Must not go here: what is doubtful about a policy as such (`policy::check`).

use privyseal_engine::digest::hex;
use privyseal_engine::policy::Policy;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::Finding;
use super::dump::{Dump, Plugin, list};
use crate::policy::needs;

const POLICY: &str = "policy";

/// The policy that the filter carries. It runs if it can be read: Envoy refuses what the filter cannot.
pub fn read(plugin: &Plugin<'_>, findings: &mut Vec<Finding>) -> Option<Policy> {
    let policy = plugin.policy().and_then(|json| Policy::parse(json.to_string().as_bytes(), &[]).ok());
    if policy.is_none() {
        findings.push(Finding::fail(
            POLICY,
            plugin.at(),
            "the filter's configuration is no policy that this command understands",
            "use the command of the filter's own release; `privyseal policy render` writes what the filter reads",
        ));
    }
    policy
}

pub fn diagnose(plugin: &Plugin<'_>, policy: Option<&Policy>, expected: Option<&Value>) -> Vec<Finding> {
    let (Some(policy), Some(json)) = (policy, plugin.policy()) else { return Vec::new() };
    let mut findings = Vec::new();
    let observed = policy.rules().iter().filter(|rule| rule.observe).count();
    findings.push(if policy.settings().observe {
        Finding::warn(
            "mode",
            plugin.at(),
            "the policy observes: nothing is held, denied or masked",
            "write `mode: enforce` when you trust it",
        )
    } else if observed > 0 {
        Finding::warn(
            "mode",
            plugin.at(),
            format!("{observed} of {} rules only observe", policy.rules().iter().count()),
            "take `mode: observe` off them when you trust them",
        )
    } else {
        Finding::ok("mode", plugin.at(), "the policy enforces")
    });
    let digest = digest(&json);
    findings.push(match expected {
        Some(expected) if comparable(expected) != comparable(&json) => Finding::fail(
            POLICY,
            plugin.at(),
            format!("another policy runs (sha256 {digest}) than the file's (sha256 {})", self::digest(expected)),
            "render the file and load it, or see in Envoy's log why it was refused",
        ),
        Some(_) => Finding::ok(POLICY, plugin.at(), format!("the file's policy runs (sha256 {digest})")),
        None => Finding::ok(POLICY, plugin.at(), format!("sha256 {digest}; --policy FILE compares it with a file")),
    });
    findings
}

/// Does something before the filter verify the tokens that the policy takes names from?
pub fn identity(plugin: &Plugin<'_>, policy: &Policy, dump: &Dump) -> Option<Finding> {
    let wanted = needs::jwt_payloads(policy).next()?;
    let before = list(plugin.manager.config, "http_filters").take(plugin.position);
    let providers = before.filter_map(|entry| {
        let (kind, config) = dump.filter_config(entry)?;
        kind.ends_with("jwt_authn.v3.JwtAuthentication").then_some(config.get("providers")?.as_object()?)
    });
    let leaves = |provider: &Value| provider.get("payload_in_metadata").and_then(Value::as_str) == Some(wanted);
    if providers.flat_map(|providers| providers.values()).any(leaves) {
        return Some(Finding::ok("identity", plugin.at(), "names come from tokens that `jwt_authn` verifies"));
    }
    Some(Finding::fail(
        "identity",
        plugin.at(),
        format!("no `jwt_authn` before the filter leaves claims in `{wanted}`, from where the policy takes names"),
        "put it before the filter with `payload_in_metadata`, or name another source under `identity`",
    ))
}

fn digest(policy: &Value) -> String {
    hex(&Sha256::digest(comparable(policy).to_string().as_bytes())).chars().take(16).collect()
}

/// What two carriers of one policy have in common: Istio gives the approver's cluster its own name, and some control
/// planes turn numbers into doubles.
fn comparable(policy: &Value) -> Value {
    let mut policy = doubles(policy);
    if let Some(fields) = policy.as_object_mut() {
        fields.remove("approver");
    }
    policy
}

fn doubles(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
        Value::Array(items) => items.iter().map(doubles).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), doubles(value))).collect(),
        other => other.clone(),
    }
}
