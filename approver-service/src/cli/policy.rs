//! `privyseal policy`: policies as files, on this machine.
//!
//! Exit codes: 0 done, 1 the policy has mistakes or a test failed, 2 wrong usage.
//! Must not go here: what the commands do (one file each).

mod check;
mod explain;
mod init;
mod render;
mod schema;
mod test;
mod tools;

use std::path::Path;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use privyseal_engine::policy::Policy;

use super::client::Failure;
use crate::policy::check::Report;
use crate::policy::source::Source;

/// Write, check, test and render policies
#[derive(Args)]
pub struct PolicyCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Init),
    Check(check::Check),
    Explain(explain::Explain),
    Render(render::Render),
    Test(test::Test),
    Schema(schema::Schema),
    Tools(tools::ToolsCommand),
}

impl PolicyCommand {
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Init(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Render(command) => command.run(),
            Command::Test(command) => command.run(),
            Command::Schema(command) => command.run(),
            Command::Tools(command) => command.run(),
        }
    }
}

/// `-` is standard input.
fn read(file: &Path) -> anyhow::Result<String> {
    let text =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    text.with_context(|| format!("cannot read `{}`", file.display()))
}

/// A policy without mistakes, for commands that need one.
pub(super) fn load(file: &Path) -> anyhow::Result<(Policy, Source)> {
    let report = Report::of(&read(file)?);
    match (report.policy, report.source) {
        (Some(policy), Some(source)) => Ok((policy, source)),
        _ => bail!("`{0}` has mistakes: `privyseal policy check {0}` lists them", file.display()),
    }
}
