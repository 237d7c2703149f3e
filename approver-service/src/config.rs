//! Settings of `serve`: flags and environment first, then the file, then defaults.
//!
//! Must not go here: secrets, which come from the environment or the data directory (`secret`).

pub mod database;
mod people;
mod sign_on;
mod tls;
mod traces;
mod webhooks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use self::database::DatabaseArg;
pub use self::people::TenantConfig;
use self::people::{FilePerson, FileTenant, parse_group, parse_person};
use self::sign_on::{OidcArgs, OidcFile};
use self::tls::{GatewayFile, TlsArgs, TlsFile};
use self::traces::{TraceArgs, TraceFile};
use self::webhooks::{FileOnCall, FileWebhook, TicketArgs};
use crate::auth::certificate::Gateways;
use crate::auth::oidc;
use crate::auth::tenant::{Tenant, Tenants};
use crate::auth::{Person, Services};
use crate::outbound::Place;
use crate::receipt::Approvers;
use crate::secret::DataDir;
use crate::store::Store;
use crate::telemetry::traces::Settings as Traces;
use crate::tls::Files;

/// Longer than Kubernetes, or a health check of every second, takes to see that a replica is not ready.
const DRAIN: Duration = Duration::from_secs(3);
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8077);

/// Where the database and the keys lie.
#[derive(Args, Clone, Debug)]
pub struct DataArg {
    /// Directory of the database and the keys [default: ~/.local/state/privyseal]
    #[arg(long, value_name = "DIR", env = "PRIVYSEAL_DATA")]
    pub data: Option<PathBuf>,
}

impl DataArg {
    pub fn path(&self) -> Result<PathBuf> {
        self.data.clone().map_or_else(default_data, Ok)
    }
}

/// What commands need that work next to the service, on its database.
#[derive(Args, Clone, Debug)]
pub struct StoreArg {
    #[command(flatten)]
    pub data: DataArg,

    #[command(flatten)]
    pub database: DatabaseArg,

    /// YAML file with the settings of `serve`, which say where the database is
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_CONFIG")]
    pub config: Option<PathBuf>,
}

impl StoreArg {
    /// Opens the database of the service, or makes it.
    pub async fn open(self) -> Result<Store> {
        let (data, database) = self.resolve()?;
        open(data, &database).await
    }

    /// Opens what a service has made: nothing is learned from a database that is made to be looked at.
    pub async fn open_existing(self) -> Result<Store> {
        let (data, database) = self.resolve()?;
        if database.url.is_none() && !DataDir::open(&data)?.has_database() {
            bail!(
                "no database in `{}`: name the service's own directory with `--data`, its PostgreSQL with `--database` or \
                 PRIVYSEAL_DATABASE, or its settings with `--config`",
                data.display()
            );
        }
        open(data, &database).await
    }

    /// Joins flags and file, as `serve` does.
    fn resolve(self) -> Result<(PathBuf, DatabaseArg)> {
        let file = self.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let data = self.data.data.or(file.data).map_or_else(default_data, Ok)?;
        Ok((data, self.database.or(DatabaseArg { url: file.database, password_file: file.database_password_file })))
    }
}

async fn open(data: PathBuf, database: &DatabaseArg) -> Result<Store> {
    let data = DataDir::open_or_create(&data)?;
    database.open(&data).await
}

/// What `serve` takes on its command line.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8077]
    #[arg(long, value_name = "ADDR", env = "PRIVYSEAL_LISTEN")]
    pub listen: Option<SocketAddr>,

    #[command(flatten)]
    pub data: DataArg,

    #[command(flatten)]
    pub database: DatabaseArg,

    /// Serve only gateways of this environment (as `environment:` in their policy)
    #[arg(long, value_name = "NAME", env = "PRIVYSEAL_ENVIRONMENT")]
    pub environment: Option<String>,

    /// Whose the people and workflows named here are, as `tenant:` of their gateways' policy [default: default]
    #[arg(long, value_name = "NAME", env = "PRIVYSEAL_TENANT")]
    pub tenant: Option<Tenant>,

    /// A person who may decide, with the principals and addresses that are the same human; repeatable
    #[arg(long, value_name = "NAME[=IDENTITY,…]", value_parser = parse_person)]
    pub person: Vec<Person>,

    /// People whom workflows name as one; repeatable
    #[arg(long, value_name = "NAME=PERSON,…", value_parser = parse_group)]
    pub group: Vec<(String, Vec<String>)>,

    /// Policy file whose `workflows:` say who must decide; followed when it changes
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_WORKFLOWS")]
    pub workflows: Option<PathBuf>,

    /// Address under which people reach this service, where it is not the one listened on
    #[arg(long, value_name = "URL", env = "PRIVYSEAL_PUBLIC_URL")]
    pub public_url: Option<String>,

    #[command(flatten)]
    pub tls: TlsArgs,

    #[command(flatten)]
    pub oidc: OidcArgs,

    #[command(flatten)]
    pub tickets: TicketArgs,

    #[command(flatten)]
    pub traces: TraceArgs,

    /// Name the people who approved by pseudonyms in receipts, which upstreams read
    #[arg(long)]
    pub pseudonymous_receipts: bool,

    /// Serve on for so long after SIGTERM, while `/readyz` says that the service is about to stop [default: 3s]
    #[arg(long, value_name = "DURATION", env = "PRIVYSEAL_DRAIN", value_parser = duration)]
    pub drain: Option<Duration>,

    /// Append login links and codes to this file instead of printing them
    #[arg(long, value_name = "FILE")]
    pub login_output: Option<PathBuf>,

    /// YAML file with the same settings
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_CONFIG")]
    pub config: Option<PathBuf>,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub database: DatabaseArg,
    pub environment: Option<String>,
    pub tenants: Tenants,
    pub main: TenantConfig,
    pub others: Vec<TenantConfig>,
    pub public_url: Option<String>,
    pub tls: Option<Files>,
    pub gateways: Gateways,
    pub oidc: Option<oidc::Settings>,
    pub tickets: Option<Place>,
    pub traces: Option<Traces>,
    pub receipt_approvers: Approvers,
    pub drain: Duration,
    pub login_output: Option<PathBuf>,
}

/// The file as written by users.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    database: Option<String>,
    database_password_file: Option<PathBuf>,
    environment: Option<String>,
    #[serde(default)]
    people: Vec<FilePerson>,
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    on_call: BTreeMap<String, FileOnCall>,
    workflows: Option<PathBuf>,
    tenant: Option<Tenant>,
    #[serde(default)]
    tenants: BTreeMap<Tenant, FileTenant>,
    public_url: Option<String>,
    tls: Option<TlsFile>,
    #[serde(default)]
    gateways: Vec<GatewayFile>,
    oidc: Option<OidcFile>,
    ticket_check: Option<FileWebhook>,
    traces: Option<TraceFile>,
    #[serde(default)]
    pseudonymous_receipts: bool,
    drain: Option<String>,
    login_output: Option<PathBuf>,
}

impl ServeArgs {
    /// Joins flags and file.
    pub fn resolve(self) -> Result<Config> {
        let file = self.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let data = match self.data.data.or(file.data) {
            Some(data) => data,
            None => default_data()?,
        };
        let oidc = self.oidc.resolve(file.oidc)?;
        let (tls, gateways) = self.tls.resolve(file.tls, file.gateways)?;
        let public_url = self.public_url.or(file.public_url).map(base_url).transpose()?;
        let drain = file.drain.as_deref().map(duration).transpose().context("`drain`")?;
        let main = self.tenant.or(file.tenant).unwrap_or_default();
        let tickets = self.tickets.resolve(file.ticket_check)?;
        let traces = self.traces.resolve(file.traces, |name| std::env::var(name).ok())?;
        let written = FileTenant {
            people: file.people,
            groups: file.groups,
            on_call: file.on_call,
            workflows: self.workflows.or(file.workflows),
        };
        let with_provider = |provider| Services { provider, tickets: tickets.is_some() };
        let others_have_provider = oidc.as_ref().is_some_and(|oidc| oidc.tenant_claim.is_some());
        let others = people::others(&main, file.tenants, with_provider(others_have_provider))?;
        let main = written.resolve(main, self.person, self.group, with_provider(oidc.is_some()))?;
        let tenants =
            Tenants { main: main.name.clone(), others: others.iter().map(|tenant| tenant.name.clone()).collect() };
        if let Some(stray) = gateways.names().find(|name| tenants.qualified(name).is_none()) {
            bail!("gateway `{stray}` is of a tenant that is not named here: add it under `tenants:`");
        }
        Ok(Config {
            listen: self.listen.or(file.listen).unwrap_or(LISTEN),
            data,
            database: self.database.or(DatabaseArg { url: file.database, password_file: file.database_password_file }),
            environment: self.environment.or(file.environment),
            tenants,
            main,
            others,
            public_url,
            tls,
            gateways,
            oidc,
            tickets,
            traces,
            receipt_approvers: match self.pseudonymous_receipts || file.pseudonymous_receipts {
                true => Approvers::Pseudonyms,
                false => Approvers::Names,
            },
            drain: self.drain.or(drain).unwrap_or(DRAIN),
            login_output: self.login_output.or(file.login_output),
        })
    }
}

impl File {
    fn read(path: &Path) -> Result<File> {
        let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        serde_saphyr::from_str(&text).with_context(|| format!("`{}` is not understood", path.display()))
    }
}

fn duration(text: &str) -> Result<Duration> {
    let read: Option<Duration> = text.parse::<jiff::SignedDuration>().ok().and_then(|span| span.try_into().ok());
    read.with_context(|| format!("`{text}`: expected a duration, as `3s`"))
}

/// Scheme and authority, without a slash at the end.
fn base_url(url: String) -> Result<String> {
    let base = url.trim_end_matches('/');
    match base.split_once("://") {
        Some(("http" | "https", authority)) if !authority.is_empty() && !authority.contains(['/', '?', '#', '@']) => {
            Ok(base.to_owned())
        }
        _ => bail!("public address `{url}`: expected `https://HOST[:PORT]` without a path"),
    }
}

fn default_data() -> Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let Some(state) = state.or(home.map(|home| home.join(".local/state"))) else {
        bail!("no home directory: say where the data lies with `--data DIR`");
    };
    Ok(state.join("privyseal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_address_has_no_path() {
        assert_eq!(base_url("https://approve.example.com/".into()).unwrap(), "https://approve.example.com");
        for bad in ["approve.example.com", "ftp://x", "https://", "https://x/y", "https://u@x"] {
            assert!(base_url(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_file_refuses_what_it_does_not_know() {
        let good = "environment: staging\npeople:\n  - name: alice\n    identities: [alice@example.com]\n";
        let file: File = serde_saphyr::from_str(good).unwrap();
        assert_eq!(file.people.first().map(|p| p.name.as_str()), Some("alice"));
        let error = serde_saphyr::from_str::<File>("enviroment: staging\n").unwrap_err().to_string();
        assert!(error.contains("enviroment"), "{error}");
    }
}
