//! `privyseal token`: made, listed and revoked next to the database, also while the service runs.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::client::Failure;
use super::terminal;
use crate::auth::scope::{Role, Scope};
use crate::auth::tenant::Tenant;
use crate::clock::written;
use crate::config::StoreArg;
use crate::store::access::NewToken;

/// Tokens for gateways and tools; no token decides
#[derive(Args)]
pub struct TokenCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a token and print it, once
    #[command(
        after_help = "Examples:\n  privyseal token create --role filter --name gateway\n  privyseal token create --role auditor --name siem --expires 90d\n  privyseal token create --scope metrics:read --name prometheus"
    )]
    Create {
        /// What it is for: a usual set of scopes
        #[arg(long, required_unless_present = "scopes")]
        role: Option<Role>,
        /// What it may do, instead of a role: once or more, or with commas between
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', conflicts_with = "role")]
        scopes: Vec<Scope>,
        /// Whose it is: a gateway's as `tenant:` of its policy
        #[arg(long, value_name = "NAME", env = "PRIVYSEAL_TENANT", default_value_t)]
        tenant: Tenant,
        /// Who or what will hold it
        #[arg(long)]
        name: String,
        /// The human behind it, who then decides nothing that is asked for with it
        #[arg(long, value_name = "PERSON")]
        owner: Option<String>,
        /// When it ends, as in `90d` or `12h`; never if left out
        #[arg(long, value_parser = duration_ms, value_name = "DURATION")]
        expires: Option<i64>,
        #[command(flatten)]
        store: StoreArg,
    },
    /// List tokens, without their secrets
    List {
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StoreArg,
    },
    /// Revoke a token at once
    Revoke {
        /// As `token list` shows it
        id: String,
        #[command(flatten)]
        store: StoreArg,
    },
}

impl TokenCommand {
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Create { role, scopes, tenant, name, owner, expires, store } => {
                let store = store.open().await?;
                let expires_ms = expires.map(|ms| store.now().saturating_add(ms));
                let role = role.unwrap_or(Role::Custom);
                let scopes = if scopes.is_empty() { role.scopes() } else { scopes.into_iter().collect() };
                let new = NewToken { name: &name, role, scopes: &scopes, owner: owner.as_deref(), expires_ms };
                let (_, secret) = store.of(&tenant).create_token(new).await?;
                terminal::say(&secret);
                store.close().await;
            }
            Command::List { json, store } => {
                let store = store.open().await?;
                let (tokens, now) = (store.tokens().await?, store.now());
                if json {
                    terminal::say(&serde_json::to_string_pretty(&tokens)?);
                    return Ok(());
                }
                let row = |id: &str, role: &str, tenant: &str, name: &str, state: &str, scopes: &str| {
                    let (tenant, name) = (terminal::safe(tenant), terminal::safe(name));
                    terminal::say(&format!("{id:36}  {role:9}  {tenant:12}  {name:20}  {state:26}  {scopes}"));
                };
                row("ID", "ROLE", "TENANT", "NAME", "STATE", "SCOPES");
                for token in tokens {
                    let state = match (token.revoked_ms, token.expires_ms) {
                        (Some(at), _) => format!("revoked {}", written(at)),
                        (None, Some(at)) if at <= now => format!("expired {}", written(at)),
                        (None, Some(at)) => format!("until {}", written(at)),
                        (None, None) => "valid".to_owned(),
                    };
                    let role = format!("{:?}", token.role).to_lowercase();
                    let scopes = token.scopes.to_string();
                    row(&token.id, &role, token.tenant.as_str(), &token.name, &state, &scopes);
                }
            }
            Command::Revoke { id, store } => {
                store.open().await?.revoke_token(&id).await?;
                terminal::say(&format!("revoked {id}"));
            }
        }
        Ok(())
    }
}

/// `90d`, `12h`, `30m`
pub fn duration_ms(text: &str) -> Result<i64> {
    let days =
        text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()).map(|days| days.checked_mul(86_400_000));
    let ms = match days {
        Some(ms) => ms,
        None => text.parse::<SignedDuration>().ok().and_then(|d| i64::try_from(d.as_millis()).ok()),
    };
    match ms {
        Some(ms) if ms > 0 => Ok(ms),
        _ => bail!("expected a duration such as `90d` or `12h`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration_ms("90d").unwrap(), 90 * 86_400_000);
        assert_eq!(duration_ms("12h").unwrap(), 12 * 3_600_000);
        for bad in ["", "0d", "-1h", "d", "tomorrow", "9999999999999999999d", "9223372036854775807d"] {
            assert!(duration_ms(bad).is_err(), "{bad}");
        }
    }
}
