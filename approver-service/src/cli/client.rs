//! The HTTP side of every command that talks to a service: address, credentials, errors, exit codes.
//!
//! Must not go here: what is asked or shown.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::terminal;
use crate::api::login::Login;
use crate::{clock, outbound};

/// Which of the two there is, only the service knows.
const LOG_IN: &str = "`privyseal login --as NAME`, or with single sign-on `privyseal login --oidc`";
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which service to talk to.
#[derive(Args, Clone, Debug)]
pub struct ServerArg {
    /// Address of the approver
    #[arg(long, value_name = "URL", env = "PRIVYSEAL_SERVER", default_value = "http://127.0.0.1:8077")]
    server: String,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    Failed(anyhow::Error),
    NotFound,
    /// What was asked for is not approved; a pipeline tells by the code why.
    NotApproved {
        said: String,
        code: ExitCode,
    },
    /// The service said no; `code` is stable.
    Refused {
        code: String,
        detail: String,
    },
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Failed(_) | Failure::Refused { .. } => ExitCode::from(1),
            Failure::NotFound => ExitCode::from(3),
            Failure::NotApproved { code, .. } => *code,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Failed(error) => f.write_str(&told(error)),
            Failure::NotApproved { said, .. } => f.write_str(said),
            Failure::NotFound => f.write_str("not found; `privyseal holds list` shows what there is"),
            Failure::Refused { code, detail } => {
                write!(f, "{} ({})", terminal::safe(detail), terminal::safe(code))?;
                match code.as_str() {
                    "login_required" | "unauthorized" => write!(f, "; log in with {LOG_IN}"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// An error with its causes; some libraries say theirs in their own text already.
fn told(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.ends_with(&cause) {
            continue;
        }
        if !said.is_empty() {
            said.push_str(": ");
        }
        said.push_str(&cause);
    }
    said
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        let error = error.into();
        match error.downcast_ref() {
            Some(crate::store::Error::Unknown) => Failure::NotFound,
            _ => Failure::Failed(error),
        }
    }
}

/// The members of a problem document that are shown.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

/// A connection to one service as one caller.
pub struct Client {
    http: reqwest::Client,
    server: String,
    bearer: Option<String>,
}

impl Client {
    /// Without credentials, to log in.
    pub fn anonymous(server: &ServerArg) -> Result<Client, Failure> {
        let http = outbound::client(TIMEOUT)?;
        Ok(Client { http, server: server.server.trim_end_matches('/').to_owned(), bearer: None })
    }

    /// As whoever PRIVYSEAL_TOKEN belongs to, else as the person logged in here.
    pub fn reader(server: &ServerArg) -> Result<Client, Failure> {
        let client = Client::anonymous(server)?;
        let token = std::env::var("PRIVYSEAL_TOKEN").ok().filter(|token| !token.is_empty());
        let bearer = match token {
            Some(token) => token,
            None => SavedLogin::load(&client.server)?.session,
        };
        Ok(Client { bearer: Some(bearer), ..client })
    }

    /// As PRIVYSEAL_TOKEN alone: a pipeline has nobody logged in.
    pub fn with_token(server: &ServerArg) -> Result<Client, Failure> {
        let token = std::env::var("PRIVYSEAL_TOKEN").ok().filter(|token| !token.is_empty());
        let missing =
            "set PRIVYSEAL_TOKEN to what `privyseal token create --role requester --name NAME --owner PERSON` prints";
        let bearer = Some(token.ok_or_else(|| anyhow!(missing))?);
        Ok(Client { bearer, ..Client::anonymous(server)? })
    }

    /// As the person logged in here: a token never decides.
    pub fn decider(server: &ServerArg) -> Result<Client, Failure> {
        let client = Client::anonymous(server)?;
        let bearer = Some(SavedLogin::load(&client.server)?.session);
        Ok(Client { bearer, ..client })
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        Ok(self.send::<()>(Method::GET, path, None).await?.json().await.context("the answer is not understood")?)
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        Ok(self.send(Method::POST, path, Some(body)).await?.json().await.context("the answer is not understood")?)
    }

    /// For answers without a body.
    pub async fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        self.send(Method::POST, path, Some(body)).await.map(|_| ())
    }

    /// Keeps the session for the next 15 minutes.
    pub fn save(&self, login: &Login) -> Result<PathBuf, Failure> {
        let saved =
            SavedLogin { server: self.server.clone(), session: login.session.clone(), expires_ms: login.expires_ms };
        Ok(saved.store()?)
    }

    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<reqwest::Response, Failure> {
        let mut request = self.http.request(method, format!("{}{path}", self.server));
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("no answer from `{}`; is `privyseal serve` running there?", self.server))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        if status == StatusCode::NOT_FOUND {
            return Err(Failure::NotFound);
        }
        match answer.json::<Problem>().await {
            Ok(Problem { code, detail }) => Err(Failure::Refused { code, detail }),
            Err(_) => Err(anyhow!("`{}` answered {status}, which no approver does", self.server).into()),
        }
    }
}

/// The path of a list's page: after `cursor`, as full as pages get.
pub fn page(path: &str, cursor: Option<&str>) -> Result<String, Failure> {
    let pairs = [("limit", "500")].into_iter().chain(cursor.map(|cursor| ("cursor", cursor)));
    let url = reqwest::Url::parse_with_params(&format!("http://approver{path}"), pairs)?;
    Ok(url.as_str().trim_start_matches("http://approver").to_owned())
}

/// A path segment from the command line; ids have nothing to escape, so what has is none.
pub fn segment(id: &str) -> Result<&str, Failure> {
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_id { Ok(id) } else { Err(Failure::NotFound) }
}

/// A session on disk, readable by its owner alone.
#[derive(Serialize, Deserialize)]
pub struct SavedLogin {
    server: String,
    session: String,
    expires_ms: i64,
}

impl SavedLogin {
    fn load(server: &str) -> anyhow::Result<SavedLogin> {
        let path = session_file()?;
        let missing = || anyhow!("nobody is logged in at `{server}`: run {LOG_IN}");
        let text = fs::read_to_string(&path).map_err(|_| missing())?;
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            return Err(anyhow!("`{0}` can be read by others: run `chmod 600 {0}` and log in again", path.display()));
        }
        let saved: SavedLogin = serde_json::from_str(&text).map_err(|_| missing())?;
        if saved.server != server {
            return Err(missing());
        }
        if saved.expires_ms <= clock::system()() {
            return Err(anyhow!("the login is over: run {LOG_IN}"));
        }
        Ok(saved)
    }

    fn store(&self) -> anyhow::Result<PathBuf> {
        let path = session_file()?;
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // A new file, never an old one with wider permissions.
        forget(&path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        Ok(path)
    }

    /// Logs out here.
    pub fn remove() -> anyhow::Result<()> {
        forget(&session_file()?)
    }
}

fn forget(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("`{}` cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

fn session_file() -> anyhow::Result<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_RUNTIME_DIR")
        .or_else(|| folder("XDG_CONFIG_HOME"))
        .or_else(|| folder("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("privyseal/session.json"))
        .context("no home directory to keep the login in")
}
