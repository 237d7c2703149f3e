//! `privyseal grants`: what was granted with approvals, and taking it back.
//!
//! Must not go here: granting, which comes with an approval (`cli::decide`).

use clap::{Args, Subcommand};

use super::client::{Client, Failure, ServerArg, page, segment};
use super::terminal::{self, Tone, paint, safe};
use crate::api::grants::GrantPage;
use crate::api::people::Reason;
use crate::clock::{self, span};
use crate::grant::Grant;

/// Approvals that are also for the same again
///
/// `privyseal approve ID --grant 1h --uses 5` makes one, where the workflow allows it.
#[derive(Args)]
pub struct GrantsCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List grants, newest first
    #[command(after_help = "Examples:\n  privyseal grants list\n  privyseal grants list --json")]
    List {
        #[command(flatten)]
        server: ServerArg,
        #[arg(long)]
        json: bool,
    },
    /// Take a grant back: from now on people are asked again
    #[command(after_help = "Example:\n  privyseal grants revoke 0199d2c4-… --reason \"the migration is over\"")]
    Revoke {
        id: String,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        server: ServerArg,
    },
}

impl GrantsCommand {
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::List { server, json } => list(&server, json).await,
            Command::Revoke { id, reason, server } => {
                let path = format!("/v1/grants/{}/revoke", segment(&id)?);
                Client::decider(&server)?.tell(&path, &Reason { reason: Some(reason) }).await?;
                terminal::say("taken back");
                Ok(())
            }
        }
    }
}

async fn list(server: &ServerArg, json: bool) -> Result<(), Failure> {
    let client = Client::reader(server)?;
    let (mut grants, mut cursor) = (vec![], None);
    loop {
        let found: GrantPage = client.get(&page("/v1/grants", cursor.as_deref())?).await?;
        grants.extend(found.grants);
        cursor = found.next;
        if cursor.is_none() {
            break;
        }
    }
    if json {
        terminal::say(&serde_json::to_string_pretty(&grants)?);
    } else if grants.is_empty() {
        terminal::say("nothing was granted");
    } else {
        let now = clock::system()();
        grants.iter().for_each(|grant| terminal::say(&line(grant, now)));
    }
    Ok(())
}

fn line(grant: &Grant, now: i64) -> String {
    let standing = match (&grant.revoked_by, grant.is_live(now)) {
        (Some(by), _) => paint(&format!("taken back by {}", safe(by)), Tone::Bad),
        (None, true) => paint(&format!("{} left", span(grant.expires_ms.saturating_sub(now))), Tone::Good),
        (None, false) => paint("over", Tone::Dim),
    };
    format!(
        "{}  {standing}  {} of {} used  {} {}{}  {}",
        grant.id,
        grant.used,
        grant.max_uses,
        paint(&safe(&grant.method), Tone::Bold),
        safe(&grant.authority),
        safe(&grant.path),
        paint(
            &format!("{}, by {}", safe(grant.principal.as_deref().unwrap_or_default()), safe(&grant.by.join(" and "))),
            Tone::Dim
        ),
    )
}
