//! Settings of TLS, and of gateways that are known by their certificates.
//!
//! Must not go here: reading the certificates (`tls`).

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::auth::certificate::{Gateway, Gateways};
use crate::tls::Files;

/// TLS, on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsArgs {
    /// Serve with TLS: this certificate, with those between it and a root, in PEM; followed when it changes
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,

    /// The key of the certificate, in PEM, open to nobody else
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Who issues the certificates that gateways show instead of tokens, in PEM
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_TLS_CLIENT_CA")]
    pub tls_client_ca: Option<PathBuf>,

    /// A gateway, and the URI (as `spiffe://…`) or host name in its certificate; repeatable
    #[arg(long, value_name = "NAME=SAN", value_parser = parse_gateway)]
    pub gateway: Vec<Gateway>,
}

/// TLS, in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFile {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// A gateway, in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayFile {
    name: String,
    san: String,
}

impl TlsArgs {
    /// Joins flags and file.
    pub fn resolve(self, file: Option<TlsFile>, gateways: Vec<GatewayFile>) -> Result<(Option<Files>, Gateways)> {
        let mut args = self;
        if let Some(file) = file {
            args.tls_cert = args.tls_cert.or(Some(file.cert));
            args.tls_key = args.tls_key.or(Some(file.key));
            args.tls_client_ca = args.tls_client_ca.or(file.client_ca);
        }
        let files = match (args.tls_cert, args.tls_key) {
            (Some(cert), Some(key)) => Some(Files { cert, key, client_ca: args.tls_client_ca.clone() }),
            (None, None) => None,
            (Some(_), None) => bail!("a certificate needs its key: add `--tls-key FILE`"),
            (None, Some(_)) => bail!("a key needs its certificate: add `--tls-cert FILE`"),
        };
        if files.is_none() && args.tls_client_ca.is_some() {
            bail!("certificates of gateways are seen over TLS only: add `--tls-cert FILE` and `--tls-key FILE`");
        }
        let named = gateways.into_iter().map(|gateway| checked(&gateway.name, &gateway.san));
        let mut gateways = named.collect::<Result<Vec<_>>>()?;
        gateways.extend(args.gateway);
        match (gateways.first(), &args.tls_client_ca) {
            (Some(gateway), None) => {
                bail!("nobody vouches for the gateway `{}`: add `--tls-client-ca FILE`", gateway.name)
            }
            (None, Some(_)) => bail!("no gateway is known by its certificate: add `--gateway NAME=SAN`"),
            _ => {}
        }
        let sans = gateways.iter().map(|gateway| &gateway.san);
        if let Some(twice) = sans.clone().enumerate().find(|(i, san)| sans.clone().take(*i).any(|other| other == *san))
        {
            bail!("`{}` is the name of two gateways: a certificate speaks for one", twice.1);
        }
        Ok((files, Gateways::new(gateways)))
    }
}

/// `edge-1=spiffe://example.com/gateway`
fn parse_gateway(text: &str) -> Result<Gateway> {
    let (name, san) = text.split_once('=').unwrap_or((text, ""));
    checked(name.trim(), san.trim())
}

fn checked(name: &str, san: &str) -> Result<Gateway> {
    if name.is_empty() || san.is_empty() || san.contains(char::is_whitespace) {
        bail!("`{name}={san}` is not a gateway: expected `NAME=SAN`, as `edge=spiffe://example.com/edge`");
    }
    Ok(Gateway { name: name.to_owned(), san: san.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(flags: &[&str], file: &str) -> Result<Option<Files>> {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            tls: TlsArgs,
        }
        let flags: Command = clap::Parser::try_parse_from([&["serve"], flags].concat())?;
        let file = if file.is_empty() { None } else { Some(serde_saphyr::from_str(file)?) };
        Ok(flags.tls.resolve(file, vec![])?.0)
    }

    #[test]
    fn flags_win_over_the_file() {
        let files = resolved(&["--tls-cert", "b.pem"], "cert: a.pem\nkey: a.key\n").unwrap().unwrap();
        assert_eq!(files, Files { cert: "b.pem".into(), key: "a.key".into(), client_ca: None });
        assert_eq!(resolved(&[], "").unwrap(), None);
    }

    #[test]
    fn halves_are_refused_with_what_to_add() {
        let both = ["--tls-cert", "c", "--tls-key", "k"];
        let with = |more: &[&'static str]| [&both[..], more].concat();
        for (flags, expected) in [
            (vec!["--tls-cert", "c"], "add `--tls-key FILE`"),
            (vec!["--tls-key", "k"], "add `--tls-cert FILE`"),
            (vec!["--tls-client-ca", "ca"], "add `--tls-cert FILE` and `--tls-key FILE`"),
            (with(&["--tls-client-ca", "ca"]), "add `--gateway NAME=SAN`"),
            (with(&["--gateway", "edge=spiffe://a/b"]), "add `--tls-client-ca FILE`"),
            (with(&["--gateway", "edge"]), "expected `NAME=SAN`"),
            (with(&["--tls-client-ca", "ca", "--gateway", "a=x", "--gateway", "b=x"]), "`x` is the name of two"),
        ] {
            let said = resolved(&flags, "").unwrap_err().to_string();
            assert!(said.contains(expected), "{flags:?}: {said}");
        }
    }
}
