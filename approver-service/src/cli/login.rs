//! `privyseal login` and `logout`: a person's session in this terminal.

use std::io::{self, BufRead, Write};
use std::time::Instant;

use anyhow::anyhow;
use clap::Args;
use serde::Deserialize;

use super::client::{Client, Failure, SavedLogin, ServerArg};
use super::terminal;
use crate::api::login::{Login as Session, LoginRequest, Redeem};
use crate::api::oidc::DeviceLogin;
use crate::clock::written;

/// Log in for 15 minutes, with a code that `privyseal serve` shows on its own terminal, or with an identity provider
#[derive(Args)]
#[command(after_help = "\
Examples:
  privyseal login --as alice       asks for a code, then waits for you to type it
  privyseal login 1234-5678        with a code that you have already
  privyseal login --oidc           shows an address and a code to confirm there")]
pub struct Login {
    /// The code, eight digits
    #[arg(required_unless_present_any = ["person", "oidc"], conflicts_with = "person")]
    code: Option<String>,
    /// Log in with the approver's identity provider, in a browser anywhere
    #[arg(long, conflicts_with_all = ["code", "person"])]
    oidc: bool,
    /// Ask for a code for this person
    #[arg(long = "as", value_name = "NAME")]
    person: Option<String>,
    #[command(flatten)]
    server: ServerArg,
}

/// Forget this terminal's session
#[derive(Args)]
pub struct Logout {}

impl Login {
    pub async fn run(self) -> Result<(), Failure> {
        let client = Client::anonymous(&self.server)?;
        if self.oidc {
            let login = confirmed_elsewhere(&client).await?;
            return keep(&client, &login);
        }
        let code = match (self.code, self.person) {
            (Some(code), _) => code,
            (None, person) => {
                client.tell("/v1/login/request", &LoginRequest { person: person.unwrap_or_default() }).await?;
                ask("code shown by `privyseal serve`: ")?
            }
        };
        let login: Session = client.post("/v1/login", &Redeem { code }).await?;
        keep(&client, &login)
    }
}

fn keep(client: &Client, login: &Session) -> Result<(), Failure> {
    client.save(login)?;
    terminal::say(&format!("logged in as {} until {}", terminal::safe(&login.person), written(login.expires_ms)));
    Ok(())
}

/// Device flow: this terminal waits while the person confirms a code in a browser.
async fn confirmed_elsewhere(client: &Client) -> Result<Session, Failure> {
    let device: DeviceLogin = client.post("/v1/login/oidc/device", &serde_json::json!({})).await?;
    let login = &device.login;
    let until = Instant::now() + login.expires_in();
    let uri = login.verification_uri_complete().map_or_else(|| login.verification_uri().as_str(), |uri| uri.secret());
    terminal::say(&format!("open {} and confirm {}", terminal::safe(uri), terminal::safe(login.user_code().secret())));
    while Instant::now() < until {
        match client.post("/v1/login/oidc/device/token", &device).await? {
            Finished::Login(session) => return Ok(session),
            // The service has waited already.
            Finished::NotYet {} => {}
        }
    }
    Err(anyhow!("nobody confirmed the code in time").into())
}

/// What the service answers to a login that it waited for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Finished {
    Login(Session),
    NotYet {},
}

impl Logout {
    pub fn run(self) -> Result<(), Failure> {
        Ok(SavedLogin::remove()?)
    }
}

fn ask(question: &str) -> io::Result<String> {
    let mut out = io::stderr().lock();
    write!(out, "{question}")?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}
