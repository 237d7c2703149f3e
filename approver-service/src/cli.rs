//! The command line: one file per command, each with its arguments and its `run`.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not found.
//! Must not go here: what a command does.

pub mod audit;
pub mod client;
pub mod control;
pub mod decide;
pub mod doctor;
mod grants;
pub mod holds;
pub mod key;
pub mod login;
pub mod observed;
pub mod openapi;
pub mod policy;
mod progress;
pub mod redact;
pub mod request;
pub mod scan;
pub mod serve;
pub mod status;
pub mod terminal;
mod texts;
pub mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::client::Failure;

/// Action-level approvals for AI agents behind Envoy
#[derive(Parser)]
#[command(name = "privyseal", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not found

First steps:
  privyseal serve --person alice=alice@example.com      run the approver
  privyseal token create --role filter --name gateway   what the gateway calls it with
  privyseal key show                                    what the gateway checks its answers with
  privyseal login --as alice                            a session of 15 minutes, to decide
  privyseal holds list
  privyseal approve 0199…  --reason \"checked with finance\"";

#[derive(Subcommand)]
enum Command {
    // The service and its files.
    Serve(Box<serve::Serve>),
    Token(token::TokenCommand),
    Key(key::KeyCommand),
    // People, over HTTP.
    Login(login::Login),
    Logout(login::Logout),
    Holds(holds::HoldsCommand),
    Approve(decide::Approve),
    Deny(decide::Deny),
    Ask(decide::Ask),
    Revoke(decide::Revoke),
    Grants(grants::GrantsCommand),
    Control(control::ControlCommand),
    Request(request::Request),
    Audit(audit::AuditCommand),
    Observed(observed::Observed),
    Status(status::Status),
    // Policies and texts, on this machine.
    Policy(policy::PolicyCommand),
    Doctor(doctor::Doctor),
    Scan(scan::Scan),
    Redact(redact::Redact),
    // The service, for programs.
    Openapi(openapi::Openapi),
}

/// Reads the arguments, runs the command, tells what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::Failed(anyhow::Error::new(error))),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(command) => command.run().await,
            Command::Token(command) => command.run().await,
            Command::Key(command) => command.run(),
            Command::Login(command) => command.run().await,
            Command::Logout(command) => command.run(),
            Command::Holds(command) => command.run().await,
            Command::Approve(command) => command.run().await,
            Command::Deny(command) => command.run().await,
            Command::Ask(command) => command.run().await,
            Command::Revoke(command) => command.run().await,
            Command::Grants(command) => command.run().await,
            Command::Control(command) => command.run().await,
            Command::Request(command) => command.run().await,
            Command::Audit(command) => command.run().await,
            Command::Observed(command) => command.run().await,
            Command::Status(command) => command.run().await,
            Command::Policy(command) => command.run(),
            Command::Doctor(command) => command.run().await,
            Command::Scan(command) => command.run(),
            Command::Redact(command) => command.run(),
            Command::Openapi(command) => command.run(),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    terminal::complain(&failure.to_string());
    failure.exit_code()
}
