//! What was granted, and a button to take it back.
//!
//! Must not go here: granting, which comes with an approval (`ui::decide`).

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use serde::Deserialize;

use super::guard::{SignedForm, Visitor};
use super::notice::{Refused, page};
use super::pages::Top;
use super::preview::Shown;
use crate::app::App;
use crate::clock::{span, written};
use crate::decision;
use crate::grant::Grant;

const MOST: u32 = 100;

#[derive(Template)]
#[template(path = "grants.html")]
struct GrantsPage {
    top: Top,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    what: Shown,
    who: Shown,
    by: String,
    used: String,
    standing: String,
    is_live: bool,
}

#[derive(Deserialize)]
pub struct Form {
    #[serde(default)]
    reason: String,
}

pub async fn show(State(app): State<App>, Visitor(session): Visitor) -> Result<Response, Refused> {
    let now = app.store.now();
    let grants = app.store.of(&session.tenant).grants(None, MOST).await?;
    let rows = grants.iter().map(|grant| Row::of(grant, now)).collect();
    Ok(page(&GrantsPage { top: Top::of(&app, &session), rows }))
}

pub async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    SignedForm { session, form }: SignedForm<Form>,
) -> Result<Redirect, Refused> {
    decision::revoke_grant(&app, &session, &id, Some(form.reason)).await.map_err(Refused::from)?;
    Ok(Redirect::to("/grants"))
}

impl Row {
    fn of(grant: &Grant, now: i64) -> Row {
        let principal = grant.principal.as_deref().unwrap_or_default();
        let is_live = grant.is_live(now);
        let standing = match (grant.revoked_ms, &grant.revoked_by) {
            (Some(at), Some(by)) => format!("taken back by {by}, {}", written(at)),
            _ if is_live => format!("{} left", span(grant.expires_ms.saturating_sub(now))),
            _ if grant.used >= grant.max_uses => "used up".to_owned(),
            _ => format!("over since {}", written(grant.expires_ms)),
        };
        Row {
            id: grant.id.clone(),
            what: Shown::line(&format!("{} {}{}", grant.method, grant.authority, grant.path)),
            who: Shown::line(&match &grant.on_behalf_of {
                Some(human) => format!("{principal} for {human}"),
                None => principal.to_owned(),
            }),
            by: grant.by.join(" and "),
            used: format!("{} of {}", grant.used, grant.max_uses),
            standing,
            is_live,
        }
    }
}
