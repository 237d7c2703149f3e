//! Headers that differ from one sending of the same request to the next, and mean nothing to what it does.
//!
//! Must not go here: credentials (`credential`); they differ too, but they matter.

use super::credential::is_signed_by_aws;
use crate::classify::stated::Stated;
use crate::request::Headers;

/// Hop-by-hop fields (RFC 9110, 7.6.1), framing, tracing, what proxies add, retry counters of SDKs, MCP's session.
const NAMES: [&str; 34] = [
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "b3",
    "baggage",
    "connection",
    "content-length",
    "date",
    "expect",
    "grpc-timeout",
    "keep-alive",
    "last-event-id",
    "mcp-session-id",
    "newrelic",
    "proxy-authenticate",
    "proxy-connection",
    "sentry-trace",
    "te",
    "trailer",
    "transfer-encoding",
    "traceparent",
    "tracestate",
    "upgrade",
    "via",
    "x-amzn-trace-id",
    "x-client-trace-id",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-ot-span-context",
    "x-request-id",
    "x-stainless-read-timeout",
    "x-stainless-retry-count",
];

const PREFIXES: [&str; 5] = ["uber-trace-", "x-b3-", "x-datadog-", "x-envoy-", "x-privyseal-"];

/// Is header `name` (lower case) left out of the digest? `more` is what the policy adds.
fn is_volatile(name: &str, more: &[String]) -> bool {
    NAMES.contains(&name)
        || (PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !is_stated(name))
        || more.iter().any(|extra| extra.eq_ignore_ascii_case(name))
}

/// What an agent says of its request is part of what was approved.
fn is_stated(name: &str) -> bool {
    Stated::ALL.iter().any(|stated| stated.header() == name)
}

/// Is header `name` of `headers` left out of the digest?
pub fn is_left_out(headers: &Headers, name: &str, more: &[String]) -> bool {
    is_volatile(name, more) || (is_part_of_aws_signature(name) && is_signed_by_aws(headers))
}

/// Headers that change with each AWS signature (SigV4) and say nothing that body and credential scope do not say.
fn is_part_of_aws_signature(name: &str) -> bool {
    matches!(name, "x-amz-date" | "x-amz-content-sha256")
}
