//! Plain Envoy: one file that it starts from.
//!
//! Must not go here: the file's text (`templates/render/envoy.yaml`).

use anyhow::bail;
use askama::Template;

use super::{Address, ClusterYaml, CodeYaml, ConnectionYaml, FilterYaml, Gateway, Input, JwtYaml};
use super::{is_url, jwt, lines, quoted};

/// The cluster that the filter is downloaded through.
const MODULE: &str = "privyseal-module";

#[derive(Template)]
#[template(path = "render/envoy.yaml", escape = "none")]
struct EnvoyYaml<'a> {
    policy_name: &'a str,
    min_envoy: &'a str,
    node: String,
    listen: &'a Address,
    admin: u16,
    jwt: Option<JwtYaml>,
    buffer: usize,
    idle: u64,
    connection: Vec<String>,
    filter: Vec<String>,
    clusters: Vec<String>,
}

pub fn envoy(input: Input<'_>, gateway: &Gateway) -> anyhow::Result<String> {
    let download = gateway.module.download()?;
    let cluster = |name: &str, at, approver| lines(&ClusterYaml { name: quoted(name), at, approver }, true);
    let mut clusters = cluster("upstream", &gateway.upstream, None)?;
    if let Some(name) = input.approver_cluster() {
        clusters.extend(cluster(name, &gateway.approver, Some(input.trust(gateway)?))?);
    }
    if let Some(at) = &download {
        clusters.extend(cluster(MODULE, at, None)?);
    }
    let filter = FilterYaml { module: CodeYaml::new(&gateway.module, MODULE), policy: input.lines()? };
    let rendered = EnvoyYaml {
        policy_name: &gateway.policy_name,
        min_envoy: "1.36",
        node: quoted(&gateway.node),
        listen: &gateway.listen,
        admin: gateway.admin,
        jwt: jwt(input, gateway, |jwks| {
            if is_url(jwks) {
                bail!("`--jwks`: expected a file, which plain Envoy reads from its disk; found `{jwks}`");
            }
            Ok(quoted(jwks))
        })?,
        buffer: input.buffer(),
        idle: input.idle(),
        connection: lines(&ConnectionYaml { idle: input.idle() }, false)?,
        filter: lines(&filter, true)?,
        clusters,
    };
    Ok(rendered.render()? + "\n")
}
