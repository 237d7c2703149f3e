//! Which database: a file in the data directory, or a server.
//!
//! Must not go here: connections (`store::database`).

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::secret::{DataDir, read_private};
use crate::store::database::Address;

const PASSWORD: &str = "PRIVYSEAL_DATABASE_PASSWORD";

#[derive(Args, Clone, Debug, Default)]
pub struct DatabaseArg {
    /// PostgreSQL 15 or later, as `postgres://USER@HOST/DATABASE`, its password in PRIVYSEAL_DATABASE_PASSWORD or a file
    /// [default: SQLite in the data directory]
    #[arg(long = "database", value_name = "URL", env = "PRIVYSEAL_DATABASE")]
    pub url: Option<String>,

    /// File with the password of the database, open to nobody else
    #[arg(long = "database-password-file", value_name = "FILE", env = "PRIVYSEAL_DATABASE_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
}

impl DatabaseArg {
    /// What is set here, else what is set in `other`.
    pub fn or(self, other: DatabaseArg) -> DatabaseArg {
        DatabaseArg { url: self.url.or(other.url), password_file: self.password_file.or(other.password_file) }
    }

    pub fn address(&self, data: &DataDir) -> Result<Address> {
        let Some(url) = &self.url else { return Ok(Address::file(&data.database()?)?) };
        let password = match &self.password_file {
            Some(file) => Some(read_private(file).context("the database's password")?),
            None => std::env::var(PASSWORD).ok(),
        };
        Ok(Address::server(url, password.as_deref())?)
    }
}
