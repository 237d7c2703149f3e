//! One trace, from the agent's call through Envoy to the approver, whoever decides and whenever.

use e2e::approver::Approver;
use e2e::client::Request;
use e2e::collector::Collector;
use e2e::envoy::Envoy;
use e2e::scene::{PEOPLE, export, gateway};
use e2e::upstream::Upstream;
use e2e::{policy, ports};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const AGENT: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn one_trace_runs_from_the_agent_to_the_decision() {
    let (collector, upstream) = (Collector::default(), Upstream::ok().await);
    let arguments = ["--otlp-endpoint", &collector.endpoint(), "--service-name", "approver"];
    let approver = Approver::start_with(ports::free(), None, PEOPLE, &arguments).await.unwrap();
    let mut config =
        gateway(upstream.addr(), approver.addr(), approver.gateway_token(), approver.key(), &policy::crm());
    config.collector = Some(collector.addr());
    let envoy = Envoy::start(&config).await.unwrap();
    let alice = approver.login("alice").await.unwrap();

    let request = export().header("traceparent", format!("00-{TRACE}-{AGENT}-01"));
    let addr = envoy.addr();
    let waiting = tokio::spawn(async move { request.send(addr).await.unwrap() });
    let id = alice.await_pending().await;
    assert_eq!(alice.approve(&id).await.unwrap().status, 200);
    assert_eq!(waiting.await.unwrap().status, 200);

    let served = collector.span("gateway", "ingress").await;
    assert_eq!((served.trace.as_str(), served.parent.as_str()), (TRACE, AGENT));
    let create = collector.span("approver", "POST /v1/holds").await;
    let release = collector.span("approver", "POST /v1/holds/{id}/release").await;
    for span in [&create, &release] {
        assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE, served.id.as_str()), "{span:?}");
        assert_eq!(span.attribute("privyseal.hold"), Some(id.as_str()), "{span:?}");
    }
    let about = Request::get(&format!("/.well-known/privyseal/holds/{id}")).header(policy::AGENT, "agent-1");
    let about = about.header("traceparent", format!("00-{TRACE}-{AGENT}-01"));
    assert_eq!(about.send(addr).await.unwrap().status, 200);
    let status = collector.span("approver", "POST /v1/holds/{id}/status").await;
    assert_eq!(status.trace, TRACE, "{status:?}");

    let decide = collector.span("approver", "decide approve").await;
    assert_eq!((decide.trace.as_str(), decide.parent.as_str()), (TRACE, create.id.as_str()));
    let asked = collector.span("approver", "POST /v1/holds/{id}/approve").await;
    assert_eq!(decide.links, [(asked.trace.clone(), asked.id.clone())]);
    assert_ne!(asked.trace, TRACE, "what the person sent is in no trace of the agent's");

    for span in collector.spans().iter().filter(|span| span.service == "approver") {
        let told = format!("{span:?}");
        for secret in ["agent-1", "alice", "looks right", "/v1/accounts", "csv", "pvs_"] {
            assert!(!told.contains(secret), "`{secret}` in {told}");
        }
    }
}
