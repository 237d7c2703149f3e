//! `privyseal key`: the key that gateway and approver share.

use clap::{Args, Subcommand};

use super::client::Failure;
use super::terminal;
use crate::config::DataArg;
use crate::secret::DataDir;

/// The key that the gateway checks the approver's answers with
#[derive(Args)]
pub struct KeyCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print it, for PRIVYSEAL_KEY in the gateway's environment; made if there is none
    #[command(after_help = "Example:\n  export PRIVYSEAL_KEY=\"$(privyseal key show)\"")]
    Show {
        #[command(flatten)]
        data: DataArg,
    },
}

impl KeyCommand {
    pub fn run(self) -> Result<(), Failure> {
        let Command::Show { data } = self.command;
        terminal::say(&DataDir::open_or_create(&data.path()?)?.gateway_key()?);
        Ok(())
    }
}
