//! `privyseal control`: the kill switch.

use clap::{Args, Subcommand, ValueEnum};
use privyseal_engine::hold::{Control, Kill};

use super::client::{Client, Failure, ServerArg};
use super::terminal;
use crate::api::people::SetKill;

/// Stop what agents do, at every gateway, within a second
#[derive(Args)]
pub struct ControlCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold or deny everything, or go back to the policy
    #[command(
        after_help = "Examples:\n  privyseal control kill hold    every request waits for a person\n  privyseal control kill deny    every request is refused, every live hold cancelled\n  privyseal control kill off     the policy decides again"
    )]
    Kill {
        switch: Switch,
        #[command(flatten)]
        server: ServerArg,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Switch {
    Hold,
    Deny,
    Off,
}

impl ControlCommand {
    pub async fn run(self) -> Result<(), Failure> {
        let Command::Kill { switch, server } = self.command;
        let kill = match switch {
            Switch::Hold => Kill::Hold,
            Switch::Deny => Kill::Deny,
            Switch::Off => Kill::Off,
        };
        let control: Control = Client::reader(&server)?.post("/v1/control", &SetKill { kill }).await?;
        let said = match control.kill {
            Kill::Hold => "every request is held",
            Kill::Deny => "every request is denied, every live hold cancelled",
            Kill::Off => "the policy decides",
        };
        terminal::say(&format!("{said} (epoch {})", control.epoch));
        Ok(())
    }
}
