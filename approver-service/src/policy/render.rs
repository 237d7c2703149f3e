//! A policy → a complete Envoy configuration that enforces it.
//!
//! Must not go here: the configuration's text (`templates/envoy.yaml`).

use std::str::FromStr;

use askama::Template;
use privyseal_engine::policy::{IdentitySource, Policy, Settings};
use serde_json::Value;

/// Where the parts of a gateway are.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The policy file's name, for the heading.
    pub policy_name: String,
    pub node: String,
    pub listen: Address,
    pub admin: u16,
    pub upstream: Address,
    pub approver: Address,
    pub wasm: String,
    pub jwt: Option<Jwt>,
}

/// A token issuer whose keys lie in a file.
#[derive(Clone, Debug)]
pub struct Jwt {
    pub issuer: String,
    pub jwks: String,
}

/// `host:port`, with `https://` before it where TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub tls: bool,
    /// Envoy's cluster type.
    pub discovery: &'static str,
}

impl FromStr for Address {
    type Err = &'static str;

    /// `10.0.0.1:8080`, `api.internal:8080`, `http://…`, `https://api.internal`, or a port alone on loopback.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected `host:port`, `https://host` or a port";
        if let Ok(port) = text.parse() {
            return Ok(Address { host: "127.0.0.1".into(), port, tls: false, discovery: "STATIC" });
        }
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err("expected `http` or `https`"),
            None => (false, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let bracketed = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| expected)?,
            None if text.contains("://") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            None => return Err(expected),
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if host.is_empty() || !host.chars().all(letter) {
            return Err(expected);
        }
        let discovery = if host.parse::<std::net::IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
        let host = if host.contains(':') { format!("\"{host}\"") } else { host.to_owned() };
        Ok(Address { host, port, tls, discovery })
    }
}

#[derive(Template)]
#[template(path = "envoy.yaml", escape = "none")]
struct EnvoyYaml<'a> {
    policy_name: &'a str,
    min_envoy: &'a str,
    node: String,
    listen: &'a Address,
    admin: u16,
    upstream: &'a Address,
    approver: &'a Address,
    approver_cluster: Option<String>,
    wasm: String,
    jwt: Option<JwtYaml>,
    buffer: usize,
    idle: u64,
    policy: Vec<String>,
}

struct JwtYaml {
    issuer: String,
    jwks: String,
    payload: String,
}

/// `policy` was compiled from `source`.
pub fn envoy(policy: &Policy, source: &Value, gateway: &Gateway) -> anyhow::Result<String> {
    let settings = policy.settings();
    let wait = settings.hold.wait;
    let longest = wait.http.max(wait.mcp).max(wait.llm).as_secs();
    let limits = policy.rules().iter().filter_map(|rule| rule.body_limit).chain([settings.body_limit]);
    let pretty = serde_json::to_string_pretty(source)?;
    let rendered = EnvoyYaml {
        policy_name: &gateway.policy_name,
        min_envoy: "1.36",
        node: quoted(&gateway.node),
        listen: &gateway.listen,
        admin: gateway.admin,
        upstream: &gateway.upstream,
        approver: &gateway.approver,
        approver_cluster: settings.approver.as_ref().map(|approver| quoted(&approver.cluster)),
        wasm: quoted(&gateway.wasm),
        jwt: jwt(settings, gateway)?,
        // The body, and room for what Envoy reads ahead.
        buffer: limits.max().unwrap_or_default() + 64 * 1024,
        idle: (longest + 60).max(300),
        policy: pretty.lines().map(str::to_owned).collect(),
    };
    Ok(rendered.render()? + "\n")
}

fn jwt(settings: &Settings, gateway: &Gateway) -> anyhow::Result<Option<JwtYaml>> {
    let identity = &settings.identity;
    let payload = identity.principal.iter().chain(&identity.on_behalf_of).find_map(|source| match source {
        IdentitySource::JwtClaim { metadata_key, .. } => Some(metadata_key),
        IdentitySource::TrustedHeader(_) => None,
    });
    match (payload, &gateway.jwt) {
        (Some(_), None) => anyhow::bail!(
            "the policy reads the principal from a token: say who issues it with `--jwt-issuer URL --jwks FILE`"
        ),
        (payload, Some(jwt)) => Ok(Some(JwtYaml {
            issuer: quoted(&jwt.issuer),
            jwks: quoted(&jwt.jwks),
            payload: quoted(payload.map_or("payload", String::as_str)),
        })),
        (None, None) => Ok(None),
    }
}

/// A YAML string, whatever the text: JSON's is one.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::check::Report;

    fn address(text: &str) -> Result<(String, u16, bool, &'static str), &'static str> {
        text.parse::<Address>().map(|a| (a.host, a.port, a.tls, a.discovery))
    }

    #[test]
    fn addresses() {
        for (text, host, port, tls, discovery) in [
            ("8080", "127.0.0.1", 8080, false, "STATIC"),
            ("10.0.0.1:80", "10.0.0.1", 80, false, "STATIC"),
            ("[::1]:80", "\"::1\"", 80, false, "STATIC"),
            ("http://127.0.0.1:8080/", "127.0.0.1", 8080, false, "STATIC"),
            ("https://api.example.com", "api.example.com", 443, true, "STRICT_DNS"),
            ("api.internal:8443", "api.internal", 8443, false, "STRICT_DNS"),
        ] {
            assert_eq!(address(text), Ok((host.to_owned(), port, tls, discovery)), "{text}");
        }
        for text in ["", "host", "host:x", "ftp://a", "a b:1", ":80", "99999", "h:1 }"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    fn gateway(jwt: Option<Jwt>) -> Gateway {
        Gateway {
            policy_name: "p.yaml".into(),
            node: "gateway-1".into(),
            listen: "0.0.0.0:8080".parse().unwrap(),
            admin: 9901,
            upstream: "https://api.example.com".parse().unwrap(),
            approver: "8077".parse().unwrap(),
            wasm: "dist/privyseal.wasm".into(),
            jwt,
        }
    }

    fn render(policy: &str, jwt: Option<Jwt>) -> anyhow::Result<Value> {
        let report = Report::of(policy);
        let source = report.source.unwrap().value;
        let text = envoy(&report.policy.unwrap(), &source, &gateway(jwt))?;
        Ok(serde_saphyr::from_str(&text).unwrap())
    }

    #[test]
    fn the_configuration_holds_the_policy_and_what_enforces_it() {
        let text = "version: 1\ndefault: hold\napprover: {cluster: my-approver}\nbody_limit: 2MiB\nhold: {wait: 10m}\n";
        let envoy = render(text, None).unwrap();
        let listener = &envoy["static_resources"]["listeners"][0];
        assert_eq!(listener["per_connection_buffer_limit_bytes"], (2 << 20) + 64 * 1024);
        let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
        assert_eq!(manager["stream_idle_timeout"], "660s");
        let filters = manager["http_filters"].as_array().unwrap();
        let names: Vec<_> = filters.iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["privyseal", "envoy.filters.http.router"]);
        let plugin = &filters[0]["typed_config"]["config"];
        assert_eq!(plugin["allow_on_headers_stop_iteration"], true);
        assert_eq!(plugin["failure_policy"], "FAIL_RELOAD");
        let carried = plugin["configuration"]["value"].as_str().unwrap();
        let policy = Policy::parse(carried.as_bytes(), &[]).unwrap();
        assert_eq!(policy.clusters().collect::<Vec<_>>(), ["my-approver"]);
        let clusters = envoy["static_resources"]["clusters"].as_array().unwrap();
        assert_eq!(clusters[1]["name"], "my-approver");
        assert_eq!(clusters[0]["transport_socket"]["typed_config"]["sni"], "api.example.com");
    }

    #[test]
    fn tokens_are_verified_before_they_are_believed() {
        let text = "version: 1\ndefault: deny\nidentity: {principal: {jwt: {claim: sub, payload: agent}}}\n";
        assert!(render(text, None).unwrap_err().to_string().contains("--jwt-issuer"));
        let jwt = Jwt { issuer: "https://issuer".into(), jwks: "/etc/jwks.json".into() };
        let envoy = render(text, Some(jwt)).unwrap();
        let filters = &envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
        assert_eq!(filters[0]["name"], "envoy.filters.http.jwt_authn");
        assert_eq!(filters[0]["typed_config"]["providers"]["agents"]["payload_in_metadata"], "agent");
    }
}
