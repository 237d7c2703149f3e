//! The kill switch on a page: how it stands, and forms that turn it.
//!
//! Must not go here: what it does (`store::control`).

use askama::Template;
use axum::extract::State;
use axum::response::{Redirect, Response};
use privyseal_engine::hold::Kill;
use serde::Deserialize;

use super::guard::{SignedForm, Visitor};
use super::notice::{Refused, page};
use super::pages::Top;
use super::preview::Shown;
use crate::api::problem::Problem;
use crate::app::App;
use crate::audit::Actor;
use crate::clock::written;
use crate::hold::intake;
use crate::store::control::MAX_KILLS;

#[derive(Template)]
#[template(path = "kill.html")]
struct KillPage {
    top: Top,
    everybody: &'static str,
    rows: Vec<Row>,
}

struct Row {
    /// As the form sends it back.
    principal: String,
    shown: Shown,
    what: &'static str,
    by: String,
    since: String,
}

#[derive(Deserialize)]
pub struct Form {
    kill: Kill,
    /// Empty for everybody.
    #[serde(default)]
    principal: String,
}

pub async fn show(State(app): State<App>, Visitor(session): Visitor) -> Result<Response, Refused> {
    let store = app.store.of(&session.tenant);
    let rows = store.kills(None, MAX_KILLS).await?.into_iter().map(|killed| Row {
        shown: Shown::line(&killed.principal),
        what: standing(killed.kill),
        by: killed.by,
        since: written(killed.at_ms),
        principal: killed.principal,
    });
    let (rows, everybody) = (rows.collect(), standing(store.control().kill));
    Ok(page(&KillPage { top: Top::of(&app, &session), everybody, rows }))
}

pub async fn turn(
    State(app): State<App>,
    SignedForm { session, form: Form { kill, principal } }: SignedForm<Form>,
) -> Result<Redirect, Refused> {
    let principal = Some(principal.trim()).filter(|principal| !principal.is_empty());
    principal.map_or(Ok(()), |principal| intake::name("principal", principal)).map_err(Problem::from)?;
    let store = app.store.of(&session.tenant);
    store.may_kill(&session).await?;
    store.set_kill(kill, principal, Actor::person(&session.person)).await?;
    Ok(Redirect::to("/kill"))
}

fn standing(kill: Kill) -> &'static str {
    match kill {
        Kill::Off => "the policy decides",
        Kill::Hold => "held",
        Kill::Deny => "denied",
    }
}
