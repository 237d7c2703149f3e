//! The buttons: approve, deny, ask, revoke.

use axum::extract::{Path, State};
use axum::response::Redirect;
use serde::Deserialize;

use super::guard::SignedForm;
use super::notice::Refused;
use crate::api::people::reason_text;
use crate::app::App;
use crate::store::decide::{Decider, Verdict};

#[derive(Deserialize)]
pub struct Said {
    #[serde(default)]
    reason: String,
}

pub async fn approve(
    State(app): State<App>,
    Path(id): Path<String>,
    said: SignedForm<Said>,
) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Approve, said).await
}

pub async fn deny(State(app): State<App>, Path(id): Path<String>, said: SignedForm<Said>) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Deny, said).await
}

pub async fn ask(State(app): State<App>, Path(id): Path<String>, said: SignedForm<Said>) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Ask, said).await
}

pub async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    said: SignedForm<Said>,
) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Revoke, said).await
}

async fn decide(app: &App, id: &str, verdict: Verdict, said: SignedForm<Said>) -> Result<Redirect, Refused> {
    let SignedForm { session, form } = said;
    let decided = async {
        let reason = reason_text(app, verdict, Some(form.reason))?;
        let by = Decider { person: &session.person, session: &session.hash };
        Ok(app.store.of(&session.tenant).decide(id, verdict, reason, by).await?)
    };
    match decided.await {
        Ok(hold) => Ok(Redirect::to(&format!("/holds/{}", hold.id))),
        Err(refused) => Err(Refused::back_to(refused, id)),
    }
}
