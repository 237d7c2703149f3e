//! `privyseal policy explain`: what a policy makes of one request, and why.
//!
//! Must not go here: judging it (`policy::trial`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use privyseal_engine::classify::explain::Part;
use privyseal_engine::classify::{Rule, Truth};
use serde_json::Value;

use crate::cli::client::Failure;
use crate::cli::terminal::{self, Tone};
use crate::policy::trial::{OneOrMany, Request, Word, run};

/// Say what a policy makes of a request, and why
#[derive(Args)]
#[command(
    after_help = "Example:\n  privyseal policy explain policy.yaml -X POST https://crm/v1/orders/7/refund \\\n    \
    -H 'content-type: application/json' -d '{\"amount\": 5000}' --principal agent-7"
)]
pub struct Explain {
    /// Policy in YAML or JSON
    file: PathBuf,
    /// Where the request goes, with its query
    url: String,
    /// Method [default: GET, or POST with a body]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,
    /// Header; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Body, or `@FILE`
    #[arg(short = 'd', long = "data", value_name = "TEXT|@FILE")]
    data: Option<String>,
    /// Verified principal
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// The human behind it
    #[arg(long, value_name = "NAME")]
    on_behalf_of: Option<String>,
    /// The sender's address
    #[arg(long, value_name = "ADDRESS")]
    source: Option<String>,
    /// Show rules that do not match, too
    #[arg(long)]
    all: bool,
}

impl Explain {
    pub fn run(self) -> Result<(), Failure> {
        let (policy, _) = super::load(&self.file)?;
        let all = self.all;
        let request = self.request()?;
        let (head, body) = (request.head(), request.body());
        let outcome = run(&policy, &request);
        let (word, tone) = match outcome.verdict {
            Word::Allow => ("allow", Tone::Good),
            Word::Deny => ("deny", Tone::Bad),
            Word::Hold => ("hold", Tone::Warn),
            Word::Refuse => ("refuse", Tone::Bad),
        };
        let by = outcome.code.map_or_else(|| outcome.rules.join(", "), str::to_owned);
        terminal::say(&format!("{}  {by}: {}", terminal::paint(word, tone), terminal::safe(&outcome.detail)));
        terminal::say(&format!(
            "read as  {} {} {}",
            terminal::safe(&request.method),
            terminal::safe(&request.host),
            terminal::safe(if head.path.is_empty() { "(no path that all servers read alike)" } else { &head.path })
        ));
        if !policy.select(&head).touched {
            terminal::say("no rule can select it: it passes byte for byte");
        }
        for (rule, part) in policy.explain(&head, &body) {
            if all || part.truth != Truth::False {
                show(rule, &part);
            }
        }
        Ok(())
    }

    fn request(self) -> anyhow::Result<Request> {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let (host, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "/"));
        let mut headers: BTreeMap<String, OneOrMany> = BTreeMap::new();
        for line in &self.headers {
            let (name, value) = line.split_once(':').ok_or_else(|| anyhow!("`{line}`: expected `name: value`"))?;
            let value = value.trim().to_owned();
            let values = headers.entry(name.trim().to_ascii_lowercase()).or_insert(OneOrMany::Many(Vec::new()));
            if let OneOrMany::Many(values) = values {
                values.push(value);
            }
        }
        let body = match self.data {
            Some(data) => Some(match data.strip_prefix('@') {
                Some(file) => super::read(Path::new(file)).context("the body")?,
                None => data,
            }),
            None => None,
        };
        let method = self.method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
        Ok(Request {
            method,
            host: host.to_owned(),
            path: path.to_owned(),
            headers,
            principal: self.principal,
            on_behalf_of: self.on_behalf_of,
            source: self.source,
            body: body.map(Value::String),
        })
    }
}

fn show(rule: &Rule, part: &Part) {
    let mode = if rule.observe { ", observe" } else { "" };
    terminal::say(&format!("\n{}  ({}{mode})", terminal::paint(&rule.id, Tone::Bold), rule.verdict.as_str()));
    tree(part, 1);
}

fn tree(part: &Part, depth: usize) {
    let (word, tone) = match part.truth {
        Truth::True => ("yes   ", Tone::Good),
        Truth::False => ("no    ", Tone::Dim),
        Truth::Either => ("either", Tone::Warn),
        Truth::Doubt(_) | Truth::Later => ("doubt ", Tone::Bad),
    };
    let why = match part.truth {
        Truth::Doubt(reason) if part.parts.is_empty() => format!(": {reason}"),
        _ => String::new(),
    };
    let indent = "  ".repeat(depth);
    terminal::say(&format!("{indent}{} {}{why}", terminal::paint(word, tone), terminal::safe(&part.name)));
    part.parts.iter().for_each(|part| tree(part, depth + 1));
}
