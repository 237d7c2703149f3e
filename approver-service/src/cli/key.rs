//! `privyseal key`: the key that gateway and approver share, and the keys that sign receipts.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::client::Failure;
use super::terminal;
use super::token::duration_ms;
use crate::clock::{self, written};
use crate::config::DataArg;
use crate::receipt::keys;
use crate::secret::DataDir;

/// The key that the gateway checks the approver's answers with, and the keys that sign receipts
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
    /// Sign receipts with a new key; a service that runs takes it within a second
    ///
    /// The new key is published at once and signs when the overlap is over; the old ones stay published as long again, for
    /// upstreams that keep the set of keys for a while.
    #[command(
        after_help = "Examples:\n  privyseal key rotate-receipts\n  privyseal key rotate-receipts --now    after a leak: the old keys are worthless at once"
    )]
    RotateReceipts {
        /// How long the new key is published before it signs, as in `2h`; at least 10m
        #[arg(long, value_name = "DURATION", value_parser = overlap_ms, default_value = "1h")]
        overlap: i64,
        /// Sign with it now and withdraw the old ones
        #[arg(long, conflicts_with = "overlap")]
        now: bool,
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArg,
    },
}

impl KeyCommand {
    pub fn run(self) -> std::result::Result<(), Failure> {
        match self.command {
            Command::Show { data } => terminal::say(&DataDir::open_or_create(&data.path()?)?.gateway_key()?),
            Command::RotateReceipts { overlap, now, json, data } => {
                let data = DataDir::open_or_create(&data.path()?)?;
                let rotated = keys::rotate(&data, clock::system()(), if now { 0 } else { overlap })?;
                if json {
                    terminal::say(&serde_json::to_string_pretty(&rotated)?);
                } else {
                    terminal::say(&format!("{} signs from {}", rotated.kid, written(rotated.signs_from_ms)));
                }
            }
        }
        Ok(())
    }
}

/// No shorter than upstreams keep the set of keys.
fn overlap_ms(text: &str) -> Result<i64> {
    match duration_ms(text)? {
        600_000.. => duration_ms(text),
        _ => bail!("expected at least `10m`: upstreams keep the keys that they know for some minutes"),
    }
}
