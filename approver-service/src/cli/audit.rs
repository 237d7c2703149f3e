//! `privyseal audit`: who did what, when and why.

use clap::{Args, Subcommand};

use super::client::{Client, Failure, ServerArg};
use super::terminal::{self, Tone};
use crate::api::people::AuditPage;
use crate::audit::Entry;
use crate::clock::written;

/// The audit log
#[derive(Args)]
pub struct AuditCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print its records, oldest first
    #[command(
        after_help = "Examples:\n  privyseal audit list --hold 0199d2c4-…\n  privyseal audit list --json > audit.jsonl"
    )]
    List {
        /// Start after this record
        #[arg(long, default_value_t = 0, value_name = "SEQ")]
        after: i64,
        /// Only of this hold
        #[arg(long, value_name = "ID")]
        hold: Option<String>,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArg,
    },
}

impl AuditCommand {
    pub async fn run(self) -> Result<(), Failure> {
        let Command::List { after, hold, json, server } = self.command;
        let client = Client::reader(&server)?;
        let mut next = Some(after);
        while let Some(after) = next {
            let page: AuditPage = client.get(&format!("/v1/audit?after={after}&limit=500")).await?;
            for entry in page.entries.iter().filter(|entry| hold.is_none() || entry.hold == hold) {
                terminal::say(&if json { serde_json::to_string(entry)? } else { line(entry) });
            }
            next = page.next;
        }
        Ok(())
    }
}

fn line(entry: &Entry) -> String {
    let details: Vec<_> =
        ["method", "authority", "path", "principal", "on_behalf_of", "cause", "outcome", "status", "reason", "kill"]
            .into_iter()
            .filter_map(|name| Some(format!("{name}={}", terminal::safe(entry.details.get(name)?))))
            .collect();
    format!(
        "{:>5}  {}  {:13}  {:22}  {:36}  {}",
        entry.seq,
        written(entry.at_ms),
        terminal::paint(&entry.kind, Tone::Bold),
        format!("{} {}", entry.actor.kind, terminal::safe(&entry.actor.name)),
        entry.hold.as_deref().unwrap_or("-"),
        details.join(" ")
    )
}
