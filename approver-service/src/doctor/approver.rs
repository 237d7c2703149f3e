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
    let mut findings = vec![breakers(name, cluster)];
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
    let thresholds = cluster.get("circuit_breakers").into_iter().flat_map(|breakers| list(breakers, "thresholds"));
    let default = thresholds.into_iter().find(|threshold| matches!(text(threshold, "priority"), "" | "DEFAULT"));
    let limit = |field: &str| default.and_then(|d| d.get(field)).and_then(Value::as_u64).unwrap_or(1024);
    let fields = ["max_connections", "max_pending_requests", "max_requests"];
    let room = fields.into_iter().map(limit).min().unwrap_or_default();
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
