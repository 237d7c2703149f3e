//! What programs outside of any gateway ask, and keys under which something is done once.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::approve;
use crate::auth::Role;
use crate::store::access::NewToken;
use crate::testing::{Answer, Service, intake_json};

impl Service {
    async fn post_once(&self, path: &str, bearer: &str, key: &str, body: Value) -> Answer {
        let request = self.http.request(Method::POST, format!("{}{path}", self.base));
        Answer::of(request.bearer_auth(bearer).header("idempotency-key", key).json(&body)).await
    }
}

#[tokio::test]
async fn what_is_sent_twice_under_one_key_is_done_once_and_answered_the_same() {
    let service = Service::start().await;
    let (first, second) = (service.hold(1).await, service.hold(2).await);
    let (bob, alice) = (service.login("bob").await, service.login("alice").await);
    let approve = |id: &str| format!("/v1/holds/{id}/approve");
    let (yes, other) = (json!({ "reason": "fine" }), json!({ "reason": "very fine" }));
    let said = service.post_once(&approve(&first), &bob, "k1", yes.clone()).await;
    assert_eq!((said.status, &said.json["state"]), (StatusCode::OK, &json!("approved")));
    let again = service.post_once(&approve(&first), &service.login("bob").await, "k1", yes.clone()).await;
    assert_eq!((again.status, again.text), (said.status, said.text), "at another login too");
    let unkeyed = service.post(&approve(&first), &bob, yes.clone()).await;
    assert_eq!(unkeyed.code(), "already_decided");

    for (path, body) in [(approve(&first), other), (approve(&second), yes.clone())] {
        let reused = service.post_once(&path, &bob, "k1", body).await;
        assert_eq!((reused.status, reused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "key_reused"));
    }
    let others = service.post_once(&approve(&first), &alice, "k1", yes.clone()).await;
    assert_eq!(others.code(), "already_decided", "another person's key is another key");
    assert_eq!(service.post_once(&approve(&second), "", "k1", yes.clone()).await.code(), "unauthorized");
    assert_eq!(service.post_once(&approve(&second), &bob, "", yes.clone()).await.code(), "invalid_request");

    // What was refused is judged anew.
    let deny = format!("/v1/holds/{second}/deny");
    assert_eq!(service.post_once(&deny, &bob, "k2", json!({})).await.code(), "reason_required");
    let denied = service.post_once(&deny, &bob, "k2", json!({})).await;
    assert_eq!(denied.code(), "reason_required");
}

#[tokio::test]
async fn a_requester_asks_in_its_own_name_and_sees_nothing_else() {
    let service = Service::start().await;
    let (role, scopes) = (Role::Requester, Role::Requester.scopes());
    let new = |name| NewToken { name, role, scopes: &scopes, owner: Some("bob"), expires_ms: None };
    let (_, token) = service.store.create_token(new("deploy")).await.unwrap();
    let (_, other) = service.store.create_token(new("backup")).await.unwrap();
    let mut asked = intake_json(1);
    asked["why"] = "for ann@example.com".into();
    let created = service.post("/v1/holds", &token, asked).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.json["id"].as_str().unwrap().to_owned();
    let hold = service.store.hold(&id).await.unwrap();
    assert_eq!((hold.request.principal.as_deref(), hold.request.gateway.as_str()), (Some("token:deploy"), ""));
    assert_eq!(hold.request.why, "for <EMAIL_ADDRESS>", "no gateway has masked it");

    let gateways = service.hold(2).await;
    let query = json!({ "v": 1, "tenant": "acme", "environment": "test", "principal": "agent-7", "answer": "x" });
    for (bearer, id) in [(&token, &gateways), (&other, &id)] {
        for call in ["status", "withdraw", "answer"] {
            let refused = service.post(&format!("/v1/holds/{id}/{call}"), bearer, query.clone()).await;
            assert_eq!(refused.code(), "not_found", "{call}");
        }
        assert_eq!(service.get(&format!("/v1/holds/{id}/wait"), bearer).await.code(), "not_found");
    }
    for path in ["/v1/holds", "/v1/audit", "/v1/control", "/v1/events", "/metrics", &format!("/v1/holds/{id}")] {
        assert_eq!(service.get(path, &token).await.code(), "insufficient_scope", "{path}");
    }
    let status = service.post(&format!("/v1/holds/{id}/status"), &token, query).await;
    assert_eq!(status.json["state"], "pending");
    let own = service.post(&format!("/v1/holds/{id}/approve"), &service.login("bob").await, json!({})).await;
    assert_eq!(own.code(), "own_request", "bob owns the token");
    let (code, alice) = (service.login("alice").await, format!("/v1/holds/{id}/approve"));
    assert_eq!(service.post(&alice, &code, json!({})).await.json["state"], "approved");
    let mut release = json!({ "v": 1, "tenant": "acme", "environment": "test", "terms": "1".repeat(64) });
    release["nonce"] = format!("{:032x}", 1).into();
    release["digest"] = format!("{:064x}", 1).into();
    let released = service.post(&format!("/v1/holds/{id}/release"), &token, release).await;
    assert_eq!(released.json["verdict"], "released");
    approve(&service, &gateways).await;
}
