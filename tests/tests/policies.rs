//! Policies that cannot be understood stop Envoy from starting, and say where they are wrong.

use e2e::envoy::{Envoy, Plugin};
use e2e::fake_approver::FakeApprover;
use e2e::scene::{export, gateway};
use e2e::upstream::Upstream;
use e2e::{policy, ports};
use serde_json::{Value, json};

/// What Envoy says when it does not start with this policy.
async fn refusal(policy: &Value, change: impl FnOnce(&mut Plugin)) -> String {
    let upstream = Upstream::ok().await;
    let mut config = gateway(upstream.addr(), ports::free(), FakeApprover::TOKEN, FakeApprover::KEY, policy);
    change(config.plugin.as_mut().unwrap());
    Envoy::start(&config).await.err().unwrap_or_else(|| panic!("Envoy started with {policy}")).to_string()
}

#[tokio::test]
async fn a_mistake_is_named_with_its_place() {
    let rule = |rule: Value| policy::with(policy::crm(), "/rules", json!([rule]));
    for (policy, place) in [
        (policy::with(policy::crm(), "/ruels", json!([])), "ruels"),
        (policy::with(policy::crm(), "/default", json!("allwo")), "default"),
        (rule(json!({ "id": "a", "match": { "pth": "/x" }, "verdict": "hold" })), "rules[0].match"),
        (rule(json!({ "id": "a", "match": { "path": "/a**b/**" }, "verdict": "hold" })), "rules[0].match.path"),
        (rule(json!({ "id": "a", "match": { "path": "/x" }, "verdict": "hodl" })), "rules[0].verdict"),
        (
            rule(json!({ "id": "a", "match": { "body": { "/a": { "regex": "(" } } }, "verdict": "hold" })),
            "rules[0].match.body",
        ),
    ] {
        let words = refusal(&policy, |_| ()).await;
        assert!(words.contains(place), "{place}: {words}");
    }
}

/// It may be one that is not there yet (`startup`): Envoy starts, and what needs the approver is refused.
#[tokio::test]
async fn a_cluster_that_envoy_does_not_have_is_named_and_nothing_is_released() {
    let upstream = Upstream::ok().await;
    let policy = policy::with(policy::crm(), "/approver", json!({ "cluster": "aprover", "authority": "approver" }));
    let config = gateway(upstream.addr(), ports::free(), FakeApprover::TOKEN, FakeApprover::KEY, &policy);
    let envoy = Envoy::start(&config).await.unwrap();
    assert!(envoy.log().contains("Envoy has no cluster `aprover` yet"), "{}", envoy.log());
    let answer = export().send(envoy.addr()).await.unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    upstream.assert_untouched();
}

#[tokio::test]
async fn what_is_not_json_is_refused_in_words() {
    let text = |text: &str| json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text });
    for garbage in ["", "{", "tenant: acme"] {
        let words = refusal(&policy::crm(), |plugin| plugin.configuration = text(garbage)).await;
        assert!(words.contains("JSON"), "{garbage:?}: {words}");
    }
}

#[tokio::test]
async fn a_struct_is_read_or_refused_in_words() {
    let upstream = Upstream::ok().await;
    let mut config = gateway(upstream.addr(), ports::free(), FakeApprover::TOKEN, FakeApprover::KEY, &policy::crm());
    let plugin = config.plugin.as_mut().unwrap();
    plugin.configuration = json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": policy::crm() });
    match Envoy::start(&config).await {
        Ok(envoy) => {
            let answer = e2e::client::Request::get("/admin/purge").send(envoy.addr()).await.unwrap();
            assert_eq!(answer.status, 403);
        }
        Err(error) => assert!(error.to_string().contains("google.protobuf.StringValue"), "{error}"),
    }
}

#[tokio::test]
async fn without_its_secrets_the_filter_does_not_start() {
    for missing in ["PRIVYSEAL_TOKEN", "PRIVYSEAL_KEY"] {
        let upstream = Upstream::ok().await;
        let mut config =
            gateway(upstream.addr(), ports::free(), FakeApprover::TOKEN, FakeApprover::KEY, &policy::crm());
        config.environment.retain(|(name, _)| name != missing);
        let words = Envoy::start(&config).await.err().expect("does not start").to_string();
        assert!(words.contains(missing), "{words}");
    }
}
