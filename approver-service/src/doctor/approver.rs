//! The approver as Envoy knows it: its cluster, the room for long polls, whether it answers.
//!
//! Must not go here: the approver's own health.

use privyseal_engine::policy::Policy;
use serde_json::Value;

use super::Finding;
use super::dump::{Dump, Plugin, list, text};

const APPROVER: &str = "approver";
/// Fewer long polls at once than this are worth a word.
const ROOM: u64 = 10_000;
/// Envoy's own, where nothing is said.
const REQUESTS: u64 = 1024;
const RETRIES: u64 = 3;

pub fn diagnose(plugin: &Plugin<'_>, policy: &Policy, dump: &Dump) -> Vec<Finding> {
    let Some(approver) = &policy.settings().approver else { return Vec::new() };
    let name = approver.cluster.as_str();
    let Some(cluster) = dump.cluster(name) else {
        return vec![Finding::fail(
            APPROVER,
            plugin.at(),
            format!("Envoy has no cluster `{name}`, by which the policy calls the approver"),
            "define it, or name another under `approver.cluster`",
        )];
    };
    let mut findings = vec![breakers(name, cluster), retries(name, cluster)];
    if !speaks_http2(cluster) {
        findings.push(Finding::warn(
            "http2",
            name,
            "the approver is called by HTTP/1.1: every held request takes a connection",
            "set `http2_protocol_options` for the cluster (Istio: `h2UpgradePolicy: UPGRADE`)",
        ));
    }
    findings.push(answers(name, dump));
    findings
}

fn breakers(name: &str, cluster: &Value) -> Finding {
    let fields = ["max_connections", "max_pending_requests", "max_requests"];
    let room = fields.into_iter().map(|field| limit(cluster, field, REQUESTS)).min().unwrap_or_default();
    if room >= ROOM {
        return Finding::ok("breakers", name, format!("{room} requests may be held at once"));
    }
    Finding::warn(
        "breakers",
        name,
        format!("the circuit breakers end at {room}: no more requests than that can be held at once"),
        "raise `max_connections`, `max_pending_requests` and `max_requests` of the approver's cluster",
    )
}

/// A replica that stops ends all its long polls at once. Envoy takes each to the next replica only as long as it may.
fn retries(name: &str, cluster: &Value) -> Finding {
    const HINT: &str =
        "raise `max_retries` of the approver's cluster to its `max_requests`, in place of a `retry_budget`";
    if let Some(budget) = thresholds(cluster).and_then(|threshold| threshold.get("retry_budget")) {
        let percent = budget.pointer("/budget_percent/value").and_then(Value::as_f64).unwrap_or(20.0);
        let least = budget.get("min_retry_concurrency").and_then(Value::as_u64).unwrap_or(RETRIES);
        if percent >= 100.0 || least >= ROOM {
            return Finding::ok("retries", name, "every call that a replica does not take goes to the next one");
        }
        let message = format!(
            "`retry_budget` ends at {percent} % of the calls, or {least}: where a replica stops, no more of those that wait go to the \
             next one at once"
        );
        return Finding::warn("retries", name, message, HINT);
    }
    let room = limit(cluster, "max_retries", RETRIES);
    if room >= ROOM {
        return Finding::ok(
            "retries",
            name,
            format!("{room} calls that a replica does not take may go to the next one at once"),
        );
    }
    let message = format!(
        "`max_retries` ends at {room}: where a replica stops, no more of the calls that wait there go to the next one at once"
    );
    Finding::warn("retries", name, message, HINT)
}

/// The circuit breakers of ordinary calls, as ours are.
fn thresholds(cluster: &Value) -> Option<&Value> {
    let thresholds = cluster.get("circuit_breakers").into_iter().flat_map(|breakers| list(breakers, "thresholds"));
    thresholds.into_iter().find(|threshold| matches!(text(threshold, "priority"), "" | "DEFAULT"))
}

fn limit(cluster: &Value, field: &str, by_default: u64) -> u64 {
    thresholds(cluster).and_then(|threshold| threshold.get(field)).and_then(Value::as_u64).unwrap_or(by_default)
}

fn speaks_http2(cluster: &Value) -> bool {
    let options = cluster.get("typed_extension_protocol_options").and_then(Value::as_object);
    let explicit = options.into_iter().flat_map(|options| options.values()).any(|options| {
        options.pointer("/explicit_http_config/http2_protocol_options").is_some()
            || options.get("auto_config").is_some()
    });
    explicit || cluster.get("http2_protocol_options").is_some()
}

fn answers(name: &str, dump: &Dump) -> Finding {
    let count = |stat: &str| dump.stat(&format!("cluster.{name}.{stat}"));
    let (answered, refused) = (count("upstream_rq_2xx"), count("upstream_rq_401") + count("upstream_rq_403"));
    if refused > 0 && answered == 0 {
        return Finding::fail(
            APPROVER,
            name,
            "the approver does not know the gateway by its token or certificate",
            "make a token with `privyseal token create --role filter` and set it as PRIVYSEAL_TOKEN in Envoy's environment; with \
             `auth: mtls` name the gateway's certificate with `privyseal serve --gateway`",
        );
    }
    if answered > 0 {
        return Finding::ok(APPROVER, name, "the approver answers");
    }
    Finding::fail(
        APPROVER,
        name,
        "the approver has never answered: what is held ends with 503",
        "see whether `privyseal serve` runs, and whether the cluster's address and TLS are right",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_cluster_that_lets_few_calls_go_on_is_told() {
        for (thresholds, state, words) in [
            (json!([]), State::Warn, "`max_retries` ends at 3:"),
            (json!([{ "max_requests": 100_000 }]), State::Warn, "`max_retries` ends at 3:"),
            (json!([{ "max_retries": 1024 }]), State::Warn, "`max_retries` ends at 1024:"),
            (json!([{ "priority": "HIGH", "max_retries": 100_000 }]), State::Warn, "`max_retries` ends at 3:"),
            (json!([{ "priority": "HIGH" }, { "max_retries": 100_000 }]), State::Ok, "100000 calls"),
            (json!([{ "max_retries": u32::MAX }]), State::Ok, "4294967295 calls"),
            // A budget counts in its place.
            (json!([{ "max_retries": 100_000, "retry_budget": {} }]), State::Warn, "20 % of the calls, or 3:"),
            (json!([{ "retry_budget": { "budget_percent": { "value": 100.0 } } }]), State::Ok, "every call"),
            (json!([{ "retry_budget": { "min_retry_concurrency": 20_000 } }]), State::Ok, "every call"),
        ] {
            let cluster = json!({ "name": "approver", "circuit_breakers": { "thresholds": thresholds } });
            let found = retries("approver", &cluster);
            assert!(found.state == state && found.message.contains(words), "{thresholds}: {found:?}");
        }
        assert_eq!(retries("approver", &json!({ "name": "approver" })).state, State::Warn);
    }
}
