//! Logging in on a page: ask, read link or code at the service's own terminal, confirm.
//!
//! Opening the link changes nothing: whatever fetches links in advance would log in.

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::guard::{OwnForm, SignedForm, cookie, no_cookie};
use super::notice::{Notice, Refused, page};
use crate::api::extract::Query;
use crate::api::login::digits;
use crate::api::problem::Problem;
use crate::app::App;
use crate::store::login::{Proof, READ_MS};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    /// For whom a code was asked for just now.
    asked: Option<String>,
    /// Who else can say who somebody is.
    provider: Option<String>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    person: String,
    link: String,
}

#[derive(Deserialize)]
pub struct Ask {
    person: String,
}

#[derive(Deserialize)]
pub struct Code {
    code: String,
}

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    t: String,
}

#[derive(Deserialize)]
pub struct Nothing {}

pub async fn form(State(app): State<App>) -> Response {
    let provider = app.provider.as_ref().map(|provider| provider.host().to_owned());
    page(&LoginPage { asked: None, provider })
}

pub async fn request(State(app): State<App>, OwnForm(ask): OwnForm<Ask>) -> Result<Response, Refused> {
    let person = ask.person.trim().to_owned();
    app.announce_login(&person).await?;
    Ok(page(&LoginPage { asked: Some(person), provider: None }))
}

pub async fn code(State(app): State<App>, OwnForm(form): OwnForm<Code>) -> Result<Response, Refused> {
    log_in(&app, Proof::Code(&digits(&form.code))).await
}

pub async fn confirm(State(app): State<App>, link: Result<Query<Link>, Problem>) -> Result<Response, Refused> {
    let Ok(Query(Link { t: link })) = link else { return Err(Notice::login_over().into()) };
    let person = app.store.link_owner(&link).await?;
    Ok(page(&ConfirmPage { person, link }))
}

pub async fn confirmed(State(app): State<App>, OwnForm(form): OwnForm<Link>) -> Result<Response, Refused> {
    log_in(&app, Proof::Link(&form.t)).await
}

pub async fn logout(State(app): State<App>, form: SignedForm<Nothing>) -> Result<Response, Refused> {
    app.store.log_out(&form.session).await?;
    Ok(([(header::SET_COOKIE, no_cookie(&app))], Redirect::to("/login")).into_response())
}

async fn log_in(app: &App, proof: Proof<'_>) -> Result<Response, Refused> {
    let (_, secret) = app.store.log_in(proof, READ_MS).await?;
    Ok(([(header::SET_COOKIE, cookie(app, &secret))], Redirect::to("/")).into_response())
}
