//! `privyseal holds`: what waits, one hold in full, and what changes.

use std::collections::HashMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use privyseal_engine::hold::{Risk, State};

use super::client::{Client, Failure, ServerArg, segment};
use super::terminal::{self, Tone, paint, safe, safe_lines};
use crate::api::people::{Detail, Page, Summary};
use crate::clock::{self, span, written};
use crate::hold::needs;

const EVERY: Duration = Duration::from_secs(1);

/// Requests that wait for a person
#[derive(Args)]
pub struct HoldsCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List holds, newest first
    #[command(after_help = "Examples:\n  privyseal holds list --state pending\n  privyseal holds list --json")]
    List {
        /// Only in this state: pending, approved, denied, released, …
        #[arg(long, value_parser = state)]
        state: Option<State>,
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArg,
    },
    /// Show one hold with its masked request
    Show {
        id: String,
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArg,
    },
    /// Print holds as they come and change, until interrupted
    Watch {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArg,
    },
}

impl HoldsCommand {
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::List { state, json, server } => list(&Client::reader(&server)?, state, json).await,
            Command::Show { id, json, server } => show(&Client::reader(&server)?, &id, json).await,
            Command::Watch { json, server } => watch(&Client::reader(&server)?, json).await,
        }
    }
}

async fn list(client: &Client, state: Option<State>, json: bool) -> Result<(), Failure> {
    let filter = state.map_or(String::new(), |state| format!("&state={}", state.as_str()));
    let mut cursor = String::new();
    let mut all = vec![];
    loop {
        let page: Page = client.get(&format!("/v1/holds?limit=500{filter}{cursor}")).await?;
        all.extend(page.holds);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if json {
        terminal::say(&serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    if all.is_empty() {
        terminal::say("nothing is held");
    }
    all.iter().for_each(|hold| terminal::say(&line(hold)));
    Ok(())
}

async fn show(client: &Client, id: &str, json: bool) -> Result<(), Failure> {
    let hold: Detail = client.get(&format!("/v1/holds/{}", segment(id)?)).await?;
    terminal::say(&if json { serde_json::to_string_pretty(&hold)? } else { full(&hold) });
    Ok(())
}

async fn watch(client: &Client, json: bool) -> Result<(), Failure> {
    let mut seen: HashMap<String, (State, bool)> = HashMap::new();
    loop {
        let page: Page = client.get("/v1/holds?limit=200").await?;
        for hold in page.holds.iter().rev() {
            let stands = (hold.state, hold.attached);
            if seen.insert(hold.id.clone(), stands) != Some(stands) {
                terminal::say(&if json { serde_json::to_string(hold)? } else { line(hold) });
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn line(hold: &Summary) -> String {
    format!(
        "{}  {}  {}  {} {}{}  {}",
        hold.id,
        standing(hold),
        risk(hold.risk),
        paint(&safe(&hold.method), Tone::Bold),
        safe(&hold.authority),
        safe(&hold.path),
        paint(&who(hold), Tone::Dim),
    )
}

fn full(hold: &Detail) -> String {
    let summary = &hold.summary;
    let preview = &hold.preview;
    let mut lines = vec![
        format!("{} {}{}", paint(&safe(&summary.method), Tone::Bold), safe(&summary.authority), safe(&summary.path)),
        String::new(),
    ];
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            lines.push(format!("{name:14}{}", safe(value)));
        }
    };
    add("id", Some(&summary.id));
    add("why", Some(&summary.why));
    add("rules", Some(&hold.rules.join(", ")));
    add("category", summary.category.as_deref());
    add("principal", Some(summary.principal.as_deref().unwrap_or("unverified")));
    add("on behalf of", summary.on_behalf_of.as_deref());
    for (name, text) in &preview.captures {
        add("in the path", Some(&format!("{name}: {text}")));
    }
    for (what, text) in &preview.stated {
        add(what, Some(&format!("{text}  [unverified, from the agent]")));
    }
    add("tenant", Some(&format!("{} · {}", summary.tenant, summary.environment)));
    add("gateway", Some(&hold.gateway));
    add("workflow", Some(&hold.workflow));
    let votes = hold.votes.iter().map(|vote| match &vote.reason {
        Some(reason) => format!("{} ({reason})", vote.who()),
        None => vote.who(),
    });
    let votes: Vec<_> = votes.collect();
    add("approvals", Some(&format!("{} of {} {}", votes.len(), summary.quorum, votes.join(", "))));
    add("of each group", needs(&hold.seats).as_deref());
    add("created", Some(&written(summary.created_ms)));
    add("deadline", Some(&written(summary.deadline_ms)));
    add("decided by", summary.decided_by.as_deref());
    add("reason", summary.reason.as_deref());
    add("ended by", hold.cause.as_deref());
    add("revoked by", hold.revoked_by.as_deref());
    add("because", hold.revoke_reason.as_deref());
    for asked in &hold.questions {
        add("asked", Some(&format!("{} ({})", asked.question, asked.by)));
        add(
            "  answer",
            asked.answer.as_deref().map(|answer| format!("{answer}  [unverified, from the agent]")).as_deref(),
        );
    }
    if let Some(near) = &hold.near_miss {
        add("near miss", Some(&format!("differs from {} only in {}", near.hold, near.differs)));
    }
    lines.insert(2, format!("{:14}{}  {}", "state", standing(summary), risk(summary.risk)));
    if !preview.headers.is_empty() {
        lines.push(String::new());
        lines.extend(preview.headers.iter().map(|(name, value)| format!("{}: {}", safe(name), safe(value))));
    }
    if !preview.body.is_empty() {
        lines.push(String::new());
        lines.push(safe_lines(&preview.body));
    }
    if preview.truncated {
        lines.push(paint(&format!("cut: the body has {} bytes, not all is shown", preview.body_bytes), Tone::Warn));
    }
    lines.join("\n")
}

fn standing(hold: &Summary) -> String {
    let tone = match hold.state {
        State::Pending | State::InfoRequested => Tone::Warn,
        State::Approved | State::Released => Tone::Good,
        _ => Tone::Bad,
    };
    let waits = match (hold.state.is_live(), hold.attached) {
        (true, true) => "  client waits",
        (true, false) => "  no client  ",
        (false, _) => "",
    };
    let votes = if hold.state.is_open() && hold.quorum > 1 {
        format!("  {} of {} approved", hold.approvals, hold.quorum)
    } else {
        String::new()
    };
    let left = if hold.state.is_open() {
        format!("  {} left", span(hold.deadline_ms.saturating_sub(clock::system()())))
    } else {
        String::new()
    };
    format!("{}{left}{votes}{waits}", paint(&format!("{:9}", hold.state.as_str()), tone))
}

fn risk(risk: Risk) -> String {
    match risk {
        Risk::Low => paint("low     ", Tone::Dim),
        Risk::Medium => "medium  ".to_owned(),
        Risk::High => paint("high    ", Tone::Warn),
        Risk::Critical => paint("critical", Tone::Bad),
    }
}

fn who(hold: &Summary) -> String {
    let principal = safe(hold.principal.as_deref().unwrap_or("unverified"));
    match &hold.on_behalf_of {
        Some(human) => format!("{principal} for {}", safe(human)),
        None => principal,
    }
}

fn state(name: &str) -> Result<State, String> {
    serde_json::from_value(name.into()).map_err(|_| {
        "expected pending, info_requested, approved, denied, expired, withdrawn, cancelled, lapsed, revoked or released"
            .to_owned()
    })
}
