//! The buttons: approve, deny, ask, revoke.

use axum::extract::{Path, State};
use axum::response::Redirect;
use serde::Deserialize;

use super::guard::SignedForm;
use super::notice::Refused;
use crate::app::App;
use crate::decision;
use crate::store::decide::Verdict;

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
    match decision::decide(app, &session, id, verdict, Some(form.reason)).await {
        Ok(hold) => Ok(Redirect::to(&format!("/holds/{}", hold.id))),
        Err(refused) => Err(Refused::from(refused).back_to(id)),
    }
}
