//! Envoy starts before what it needs is there.

use std::process::Command;

use e2e::envoy::Envoy;
use e2e::fake_approver::{FakeApprover, Twist};
use e2e::scene::{export, gateway};
use e2e::upstream::Upstream;
use e2e::{artefacts, client, eventually, policy};
use serde_json::{Value, json};

/// A gateway whose approver's cluster is not there until a health check has passed.
async fn checked() -> (Upstream, FakeApprover, Vec<(String, String)>, Value) {
    let (upstream, approver) = (Upstream::ok().await, FakeApprover::start(Twist::default()));
    let config = gateway(upstream.addr(), approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY, &policy::crm());
    let mut json = config.to_json();
    let clusters = json["static_resources"]["clusters"].as_array_mut().unwrap();
    clusters.iter_mut().find(|cluster| cluster["name"] == "approver").unwrap()["health_checks"] = json!([{
        "timeout": "1s", "interval": "1s", "healthy_threshold": 1, "unhealthy_threshold": 1, "tcp_health_check": {},
    }]);
    (upstream, approver, config.environment, json)
}

#[tokio::test]
async fn an_approver_whose_cluster_is_not_warm_yet_is_asked_once_it_is() {
    let (upstream, _approver, environment, config) = checked().await;
    let envoy = Envoy::boot(&config.to_string(), &environment, 1).await.unwrap();
    assert!(envoy.log().contains("Envoy has no cluster `approver` yet"), "{}", envoy.log());
    let released = eventually("an export is held and released", async || {
        let answer = export().send(envoy.addr()).await.ok()?;
        (answer.status == 200).then_some(())
    });
    released.await;
    assert_eq!(upstream.seen().len(), 1);
    let exposed = client::get(envoy.admin(), "/stats/prometheus").await.unwrap().text();
    for name in ["privyseal_held", "privyseal_released"] {
        let is = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(exposed.lines().any(is), "deploy/ names {name}");
    }
}

#[tokio::test]
async fn a_configuration_can_be_validated() {
    let (_upstream, _approver, environment, config) = checked().await;
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("envoy.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let mut validate = Command::new(artefacts::envoy());
    validate.args(["--mode", "validate", "--config-path"]).arg(&file).envs(environment);
    let output = validate.current_dir(artefacts::root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
