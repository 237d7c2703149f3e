//! `privyseal openapi`: the description of the approver's API.

use clap::Args;

use super::client::Failure;
use super::terminal;
use crate::api::openapi::document;

/// Print the description of the approver's API (OpenAPI 3.1), as `GET /v1/openapi.json` answers it
#[derive(Args)]
#[command(after_help = "\
Examples:
  privyseal openapi > openapi.json
  privyseal openapi | jq '.paths | keys'")]
pub struct Openapi {}

impl Openapi {
    pub fn run(self) -> Result<(), Failure> {
        terminal::say(&serde_json::to_string_pretty(document())?);
        Ok(())
    }
}
