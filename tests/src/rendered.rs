//! A gateway as users run it: `privyseal policy render`, the built filter, the secrets in Envoy's environment.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::approver::Approver;
use crate::artefacts;
use crate::envoy::Envoy;

/// Starts a gateway with the policy file's rules before `upstream`; `listen` may name port 0.
pub async fn gateway(policy: &Path, listen: &str, upstream: &str, approver: &Approver) -> Result<Envoy> {
    let out = Command::new(artefacts::privyseal())
        .args(["policy", "render", "--admin", "0", "--listen", listen, "--upstream", upstream])
        .args(["--approver", &approver.addr().to_string()])
        .arg("--wasm")
        .arg(artefacts::filter())
        .arg(policy)
        .output()?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr).trim());
    let secrets = [("PRIVYSEAL_TOKEN", approver.gateway_token()), ("PRIVYSEAL_KEY", approver.key())];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Envoy::boot(&String::from_utf8(out.stdout)?, &secrets, 1).await
}
