//! `privyseal approve`, `deny`, `ask` and `revoke`.

use clap::Args;

use super::client::{Client, Failure, ServerArg, segment};
use super::terminal::{self, Tone};
use serde::Serialize;

use crate::api::people::{Approval, Ask as Question, Detail, Reason};
use crate::grant::Terms;

/// Approve a hold: its exact request may run, once, when as many have approved as its workflow asks for
#[derive(Args)]
#[command(
    after_help = "Example:\n  privyseal approve 0199d2c4-… --reason \"export agreed with finance\"\n  privyseal approve 0199d2c4-… --grant 1h --uses 5"
)]
pub struct Approve {
    id: String,
    /// Why, for the audit log
    #[arg(long)]
    reason: Option<String>,
    /// Approve the same again too, for so long: `30m`, `1h`; where the workflow allows it
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    grant: Option<i64>,
    /// How often the same may run again under the grant
    #[arg(long, value_name = "N", default_value_t = 1, requires = "grant")]
    uses: u32,
    #[command(flatten)]
    server: ServerArg,
    /// Print the hold as JSON
    #[arg(long)]
    json: bool,
}

/// Deny a hold; one denial is final
#[derive(Args)]
#[command(after_help = "Example:\n  privyseal deny 0199d2c4-… --reason \"the filter misses a date range\"")]
pub struct Deny {
    id: String,
    /// Why, for the agent and the audit log
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: ServerArg,
    /// Print the hold as JSON
    #[arg(long)]
    json: bool,
}

/// Ask the agent something before deciding
///
/// The agent is told the question and where to answer it; until then its request waits, and can still be decided.
#[derive(Args)]
#[command(after_help = "Example:\n  privyseal ask 0199d2c4-… \"which quarter is this export for?\"")]
pub struct Ask {
    id: String,
    /// For the agent and the audit log
    question: String,
    #[command(flatten)]
    server: ServerArg,
    /// Print the hold as JSON
    #[arg(long)]
    json: bool,
}

/// Take an approval back that nobody has collected yet
#[derive(Args)]
#[command(after_help = "Example:\n  privyseal revoke 0199d2c4-… --reason \"approved the wrong one\"")]
pub struct Revoke {
    id: String,
    /// Why, for the agent and the audit log
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: ServerArg,
    /// Print the hold as JSON
    #[arg(long)]
    json: bool,
}

fn parse_duration(text: &str) -> Result<i64, &'static str> {
    let span: Option<jiff::SignedDuration> = text.parse().ok();
    let millis = span.and_then(|span| i64::try_from(span.as_millis()).ok()).filter(|millis| *millis > 0);
    millis.ok_or("expected a duration, as `30m` or `1h`")
}

impl Approve {
    pub async fn run(self) -> Result<(), Failure> {
        let grant = self.grant.map(|duration_ms| Terms { duration_ms, uses: self.uses });
        let said = Approval { reason: self.reason, grant };
        decide(&self.server, &self.id, "approve", &said, self.json).await
    }
}

impl Deny {
    pub async fn run(self) -> Result<(), Failure> {
        decide(&self.server, &self.id, "deny", &Reason { reason: Some(self.reason) }, self.json).await
    }
}

impl Ask {
    pub async fn run(self) -> Result<(), Failure> {
        decide(&self.server, &self.id, "ask", &Question { question: self.question }, self.json).await
    }
}

impl Revoke {
    pub async fn run(self) -> Result<(), Failure> {
        decide(&self.server, &self.id, "revoke", &Reason { reason: Some(self.reason) }, self.json).await
    }
}

async fn decide(server: &ServerArg, id: &str, verb: &str, said: &impl Serialize, as_json: bool) -> Result<(), Failure> {
    let client = Client::decider(server)?;
    let hold: Detail = client.post(&format!("/v1/holds/{}/{verb}", segment(id)?), said).await?;
    if as_json {
        terminal::say(&serde_json::to_string_pretty(&hold)?);
        return Ok(());
    }
    let hold = &hold.summary;
    let tone = if verb == "approve" { Tone::Good } else { Tone::Bad };
    terminal::say(&format!(
        "{} {} {}{}",
        terminal::paint(hold.state.as_str(), tone),
        terminal::safe(&hold.method),
        terminal::safe(&hold.authority),
        terminal::safe(&hold.path),
    ));
    if verb == "ask" {
        terminal::say("the agent is told your question; `privyseal holds show` has its answer, once there is one");
    } else if hold.state.is_open() {
        terminal::say(&format!("{} of {} approved; somebody else must approve too", hold.approvals, hold.quorum));
    } else if verb == "approve" && !hold.attached {
        terminal::say("no client waits right now; it runs when the agent sends the same request again");
    }
    Ok(())
}
