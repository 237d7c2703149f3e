//! `privyseal audit`: who did what, when and why, and whether anybody has touched the log since.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::client::{Client, Failure, ServerArg};
use super::terminal::{self, Tone};
use crate::api::people::AuditPage;
use crate::audit::Entry;
use crate::audit::verify::{Broken, Chain};
use crate::clock::written;
use crate::config::StoreArg;

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
    /// Check that no record is missing or was changed
    ///
    /// Reads the database itself, or a file that `audit list --json` made. The first bad record is named, with exit code 1.
    #[command(
        after_help = "Examples:\n  privyseal audit verify\n  privyseal audit verify --file audit.jsonl\n  privyseal audit verify --json"
    )]
    Verify {
        /// An export from the first record on; whether it goes on to the last cannot be told from it
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// One JSON object: `records`, or `seq` and `why` of the first bad one
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StoreArg,
    },
}

impl AuditCommand {
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::List { after, hold, json, server } => list(after, hold, json, &server).await,
            Command::Verify { file, json, store } => {
                let verified = match file {
                    Some(file) => verify_file(&file)?,
                    None => store.open_existing().await?.verify_audit().await?,
                };
                report(verified, json)
            }
        }
    }
}

async fn list(after: i64, hold: Option<String>, json: bool, server: &ServerArg) -> Result<(), Failure> {
    let client = Client::reader(server)?;
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

fn verify_file(path: &Path) -> anyhow::Result<Result<i64, Broken>> {
    let unreadable = || format!("`{}` cannot be read", path.display());
    let file = BufReader::new(File::open(path).with_context(unreadable)?);
    let mut chain = Chain::default();
    for line in file.lines() {
        if let Err(broken) = chain.follow(&line.with_context(unreadable)?) {
            return Ok(Err(broken));
        }
    }
    Ok(Ok(chain.seq))
}

fn report(verified: Result<i64, Broken>, json: bool) -> Result<(), Failure> {
    if json {
        let said = match &verified {
            Ok(records) => serde_json::json!({ "records": records }),
            Err(broken) => serde_json::to_value(broken)?,
        };
        terminal::say(&said.to_string());
    }
    let records = verified.map_err(anyhow::Error::from)?;
    if !json {
        terminal::say(&format!("{records} records, none missing or changed"));
    }
    Ok(())
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
