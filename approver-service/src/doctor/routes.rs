//! Routes: an approval is for one execution, and no route may let the filter out.
//!
//! Must not go here: how routes are found (`dump`).

use privyseal_engine::policy::Policy;
use serde_json::Value;

use super::dump::{Dump, Plugin, list, seconds, text, unwrap_typed};
use super::{Finding, State};
use crate::policy::needs;

const TWICE: &str =
    "an approval is for one execution: take it off where requests may be held (Istio: `retries: {attempts: 0}`)";

pub fn diagnose(plugin: &Plugin<'_>, policy: &Policy, dump: &Dump) -> Vec<Finding> {
    let configs = dump.routes(&plugin.manager);
    let mut findings = Vec::new();
    if configs.is_empty() || configs.contains(&None) {
        findings.push(Finding::warn(
            "routes",
            plugin.at(),
            if configs.is_empty() { "the routes are not shown" } else { "the routes of a scope are not shown" },
            "they were not sent yet: ask again when they were; retries, hedging and mirroring were not looked for there",
        ));
    }
    // Where nothing is held nothing was approved for one execution only.
    let severity = if needs::holds(policy) { State::Fail } else { State::Warn };
    let mut look = |at: String, value: &Value, action: &Value| {
        for (what, field) in repeats(action).into_iter().chain(repeats(value)) {
            let message = format!("`{field}` {what}");
            findings.push(Finding { state: severity, ..Finding::fail("repeats", &at, message, TWICE) });
        }
        if switches_off(plugin, value) {
            findings.push(Finding::fail(
                "order",
                &at,
                "the filter is switched off here by `typed_per_filter_config`",
                "take its entry out of the route",
            ));
        }
        let wait = needs::longest_wait(policy).as_secs_f64();
        let idle = seconds(action.get("idle_timeout")).unwrap_or(0.0);
        if idle > 0.0 && idle <= wait {
            findings.push(Finding::warn(
                "timeouts",
                &at,
                format!("`idle_timeout` ends a request after {idle} s, and the policy lets one wait for {wait} s"),
                "raise it above the longest `hold.wait`",
            ));
        }
    };
    for routes in configs.iter().copied().flatten() {
        // Of several route configurations each is named.
        let at = match text(routes, "name") {
            name if configs.len() > 1 && !name.is_empty() => format!("{} {name}", plugin.at()),
            _ => plugin.at().to_owned(),
        };
        look(at.clone(), routes, &Value::Null);
        for host in list(routes, "virtual_hosts") {
            let place = format!("{at} {}", text(host, "name"));
            look(place.clone(), host, &Value::Null);
            for (i, route) in list(host, "routes").enumerate() {
                let name = text(route, "name");
                let name = if name.is_empty() { format!("route {}", i + 1) } else { name.to_owned() };
                look(format!("{place} {name}"), route, route.get("route").unwrap_or(&Value::Null));
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("repeats", plugin.at(), "no route retries, hedges or mirrors"));
    }
    findings
}

/// What repeats a request, and the field that says so.
fn repeats(value: &Value) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    // Once where no number is said; a policy without conditions never retries.
    let retries = |policy: &Value| {
        !text(policy, "retry_on").is_empty() && policy.get("num_retries").and_then(Value::as_u64) != Some(0)
    };
    if value.get("retry_policy").is_some_and(retries) || value.get("retry_policy_typed_config").is_some() {
        found.push(("sends a request again", "retry_policy"));
    }
    if value.get("hedge_policy").is_some() {
        found.push(("sends a request more than once", "hedge_policy"));
    }
    if list(value, "request_mirror_policies").next().is_some() {
        found.push(("sends a copy of a request elsewhere", "request_mirror_policies"));
    }
    if value.get("internal_redirect_policy").is_some() {
        found.push(("sends a request on to where its answer points", "internal_redirect_policy"));
    }
    found
}

fn switches_off(plugin: &Plugin<'_>, value: &Value) -> bool {
    let Some(config) = value.get("typed_per_filter_config").and_then(|all| all.get(text(plugin.entry, "name"))) else {
        return false;
    };
    unwrap_typed(config).1.get("disabled") == Some(&Value::Bool(true))
}
