//! `privyseal policy init`: a first policy, from three questions or three flags. It observes until its owner trusts it.
//!
//! Must not go here: reading policies.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use askama::Template;
use clap::{Args, ValueEnum};

use crate::cli::client::Failure;
use crate::cli::terminal;

/// Write a first policy and its tests: reads pass, writes are held, and at first all is only observed
#[derive(Args)]
#[command(
    after_help = "Example:\n  privyseal policy init --traffic api --principal header:x-agent --approver approver policy.yaml"
)]
pub struct Init {
    /// File to write, with `.test.yaml` beside it; neither must exist
    #[arg(default_value = "policy.yaml")]
    file: PathBuf,
    /// What the agents call
    #[arg(long, value_enum)]
    traffic: Option<Traffic>,
    /// Where an agent's name comes from: `jwt:CLAIM` or `header:NAME`
    #[arg(long, value_name = "SOURCE")]
    principal: Option<String>,
    /// The approver's cluster in Envoy
    #[arg(long, value_name = "CLUSTER")]
    approver: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Traffic {
    /// An HTTP API of your own
    Api,
    /// MCP servers
    Mcp,
    /// LLM providers
    Llm,
}

#[derive(Template)]
#[template(path = "policy.yaml", escape = "none")]
struct PolicyYaml {
    file: String,
    mcp: bool,
    llm: bool,
    principal: String,
    approver: String,
}

#[derive(Template)]
#[template(path = "policy.test.yaml", escape = "none")]
struct TestsYaml {
    file: String,
    mcp: bool,
    llm: bool,
}

impl Init {
    pub fn run(self) -> Result<(), Failure> {
        let traffic = match self.traffic {
            Some(traffic) => traffic,
            None => {
                let answer = ask("What do the agents call: api, mcp or llm?", "api", "--traffic")?;
                Traffic::from_str(&answer, true)
                    .map_err(|_| anyhow::anyhow!("`{answer}`: expected `api`, `mcp` or `llm`"))?
            }
        };
        let question = "Where does an agent's name come from: jwt:CLAIM or header:NAME?";
        let principal = self.principal.map_or_else(|| ask(question, "jwt:sub", "--principal"), Ok)?;
        let question = "What is the approver's cluster called in Envoy?";
        let approver = self.approver.map_or_else(|| ask(question, "approver", "--approver"), Ok)?;
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let (mcp, llm) = (traffic == Traffic::Mcp, traffic == Traffic::Llm);
        let file = self.file.display().to_string();
        let yaml = PolicyYaml {
            file: file.clone(),
            mcp,
            llm,
            principal: match principal.split_once(':') {
                Some(("jwt", claim)) => format!("jwt: {}", quoted(claim)),
                Some(("header", name)) => format!("trusted_header: {}", quoted(name)),
                _ => return Err(anyhow::anyhow!("`{principal}`: expected `jwt:CLAIM` or `header:NAME`").into()),
            },
            approver: quoted(&approver),
        };
        let tests = self.file.with_extension("test.yaml");
        write_new(&self.file, &yaml.render()?)?;
        write_new(&tests, &TestsYaml { file, mcp, llm }.render()?)?;
        let (name, tests) = (self.file.display(), tests.display());
        terminal::say(&format!(
            "wrote {name} and {tests}; next: privyseal policy check {name}, privyseal policy test {name}"
        ));
        Ok(())
    }
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| writeln!(file, "{text}")).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Asks at a terminal; without one the flag must be given.
fn ask(question: &str, default: &str, flag: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("`{flag}` is missing, and there is no terminal to ask at");
    }
    terminal::say(&format!("{question} [{default}]"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}
