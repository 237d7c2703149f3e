//! The connection manager and the listener: limits, time-outs, the paths' normal form.
//!
//! Must not go here: routes, clusters.

use privyseal_engine::policy::Policy;
use serde_json::Value;

use super::Finding;
use super::dump::{Plugin, seconds, text};
use crate::policy::needs;

/// Envoy's own, where nothing is said.
const BUFFER: u64 = 1 << 20;
const STREAM_IDLE: f64 = 300.0;

pub fn diagnose(plugin: &Plugin<'_>, policy: &Policy) -> Vec<Finding> {
    let mut findings = vec![buffer(plugin, policy), idle(plugin, policy), slow_senders(plugin)];
    findings.extend(paths(plugin));
    findings
}

fn buffer(plugin: &Plugin<'_>, policy: &Policy) -> Finding {
    let limit = plugin.manager.listener_config.get("per_connection_buffer_limit_bytes").and_then(Value::as_u64);
    let limit = limit.unwrap_or(BUFFER);
    let wanted = needs::largest_body(policy) as u64;
    if limit >= wanted {
        return Finding::ok(
            "buffer",
            plugin.at(),
            format!("the buffer of {limit} bytes holds every body that is read"),
        );
    }
    Finding::warn(
        "buffer",
        plugin.at(),
        format!(
            "the policy reads bodies of {wanted} bytes, and the buffer ends at {limit}: larger ones are answered 413"
        ),
        "raise the listener's `per_connection_buffer_limit_bytes`, or lower `body_limit`",
    )
}

fn idle(plugin: &Plugin<'_>, policy: &Policy) -> Finding {
    let config = plugin.manager.config;
    let wait = needs::longest_wait(policy).as_secs_f64();
    let idle = seconds(config.get("stream_idle_timeout")).unwrap_or(STREAM_IDLE);
    let whole = seconds(config.pointer("/common_http_protocol_options/max_stream_duration")).unwrap_or(0.0);
    for (name, limit) in [("stream_idle_timeout", idle), ("max_stream_duration", whole)] {
        // 0 is no limit.
        if limit > 0.0 && limit <= wait {
            return Finding::warn(
                "timeouts",
                plugin.at(),
                format!("`{name}` ends a request after {limit} s, and the policy lets one wait for {wait} s"),
                "raise it above the longest `hold.wait`: agents hear 504 instead of what to do next",
            );
        }
    }
    Finding::ok(
        "timeouts",
        plugin.at(),
        format!("a request may lie still for {idle} s, and waits for {wait} s at most"),
    )
}

fn slow_senders(plugin: &Plugin<'_>) -> Finding {
    let config = plugin.manager.config;
    let missing = |field: &&str| seconds(config.get(*field)).unwrap_or(0.0) == 0.0;
    let missing: Vec<_> = ["request_headers_timeout", "request_timeout"].into_iter().filter(|f| missing(f)).collect();
    if missing.is_empty() {
        return Finding::ok("slow_senders", plugin.at(), "senders that never finish a request are cut off");
    }
    Finding::warn(
        "slow_senders",
        plugin.at(),
        format!("no `{}`: a sender that never finishes keeps its buffer", missing.join("`, `")),
        "set 10s and 60s; neither runs while a complete request is held",
    )
}

fn paths(plugin: &Plugin<'_>) -> Vec<Finding> {
    let config = plugin.manager.config;
    let on = |field| config.get(field) == Some(&Value::Bool(true));
    let action = text(config, "path_with_escaped_slashes_action");
    let mut missing = Vec::new();
    if !on("normalize_path") {
        missing.push("`normalize_path: true`");
    }
    if !on("merge_slashes") {
        missing.push("`merge_slashes: true`");
    }
    if !matches!(action, "REJECT_REQUEST" | "UNESCAPE_AND_REDIRECT") {
        missing.push("`path_with_escaped_slashes_action: REJECT_REQUEST`");
    }
    let mut findings = vec![if missing.is_empty() {
        Finding::ok("paths", plugin.at(), "every filter sees paths in their normal form")
    } else {
        Finding::warn(
            "paths",
            plugin.at(),
            format!(
                "without {} routes and other filters may read a path in another way than the policy",
                missing.join(", ")
            ),
            "set them on the connection manager; in Envoy Gateway by a ClientTrafficPolicy",
        )
    }];
    if !on("use_remote_address") {
        findings.push(Finding::warn(
            "client_headers",
            plugin.at(),
            "clients are believed what they say in `x-envoy-*` and `x-forwarded-for`",
            "set `use_remote_address: true`",
        ));
    }
    findings
}
