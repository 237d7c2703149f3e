//! `privyseal policy render`: a complete configuration for the proxy that enforces the policy.
//!
//! Must not go here: the configuration itself (`policy::render`).

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::client::Failure;
use crate::cli::terminal;
use crate::policy::render::{Address, Gateway, Jwt, envoy};

/// Write the proxy's configuration for a policy
#[derive(Args)]
#[command(
    after_help = "Example:\n  privyseal policy render policy.yaml --upstream https://api.example.com > envoy.yaml"
)]
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
    /// Where agents connect
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: Address,
    /// Envoy's admin port, on loopback
    #[arg(long, value_name = "PORT", default_value_t = 9901)]
    admin: u16,
    /// The filter, as Envoy finds it
    #[arg(long, value_name = "FILE", default_value = "dist/privyseal.wasm")]
    wasm: String,
    /// The gateway's name towards the approver
    #[arg(long, value_name = "NAME", default_value = "gateway")]
    node: String,
    /// Issuer of the agents' tokens
    #[arg(long, value_name = "URL", requires = "jwks")]
    jwt_issuer: Option<String>,
    /// The issuer's public keys
    #[arg(long, value_name = "FILE", requires = "jwt_issuer")]
    jwks: Option<String>,
    /// The filter's configuration alone: the policy as one line of JSON
    #[arg(long)]
    policy_only: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// A complete configuration file for plain Envoy
    Envoy,
}

impl Render {
    pub fn run(self) -> Result<(), Failure> {
        let (policy, source) = super::load(&self.file)?;
        if self.policy_only {
            terminal::say(&source.to_json());
            return Ok(());
        }
        let gateway = Gateway {
            policy_name: self.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            node: self.node,
            listen: self.listen,
            admin: self.admin,
            upstream: self.upstream,
            approver: self.approver,
            wasm: self.wasm,
            jwt: self.jwt_issuer.zip(self.jwks).map(|(issuer, jwks)| Jwt { issuer, jwks }),
        };
        let text = match self.target {
            Target::Envoy => envoy(&policy, &source.value, &gateway)?,
        };
        terminal::say(text.trim_end());
        Ok(())
    }
}
