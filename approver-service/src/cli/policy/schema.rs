//! `privyseal policy schema`: the JSON Schema of policy files, for editors.
//!
//! Must not go here: the schema itself (`policy::schema`).

use clap::Args;

use crate::cli::client::Failure;
use crate::cli::terminal;
use crate::policy::schema::SCHEMA;

/// Print the JSON Schema of policy files, for editors
#[derive(Args)]
#[command(after_help = "Example:\n  privyseal policy schema > policy.schema.json\n\
    then begin policy.yaml with: # yaml-language-server: $schema=policy.schema.json")]
pub struct Schema;

impl Schema {
    pub fn run(self) -> Result<(), Failure> {
        terminal::say(SCHEMA.trim_end());
        Ok(())
    }
}
