//! A door to a service with TLS for callers that speak none, as the harness's own client.
//!
//! Must not go here: what is said through it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::certificates::Authority;

/// Opens one to `service`, which must have a certificate of `authority`; it is open as long as the runtime.
pub async fn open(service: SocketAddr, authority: &Authority) -> Result<SocketAddr> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.root()).context("the authority's certificate")?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let door = TcpListener::bind("127.0.0.1:0").await?;
    let addr = door.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = door.accept().await {
            let connector = connector.clone();
            tokio::spawn(async move {
                let stream = TcpStream::connect(service).await?;
                let mut stream = connector.connect(ServerName::from(service.ip()), stream).await?;
                tokio::io::copy_bidirectional(&mut caller, &mut stream).await
            });
        }
    });
    Ok(addr)
}
