//! Istio: the resources of a gateway with the filter, by Istio's own names for clusters.
//!
//! Must not go here: the resources' text (`templates/render/istio.yaml`).

use anyhow::{anyhow, bail};
use askama::Template;
use privyseal_engine::classify::{Rule, Verdict};
use serde_json::Value;

use super::{Address, CodeYaml, ConnectionYaml, FilterYaml, Gateway, Input, JwtYaml, Module, TrustYaml};
use super::{is_url, jwt, keys_of, lines, quoted};

/// Where in the mesh.
#[derive(Clone, Debug)]
pub struct Istio {
    pub namespace: String,
    /// A label of the gateway's pods, `name=value`.
    pub label: String,
    /// A WasmPlugin, which cannot let the filter read bodies.
    pub limited: bool,
}

#[derive(Template)]
#[template(path = "render/istio.yaml", escape = "none")]
struct IstioYaml<'a> {
    policy_name: &'a str,
    namespace: String,
    label: (String, String),
    limited: bool,
    port: u16,
    upstream: &'a Address,
    approver: &'a Address,
    trust: TrustYaml,
    approver_cluster: Option<String>,
    services: Vec<Service>,
    download: Option<Address>,
    mounted: Option<&'a str>,
    jwt: Option<JwtYaml>,
    buffer: usize,
    connection: Vec<String>,
    filter: Vec<String>,
    needs_bodies: Vec<String>,
    plugin_url: CodeYaml,
    policy: Vec<String>,
}

/// A host that the mesh must be told of.
struct Service {
    name: &'static str,
    at: Address,
    /// Istio's word, and the port's name.
    protocol: (&'static str, &'static str),
}

pub fn istio(input: Input<'_>, gateway: &Gateway, mesh: &Istio) -> anyhow::Result<String> {
    let download = gateway.module.download()?;
    let approver = input.approver_cluster().is_some().then_some(("approver", "--approver", &gateway.approver));
    let upstream = ("upstream", "--upstream", &gateway.upstream);
    let module = download.as_ref().map(|at| ("module", "--wasm-url", at));
    let mut services: Vec<Service> = Vec::new();
    for (name, flag, at) in [Some(upstream), approver, module].into_iter().flatten() {
        if !at.is_name() {
            bail!("`{flag}`: expected a host name, by which Istio knows services; found `{}`", at.host);
        }
        if !at.is_in_cluster() && services.iter().all(|service| service.at != *at) {
            let protocol = match (name, at.tls) {
                ("approver", _) => ("HTTP2", "http2"),
                (_, true) => ("HTTPS", "https"),
                (_, false) => ("HTTP", "http"),
            };
            services.push(Service { name, at: at.clone(), protocol });
        }
    }
    let mut source = input.source.clone();
    if let Some(approver) = source.get_mut("approver").and_then(Value::as_object_mut) {
        approver.insert("cluster".into(), cluster(&gateway.approver).into());
        approver.entry("authority").or_insert_with(|| gateway.approver.host.clone().into());
    }
    let input = Input { policy: input.policy, source: &source };
    let module_cluster = download.as_ref().map(cluster).unwrap_or_default();
    let module = CodeYaml::new(&gateway.module, &module_cluster);
    let rendered = IstioYaml {
        policy_name: &gateway.policy_name,
        namespace: quoted(&mesh.namespace),
        label: label(&mesh.label)?,
        limited: mesh.limited,
        port: gateway.listen.port,
        upstream: &gateway.upstream,
        approver: &gateway.approver,
        trust: input.trust(gateway)?,
        approver_cluster: input.approver_cluster().map(str::to_owned),
        services,
        download,
        mounted: match &gateway.module {
            Module::File(file) => Some(file),
            Module::Url { .. } => None,
        },
        jwt: jwt(input, gateway, keys)?,
        buffer: input.buffer(),
        connection: lines(&ConnectionYaml { idle: input.idle() }, false)?,
        filter: lines(&FilterYaml { module: module.clone(), policy: input.lines()? }, false)?,
        needs_bodies: needs_bodies(input),
        plugin_url: match module {
            CodeYaml::File { .. } => CodeYaml::File { file: quoted(&plugin_file(&gateway.module)) },
            url @ CodeYaml::Url { .. } => url,
        },
        policy: input.lines()?,
    };
    if let Some(payload) = input.jwt_payload()?
        && payload != "payload"
    {
        bail!("the policy reads claims from `{payload}`, and Istio leaves them under `payload`: leave `payload:` out");
    }
    Ok(rendered.render()? + "\n")
}

/// Istio's name of the cluster for a service's port.
fn cluster(at: &Address) -> String {
    format!("outbound|{}||{}", at.port, at.host)
}

fn label(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or_else(|| anyhow!("`{text}`: expected a label `name=value`"))?;
    Ok((quoted(name), quoted(value)))
}

fn keys(jwks: &str) -> anyhow::Result<String> {
    if is_url(jwks) {
        Ok(format!("jwksUri: {}", quoted(jwks)))
    } else {
        Ok(format!("jwks: {}", quoted(&keys_of(jwks)?)))
    }
}

fn plugin_file(module: &Module) -> String {
    match module {
        Module::File(file) => format!("file://{file}"),
        Module::Url { url, .. } => url.clone(),
    }
}

/// What does not work without bodies: rules that read them, whatever is held with one, masking.
fn needs_bodies(input: Input<'_>) -> Vec<String> {
    let rules = input.policy.rules();
    let default = rules.default_verdict();
    let held = [default.reads, default.writes].contains(&Verdict::Hold).then_some("default");
    let masks = |entry: &Value| entry.get("direction").and_then(Value::as_str) != Some("response");
    let masked = input.source.get("redact").and_then(Value::as_array).is_some_and(|entries| entries.iter().any(masks));
    let reads = |rule: &&Rule| rule.verdict == Verdict::Hold || rule.matcher.reads_body();
    let named = rules.iter().filter(reads).map(|rule| rule.id.as_str());
    named.chain(held).chain(masked.then_some("redact")).map(|name| format!("`{name}`")).collect()
}
