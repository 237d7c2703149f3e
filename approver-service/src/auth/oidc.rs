//! Single sign-on with an OpenID Connect provider: authorization code with PKCE for the page, device flow for terminals.
//!
//! The provider says who somebody is, when they proved it and what groups they are in; nothing else is taken from it, and
//! its tokens are dropped at once. Must not go here: ID tokens (`auth::oidc::token`), sessions (`store::login`), HTTP of
//! our own (`api::oidc`, `ui::oidc`).

mod token;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    DeviceCodeErrorResponseType, EndpointMaybeSet, EndpointNotSet, EndpointSet, ErrorResponse, ExtraTokenFields,
    HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, StandardRevocableToken, StandardTokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

pub use self::token::Identity;
use self::token::Keys;
use crate::outbound;
use crate::secret::Key;

/// How long what the provider publishes is kept.
const KEEP: Duration = Duration::from_secs(3600);
/// How often at most it is asked again for a key that it did not publish.
const AGAIN: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long one question after a device login may take.
const DEVICE_POLL: Duration = Duration::from_secs(20);
/// No answer of a provider is larger.
const MAX_ANSWER: usize = 256 * 1024;
/// How old a login at the provider may be: older ones read only. It also makes the provider say how old it is.
const MAX_AGE_S: &str = "900";

/// What the operator says of the provider.
#[derive(Clone, Debug)]
pub struct Settings {
    pub issuer: String,
    pub client_id: String,
    /// None for a public client.
    pub client_secret: Option<Key>,
    pub scopes: Vec<String>,
    /// The claim that names a person here. Nobody may be able to choose its value for themselves.
    pub name_claim: String,
    pub groups_claim: String,
    /// Claim with the tenant that a person is of; without one they are of the main tenant.
    pub tenant_claim: Option<String>,
}

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the identity provider cannot be reached or gives no proper answer")]
    Unavailable,
    #[error("the identity provider refused: {0}")]
    Refused(String),
    #[error("the identity provider's token does not count: {0}")]
    Token(&'static str),
    #[error(
        "the ID token has no claim `{claim}`, which names {what} (`{setting}`): ask for a scope that brings it, and let the \
         provider put it into the ID token, not into userinfo alone"
    )]
    Claim { claim: String, what: &'static str, setting: &'static str },
}

/// One login on its way, kept by the browser until the provider sends it back.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attempt {
    pub state: String,
    nonce: String,
    verifier: String,
    pub until_ms: i64,
}

/// The ID token beside the access token, which nobody needs here.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

type Tokens = StandardTokenResponse<WithIdToken, BasicTokenType>;
type RelyingParty = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointMaybeSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// What the provider publishes (OpenID Connect Discovery 1.0).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: AuthUrl,
    token_endpoint: TokenUrl,
    device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
    jwks_uri: String,
}

/// The provider as it was found.
struct Found {
    client: RelyingParty,
    keys: Keys,
    at: Instant,
}

/// The provider; cheap to clone.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: Settings,
    redirect: RedirectUrl,
    http: Http,
    found: Mutex<Option<Arc<Found>>>,
}

impl Provider {
    /// `base_url` is where people reach this service. The provider itself is asked when somebody logs in.
    pub fn new(settings: Settings, base_url: &str) -> anyhow::Result<Provider> {
        crate::jwt::install();
        let http = Http(outbound::client(TIMEOUT)?);
        let redirect = RedirectUrl::new(format!("{base_url}/login/oidc/callback"))?;
        Ok(Provider(Arc::new(Inner { settings, redirect, http, found: Mutex::new(None) })))
    }

    /// The provider's name for people: its host.
    pub fn host(&self) -> &str {
        let issuer = &self.0.settings.issuer;
        issuer.split_once("://").map_or(issuer.as_str(), |(_, rest)| rest.split('/').next().unwrap_or(rest))
    }

    /// Says in the log if nobody could log in now: a misspelt issuer is else seen by the first who tries.
    pub async fn check(&self) {
        if let Err(error) = self.found(KEEP).await {
            tracing::warn!(issuer = self.0.settings.issuer, %error, "nobody can log in by single sign-on yet");
        }
    }

    /// Where a browser goes to log in anew, and what it keeps meanwhile.
    pub async fn start(&self, until_ms: i64) -> Result<(String, Attempt), Error> {
        let found = self.found(KEEP).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random().into_secret();
        let (url, state) = found
            .client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(self.scopes())
            .add_extra_param("nonce", &nonce)
            .add_extra_param("prompt", "login")
            .add_extra_param("max_age", MAX_AGE_S)
            .set_pkce_challenge(challenge)
            .url();
        let attempt = Attempt { state: state.into_secret(), nonce, verifier: verifier.into_secret(), until_ms };
        Ok((url.into(), attempt))
    }

    /// Exchanges the code that the browser brought back.
    pub async fn finish(&self, attempt: Attempt, code: String) -> Result<Identity, Error> {
        let found = self.found(KEEP).await?;
        let tokens = found
            .client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier))
            .request_async(&self.0.http)
            .await
            .map_err(refused)?;
        self.identity(tokens, Some(&attempt.nonce)).await
    }

    /// Starts a login that somebody confirms in a browser elsewhere.
    pub async fn start_device(&self) -> Result<StandardDeviceAuthorizationResponse, Error> {
        let found = self.found(KEEP).await?;
        let request =
            found.client.exchange_device_code().map_err(|_| Error::Refused("it offers no device flow".to_owned()))?;
        request
            .add_scopes(self.scopes())
            .add_extra_param("prompt", "login")
            .add_extra_param("max_age", MAX_AGE_S)
            .request_async(&self.0.http)
            .await
            .map_err(refused)
    }

    /// Who has confirmed the login; `None` if nobody has yet.
    pub async fn finish_device(&self, login: &StandardDeviceAuthorizationResponse) -> Result<Option<Identity>, Error> {
        let found = self.found(KEEP).await?;
        let asked = found
            .client
            .exchange_device_access_token(login)
            .request_async(&self.0.http, tokio::time::sleep, Some(DEVICE_POLL))
            .await;
        match asked {
            Ok(tokens) => self.identity(tokens, None).await.map(Some),
            // The library says so too when its time is over; whoever asks knows when the code is.
            Err(RequestTokenError::ServerResponse(said))
                if matches!(said.error(), DeviceCodeErrorResponseType::ExpiredToken) =>
            {
                Ok(None)
            }
            Err(error) => Err(refused(error)),
        }
    }

    fn scopes(&self) -> Vec<Scope> {
        self.0.settings.scopes.iter().cloned().map(Scope::new).collect()
    }

    async fn identity(&self, tokens: Tokens, nonce: Option<&str>) -> Result<Identity, Error> {
        let token = tokens.extra_fields().id_token.as_deref().ok_or(Error::Token("there is none"))?;
        let settings = &self.0.settings;
        match self.found(KEEP).await?.keys.identity(token, settings, nonce) {
            Err(Error::Token(token::UNKNOWN_KEY)) => self.found(AGAIN).await?.keys.identity(token, settings, nonce),
            known => known,
        }
    }

    /// The provider as it was found at most `age` ago.
    async fn found(&self, age: Duration) -> Result<Arc<Found>, Error> {
        let mut found = self.0.found.lock().await;
        if let Some(found) = found.as_ref().filter(|found| found.at.elapsed() < age) {
            return Ok(Arc::clone(found));
        }
        let new = Arc::new(self.find().await?);
        *found = Some(Arc::clone(&new));
        Ok(new)
    }

    async fn find(&self) -> Result<Found, Error> {
        let Inner { settings, redirect, http, .. } = &*self.0;
        let url = format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/'));
        let metadata: Metadata = parse(&get(http, &url).await?)?;
        if metadata.issuer != settings.issuer {
            tracing::error!(
                configured = settings.issuer,
                published = metadata.issuer,
                "the provider is another issuer"
            );
            return Err(Error::Unavailable);
        }
        let keys = Keys::new(parse(&get(http, &metadata.jwks_uri).await?)?);
        let mut client = Client::new(ClientId::new(settings.client_id.clone()))
            .set_auth_uri(metadata.authorization_endpoint)
            .set_token_uri(metadata.token_endpoint)
            .set_device_authorization_url_option(metadata.device_authorization_endpoint)
            .set_redirect_uri(redirect.clone());
        if let Some(secret) = &settings.client_secret {
            let secret = String::from_utf8(secret.bytes().to_vec()).map_err(|_| Error::Unavailable)?;
            client = client.set_client_secret(ClientSecret::new(secret));
        }
        Ok(Found { client, keys, at: Instant::now() })
    }
}

async fn get(http: &Http, url: &str) -> Result<Vec<u8>, Error> {
    let request = oauth2::http::Request::get(url).body(vec![]).map_err(|_| Error::Unavailable)?;
    let answer = http.call(request).await.map_err(|error| unavailable(&error))?;
    if !answer.status().is_success() {
        tracing::error!(url, status = answer.status().as_u16(), "the identity provider does not publish this");
        return Err(Error::Unavailable);
    }
    Ok(answer.into_body())
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        tracing::error!(line = error.line(), column = error.column(), "the provider's answer is not understood");
        Error::Unavailable
    })
}

/// Why a call to the provider failed; without the URL, whose query may hold secrets.
#[derive(Debug, thiserror::Error)]
enum CallFailed {
    #[error("{0}")]
    Http(reqwest::Error),
    #[error("the answer is larger than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl From<reqwest::Error> for CallFailed {
    fn from(error: reqwest::Error) -> CallFailed {
        CallFailed::Http(error.without_url())
    }
}

/// Calls to the provider, with answers of bounded size.
struct Http(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = CallFailed;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallFailed>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(send(&self.0, request))
    }
}

async fn send(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, CallFailed> {
    let mut answer = http.execute(request.try_into()?).await?;
    let mut body = vec![];
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER {
            return Err(CallFailed::TooLarge);
        }
    }
    let mut response = HttpResponse::new(body);
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

/// What the library met. Bodies of answers are not told: they may hold tokens.
fn refused<E: ErrorResponse + std::fmt::Display>(error: RequestTokenError<CallFailed, E>) -> Error {
    match error {
        RequestTokenError::ServerResponse(said) => Error::Refused(said.to_string().chars().take(200).collect()),
        RequestTokenError::Request(error) => unavailable(&error),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            tracing::error!("the provider's answer is not understood");
            Error::Unavailable
        }
    }
}

fn unavailable(error: &CallFailed) -> Error {
    tracing::error!(%error, "the identity provider cannot be used");
    Error::Unavailable
}
