//! Gateway and approver that know each other by certificates, as `policy render` configures them.

use e2e::approver::Approver;
use e2e::certificates::{Authority, Certificate};
use e2e::client::Request;
use e2e::envoy::Envoy;
use e2e::scene::PEOPLE;
use e2e::upstream::Upstream;
use e2e::{policy, rendered};
use serde_json::json;

const EDGE: &str = "spiffe://example.com/edge";

/// A gateway that has no token, only `certificate`.
async fn gateway(approver: &Approver, upstream: &Upstream, authority: &Authority, certificate: &Certificate) -> Envoy {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let identity = json!({ "principal": { "trusted_header": policy::AGENT } });
    let policy = policy::with(policy::with(policy::crm(), "/identity", identity), "/approver/auth", json!("mtls"));
    std::fs::write(&file, policy.to_string()).unwrap();
    let (listen, upstream) = ("127.0.0.1:0", upstream.addr().to_string());
    let at = format!("https://{}", approver.listens());
    let paths = [&authority.root(), &certificate.cert, &certificate.key].map(|path| path.to_str().unwrap().to_owned());
    let [ca, cert, key] = &paths;
    let arguments = ["--listen", listen, "--upstream", &upstream, "--approver", &at, "--approver-ca", ca];
    let text = rendered::render(&file, arguments.into_iter().chain(["--approver-cert", cert, "--approver-key", key]));
    Envoy::boot(&text.unwrap(), &[("PRIVYSEAL_KEY".to_owned(), approver.key().to_owned())], 1).await.unwrap()
}

#[tokio::test]
async fn a_gateway_is_known_by_its_certificate_and_needs_no_token() {
    let authority = Authority::default();
    let root = authority.root();
    let arguments = ["--tls-client-ca", root.to_str().unwrap(), "--gateway", &format!("edge={EDGE}")];
    let approver = Approver::start_with_tls(&authority, PEOPLE, &arguments).await.unwrap();
    let upstream = Upstream::ok().await;
    let alice = approver.login("alice").await.unwrap();
    let delete =
        |account: u32| Request::new("DELETE", &format!("/v1/accounts/{account}")).header(policy::AGENT, "agent-1");

    let known = gateway(&approver, &upstream, &authority, &authority.client(EDGE)).await;
    let (request, addr) = (delete(1), known.addr());
    let answer = tokio::spawn(async move { request.send(addr).await });
    let id = alice.await_pending().await;
    assert_eq!(alice.approve(&id).await.unwrap().status, 200);
    assert_eq!(answer.await.unwrap().unwrap().status, 200);
    assert_eq!(upstream.only().target(), "/v1/accounts/1");

    let other = gateway(&approver, &upstream, &authority, &authority.client("spiffe://example.com/other")).await;
    let refused = delete(2).send(other.addr()).await.unwrap();
    assert_eq!(
        (refused.status, refused.header("x-privyseal-code").as_deref()),
        (503, Some("approver_refuses_gateway"))
    );
    assert_eq!(upstream.seen().len(), 1);
}
