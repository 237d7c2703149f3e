//! `privyseal doctor`: whether a running Envoy really enforces.
//!
//! Must not go here: what is looked at (`doctor`).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::client::Failure;
use crate::cli::policy;
use crate::cli::terminal::{self, Tone};
use crate::doctor::dump::Dump;
use crate::doctor::{Finding, State, diagnose};
use crate::policy::render::carried;

/// A configuration with many clusters is large.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Ask a running Envoy whether it really enforces
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    /// Envoy's admin interface
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9901")]
    admin: String,
    /// The policy that should run
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Findings as one JSON object
    #[arg(long)]
    json: bool,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
}

const EXAMPLES: &str = "\
Looks at the filter's flag, failure policy, place and secrets; the policy and its mode; buffers, time-outs and the normal form of
paths; retries, hedging and mirroring of routes; the approver's cluster; Envoy's version, refused updates and the filter's counters.

Examples:
  privyseal doctor --admin http://127.0.0.1:9901 --policy policy.yaml
  kubectl port-forward deploy/gateway 15000 & privyseal doctor --admin http://127.0.0.1:15000      (Istio)
  kubectl port-forward deploy/gateway 19000 & privyseal doctor --admin http://127.0.0.1:19000      (Envoy Gateway)

Exit codes: 0 it enforces, 1 it does not or cannot be asked, 2 wrong usage";

impl Doctor {
    pub async fn run(self) -> Result<(), Failure> {
        let expected = match &self.policy {
            Some(file) => Some(carried(&policy::load(file)?.1.value)),
            None => None,
        };
        let findings = diagnose(&self.fetch().await?, expected.as_ref());
        let count = |state| findings.iter().filter(|finding| finding.state == state).count();
        let (failed, warned) = (count(State::Fail), count(State::Warn));
        if self.json {
            let report = json!({ "fail": failed, "warn": warned, "ok": count(State::Ok), "findings": findings });
            terminal::say(&report.to_string());
        } else {
            findings.iter().for_each(show);
        }
        if failed > 0 || (self.strict && warned > 0) {
            return Err(anyhow!("{failed} failed, {warned} to look at").into());
        }
        if !self.json {
            terminal::say(&format!("\nit enforces; {warned} to look at"));
        }
        Ok(())
    }

    async fn fetch(&self) -> anyhow::Result<Dump> {
        let config = self.get("/config_dump").await?;
        let server = self.get("/server_info").await?;
        let stats = self.get("/stats").await?;
        let json = |text: &str| serde_json::from_str::<Value>(text);
        let understood = || format!("`{}` is not the admin interface of an Envoy", self.admin);
        Ok(Dump::new(json(&config).with_context(understood)?, &stats, json(&server).with_context(understood)?))
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        // Fails only if a provider is installed already.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let url = format!("{}{path}", self.admin.trim_end_matches('/'));
        let answer = http.get(&url).send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.with_context(|| format!("`{url}` does not answer; is Envoy's admin interface there?"))?;
        Ok(answer.text().await?)
    }
}

fn show(finding: &Finding) {
    let (word, tone) = match finding.state {
        State::Ok => ("ok  ", Tone::Good),
        State::Warn => ("warn", Tone::Warn),
        State::Fail => ("FAIL", Tone::Bad),
    };
    let at = if finding.at.is_empty() { String::new() } else { format!("{}: ", terminal::safe(&finding.at)) };
    terminal::say(&format!(
        "{}  {:<14}  {at}{}",
        terminal::paint(word, tone),
        finding.check,
        terminal::safe(&finding.message)
    ));
    if let Some(hint) = finding.hint {
        terminal::say(&format!("{:22}{}", "", terminal::paint(hint, Tone::Dim)));
    }
}
