//! Settings of `serve`: flags and environment first, then the file, then defaults.
//!
//! Must not go here: secrets, which come from the environment or the data directory (`secret`).

pub mod database;
mod sign_on;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use self::database::DatabaseArg;
use self::sign_on::{OidcArgs, OidcFile};
use self::tls::{GatewayFile, TlsArgs, TlsFile};
use crate::auth::certificate::Gateways;
use crate::auth::oidc;
use crate::auth::{Directory, Person};
use crate::receipt::Approvers;
use crate::secret::DataDir;
use crate::store::Store;
use crate::tls::Files;

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
}

impl StoreArg {
    pub async fn open(&self) -> Result<Store> {
        let data = DataDir::open_or_create(&self.data.path()?)?;
        let address = self.database.address(&data)?;
        Store::open(&address, data.storage_key()?).await.with_context(|| format!("database `{address}`"))
    }
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

    /// Name the people who approved by pseudonyms in receipts, which upstreams read
    #[arg(long)]
    pub pseudonymous_receipts: bool,

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
    pub directory: Directory,
    pub workflows: Option<PathBuf>,
    pub public_url: Option<String>,
    pub tls: Option<Files>,
    pub gateways: Gateways,
    pub oidc: Option<oidc::Settings>,
    pub receipt_approvers: Approvers,
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
    workflows: Option<PathBuf>,
    public_url: Option<String>,
    tls: Option<TlsFile>,
    #[serde(default)]
    gateways: Vec<GatewayFile>,
    oidc: Option<OidcFile>,
    #[serde(default)]
    pseudonymous_receipts: bool,
    login_output: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePerson {
    name: String,
    #[serde(default)]
    identities: Vec<String>,
}

impl ServeArgs {
    /// Joins flags and file.
    pub fn resolve(self) -> Result<Config> {
        let file = self.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let data = match self.data.data.or(file.data) {
            Some(data) => data,
            None => default_data()?,
        };
        let mut people: Vec<Person> = vec![];
        for FilePerson { name, identities } in file.people {
            people.push(checked(Person { name, identities })?);
        }
        people.extend(self.person);
        if let Some(twice) = people.iter().enumerate().find(|(i, p)| people.iter().take(*i).any(|q| q.name == p.name)) {
            bail!("`{}` is named twice: give all identities at once", twice.1.name);
        }
        let mut groups = file.groups;
        groups.extend(self.group);
        for (group, members) in &groups {
            if let Some(unknown) = members.iter().find(|name| people.iter().all(|person| person.name != **name)) {
                bail!("group `{group}` names `{unknown}`, whom nobody knows here: add `--person {unknown}`");
            }
        }
        let oidc = self.oidc.resolve(file.oidc)?;
        let (tls, gateways) = self.tls.resolve(file.tls, file.gateways)?;
        let public_url = self.public_url.or(file.public_url).map(base_url).transpose()?;
        Ok(Config {
            listen: self.listen.or(file.listen).unwrap_or(LISTEN),
            data,
            database: self.database.or(DatabaseArg { url: file.database, password_file: file.database_password_file }),
            environment: self.environment.or(file.environment),
            directory: Directory { people, groups, has_provider: oidc.is_some() },
            workflows: self.workflows.or(file.workflows),
            public_url,
            tls,
            gateways,
            oidc,
            receipt_approvers: match self.pseudonymous_receipts || file.pseudonymous_receipts {
                true => Approvers::Pseudonyms,
                false => Approvers::Names,
            },
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

/// `alice=alice@example.com,agent-7`
fn parse_person(text: &str) -> Result<Person> {
    let (name, identities) = text.split_once('=').unwrap_or((text, ""));
    let identities = identities.split(',').map(str::trim).filter(|i| !i.is_empty()).map(str::to_owned).collect();
    checked(Person { name: name.trim().to_owned(), identities })
}

/// `finance=alice,bob`
fn parse_group(text: &str) -> Result<(String, Vec<String>)> {
    let (name, members) = text.split_once('=').unwrap_or((text, ""));
    let members: Vec<_> = members.split(',').map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect();
    if name.trim().is_empty() || members.is_empty() {
        bail!("`{text}` is not a group: expected `NAME=PERSON,…`");
    }
    Ok((name.trim().to_owned(), members))
}

fn checked(person: Person) -> Result<Person> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    if person.name.is_empty() || person.name.len() > 128 || !person.name.chars().all(is_plain) {
        bail!("`{}` is not a name: expected letters, digits and `.-_@+`", person.name);
    }
    Ok(person)
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
    fn people_are_read_from_flags() {
        let alice = parse_person("alice = alice@example.com, agent-7,").unwrap();
        assert_eq!(
            alice,
            Person { name: "alice".into(), identities: vec!["alice@example.com".into(), "agent-7".into()] }
        );
        assert!(parse_person("bob").unwrap().identities.is_empty());
        for bad in ["", "=x", "a b", "a\u{1b}[2J"] {
            assert!(parse_person(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn groups_are_read_from_flags() {
        let (name, members) = parse_group("finance = alice, bob,").unwrap();
        assert_eq!((name.as_str(), members), ("finance", vec!["alice".to_owned(), "bob".to_owned()]));
        for bad in ["", "finance", "finance=", "=alice"] {
            assert!(parse_group(bad).is_err(), "{bad:?}");
        }
    }

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
