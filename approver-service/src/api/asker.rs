//! Who asks for holds: a gateway in the names of its agents, or a program outside of any in no name but that of its token.
//!
//! Must not go here: what is asked (`api::filter`).

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use privyseal_engine::hold::Intake;

use super::extract::Authenticated;
use super::problem::Problem;
use crate::app::App;
use crate::auth::scope::Scope;
use crate::auth::{Caller, Token};
use crate::telemetry::traces;

/// Somebody who may ask.
pub struct Asker(pub Token);

/// The same, about a hold that it may speak of.
pub struct OfHold {
    pub token: Token,
    pub id: String,
}

impl FromRequestParts<App> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Authenticated::from_request_parts(parts, app).await?.0 {
            Caller::Token(token) if token.scopes.has(Scope::HoldsCreate) => Ok(Asker(token)),
            _ => Err(Problem::lacks(Scope::HoldsCreate)),
        }
    }
}

impl FromRequestParts<App> for OfHold {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Asker(token) = Asker::from_request_parts(parts, app).await?;
        let Path(id) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| Problem::not_found())?;
        if let Some(name) = own_name(&token) {
            let hold = app.store.of(&token.tenant).hold(&id).await?;
            if hold.request.principal != Some(name) {
                return Err(Problem::not_found());
            }
        }
        traces::about(&id);
        Ok(OfHold { token, id })
    }
}

/// The only principal that `token` speaks for; a gateway says who its agents are.
pub fn own_name(token: &Token) -> Option<String> {
    (!token.is_gateway()).then(|| format!("token:{}", token.name))
}

/// What `token` asks for, in its own name and masked here, where no gateway has done either.
pub fn in_own_name(app: &App, token: &Token, intake: &mut Intake) {
    let Some(name) = own_name(token) else { return };
    intake.principal = Some(name);
    intake.gateway.clear();
    let preview = &mut intake.preview;
    let written = [&mut intake.why, &mut preview.path, &mut preview.body].into_iter();
    for text in written.chain(preview.stated.values_mut()).chain(preview.captures.values_mut()) {
        *text = app.mask.apply(std::mem::take(text));
    }
}
