//! Rules on what Envoy's own filters know of the sender: claims of a verified token, texts, lists, numbers and flags.

use e2e::client::Request;
use e2e::fake_approver::{FakeApprover, Twist};
use e2e::scene::Faked;
use e2e::{jwt, policy};
use serde_json::{Value, json};

#[tokio::test]
async fn rules_match_claims_as_jwt_authn_leaves_them() {
    let closed = |path: &str, claims: Value| json!({ "id": path.trim_matches('/'), "match": { "path": path }, "except": { "claims": claims }, "verdict": "deny" });
    let rules = json!([
        closed("/group", json!({ "groups": "admin" })),
        closed("/nested", json!({ "realm.roles": "ops" })),
        closed("/text", json!({ "team": { "glob": "pay*" } })),
        closed("/flag", json!({ "trusted": true })),
        closed("/level", json!({ "level": { "gte": 3 } })),
    ]);
    let policy = policy::with(policy::crm(), "/rules", rules);
    let gateway = Faked::new(FakeApprover::start(Twist::default()), &policy).await;
    let insider = json!({ "sub": "a", "groups": ["user", "admin"], "realm": { "roles": ["ops"] }, "team": "payments",
        "trusted": true, "level": 3 });
    let outsider = json!({ "sub": "b", "groups": ["user"], "realm": { "roles": ["ops2"] }, "team": "sales",
        "trusted": false, "level": 2 });
    for path in ["/group", "/nested", "/text", "/flag", "/level"] {
        let ask = async |claims: &Value| {
            let request = Request::get(path).header("authorization", format!("Bearer {}", jwt::token(claims)));
            gateway.send(&request).await.status
        };
        assert_eq!(ask(&insider).await, 200, "{path}");
        assert_eq!(ask(&outsider).await, 403, "{path}");
        assert_eq!(ask(&json!({ "sub": "c" })).await, 403, "{path}");
    }
    assert_eq!(gateway.send(&Request::get("/group")).await.status, 403);
}
