//! Envoy Gateway: a Gateway of its own with the filter patched in.
//!
//! Must not go here: the resources' text (`templates/render/envoy-gateway.yaml`).

use anyhow::bail;
use askama::Template;

use super::{Address, ClusterYaml, CodeYaml, FilterYaml, Gateway, Input, JwtYaml, Module};
use super::{is_url, jwt, keys_of, lines, quoted};

/// Where in the cluster.
#[derive(Clone, Debug)]
pub struct EnvoyGateway {
    pub namespace: String,
    pub class: String,
}

/// The cluster that the filter is downloaded through.
const MODULE: &str = "privyseal-module";

#[derive(Template)]
#[template(path = "render/envoy-gateway.yaml", escape = "none")]
struct EnvoyGatewayYaml<'a> {
    policy_name: &'a str,
    namespace: String,
    class: String,
    port: u16,
    upstream: &'a Address,
    jwt: Option<JwtYaml>,
    buffer: usize,
    idle: u64,
    clusters: Vec<Cluster>,
    filter: Vec<String>,
}

struct Cluster {
    name: String,
    lines: Vec<String>,
}

pub fn envoy_gateway(input: Input<'_>, gateway: &Gateway, place: &EnvoyGateway) -> anyhow::Result<String> {
    if matches!(gateway.module, Module::File(_)) {
        bail!("Envoy Gateway's proxies download the filter: say where from with `--wasm-url URL`");
    }
    let download = gateway.module.download()?;
    let cluster = |name: &str, at, approver| -> anyhow::Result<Cluster> {
        let name = quoted(name);
        Ok(Cluster { lines: lines(&ClusterYaml { name: name.clone(), at, approver }, false)?, name })
    };
    let trust = input.trust(gateway)?;
    let approver = input.approver_cluster().map(|name| cluster(name, &gateway.approver, Some(trust)));
    let module = download.as_ref().map(|at| cluster(MODULE, at, None));
    let filter = FilterYaml { module: CodeYaml::new(&gateway.module, MODULE), policy: input.lines()? };
    let rendered = EnvoyGatewayYaml {
        policy_name: &gateway.policy_name,
        namespace: quoted(&place.namespace),
        class: quoted(&place.class),
        port: gateway.listen.port,
        upstream: &gateway.upstream,
        jwt: jwt(input, gateway, keys)?,
        buffer: input.buffer(),
        idle: input.idle(),
        clusters: [approver, module].into_iter().flatten().collect::<anyhow::Result<_>>()?,
        filter: lines(&filter, false)?,
    };
    Ok(rendered.render()? + "\n")
}

fn keys(jwks: &str) -> anyhow::Result<String> {
    if is_url(jwks) {
        return Ok(format!("remoteJWKS: {{ uri: {} }}", quoted(jwks)));
    }
    Ok(format!("localJWKS: {{ type: Inline, inline: {} }}", quoted(&keys_of(jwks)?)))
}
