//! Which database: a file in the data directory, or a server.
//!
//! Must not go here: connections (`store::database`).

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::secret::{DataDir, read_private};
use crate::store::Store;
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

    /// Opens it; `data` is the directory beside it.
    pub async fn open(&self, data: &DataDir) -> Result<Store> {
        let password = match &self.password_file {
            Some(file) => Some(read_private(file).context("the database's password")?),
            None => std::env::var(PASSWORD).ok(),
        };
        let address = match &self.url {
            Some(url) => Address::server(url, password.as_deref())?,
            None => Address::file(&data.database()?)?,
        };
        let opened = Store::open(&address, data.storage_key()?).await;
        opened
            .map_err(|error| {
                let asks_for_password = error.is_about_password();
                let error = anyhow::Error::from(error);
                match (asks_for_password, password) {
                    (false, _) => error,
                    (true, None) => error.context(format!(
                        "no password is set: put it into {PASSWORD} or a file named by `--database-password-file`"
                    )),
                    (true, Some(_)) => error.context(format!(
                        "the server does not take the password of {PASSWORD} or `--database-password-file`"
                    )),
                }
            })
            .with_context(|| format!("database `{address}`"))
    }
}
