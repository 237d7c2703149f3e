//! What a gateway tells the approver of itself.

use e2e::scene::Scene;
use e2e::{eventually, policy};
use serde_json::json;

#[tokio::test]
async fn a_gateway_says_what_it_runs() {
    let scene = Scene::new(&policy::crm()).await;
    let gateway = eventually("the gateway is known", async || {
        let fleet = scene.alice.fleet().await.ok()?;
        fleet["gateways"].get(0).cloned()
    })
    .await;
    assert_eq!((&gateway["gateway"], &gateway["environment"]), (&json!("gateway-1"), &policy::crm()["environment"]));
    assert_eq!((&gateway["version"], &gateway["mode"]), (&json!(env!("CARGO_PKG_VERSION")), &json!("enforce")));
    assert_eq!(gateway["policy"].as_str().map(str::len), Some(12));
    assert_eq!(scene.alice.fleet().await.unwrap()["alarms"], json!([]));
}
