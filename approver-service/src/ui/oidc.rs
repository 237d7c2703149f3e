//! Logging in on a page by single sign-on. What the provider sends back is finished by a button: a GET changes nothing,
//! and only a form of our own page makes the browser send the cookie that the login began with.
//!
//! Must not go here: tokens (`auth::oidc`).

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::guard::{self, OwnForm, Purpose};
use super::notice::{Notice, Refused, page};
use crate::api::extract::Query;
use crate::api::oidc::provider;
use crate::api::problem::Problem;
use crate::app::App;
use crate::auth::oidc::Attempt;
use crate::store::login::{LOGIN_MS, READ_MS};

const MAC: &str = "oidc-attempt";

#[derive(Template)]
#[template(path = "finish.html")]
struct FinishPage {
    provider: String,
    code: String,
    state: String,
}

#[derive(Deserialize)]
pub struct Callback {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    error: Option<String>,
}

/// To the provider.
pub async fn start(State(app): State<App>) -> Result<Response, Refused> {
    let provider = provider(&app)?;
    app.limits.check_login()?;
    let (url, attempt) = provider.start(app.store.now() + LOGIN_MS).await.map_err(Problem::from)?;
    let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&attempt).unwrap_or_default());
    let value = format!("{text}.{}", app.store.key().mac(MAC, &text));
    let cookie = guard::set_cookie(&app, Purpose::Attempt, &value, LOGIN_MS / 1000);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response())
}

/// From the provider.
pub async fn callback(State(app): State<App>, query: Result<Query<Callback>, Problem>) -> Result<Response, Refused> {
    let provider = provider(&app)?.host().to_owned();
    match query {
        Ok(Query(Callback { code, state, error: None })) if !code.is_empty() => {
            Ok(page(&FinishPage { provider, code, state }))
        }
        _ => Err(Notice::login_over().into()),
    }
}

pub async fn finish(
    State(app): State<App>,
    headers: HeaderMap,
    OwnForm(form): OwnForm<Callback>,
) -> Result<Response, Refused> {
    let attempt = guard::cookies(&headers, &app, Purpose::Attempt).find_map(|value| attempt(&app, value));
    let Some(attempt) = attempt.filter(|attempt| attempt.state == form.state) else {
        return Err(Notice::login_over().into());
    };
    let identity = provider(&app)?.finish(attempt, form.code).await.map_err(Problem::from)?;
    let (_, secret) = app.of_identity(&identity).map_err(Problem::from)?.log_in_as(&identity, READ_MS).await?;
    let cookies = [
        (header::SET_COOKIE, guard::set_cookie(&app, Purpose::Session, &secret, READ_MS / 1000)),
        (header::SET_COOKIE, guard::set_cookie(&app, Purpose::Attempt, "", 0)),
    ];
    let mut response = Redirect::to("/").into_response();
    for (name, value) in cookies {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// What this browser began, if we made it and it is not over.
fn attempt(app: &App, cookie: &str) -> Option<Attempt> {
    let (text, mac) = cookie.split_once('.')?;
    if !app.store.key().is_mac(MAC, text, mac) {
        return None;
    }
    let attempt: Attempt = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    (app.store.now() < attempt.until_ms).then_some(attempt)
}
