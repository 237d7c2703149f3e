//! TLS of the listener: certificate, key and, for gateways that show certificates of their own, the authorities that issue
//! those. All come from files, and are read again when these change; what cannot be used is logged, and the old stays.
//!
//! Must not go here: who a certificate is (`auth::certificate`), the listener (`server`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::secret::read_private;
use crate::watched::Watched;

/// HTTP/2 for gateways, HTTP/1.1 for whoever has no other.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the PEM files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The service's certificate, and those between it and a root.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Who issues the certificates of gateways. Nobody has to show one: people come without.
    pub client_ca: Option<PathBuf>,
}

/// What connections are accepted with.
#[derive(Clone)]
pub struct Tls(watch::Receiver<Arc<ServerConfig>>);

/// Keeps [`Tls`] what stands in the files.
pub struct Follow {
    files: Files,
    watched: Watched,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Tls {
    pub fn open(files: Files) -> Result<(Tls, Follow)> {
        let mut watched = Watched::new([&files.cert, &files.key].into_iter().chain(&files.client_ca).cloned())?;
        watched.note();
        let (current, tls) = watch::channel(Arc::new(read(&files)?));
        Ok((Tls(tls), Follow { files, watched, current }))
    }

    /// For the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.borrow()))
    }
}

impl Follow {
    /// Follows the files until the service stops.
    pub async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.watched.changed()).await.is_some() {
            self.load();
        }
    }

    fn load(&mut self) {
        self.watched.note();
        match read(&self.files) {
            Ok(config) => {
                self.current.send_replace(Arc::new(config));
                tracing::info!("certificates loaded");
            }
            // A certificate may be there before its key: the key's own change is another chance.
            Err(error) => tracing::error!(error = format!("{error:#}"), "the old certificates stay in use"),
        }
    }
}

fn read(files: &Files) -> Result<ServerConfig> {
    let chain = certificates(&files.cert)?;
    let key = read_private(&files.key).context("the key of the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| anyhow::anyhow!("`{}` has no private key in PEM", files.key.display()))?;
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &files.client_ca {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).with_context(|| format!("`{}` has a certificate that is no root", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).with_context(|| {
        format!("certificate `{}` and key `{}` cannot be used together", files.cert.display(), files.key.display())
    })?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => bail!("`{}` has no certificate in PEM", path.display()),
    }
}

#[cfg(test)]
mod tests;
