//! A policy → the complete configuration of a proxy that enforces it.
//!
//! Must not go here: the configuration's text (`templates/render`), what is particular to one target (a module each).

mod address;
mod envoy;
mod envoy_gateway;
mod istio;

use anyhow::{Context, bail};
use askama::Template;
use privyseal_engine::policy::{Credential, Policy};
use serde_json::{Map, Value, json};

pub use self::address::Address;
pub use self::envoy::envoy;
pub use self::envoy_gateway::{EnvoyGateway, envoy_gateway};
pub use self::istio::{Istio, istio};
use super::needs;

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
    pub trust: Trust,
    pub module: Module,
    pub jwt: Option<Jwt>,
}

/// How proxy and approver know each other over TLS: PEM files as the proxy finds them.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Who issued the approver's certificate; one of the system's authorities if left out.
    pub ca: Option<String>,
    /// The proxy's own certificate and its key.
    pub certificate: Option<(String, String)>,
}

/// The filter, as the proxy gets it.
#[derive(Clone, Debug)]
pub enum Module {
    /// On the proxy's own disk.
    File(String),
    /// Downloaded by the proxy, which loads nothing but the file with this SHA-256, in hex.
    Url { url: String, sha256: String },
}

/// A token issuer and its public keys.
#[derive(Clone, Debug)]
pub struct Jwt {
    pub issuer: String,
    /// A file, or a URL.
    pub jwks: String,
}

/// What the gateway carries of a policy: not who decides, which the approver reads from the file itself, but what grants
/// are for.
pub fn carried(source: &Value) -> Value {
    let mut carried = source.clone();
    let Some(fields) = carried.as_object_mut() else { return carried };
    let Some(Value::Object(workflows)) = fields.remove("workflows") else { return carried };
    let workflows: Map<_, _> = workflows.iter().map(|(name, workflow)| (name.clone(), granted(workflow))).collect();
    if workflows.values().any(|workflow| *workflow != json!({})) {
        fields.insert("workflows".to_owned(), workflows.into());
    }
    carried
}

/// Of a workflow, and of what it says by risk: its grants.
fn granted(workflow: &Value) -> Value {
    let mut kept = Map::new();
    kept.extend(workflow.get("grants").map(|grants| ("grants".to_owned(), grants.clone())));
    let risks = workflow.get("risk").and_then(Value::as_object).into_iter().flatten();
    let risks = risks.map(|(risk, part)| (risk.clone(), granted(part))).filter(|(_, part)| *part != json!({}));
    let risks: Map<_, _> = risks.collect();
    if !risks.is_empty() {
        kept.insert("risk".to_owned(), risks.into());
    }
    kept.into()
}

/// A policy that was compiled, and what of it is [`carried`].
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub policy: &'a Policy,
    pub source: &'a Value,
}

impl Input<'_> {
    /// Bytes that wait in Envoy's buffer: the body, and room for what Envoy reads ahead.
    fn buffer(&self) -> usize {
        needs::largest_body(self.policy) + 64 * 1024
    }

    /// Seconds that a stream may lie still: longer than any hold waits.
    fn idle(&self) -> u64 {
        (needs::longest_wait(self.policy).as_secs() + 60).max(300)
    }

    /// How the approver is trusted, if that is how the policy wants it.
    fn trust(&self, gateway: &Gateway) -> anyhow::Result<TrustYaml> {
        let Trust { ca, certificate } = &gateway.trust;
        if !gateway.approver.tls && (ca.is_some() || certificate.is_some()) {
            bail!("certificates are for TLS: write `--approver https://…`");
        }
        let credential = self.policy.settings().approver.as_ref().map(|approver| approver.credential);
        if credential == Some(Credential::Certificate) && certificate.is_none() {
            bail!(
                "the policy has `auth: mtls`: name the gateway's certificate with `--approver-cert` and `--approver-key`"
            );
        }
        Ok(TrustYaml {
            ca: ca.as_deref().map(quoted),
            certificate: certificate.as_ref().map(|(cert, key)| (quoted(cert), quoted(key))),
        })
    }

    /// The cluster that the policy calls the approver by.
    fn approver_cluster(&self) -> Option<&str> {
        self.policy.settings().approver.as_ref().map(|approver| approver.cluster.as_str())
    }

    /// The key under which `jwt_authn` must leave the token's claims, if the policy reads any.
    fn jwt_payload(&self) -> anyhow::Result<Option<&str>> {
        let mut payloads = needs::jwt_payloads(self.policy);
        let first = payloads.next();
        if let Some(other) = payloads.find(|other| Some(*other) != first) {
            bail!(
                "the policy reads claims from `{}` and `{other}`: one issuer leaves them under one name",
                first.unwrap_or_default()
            );
        }
        Ok(first)
    }

    /// The policy as the filter reads it, line by line.
    fn lines(&self) -> anyhow::Result<Vec<String>> {
        Ok(serde_json::to_string_pretty(self.source)?.lines().map(str::to_owned).collect())
    }
}

#[derive(Template)]
#[template(path = "render/connection.yaml", escape = "none")]
struct ConnectionYaml {
    idle: u64,
}

#[derive(Template)]
#[template(path = "render/filter.yaml", escape = "none")]
struct FilterYaml {
    module: CodeYaml,
    policy: Vec<String>,
}

/// [`Module`] with the cluster that it is downloaded through, ready for YAML.
#[derive(Clone)]
enum CodeYaml {
    File { file: String },
    Url { url: String, sha256: String, cluster: String },
}

#[derive(Template)]
#[template(path = "render/cluster.yaml", escape = "none")]
struct ClusterYaml<'a> {
    name: String,
    at: &'a Address,
    /// Of the approver: with room for a long poll of every held request.
    approver: Option<TrustYaml>,
}

/// [`Trust`], ready for YAML.
struct TrustYaml {
    ca: Option<String>,
    certificate: Option<(String, String)>,
}

/// A token issuer, ready for YAML.
struct JwtYaml {
    issuer: String,
    /// A path, or the field that holds the keys.
    keys: String,
    payload: String,
}

impl CodeYaml {
    fn new(module: &Module, cluster: &str) -> CodeYaml {
        match module {
            Module::File(file) => CodeYaml::File { file: quoted(file) },
            Module::Url { url, sha256 } => {
                CodeYaml::Url { url: quoted(url), sha256: quoted(sha256), cluster: quoted(cluster) }
            }
        }
    }
}

impl Module {
    /// Where it is downloaded from.
    fn download(&self) -> anyhow::Result<Option<Address>> {
        let Module::Url { url, .. } = self else { return Ok(None) };
        let end = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
        let origin = url.get(..end).unwrap_or_default();
        let address = origin.parse().map_err(|expected| anyhow::anyhow!("`{url}`: {expected}"))?;
        Ok(Some(address))
    }
}

/// The issuer that the policy needs, with `keys` made of where its keys are.
fn jwt(
    input: Input<'_>,
    gateway: &Gateway,
    keys: impl FnOnce(&str) -> anyhow::Result<String>,
) -> anyhow::Result<Option<JwtYaml>> {
    match (input.jwt_payload()?, &gateway.jwt) {
        (Some(_), None) => bail!(
            "the policy reads the principal from a token: say who issues it with `--jwt-issuer URL --jwks FILE|URL`"
        ),
        (None, None) => Ok(None),
        (payload, Some(jwt)) => Ok(Some(JwtYaml {
            issuer: quoted(&jwt.issuer),
            keys: keys(&jwt.jwks)?,
            payload: quoted(payload.unwrap_or("payload")),
        })),
    }
}

/// The text of a file of keys, for targets whose proxies have no disk of one's own.
fn keys_of(file: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the keys in `{file}`"))?;
    let keys: Value = serde_json::from_str(&text).with_context(|| format!("`{file}` is not a JSON Web Key Set"))?;
    Ok(keys.to_string())
}

/// Is it `https://…` rather than a file?
fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// The lines of a template, as the value of a key or, with `item`, as an item of a list.
fn lines(template: &impl Template, item: bool) -> anyhow::Result<Vec<String>> {
    let text = template.render()?;
    let indent = |(i, line): (usize, &str)| match (item, i) {
        (false, _) => line.to_owned(),
        (true, 0) => format!("- {line}"),
        (true, _) => format!("  {line}"),
    };
    Ok(text.lines().enumerate().map(indent).collect())
}

/// A YAML string, whatever the text: JSON's is one.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
