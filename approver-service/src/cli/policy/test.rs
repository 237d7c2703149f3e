//! `privyseal policy test`: a policy against a table of requests.
//!
//! Must not go here: running them (`policy::trial`).

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use privyseal_engine::policy::Policy;

use crate::cli::client::Failure;
use crate::cli::terminal::{self, Tone};
use crate::policy::trial::{Case, Outcome, Suite, differences, run, untested};

/// Run a policy against a table of requests
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Test {
    /// Policy in YAML or JSON
    file: PathBuf,
    /// Files of tests [default: the policy's name with `.test.yaml`]
    tests: Vec<PathBuf>,
    /// Fail if a rule has no test
    #[arg(long)]
    coverage: bool,
    /// Write a JUnit report too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

const EXAMPLE: &str = "\
A file of tests:
  tests:
    - name: exports are held
      request: { method: POST, host: crm, path: /v1/customers/export, body: { format: csv } }
      expect: { verdict: hold, rule: bulk-export }
    - name: two readings are none
      request: { method: POST, path: /v1/orders/7/refund, body: '{\"amount\":1,\"amount\":5000}' }
      expect: { verdict: refuse, code: duplicate_key }

Verdicts: allow, hold, deny, refuse. Also compared: `body`, as it goes on, masked.";

impl Test {
    pub fn run(self) -> Result<(), Failure> {
        let policy = enforced(&self.file)?;
        let files = if self.tests.is_empty() { vec![self.file.with_extension("test.yaml")] } else { self.tests };
        let mut results = Vec::new();
        for file in &files {
            for case in suite(file)?.tests {
                let outcome = run(&policy, &case.request);
                let differences = differences(&policy, &case.expect, &outcome);
                results.push((case, outcome, differences));
            }
        }
        for (case, _, differences) in &results {
            show(case, differences);
        }
        if let Some(file) = &self.junit {
            std::fs::write(file, junit(&self.file, &results))
                .with_context(|| format!("cannot write `{}`", file.display()))?;
        }
        let outcomes: Vec<Outcome> = results.iter().map(|(_, outcome, _)| outcome.clone()).collect();
        let untested = untested(&policy, &outcomes);
        let rules = policy.rules().iter().count();
        let failed = results.iter().filter(|(_, _, differences)| !differences.is_empty()).count();
        let (passed, covered) = (results.len() - failed, rules - untested.len());
        terminal::say(&format!("{passed} passed, {failed} failed; {covered} of {rules} rules have a test"));
        if !untested.is_empty() {
            terminal::say(&format!("without a test: {}", untested.join(", ")));
        }
        match failed {
            0 if self.coverage && !untested.is_empty() => Err(anyhow!("not every rule has a test").into()),
            0 => Ok(()),
            _ => Err(anyhow!("{failed} of {} tests failed", results.len()).into()),
        }
    }
}

/// The policy as it will be: what it only observes today is tested too.
fn enforced(file: &Path) -> anyhow::Result<Policy> {
    let (policy, mut source) = super::load(file)?;
    if !policy.settings().observe {
        return Ok(policy);
    }
    if let Some(mode) = source.value.get_mut("mode") {
        *mode = "enforce".into();
    }
    Policy::parse(source.to_json().as_bytes(), &[]).map_err(|_| anyhow!("`{}` loads only as it is", file.display()))
}

fn suite(file: &Path) -> anyhow::Result<Suite> {
    let hint = "expected requests and the verdicts they must get: `privyseal policy test --help` shows how";
    let text = super::read(file).map_err(|error| anyhow!("{error:#}: {hint}"))?;
    serde_saphyr::from_str(&text).with_context(|| format!("`{}` is not a file of tests", file.display()))
}

fn show(case: &Case, differences: &[String]) {
    let name = terminal::safe(&case.name);
    if differences.is_empty() {
        terminal::say(&format!("{}  {name}", terminal::paint("ok  ", Tone::Good)));
        return;
    }
    terminal::say(&format!("{}  {name}", terminal::paint("FAIL", Tone::Bad)));
    differences.iter().for_each(|difference| terminal::say(&format!("      {}", terminal::safe(difference))));
}

/// The report that CI systems read.
fn junit(policy: &Path, results: &[(Case, Outcome, Vec<String>)]) -> String {
    let escape = |text: &str| {
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let suite = escape(&policy.display().to_string());
    let failed = results.iter().filter(|(_, _, differences)| !differences.is_empty()).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failed}\">", results.len());
    for (case, _, differences) in results {
        let _ = write!(xml, "  <testcase classname=\"{suite}\" name=\"{}\"", escape(&case.name));
        let _ = match differences.as_slice() {
            [] => writeln!(xml, "/>"),
            _ => writeln!(xml, "><failure message=\"{}\"/></testcase>", escape(&differences.join("; "))),
        };
    }
    xml.push_str("</testsuite>\n");
    xml
}
