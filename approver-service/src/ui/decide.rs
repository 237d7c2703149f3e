//! The buttons: approve, deny, ask, revoke.

use axum::extract::{Path, State};
use axum::response::Redirect;
use serde::Deserialize;

use super::guard::SignedForm;
use super::notice::Refused;
use crate::app::App;
use crate::decision::{self, Said};
use crate::grant::Terms;
use crate::store::decide::Verdict;

#[derive(Deserialize)]
pub struct Form {
    #[serde(default)]
    reason: String,
    /// `yes`: the same again too, for so long and so often.
    grant: Option<String>,
    // As texts: numbers cannot be read from a form that is flattened into another.
    #[serde(default)]
    minutes: String,
    #[serde(default)]
    uses: String,
}

impl From<Form> for Said {
    fn from(form: Form) -> Said {
        let Form { reason, grant, minutes, uses } = form;
        // What is no number is none, which no grant is for.
        let number = |text: &str| text.trim().parse::<u32>().unwrap_or_default();
        let terms = Terms { duration_ms: i64::from(number(&minutes)) * 60_000, uses: number(&uses) };
        Said { reason: Some(reason), grant: grant.is_some().then_some(terms) }
    }
}

pub async fn approve(
    State(app): State<App>,
    Path(id): Path<String>,
    said: SignedForm<Form>,
) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Approve, said).await
}

pub async fn deny(State(app): State<App>, Path(id): Path<String>, said: SignedForm<Form>) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Deny, said).await
}

pub async fn ask(State(app): State<App>, Path(id): Path<String>, said: SignedForm<Form>) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Ask, said).await
}

pub async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    said: SignedForm<Form>,
) -> Result<Redirect, Refused> {
    decide(&app, &id, Verdict::Revoke, said).await
}

async fn decide(app: &App, id: &str, verdict: Verdict, said: SignedForm<Form>) -> Result<Redirect, Refused> {
    let SignedForm { session, form } = said;
    match decision::decide(app, &session, id, verdict, form.into()).await {
        Ok(hold) => Ok(Redirect::to(&format!("/holds/{}", hold.id))),
        Err(refused) => Err(Refused::from(refused).back_to(id)),
    }
}
