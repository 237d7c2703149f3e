//! What gateways in observe mode would have done, for who is about to enforce.
//!
//! Must not go here: counting (`store::observation`).

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::guard::Visitor;
use super::notice::{Refused, page};
use super::pages::Top;
use crate::app::App;
use crate::store::observation::Observation;

const DAY_MS: i64 = 24 * 3_600_000;
const MOST: u32 = 500;

#[derive(Template)]
#[template(path = "observed.html")]
struct ObservedPage {
    top: Top,
    groups: Vec<Group>,
}

/// Counts of one kind, the most frequent first.
struct Group {
    title: &'static str,
    /// What its rows are called by.
    name: &'static str,
    most: i64,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    note: String,
    place: String,
    count: i64,
}

pub async fn show(State(app): State<App>, Visitor(session): Visitor) -> Result<Response, Refused> {
    let seen = app.store.of(&session.tenant).observations(app.store.now() - DAY_MS, MOST).await?;
    let is_verdict = |o: &Observation, verdict: &str| o.kind == "rule" && o.outcome == verdict;
    let is_refused = |o: &Observation| o.kind == "rule" && !matches!(o.outcome.as_str(), "hold" | "deny" | "allow");
    let groups = [
        Group::of("Would be denied", "Rule", &seen, |o| is_verdict(o, "deny")),
        Group::of("Would be held", "Rule", &seen, |o| is_verdict(o, "hold")),
        Group::of("Would be refused", "Rule", &seen, is_refused),
        Group::of("Would be redacted", "Type", &seen, |o| o.kind == "entity"),
        Group::of("Could not be inspected", "Reason", &seen, |o| o.kind == "uninspected"),
        Group::of("Allowed by a rule", "Rule", &seen, |o| is_verdict(o, "allow")),
    ];
    Ok(page(&ObservedPage { top: Top::of(&app, &session), groups: groups.into_iter().flatten().collect() }))
}

impl Group {
    /// `None` if nothing belongs to it.
    fn of(
        title: &'static str,
        name: &'static str,
        seen: &[Observation],
        belongs: impl Fn(&Observation) -> bool,
    ) -> Option<Group> {
        let rows: Vec<Row> = seen.iter().filter(|o| belongs(o)).map(Row::of).collect();
        let most = rows.iter().map(|row| row.count).max()?;
        Some(Group { title, name, most, rows })
    }
}

impl Row {
    fn of(seen: &Observation) -> Row {
        let refused = !matches!(seen.outcome.as_str(), "hold" | "deny" | "allow" | "");
        let note = if refused { format!("{} {}", seen.category, seen.outcome) } else { seen.category.clone() };
        Row {
            name: seen.name.clone(),
            note: note.trim().to_owned(),
            place: format!("{} · {}", seen.tenant, seen.environment),
            count: seen.count,
        }
    }
}
