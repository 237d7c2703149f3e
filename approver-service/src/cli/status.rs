//! `privyseal status`: the gateways, what they run, and whether they run the same.
//!
//! Must not go here: what counts as wrong (`fleet`).

use anyhow::anyhow;
use clap::Args;

use super::client::{Client, Failure, ServerArg, page};
use super::terminal::{self, Tone, paint, safe};
use crate::api::fleet::Fleet;
use crate::clock::span;
use crate::fleet::{Alarm, AlarmKind, Gateway};

/// Show every gateway: version, policy, mode, and when it last asked
///
/// Exit code 1 if gateways of one environment have different policies or versions, or one has not asked for a minute.
#[derive(Args)]
#[command(after_help = "\
Examples:
  privyseal status
  privyseal status --json | jq '.alarms'")]
pub struct Status {
    /// One JSON object: `gateways`, `alarms` and `now_ms`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArg,
}

impl Status {
    pub async fn run(self) -> Result<(), Failure> {
        let client = Client::reader(&self.server)?;
        let mut fleet: Fleet = client.get(&page("/v1/fleet", None)?).await?;
        while let Some(cursor) = fleet.next.take() {
            let more: Fleet = client.get(&page("/v1/fleet", Some(&cursor))?).await?;
            fleet.gateways.extend(more.gateways);
            fleet.next = more.next;
        }
        if self.json {
            terminal::say(&serde_json::to_string_pretty(&fleet)?);
        } else if fleet.gateways.is_empty() {
            terminal::say("no gateway has asked within a day");
        } else {
            fleet.gateways.iter().for_each(|gateway| terminal::say(&line(gateway, fleet.now_ms)));
        }
        if fleet.alarms.is_empty() {
            return Ok(());
        }
        let said: Vec<_> = fleet.alarms.iter().map(sentence).collect();
        Err(anyhow!("{}", said.join("; ")).into())
    }
}

fn line(gateway: &Gateway, now_ms: i64) -> String {
    let ago = span(now_ms.saturating_sub(gateway.seen_ms).max(0));
    let (seen, tone) = match gateway.is_silent(now_ms) {
        true => (format!("silent for {ago}"), Tone::Bad),
        false => (format!("asked {ago} ago"), Tone::Good),
    };
    format!(
        "{}  {:16}  {:8}  policy {}  {:8}  {}",
        paint(&format!("{:32}", safe(&gateway.gateway)), Tone::Bold),
        safe(&gateway.environment),
        safe(&gateway.version),
        safe(&gateway.policy),
        safe(&gateway.mode),
        paint(&seen, tone)
    )
}

fn sentence(alarm: &Alarm) -> String {
    let what = alarm.what.iter().map(|what| format!("`{}`", safe(what))).collect::<Vec<_>>().join(", ");
    let environment = safe(&alarm.environment);
    match alarm.kind {
        AlarmKind::Policy => format!("gateways of `{environment}` have different policies: {what}"),
        AlarmKind::Silent => format!("of `{environment}`, silent: {what}"),
        AlarmKind::Version => format!("gateways of `{environment}` run different versions: {what}"),
    }
}
