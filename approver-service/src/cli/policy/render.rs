//! `privyseal policy render`: a complete configuration for the proxy that enforces the policy.
//!
//! Must not go here: the configuration itself (`policy::render`).

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use privyseal_engine::digest::hex;
use sha2::{Digest, Sha256};

use crate::cli::client::Failure;
use crate::cli::terminal;
use crate::policy::render::{
    Address, EnvoyGateway, Gateway, Input, Istio, Jwt, Module, Trust, carried, envoy, envoy_gateway, istio,
};

/// Write the proxy's configuration for a policy
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Render {
    /// Policy in YAML or JSON; `-` for standard input
    file: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = Target::Envoy)]
    target: Target,
    /// The system that the agents' requests are for
    #[arg(long, value_name = "HOST:PORT|URL")]
    upstream: Address,
    /// The approver service
    #[arg(long, value_name = "HOST:PORT|URL", default_value = "127.0.0.1:8077")]
    approver: Address,
    /// Who issued the approver's certificate, in PEM, as the proxy finds it [default: the system's authorities]
    #[arg(long, value_name = "FILE")]
    approver_ca: Option<String>,
    /// The certificate that the gateway shows the approver (`approver.auth: mtls`), as the proxy finds it
    #[arg(long, value_name = "FILE", requires = "approver_key")]
    approver_cert: Option<String>,
    /// The key of that certificate
    #[arg(long, value_name = "FILE", requires = "approver_cert")]
    approver_key: Option<String>,
    /// Where agents connect; of Istio's and Envoy Gateway's gateways only the port counts
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: Address,
    /// The filter: as Envoy finds it, or here, to know its SHA-256 with --wasm-url
    #[arg(long, value_name = "FILE", default_value = "dist/privyseal.wasm")]
    wasm: String,
    /// Where proxies download the filter that --wasm names
    #[arg(long, value_name = "URL")]
    wasm_url: Option<String>,
    /// Issuer of the agents' tokens
    #[arg(long, value_name = "URL", requires = "jwks")]
    jwt_issuer: Option<String>,
    /// The issuer's public keys: a file, or for Istio and Envoy Gateway a URL
    #[arg(long, value_name = "FILE|URL", requires = "jwt_issuer")]
    jwks: Option<String>,
    /// The filter's configuration alone: the policy as one line of JSON
    #[arg(long)]
    policy_only: bool,
    /// Envoy's admin port, on loopback
    #[arg(long, value_name = "PORT", default_value_t = 9901, help_heading = "Envoy")]
    admin: u16,
    /// The gateway's name towards the approver
    #[arg(long, value_name = "NAME", default_value = "gateway", help_heading = "Envoy")]
    node: String,
    /// Namespace of the resources
    #[arg(long, value_name = "NAME", default_value = "privyseal", help_heading = "Istio and Envoy Gateway")]
    namespace: String,
    /// Label of the pods of the gateway that Istio configures
    #[arg(long, value_name = "NAME=VALUE", default_value = "istio=egressgateway", help_heading = "Istio")]
    gateway_label: String,
    /// A WasmPlugin instead of an EnvoyFilter: nothing that needs bodies works, and it is refused
    #[arg(long, help_heading = "Istio")]
    limited: bool,
    /// The GatewayClass of Envoy Gateway
    #[arg(long, value_name = "NAME", default_value = "eg", help_heading = "Envoy Gateway")]
    gateway_class: String,
}

const EXAMPLES: &str = "\
Examples:
  privyseal policy render policy.yaml --upstream https://api.example.com > envoy.yaml
  privyseal policy render policy.yaml --target istio --upstream https://api.example.com \\
    --approver http://approver.privyseal.svc.cluster.local:8077 --listen 8080 \\
    --wasm-url https://files.example.com/privyseal.wasm | kubectl apply -f -
  privyseal policy render policy.yaml --target envoy-gateway …the same…

What is written says in its comments what else must be so. Afterwards ask the proxy itself: privyseal doctor";

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// A complete configuration file for plain Envoy
    Envoy,
    /// Gateway, routes, DestinationRules and an EnvoyFilter
    Istio,
    /// Gateway, routes, policies and an EnvoyPatchPolicy
    EnvoyGateway,
}

impl Render {
    pub fn run(self) -> Result<(), Failure> {
        let (policy, source) = super::load(&self.file)?;
        let source = carried(&source.value);
        if self.policy_only {
            terminal::say(&source.to_string());
            return Ok(());
        }
        let gateway = Gateway {
            policy_name: self.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            node: self.node,
            listen: self.listen,
            admin: self.admin,
            upstream: self.upstream,
            approver: self.approver,
            trust: Trust { ca: self.approver_ca, certificate: self.approver_cert.zip(self.approver_key) },
            module: module(self.wasm, self.wasm_url)?,
            jwt: self.jwt_issuer.zip(self.jwks).map(|(issuer, jwks)| Jwt { issuer, jwks }),
        };
        let input = Input { policy: &policy, source: &source };
        let namespace = self.namespace;
        let text = match self.target {
            Target::Envoy => envoy(input, &gateway)?,
            Target::Istio => {
                istio(input, &gateway, &Istio { namespace, label: self.gateway_label, limited: self.limited })?
            }
            Target::EnvoyGateway => {
                envoy_gateway(input, &gateway, &EnvoyGateway { namespace, class: self.gateway_class })?
            }
        };
        terminal::say(text.trim_end());
        Ok(())
    }
}

fn module(file: String, url: Option<String>) -> anyhow::Result<Module> {
    let Some(url) = url else { return Ok(Module::File(file)) };
    let bytes = std::fs::read(Path::new(&file)).with_context(|| {
        format!(
            "cannot read `{file}`, whose SHA-256 proxies check what they download by; name the filter with `--wasm`"
        )
    })?;
    Ok(Module::Url { url, sha256: hex(&Sha256::digest(&bytes)) })
}
