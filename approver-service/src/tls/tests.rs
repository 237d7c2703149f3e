//! TLS over real sockets: pairs that are replaced while serving, broken ones, and gateways told apart by certificates.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use axum::Router;
use axum::http::Extensions;
use axum::routing::get;
use e2e::certificates::{Authority, Certificate};
use reqwest::{Client, Identity};
use tokio::net::TcpListener;

use super::*;
use crate::auth::certificate::{Gateway, Gateways, Peer};
use crate::auth::tenant::Tenants;
use crate::server;

const EDGE: &str = "spiffe://example.com/edge";

fn files(server: &Certificate, client_ca: Option<PathBuf>) -> Files {
    Files { cert: server.cert.clone(), key: server.key.clone(), client_ca }
}

/// A listener that tells who comes; ends with the token.
async fn serve(files: Files) -> (SocketAddr, Follow, CancellationToken) {
    let (tls, follow) = Tls::open(files).unwrap();
    let gateways = Gateways::new(vec![Gateway { name: "edge".into(), san: EDGE.into() }]);
    let who = async move |extensions: Extensions| {
        extensions
            .get::<Peer>()
            .and_then(|peer| gateways.identify(peer, &Tenants::default()))
            .map_or("nobody".to_owned(), |token| token.name)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(server::run(listener, Some(tls), Router::new().route("/", get(who)), stop.clone()));
    (addr, follow, stop)
}

/// What the listener says to a client that trusts `authority` and shows `certificate`.
async fn ask(
    addr: SocketAddr,
    authority: &Authority,
    certificate: Option<&Certificate>,
) -> Result<String, reqwest::Error> {
    let _installed = ring::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(&fs::read(authority.root()).unwrap())?;
    let mut client = Client::builder().tls_certs_only([root]);
    if let Some(certificate) = certificate {
        let pem = [fs::read(&certificate.cert).unwrap(), fs::read(&certificate.key).unwrap()].concat();
        client = client.identity(Identity::from_pem(&pem)?);
    }
    client.build()?.get(format!("https://{addr}/")).send().await?.text().await
}

#[tokio::test]
async fn a_certificate_of_the_authority_says_who_comes_and_nobody_needs_one() {
    let (authority, stranger) = (Authority::default(), Authority::default());
    let (addr, _follow, _stop) = serve(files(&authority.server(), Some(authority.root()))).await;
    assert_eq!(ask(addr, &authority, None).await.unwrap(), "nobody");
    assert_eq!(ask(addr, &authority, Some(&authority.client(EDGE))).await.unwrap(), "edge");
    let other = authority.client("spiffe://example.com/other");
    assert_eq!(ask(addr, &authority, Some(&other)).await.unwrap(), "nobody");
    assert!(ask(addr, &authority, Some(&stranger.client(EDGE))).await.is_err(), "another authority's");
    assert!(reqwest::get(format!("http://{addr}/")).await.is_err(), "without TLS");
}

#[tokio::test]
async fn without_an_authority_certificates_of_clients_say_nothing() {
    let authority = Authority::default();
    let (addr, _follow, _stop) = serve(files(&authority.server(), None)).await;
    assert_eq!(ask(addr, &authority, Some(&authority.client(EDGE))).await.unwrap(), "nobody");
}

#[tokio::test]
async fn new_files_count_and_broken_ones_change_nothing() {
    let (first, second) = (Authority::default(), Authority::default());
    let server = first.server();
    let (addr, mut follow, _stop) = serve(files(&server, None)).await;
    // A certificate comes before its key.
    let renewed = second.server();
    fs::copy(&renewed.cert, &server.cert).unwrap();
    assert!(follow.watched.has_changed());
    follow.load();
    assert_eq!(ask(addr, &first, None).await.unwrap(), "nobody");
    fs::copy(&renewed.key, &server.key).unwrap();
    follow.load();
    assert!(ask(addr, &first, None).await.is_err());
    assert_eq!(ask(addr, &second, None).await.unwrap(), "nobody");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_its_place() {
    let (one, other) = (Authority::default(), Authority::default());
    let (server, stranger) = (one.server(), other.server());
    let refused = |files| format!("{:#}", Tls::open(files).err().expect("refused"));
    let mixed = Files { cert: stranger.cert.clone(), key: server.key.clone(), client_ca: None };
    assert!(refused(mixed).contains("cannot be used together"));
    let swapped = Files { cert: server.key.clone(), key: server.key.clone(), client_ca: None };
    assert!(refused(swapped).contains("server.key` has no certificate in PEM"));
    let keyless = Files { cert: server.cert.clone(), key: server.cert.clone(), client_ca: None };
    fs::set_permissions(&server.cert, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refused(keyless).contains("server.pem` has no private key in PEM"));
    let missing = files(&server, Some("/nowhere/ca.pem".into()));
    assert!(refused(missing).contains("`/nowhere/ca.pem` cannot be read"));
    fs::set_permissions(&server.key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(files(&server, None)).contains("is open to every user of this machine: run `chmod o-rwx"));
}
