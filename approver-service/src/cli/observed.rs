//! `privyseal observed`: what gateways in observe mode would have held, denied and redacted.
//!
//! Must not go here: counting (the gateway, `store::observation`).

use clap::Args;

use super::client::{Client, Failure, ServerArg, page};
use super::terminal::{self, Tone, paint, safe};
use crate::api::observations::ObservationPage;
use crate::clock;
use crate::store::observation::Observation;

/// What a policy in observe mode would have done
///
/// Gateways whose policy says `mode: observe`, and single rules that do, let all traffic pass and count what it would have
/// met. They report every five seconds; counts are kept by the hour for 30 days.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  privyseal observed --hours 168      a week, before you write `mode: enforce`\n  privyseal observed --json"
)]
pub struct Observed {
    /// Count the last so many hours
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=720))]
    hours: u32,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArg,
}

impl Observed {
    pub async fn run(self) -> Result<(), Failure> {
        let since = clock::system()() - i64::from(self.hours) * 3_600_000;
        let (client, path) = (Client::reader(&self.server)?, format!("/v1/observations?since_ms={since}"));
        let (mut lines, mut cursor): (Vec<Observation>, _) = (vec![], None);
        loop {
            let found: ObservationPage = client.get(&page(&path, cursor.as_deref())?).await?;
            lines.extend(found.observations);
            cursor = found.next;
            if cursor.is_none() {
                break;
            }
        }
        // The most frequent of each kind first.
        lines.sort_by(|a, b| (&b.kind, b.count, &a.name).cmp(&(&a.kind, a.count, &b.name)));
        if self.json {
            terminal::say(&serde_json::to_string_pretty(&lines)?);
        } else if lines.is_empty() {
            terminal::say(&format!("nothing was observed in the last {} hours", self.hours));
        } else {
            lines.iter().for_each(|seen| terminal::say(&line(seen)));
        }
        Ok(())
    }
}

fn line(seen: &Observation) -> String {
    let (what, tone) = match (seen.kind.as_str(), seen.outcome.as_str()) {
        ("rule", "hold") => ("would be held", Tone::Warn),
        ("rule", "deny") => ("would be denied", Tone::Bad),
        ("rule", "allow") => ("would be allowed", Tone::Good),
        ("rule", _) => ("would be refused", Tone::Bad),
        ("entity", _) => ("would be redacted", Tone::Warn),
        ("uninspected", _) => ("not inspected", Tone::Dim),
        _ => ("not told apart", Tone::Dim),
    };
    let about = [&seen.category, &seen.outcome].map(|text| safe(text)).join(" ");
    format!(
        "{:>9}  {}  {}  {}",
        seen.count,
        paint(&format!("{what:17}"), tone),
        paint(&safe(&seen.name), Tone::Bold),
        paint(&format!("{} {}/{}", about.trim(), safe(&seen.tenant), safe(&seen.environment)), Tone::Dim),
    )
}
