//! A gateway as users run it: `privyseal policy render`, the built filter, the secrets in Envoy's environment.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::approver::Approver;
use crate::artefacts;
use crate::envoy::Envoy;

/// Starts a gateway with the policy file's rules before `upstream`; `listen` may name port 0.
pub async fn gateway(policy: &Path, listen: &str, upstream: &str, approver: &Approver) -> Result<Envoy> {
    let approver_at = approver.addr().to_string();
    let text = render(policy, ["--listen", listen, "--upstream", upstream, "--approver", &approver_at])?;
    let secrets = [("PRIVYSEAL_TOKEN", approver.gateway_token()), ("PRIVYSEAL_KEY", approver.key())];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Envoy::boot(&text, &secrets, 1).await
}

/// What `privyseal policy render` writes for the built filter.
pub fn render(policy: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
    let mut command = Command::new(artefacts::privyseal());
    command.args(["policy", "render", "--admin", "0"]).args(arguments);
    let out = command.arg("--wasm").arg(artefacts::filter()).arg(policy).output()?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr).trim());
    Ok(String::from_utf8(out.stdout)?)
}
