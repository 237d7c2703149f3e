//! `privyseal policy explain`: what a policy makes of a request, and why.
//!
//! Must not go here: judging it (`policy::explain`), reading commands and files of requests (`policy::asked`).

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::cli::client::Failure;
use crate::cli::terminal::{self, Tone};
use crate::policy::asked::{Curl, har};
use crate::policy::explain::{Branch, Explanation, Judged, explain};
use crate::policy::trial::{Request, Word};

/// Say what a policy makes of a request, and why
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("asked").required(true).args(["url", "curl", "har"])))]
pub struct Explain {
    /// Policy in YAML or JSON
    file: PathBuf,
    /// Where the request goes, with its query
    url: Option<String>,
    /// Method [default: GET, or POST with a body]
    #[arg(short = 'X', long = "request", value_name = "METHOD", conflicts_with_all = ["curl", "har"])]
    method: Option<String>,
    /// Header; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", conflicts_with_all = ["curl", "har"])]
    headers: Vec<String>,
    /// Body, or `@FILE`; as curl, a form unless a content-type says otherwise
    #[arg(short = 'd', long = "data", value_name = "TEXT|@FILE", conflicts_with_all = ["curl", "har"])]
    data: Option<String>,
    /// A whole curl command, as browsers copy it; `-` for standard input
    #[arg(long, value_name = "COMMAND")]
    curl: Option<String>,
    /// Every request of a HAR file
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
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
    /// Explanations as a JSON list, with all rules
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  privyseal policy explain policy.yaml -X POST https://crm/v1/orders/7/refund \\
    -H 'content-type: application/json' -d '{\"amount\": 5000}' --principal agent-7
  privyseal policy explain policy.yaml --curl \"$(xclip -o)\"
  privyseal policy explain policy.yaml --har recorded.har --json | jq '.[] | {path, verdict, rules}'

Of each part of a rule's condition: yes, no, either (servers read the request in two ways), doubt (it cannot be read).";

impl Explain {
    pub fn run(self) -> Result<(), Failure> {
        let (policy, _) = super::load(&self.file)?;
        let (all, json) = (self.all, self.json);
        let explained: Vec<Explanation> = self.requests()?.iter().map(|request| explain(&policy, request)).collect();
        if json {
            terminal::say(&serde_json::to_string(&explained)?);
            return Ok(());
        }
        for (i, explanation) in explained.iter().enumerate() {
            if i > 0 {
                terminal::say("");
            }
            show(explanation, all);
        }
        Ok(())
    }

    fn requests(self) -> anyhow::Result<Vec<Request>> {
        let more = json!({ "principal": self.principal, "on_behalf_of": self.on_behalf_of, "source": self.source });
        if let Some(file) = &self.har {
            return har(&super::read(file)?, &more);
        }
        let curl = match self.curl {
            Some(command) if command == "-" => Curl::parse(&std::io::read_to_string(std::io::stdin())?)?,
            Some(command) => Curl::parse(&command)?,
            None => Curl { url: self.url, method: self.method, headers: self.headers, ..Curl::default() }
                .with_data(self.data)?,
        };
        Ok(vec![curl.request(Value::clone(&more))?])
    }
}

fn show(explanation: &Explanation, all: bool) {
    let (word, tone) = match explanation.verdict {
        Word::Allow => ("allow", Tone::Good),
        Word::Deny => ("deny", Tone::Bad),
        Word::Hold => ("hold", Tone::Warn),
        Word::Refuse => ("refuse", Tone::Bad),
    };
    let by = explanation.code.map_or_else(|| explanation.rules.join(", "), str::to_owned);
    terminal::say(&format!("{}  {by}: {}", terminal::paint(word, tone), terminal::safe(&explanation.detail)));
    let path = if explanation.path.is_empty() { "(no path that all servers read alike)" } else { &explanation.path };
    terminal::say(&format!(
        "read as  {} {} {}",
        terminal::safe(&explanation.method),
        terminal::safe(&explanation.host),
        terminal::safe(path)
    ));
    if !explanation.touched {
        terminal::say("no rule can select it: it passes byte for byte");
    }
    explanation.tree.iter().filter(|judged| all || judged.condition.holds != "no").for_each(rule);
}

fn rule(judged: &Judged) {
    let mode = if judged.observe { ", observe" } else { "" };
    terminal::say(&format!("\n{}  ({}{mode})", terminal::paint(&judged.rule, Tone::Bold), judged.verdict));
    tree(&judged.condition, 1);
}

fn tree(branch: &Branch, depth: usize) {
    let tone = match branch.holds {
        "yes" => Tone::Good,
        "no" => Tone::Dim,
        "either" => Tone::Warn,
        _ => Tone::Bad,
    };
    let reason = branch.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let mut found = branch.found.as_ref().map(|found| format!("  ← {}", terminal::safe(found))).unwrap_or_default();
    for (name, text) in &branch.captures {
        found.push_str(&format!("  {name} = {}", terminal::safe(text)));
    }
    let word = terminal::paint(&format!("{:<6}", branch.holds), tone);
    let indent = "  ".repeat(depth);
    terminal::say(&format!(
        "{indent}{word} {}{reason}{}",
        terminal::safe(&branch.part),
        terminal::paint(&found, Tone::Dim)
    ));
    branch.parts.iter().for_each(|part| tree(part, depth + 1));
}
