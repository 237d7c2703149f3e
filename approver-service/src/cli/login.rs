//! `privyseal login` and `logout`: a person's session in this terminal.

use std::io::{self, BufRead, Write};

use clap::Args;

use super::client::{Client, Failure, SavedLogin, ServerArg};
use super::terminal;
use crate::api::login::{Login as Session, LoginRequest, Redeem};
use crate::clock::written;

/// Log in for 15 minutes, with a code that `privyseal serve` shows on its own terminal
#[derive(Args)]
#[command(after_help = "\
Examples:
  privyseal login --as alice       asks for a code, then waits for you to type it
  privyseal login 1234-5678        with a code that you have already")]
pub struct Login {
    /// The code, eight digits
    #[arg(required_unless_present = "person", conflicts_with = "person")]
    code: Option<String>,
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
        let code = match (self.code, self.person) {
            (Some(code), _) => code,
            (None, person) => {
                client.tell("/v1/login/request", &LoginRequest { person: person.unwrap_or_default() }).await?;
                ask("code shown by `privyseal serve`: ")?
            }
        };
        let login: Session = client.post("/v1/login", &Redeem { code }).await?;
        client.save(&login)?;
        terminal::say(&format!("logged in as {} until {}", terminal::safe(&login.person), written(login.expires_ms)));
        Ok(())
    }
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
