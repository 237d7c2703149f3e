//! Which database, and the connections to it. SQLite lives in this process, PostgreSQL serves several replicas; the rest
//! of the store asks only where their SQL cannot be the same.
//!
//! Must not go here: statements about holds, people or records.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyConnection, AnyPool, Connection, Row};

use super::migrations::migrator;
use super::{Error, Result};

/// How long to wait for another process that writes.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// How long a connection to a server counts as good after it was used.
const TRUSTED: Duration = Duration::from_secs(1);
/// Readers beside the one writer.
const READERS: u32 = 4;

const SQLITE_SESSION: &str = "
    PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL";
const SQLITE_FILE: &str = "PRAGMA journal_mode = WAL";
/// For the connection that writes: 16 MiB keep what one transaction changes in memory until its commit, which copies the log
/// into the file every 32 MiB; by default each commit of a busy service would.
const SQLITE_WRITER: &str = "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 8192";
/// The table of the steps taken is there from the second start on, which is no news.
const POSTGRES_MIGRATING: &str = "SET client_min_messages = warning";
/// A replica that hangs with the head of the audit log in its hands must not stop the others.
const POSTGRES_SESSION: &str = "
    SET application_name = 'privyseal'; SET lock_timeout = '5s'; SET statement_timeout = '10s';
    SET idle_in_transaction_session_timeout = '10s'; SET default_transaction_isolation = 'read committed'";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Postgres,
    Sqlite,
}

/// Where the database is. Shown without its password.
#[derive(Clone)]
pub struct Address {
    pub backend: Backend,
    options: AnyConnectOptions,
}

impl Address {
    /// A file of SQLite's, made if it is not there.
    pub fn file(path: &Path) -> Result<Address> {
        let path = std::path::absolute(path).map_err(sqlx::Error::from)?;
        let Some(path) = path.to_str() else {
            return Err(Error::Address("the path of the database is not UTF-8: choose another with `--data`".into()));
        };
        let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        Ok(Address { backend: Backend::Sqlite, options: AnyConnectOptions::from_str(&format!("sqlite://{path}"))? })
    }

    /// `postgres://USER@HOST/DATABASE`. The password comes by itself, because command lines are read by everybody.
    pub fn server(url: &str, password: Option<&str>) -> Result<Address> {
        let expected = "expected `postgres://USER@HOST[:PORT]/DATABASE`";
        let mut options =
            AnyConnectOptions::from_str(url).map_err(|_| Error::Address(format!("not an address: {expected}")))?;
        let address = &mut options.database_url;
        if !matches!(address.scheme(), "postgres" | "postgresql") {
            return Err(Error::Address(format!("`{}://` is not known: {expected}", address.scheme())));
        }
        if address.password().is_some() || address.query_pairs().any(|(name, _)| name == "password") {
            return Err(Error::Address(
                "the address carries a password, which other users of the machine may read: put it into \
                 PRIVYSEAL_DATABASE_PASSWORD or a file named by `--database-password-file`"
                    .into(),
            ));
        }
        if let Some(password) = password {
            let unfit = || Error::Address(format!("the address takes no password: {expected}"));
            address.set_password(Some(&password.replace('%', "%25"))).map_err(|()| unfit())?;
        }
        Ok(Address { backend: Backend::Postgres, options })
    }

    /// Brings the schema up to date, then opens the pool of the one writer and that of the readers.
    pub(super) async fn open(&self) -> Result<(AnyPool, AnyPool)> {
        install_default_drivers();
        let mut migrating = AnyConnection::connect_with(&self.with_mode("rwc")).await?;
        let settings = match self.backend {
            Backend::Postgres => POSTGRES_MIGRATING,
            Backend::Sqlite => SQLITE_FILE,
        };
        sqlx::raw_sql(settings).execute(&mut migrating).await?;
        let migrated = migrator(self.backend).run(&mut migrating).await;
        migrated.map_err(|e| sqlx::Error::Migrate(Box::new(e)))?;
        migrating.close().await?;
        let (session, writing) = match self.backend {
            Backend::Postgres => (POSTGRES_SESSION, ""),
            Backend::Sqlite => (SQLITE_SESSION, SQLITE_WRITER),
        };
        let writer = self.pool(1, [session, writing]).connect_with(self.with_mode("rw")).await?;
        let readers = self.pool(READERS, [session, ""]).connect_with(self.with_mode("ro")).await?;
        Ok((writer, readers))
    }

    /// For what only PostgreSQL has.
    pub(super) fn postgres(&self) -> Option<PgConnectOptions> {
        match self.backend {
            // Every address that was accepted can be read.
            Backend::Postgres => PgConnectOptions::try_from(&self.options).ok(),
            Backend::Sqlite => None,
        }
    }

    fn pool(&self, connections: u32, session: [&'static str; 2]) -> AnyPoolOptions {
        let may_go = self.backend == Backend::Postgres;
        AnyPoolOptions::new()
            .max_connections(connections)
            .min_connections(1)
            .acquire_timeout(BUSY * 2)
            // A file does not go away, and a server not in a moment: to ask whether it is there costs as much as what it is
            // asked for.
            .test_before_acquire(false)
            .before_acquire(move |conn, idle| {
                Box::pin(async move {
                    if may_go && idle.idle_for >= TRUSTED {
                        conn.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |conn, _| {
                Box::pin(async move {
                    for settings in session {
                        sqlx::raw_sql(settings).execute(&mut *conn).await?;
                    }
                    Ok(())
                })
            })
    }

    pub(super) fn with_mode(&self, mode: &str) -> AnyConnectOptions {
        let mut options = self.options.clone();
        if self.backend == Backend::Sqlite {
            options.database_url.set_query(Some(&format!("mode={mode}")));
        }
        options
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.options.database_url.clone();
        if shown.password().is_some() {
            // Fails only for addresses that cannot have one.
            let _cannot_fail = shown.set_password(None);
        }
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A setting without which a power cut may take back what was confirmed.
struct Durable {
    ask: &'static str,
    name: &'static str,
    accepted: &'static [&'static str],
    fix: &'static str,
}

const DURABLE_POSTGRES: [Durable; 3] = [
    Durable { ask: "SHOW fsync", name: "fsync", accepted: &["on"], fix: "set it to `on` in postgresql.conf" },
    Durable {
        ask: "SHOW full_page_writes",
        name: "full_page_writes",
        accepted: &["on"],
        fix: "set it to `on` in postgresql.conf",
    },
    Durable {
        ask: "SHOW synchronous_commit",
        name: "synchronous_commit",
        accepted: &["on", "local", "remote_apply", "remote_write"],
        fix: "run `ALTER ROLE … SET synchronous_commit = on`",
    },
];

const DURABLE_SQLITE: [Durable; 2] = [
    Durable {
        ask: "SELECT journal_mode FROM pragma_journal_mode",
        name: "journal_mode",
        accepted: &["wal"],
        fix: "put the data directory on a local disk",
    },
    Durable {
        ask: "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous",
        name: "synchronous",
        accepted: &["2", "3"],
        fix: "put the data directory on a local disk",
    },
];

/// Refuses a database that may confirm before what it was told is on disk.
pub(super) async fn check_durable(backend: Backend, writer: &AnyPool) -> Result<()> {
    let settings: &[Durable] = match backend {
        Backend::Postgres => &DURABLE_POSTGRES,
        Backend::Sqlite => &DURABLE_SQLITE,
    };
    for setting in settings {
        let value: String = sqlx::query(setting.ask).fetch_one(writer).await?.try_get(0)?;
        if !setting.accepted.contains(&value.as_str()) {
            return Err(Error::NotDurable { setting: setting.name, value, fix: setting.fix });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_never_shows_its_password() {
        let address = Address::server("postgres://privyseal@db.example.com/privyseal", Some("s3cret p%ss")).unwrap();
        assert_eq!(address.to_string(), "postgres://privyseal@db.example.com/privyseal");
        assert!(!format!("{address:?}").contains("s3cret"));
        assert_eq!(address.options.database_url.password(), Some("s3cret%20p%25ss"));
    }

    #[test]
    fn addresses_that_are_none_are_refused_with_words() {
        for (url, expected) in [
            ("privyseal", "expected `postgres://USER@HOST[:PORT]/DATABASE`"),
            ("mysql://u@h/d", "`mysql://` is not known"),
            ("postgres://u:s3cret@h/d", "PRIVYSEAL_DATABASE_PASSWORD"),
            ("postgres://u@h/d?password=s3cret", "PRIVYSEAL_DATABASE_PASSWORD"),
        ] {
            let said = Address::server(url, None).unwrap_err().to_string();
            assert!(said.contains(expected) && !said.contains("s3cret"), "{url}: {said}");
        }
    }

    #[tokio::test]
    async fn a_file_may_have_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?c#d%20e.db");
        let (writer, readers) = Address::file(&path).unwrap().open().await.unwrap();
        sqlx::query("UPDATE control SET epoch = 2").execute(&writer).await.unwrap();
        assert!(sqlx::query("UPDATE control SET epoch = 3").execute(&readers).await.is_err(), "readers do not write");
        assert!(path.exists());
    }
}
