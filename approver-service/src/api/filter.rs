//! The filter's calls, as `privyseal_engine::hold` fixes them.
//!
//! Must not go here: people's calls (`api::people`), the kill switch (`api::control`).

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use privyseal_engine::hold::{
    Answer, Detach, Information, Intake, OLDEST, Release, ReleaseVerdict, Report, StatusQuery, View,
};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

use super::asker::{Asker, OfHold, in_own_name, own_name};
use super::extract::{Gateway, Json, Query};
use super::problem::{Problem, Result};
use crate::app::App;
use crate::hold::Hold;
use crate::hold::intake;
use crate::store::Error;
use crate::store::intake::Asked;
use crate::store::release::ANSWER_MS;
use crate::telemetry::traces;

/// An intake carries a preview: 16 KiB of body, escaped, and a hundred headers.
const MAX_INTAKE: usize = 256 * 1024;
/// A release names the path, which may be long.
const MAX_BODY: usize = 32 * 1024;
/// Every byte of an answer may be escaped.
const MAX_ANSWER: usize = 6 * Information::MAX_ANSWER + MAX_BODY;
/// No poll lasts longer; the filter asks again.
const MAX_WAIT_MS: u64 = 120_000;

/// How long a create may still be on its way when its gateway says that nobody waits for it.
const OVERTAKEN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

#[derive(Deserialize, IntoParams)]
pub struct Wait {
    #[serde(default = "oldest")]
    v: u16,
    #[serde(default)]
    revision: u64,
    #[serde(default)]
    wait_ms: u64,
}

/// Creates a hold, or joins the live one of the same request.
#[utoipa::path(post, path = "/v1/holds", tag = "gateways", security(("token" = ["holds:create"])), request_body = Intake, responses((status = 200, body = View), (status = 201, body = View)))]
pub async fn intake(
    State(app): State<App>,
    Asker(token): Asker,
    Json(mut intake): Json<Intake, MAX_INTAKE>,
) -> Result<(StatusCode, axum::Json<View>)> {
    let v = intake::check(&intake)?;
    in_own_name(&app, &token, &mut intake);
    in_environment(&app, &intake.environment)?;
    let proves = |proof: &String| app.receipts.field_key.is_mac("proof", &intake.nonce, proof);
    if !intake.proof.as_ref().is_none_or(proves) {
        tracing::error!(gateway = intake.gateway, "a gateway has another PRIVYSEAL_KEY: it would refuse every release");
        let detail = "the gateway has another PRIVYSEAL_KEY than the approver";
        return Err(Problem::new(StatusCode::FORBIDDEN, "wrong_gateway_key", detail));
    }
    let asked = Asked { intake, owner: token.owner, trace: traces::here() };
    let view = View { v, ..app.store.of(&token.tenant).intake(asked).await? };
    traces::about(&view.id);
    Ok((if view.joined { StatusCode::OK } else { StatusCode::CREATED }, axum::Json(view)))
}

/// Waits until the hold changes.
#[utoipa::path(get, path = "/v1/holds/{id}/wait", tag = "gateways", security(("token" = ["holds:create"])), params(("id" = String, Path, description = "The hold"), Wait), responses((status = 200, body = View)))]
pub async fn wait(
    State(app): State<App>,
    OfHold { token, id }: OfHold,
    Query(wait): Query<Wait>,
) -> Result<axum::Json<View>> {
    let v = intake::version(wait.v)?;
    let view = app.store.of(&token.tenant).wait(&id, wait.revision, until(wait.wait_ms), &app.stop).await?;
    Ok(axum::Json(View { v, ..view }))
}

/// Asks to run an approved request, once.
#[utoipa::path(post, path = "/v1/holds/{id}/release", tag = "gateways", security(("token" = ["holds:create"])), params(("id" = String, Path, description = "The hold")), request_body = Release, responses((status = 200, body = Answer)))]
pub async fn release(
    State(app): State<App>,
    OfHold { token, id }: OfHold,
    Json(mut release): Json<Release, MAX_BODY>,
) -> Result<axum::Json<Answer>> {
    let v = intake::version(release.v)?;
    intake::nonce(&release.nonce)?;
    release.principal = own_name(&token).or(release.principal);
    release.forwarded.as_ref().map_or(Ok(()), intake::forwarded)?;
    let receipt = |hold: &Hold, at_ms| match &release.forwarded {
        Some(forwarded) if v > OLDEST => {
            app.receipts.write(hold, forwarded, &release.nonce, at_ms).map(Some).map_err(no_receipt)
        }
        _ => Ok(None),
    };
    let said = app.store.of(&token.tenant).release(&id, &release, receipt).await?;
    let mut answer = Answer {
        v,
        hold: id,
        nonce: release.nonce,
        digest: release.digest,
        tenant: release.tenant,
        environment: release.environment,
        verdict: said.verdict,
        state: said.state,
        issued_ms: said.issued_ms,
        expires_ms: said.issued_ms.saturating_add(ANSWER_MS),
        receipt: said.receipt,
        mac: String::new(),
    };
    answer.mac = answer.authenticate(app.gateway_key.bytes());
    if said.verdict != ReleaseVerdict::Released {
        tracing::info!(hold = answer.hold, verdict = ?said.verdict, "release refused");
    }
    Ok(axum::Json(answer))
}

/// Says that the client of a stream is gone.
#[utoipa::path(post, path = "/v1/holds/{id}/detach", tag = "gateways", security(("token" = ["holds:create"])), params(("id" = String, Path, description = "The hold")), request_body = Detach, responses((status = 204)))]
pub async fn detach(
    State(app): State<App>,
    OfHold { token, id }: OfHold,
    Json(detach): Json<Detach, MAX_BODY>,
) -> Result<StatusCode> {
    intake::version(detach.v)?;
    app.store.of(&token.tenant).detach(&id, &detach).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that the client of a stream is gone whose hold, if there is one, the gateway was not told of.
///
/// A create that is still on its way is waited for.
#[utoipa::path(post, path = "/v1/detach", tag = "gateways", security(("token" = ["gateway:serve"])), request_body = Detach, responses((status = 204)))]
pub async fn leave(
    State(app): State<App>,
    Gateway(token): Gateway,
    Json(detach): Json<Detach, MAX_BODY>,
) -> Result<StatusCode> {
    intake::version(detach.v)?;
    intake::nonce(&detach.nonce)?;
    let store = app.store.of(&token.tenant);
    let until = Instant::now() + OVERTAKEN;
    loop {
        if let Some(hold) = store.hold_of_stream(&detach.nonce).await? {
            store.detach(&hold, &detach).await?;
            return Ok(StatusCode::NO_CONTENT);
        }
        // Most often there is none: a create whose caller is gone before its turn is not carried out.
        if Instant::now() >= until || app.stop.is_cancelled() {
            return Ok(StatusCode::NO_CONTENT);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Says what became of a released request.
#[utoipa::path(post, path = "/v1/holds/{id}/outcome", tag = "gateways", security(("token" = ["holds:create"])), params(("id" = String, Path, description = "The hold")), request_body = Report, responses((status = 204)))]
pub async fn outcome(
    State(app): State<App>,
    OfHold { token, id }: OfHold,
    Json(report): Json<Report, MAX_BODY>,
) -> Result<StatusCode> {
    intake::version(report.v)?;
    app.store.of(&token.tenant).report(&id, &report).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How an agent's own hold stands.
#[utoipa::path(post, path = "/v1/holds/{id}/status", tag = "gateways", security(("token" = ["holds:create"])), params(("id" = String, Path, description = "The hold")), request_body = StatusQuery, responses((status = 200, body = View)))]
pub async fn status(
    State(app): State<App>,
    OfHold { token, id }: OfHold,
    Json(mut query): Json<StatusQuery, MAX_BODY>,
) -> Result<axum::Json<View>> {
    let v = intake::version(query.v)?;
    query.principal = own_name(&token).unwrap_or(query.principal);
    app.limits.check_errand(&token.tenant, &query.principal)?;
    Ok(view(v, &app.store.of(&token.tenant).own_hold(&id, &query).await?))
}

/// An agent's answer to what was asked of its hold.
#[utoipa::path(post, path = "/v1/holds/{id}/answer", tag = "gateways", security(("token" = ["holds:create"])), params(("id" = String, Path, description = "The hold")), request_body = Information, responses((status = 200, body = View)))]
pub async fn answer(
    State(app): State<App>,
    OfHold { token, id }: OfHold,
    Json(said): Json<Information, MAX_ANSWER>,
) -> Result<axum::Json<View>> {
    let Information { v, tenant, environment, principal, answer } = said;
    let spoken = intake::version(v)?;
    if answer.len() > Information::MAX_ANSWER {
        return Err(Problem::too_large(Information::MAX_ANSWER));
    }
    let principal = own_name(&token).unwrap_or(principal);
    app.limits.check_errand(&token.tenant, &principal)?;
    let asker = StatusQuery { v, tenant, environment, principal };
    // The gateway has masked it; a gateway of another version may know fewer types.
    let hold = app.store.of(&token.tenant).answer(&id, &asker, app.mask.apply(answer)).await?;
    Ok(view(spoken, &hold))
}

/// An agent takes its hold back.
#[utoipa::path(post, path = "/v1/holds/{id}/withdraw", tag = "gateways", security(("token" = ["holds:create"])), params(("id" = String, Path, description = "The hold")), request_body = StatusQuery, responses((status = 200, body = View)))]
pub async fn withdraw(
    State(app): State<App>,
    OfHold { token, id }: OfHold,
    Json(mut query): Json<StatusQuery, MAX_BODY>,
) -> Result<axum::Json<View>> {
    let v = intake::version(query.v)?;
    query.principal = own_name(&token).unwrap_or(query.principal);
    app.limits.check_errand(&token.tenant, &query.principal)?;
    Ok(view(v, &app.store.of(&token.tenant).withdraw(&id, &query).await?))
}

/// What a call says that names no version.
pub const fn oldest() -> u16 {
    OLDEST
}

/// The hold, in the version that was asked in.
fn view(v: u16, hold: &Hold) -> axum::Json<View> {
    axum::Json(View { v, ..hold.view(false) })
}

fn no_receipt(error: anyhow::Error) -> Error {
    tracing::error!(error = format!("{error:#}"), "a release would go without its receipt: refused");
    Error::NoReceipt
}

pub fn until(wait_ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(wait_ms.min(MAX_WAIT_MS))
}

pub fn in_environment(app: &App, environment: &str) -> Result<()> {
    match &app.environment {
        Some(served) if served != environment => {
            tracing::warn!(served, environment, "a gateway's policy names another environment than is served here");
            let detail =
                format!("this approver serves environment `{served}`, the gateway's policy says `{environment}`");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_environment", detail))
        }
        _ => Ok(()),
    }
}
