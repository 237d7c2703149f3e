//! Who looks at a page, and whether a form is one of ours.
//!
//! A form counts if it came from our own page (`Origin`), and, behind a login, carries the session's token. Must not go
//! here: what the form does.

use axum::Form;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::notice::{Notice, Refused};
use crate::api::extract::SLOWEST;
use crate::app::App;
use crate::auth::{Caller, Session};
use crate::store::login::READ_MS;

/// A reason of 4 KiB, percent-encoded.
const MAX_FORM: usize = 16 * 1024;
const CSRF: &str = "csrf";

/// A person who is logged in.
pub struct Visitor(pub Session);

/// A form from one of our pages, by nobody in particular.
pub struct OwnForm<T>(pub T);

/// A form from one of our pages, by the person logged in.
pub struct SignedForm<T> {
    pub session: Session,
    pub form: T,
}

#[derive(Deserialize)]
struct Signed<T> {
    csrf: String,
    #[serde(flatten)]
    form: T,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match session(&parts.headers, app).await {
            Ok(Some(session)) => Ok(Visitor(session)),
            Ok(None) => Err(Redirect::to("/login").into_response()),
            Err(refused) => Err(refused.into_response()),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<App> for OwnForm<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        if !is_own_origin(request.uri(), request.headers(), app) {
            return Err(Notice::forged().into());
        }
        let (parts, body) = request.into_parts();
        let body = tokio::time::timeout(SLOWEST, to_bytes(body, MAX_FORM)).await;
        let body = body.map_err(|_| Notice::too_slow())?.map_err(|_| Notice::too_long())?;
        match Form::from_request(Request::from_parts(parts, Body::from(body)), app).await {
            Ok(Form(form)) => Ok(OwnForm(form)),
            Err(_) => Err(Notice::forged().into()),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<App> for SignedForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let Some(session) = session(request.headers(), app).await.map_err(IntoResponse::into_response)? else {
            return Err(Redirect::to("/login").into_response());
        };
        let OwnForm(signed): OwnForm<Signed<T>> =
            OwnForm::from_request(request, app).await.map_err(IntoResponse::into_response)?;
        if !app.store.key().is_mac(CSRF, &session.hash, &signed.csrf) {
            return Err(Notice::forged().into_response());
        }
        Ok(SignedForm { session, form: signed.form })
    }
}

/// The token that forms of this session carry.
pub fn csrf(app: &App, session: &Session) -> String {
    app.store.key().mac(CSRF, &session.hash)
}

/// The cookie of a new session. Another site cannot make the browser send it.
pub fn cookie(app: &App, secret: &str) -> HeaderValue {
    set_cookie(app, Purpose::Session, secret, READ_MS / 1000)
}

pub fn no_cookie(app: &App) -> HeaderValue {
    set_cookie(app, Purpose::Session, "", 0)
}

/// What a cookie is for.
#[derive(Clone, Copy)]
pub enum Purpose {
    Session,
    /// A login on its way through an identity provider.
    Attempt,
}

pub fn set_cookie(app: &App, purpose: Purpose, value: &str, seconds: i64) -> HeaderValue {
    let secure = if app.is_https() { "; Secure" } else { "" };
    let cookie =
        format!("{}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", cookie_name(app, purpose));
    // Secrets are base64: always a valid header value.
    HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static(""))
}

/// The prefix makes browsers refuse the cookie from anywhere but this host over TLS.
fn cookie_name(app: &App, purpose: Purpose) -> &'static str {
    match (app.is_https(), purpose) {
        (true, Purpose::Session) => "__Host-privyseal",
        (true, Purpose::Attempt) => "__Host-privyseal-login",
        (false, Purpose::Session) => "privyseal",
        (false, Purpose::Attempt) => "privyseal-login",
    }
}

/// The values that the browser sent for `purpose`.
pub fn cookies<'a>(headers: &'a HeaderMap, app: &App, purpose: Purpose) -> impl Iterator<Item = &'a str> {
    let name = cookie_name(app, purpose);
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(found, _)| *found == name).map(|(_, value)| value)
}

async fn session(headers: &HeaderMap, app: &App) -> Result<Option<Session>, Refused> {
    match cookies(headers, app, Purpose::Session).next() {
        Some(secret) => {
            let session = app.store.session(secret).await?;
            if let Some(session) = &session {
                app.limits.check(&Caller::Person(session.clone()))?;
            }
            Ok(session)
        }
        None => Ok(None),
    }
}

/// Did the form come from the address that it is sent to?
fn is_own_origin(uri: &Uri, headers: &HeaderMap, app: &App) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return false };
    let here = uri.authority().map(|authority| authority.as_str()).or_else(|| text(header::HOST));
    let is_same_site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let is_here = origin == app.base_url || origin.split_once("://").is_some_and(|(_, from)| Some(from) == here);
    is_same_site && is_here
}
