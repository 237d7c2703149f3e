//! Settings of single sign-on.
//!
//! Must not go here: talking to the provider (`auth::oidc`).

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::auth::oidc::Settings;
use crate::secret::{self, Key};

/// The provider, on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct OidcArgs {
    /// Let people log in with this OpenID Connect provider
    #[arg(long, value_name = "URL", env = "PRIVYSEAL_OIDC_ISSUER", requires = "oidc_client_id")]
    pub oidc_issuer: Option<String>,

    /// What this service is called there; its redirect URI is PUBLIC_URL/login/oidc/callback
    #[arg(long, value_name = "ID", env = "PRIVYSEAL_OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,

    /// File with the client's secret; without one it is a public client
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_OIDC_SECRET_FILE")]
    pub oidc_secret_file: Option<PathBuf>,

    /// Claim that names a person; nobody may be able to choose its value [default: email]
    #[arg(long, value_name = "CLAIM")]
    pub oidc_name_claim: Option<String>,

    /// Claim with the groups that workflows name [default: groups]
    #[arg(long, value_name = "CLAIM")]
    pub oidc_groups_claim: Option<String>,

    /// Claim that names a person's tenant; without one everybody is of the main tenant
    #[arg(long, value_name = "CLAIM")]
    pub oidc_tenant_claim: Option<String>,

    /// Scope to ask for, repeatable [default: openid email]
    #[arg(long, value_name = "SCOPE")]
    pub oidc_scope: Vec<String>,
}

/// The provider, in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcFile {
    issuer: String,
    client_id: String,
    secret_file: Option<PathBuf>,
    name_claim: Option<String>,
    groups_claim: Option<String>,
    tenant_claim: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

impl OidcArgs {
    /// Joins flags and file; `None` where neither names a provider.
    pub fn resolve(self, file: Option<OidcFile>) -> Result<Option<Settings>> {
        let mut args = self;
        if let Some(file) = file {
            args.oidc_issuer = args.oidc_issuer.or(Some(file.issuer));
            args.oidc_client_id = args.oidc_client_id.or(Some(file.client_id));
            args.oidc_secret_file = args.oidc_secret_file.or(file.secret_file);
            args.oidc_name_claim = args.oidc_name_claim.or(file.name_claim);
            args.oidc_groups_claim = args.oidc_groups_claim.or(file.groups_claim);
            args.oidc_tenant_claim = args.oidc_tenant_claim.or(file.tenant_claim);
            if args.oidc_scope.is_empty() {
                args.oidc_scope = file.scopes;
            }
        }
        let (Some(issuer), Some(client_id)) = (args.oidc_issuer, args.oidc_client_id) else { return Ok(None) };
        if !is_safe(&issuer) {
            bail!("issuer `{issuer}`: expected `https://…`, or `http://` on this machine");
        }
        let mut scopes = args.oidc_scope;
        if scopes.is_empty() {
            scopes.push("email".to_owned());
        }
        if scopes.iter().all(|scope| scope != "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        let client_secret = args.oidc_secret_file.as_deref().map(secret::read_private).transpose()?;
        Ok(Some(Settings {
            issuer,
            client_id,
            client_secret: client_secret.map(|text| Key::new(text.into_bytes())),
            scopes,
            name_claim: args.oidc_name_claim.unwrap_or_else(|| "email".to_owned()),
            groups_claim: args.oidc_groups_claim.unwrap_or_else(|| "groups".to_owned()),
            tenant_claim: args.oidc_tenant_claim,
        }))
    }
}

/// Codes and tokens travel there.
pub fn is_safe(issuer: &str) -> bool {
    let Some(rest) = issuer.strip_prefix("http://") else { return issuer.starts_with("https://") };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    matches!(host, "localhost" | "127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_defaults_fill_the_rest() {
        let file: OidcFile = serde_saphyr::from_str("issuer: https://a\nclient_id: x\ngroups_claim: roles\n").unwrap();
        let args = OidcArgs { oidc_client_id: Some("y".into()), ..OidcArgs::default() };
        let settings = args.resolve(Some(file)).unwrap().unwrap();
        assert_eq!((settings.issuer.as_str(), settings.client_id.as_str()), ("https://a", "y"));
        assert_eq!((settings.name_claim.as_str(), settings.groups_claim.as_str()), ("email", "roles"));
        assert_eq!(settings.scopes, ["openid", "email"]);
        assert!(OidcArgs::default().resolve(None).unwrap().is_none());
    }

    #[test]
    fn an_issuer_is_reached_over_tls_or_on_this_machine() {
        for (issuer, safe) in [
            ("https://id.example.com", true),
            ("http://127.0.0.1:9000", true),
            ("http://localhost/realm", true),
            ("http://id.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("ftp://x", false),
        ] {
            assert_eq!(is_safe(issuer), safe, "{issuer}");
        }
    }
}
