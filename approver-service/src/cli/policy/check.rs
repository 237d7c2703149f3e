//! `privyseal policy check`: every mistake in a policy file, as compilers print them.
//!
//! Must not go here: finding mistakes (`policy::check`).

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use crate::cli::client::Failure;
use crate::cli::terminal::{self, Tone};
use crate::policy::check::{Finding, Report, Severity};

/// Find every mistake in a policy file
#[derive(Args)]
#[command(
    after_help = "Examples:\n  privyseal policy check policy.yaml\n  privyseal policy check --json policy.yaml | jq .findings"
)]
pub struct Check {
    /// Policy in YAML or JSON; `-` for standard input
    file: PathBuf,
    /// Findings as one JSON object
    #[arg(long)]
    json: bool,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
}

impl Check {
    pub fn run(self) -> Result<(), Failure> {
        let report = Report::of(&super::read(&self.file)?);
        let count = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let name = self.file.display().to_string();
        if self.json {
            terminal::say(
                &json!({"file": name, "errors": errors, "warnings": warnings, "findings": report.findings}).to_string(),
            );
        } else {
            report.findings.iter().for_each(|finding| terminal::say(&line(&name, finding)));
        }
        if errors > 0 || (self.strict && warnings > 0) {
            return Err(anyhow!("{}, {} in `{name}`", counted(errors, "error"), counted(warnings, "warning")).into());
        }
        if !self.json {
            let rules = report.policy.iter().map(|policy| policy.rules().iter().count()).sum();
            terminal::say(&format!("{name}: fine, {}, {}", counted(rules, "rule"), counted(warnings, "warning")));
        }
        Ok(())
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `file:line:column: error: path: message (hint)`
fn line(file: &str, finding: &Finding) -> String {
    let place = match (finding.line, finding.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        _ => file.to_owned(),
    };
    let severity = match finding.severity {
        Severity::Error => terminal::paint("error", Tone::Bad),
        Severity::Warning => terminal::paint("warning", Tone::Warn),
    };
    let path = if finding.path.is_empty() { String::new() } else { format!("{}: ", finding.path) };
    let hint = finding.hint.as_ref().map(|hint| format!("\n    {hint}")).unwrap_or_default();
    format!(
        "{place}: {severity}: {}{}{}",
        terminal::safe(&path),
        terminal::safe(&finding.message),
        terminal::safe_lines(&hint)
    )
}
