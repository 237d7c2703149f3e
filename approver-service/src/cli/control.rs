//! `privyseal control`: the kill switch.

use clap::{Args, Subcommand, ValueEnum};
use privyseal_engine::hold::{Control, Kill};

use super::client::{Client, Failure, ServerArg, page};
use super::terminal;
use crate::api::control::{SetKill, Switches};
use crate::clock::written;
use crate::store::control::Killed;

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
        after_help = "Examples:\n  privyseal control kill hold    every request waits for a person\n  privyseal control kill deny    every request is refused, every live hold cancelled\n  privyseal control kill off     the policy decides again\n  privyseal control kill deny --principal agent-7    the same of one agent alone"
    )]
    Kill {
        switch: Switch,
        /// Only what this principal sends, as its holds name it
        #[arg(long, value_name = "NAME")]
        principal: Option<String>,
        #[command(flatten)]
        server: ServerArg,
    },
    /// Show how the switch stands, and for whom else it is on
    Show {
        /// As the API says it
        #[arg(long)]
        json: bool,
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
        match self.command {
            Command::Kill { switch, principal, server } => turn(switch, principal, &server).await,
            Command::Show { json, server } => show(json, &server).await,
        }
    }
}

async fn turn(switch: Switch, principal: Option<String>, server: &ServerArg) -> Result<(), Failure> {
    let kill = match switch {
        Switch::Hold => Kill::Hold,
        Switch::Deny => Kill::Deny,
        Switch::Off => Kill::Off,
    };
    let set = SetKill { kill, principal };
    let control: Control = Client::reader(server)?.post("/v1/control", &set).await?;
    let whose = match &set.principal {
        Some(principal) => format!("of `{}` ", terminal::safe(principal)),
        None => String::new(),
    };
    let said = match kill {
        Kill::Hold => format!("every request {whose}is held"),
        Kill::Deny => format!("every request {whose}is denied, every live hold cancelled"),
        Kill::Off if set.principal.is_some() => format!("no switch {whose}is on"),
        Kill::Off => "the policy decides".to_owned(),
    };
    terminal::say(&format!("{said} (epoch {})", control.epoch));
    Ok(())
}

async fn show(json: bool, server: &ServerArg) -> Result<(), Failure> {
    let client = Client::reader(server)?;
    let mut switches: Switches = client.get(&page("/v1/kills", None)?).await?;
    while let Some(after) = switches.next.take() {
        let more: Switches = client.get(&page("/v1/kills", Some(&after))?).await?;
        switches.principals.extend(more.principals);
        switches.next = more.next;
    }
    if json {
        terminal::say(&serde_json::to_string_pretty(&switches)?);
        return Ok(());
    }
    terminal::say(match switches.kill {
        Kill::Off => "the policy decides",
        Kill::Hold => "every request is held",
        Kill::Deny => "every request is denied",
    });
    for Killed { principal, kill, by, at_ms } in &switches.principals {
        let what = if *kill == Kill::Deny { "denied" } else { "held" };
        let (principal, by) = (terminal::safe(principal), terminal::safe(by));
        terminal::say(&format!("{what:6}  {principal:30}  by {by}, {}", written(*at_ms)));
    }
    Ok(())
}
