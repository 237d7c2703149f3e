//! Filters of this version of the contract, of the one before and of the next, each with the messages that it sends.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use privyseal_engine::hold::{Answer, OLDEST, ReleaseVerdict, VERSION};
use privyseal_engine::keys;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::approve;
use crate::auth::Role;
use crate::receipt::{Approvers, TYPE};
use crate::testing::{Answer as Answered, GATEWAY_KEY, Service};

fn golden(version: u16) -> Value {
    serde_json::from_str(match version {
        1 => include_str!("../../../../engine/src/hold/golden/v1.json"),
        _ => include_str!("../../../../engine/src/hold/golden/v2.json"),
    })
    .unwrap()
}

/// A filter that sends `messages`, and says its version in the query if it is newer than the first.
struct Filter<'a> {
    service: &'a Service,
    token: String,
    messages: Value,
}

impl Filter<'_> {
    async fn new(service: &Service, version: u16) -> Filter<'_> {
        let mut messages = golden(version.min(VERSION));
        for (_, message) in messages.as_object_mut().unwrap() {
            message["v"] = version.into();
        }
        Filter { service, token: service.token(Role::Filter).await, messages }
    }

    async fn post(&self, path: &str, message: &str) -> Answered {
        self.service.post(path, &self.token, self.messages[message].clone()).await
    }

    /// Creates the hold, waits until bob has approved it, and releases it.
    async fn released(&self, query: &str) -> (String, Answered) {
        let created = self.post("/v1/holds", "intake").await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        let id = created.json["id"].as_str().unwrap().to_owned();
        approve(self.service, &id).await;
        let path = format!("/v1/holds/{id}/wait?revision=1&wait_ms=60000{query}");
        let waited = self.service.get(&path, &self.token).await;
        for answer in [&created, &waited] {
            let spoken = self.messages["view"]["v"].as_u64().unwrap().min(VERSION.into());
            assert_eq!(answer.json["v"], spoken, "{}", answer.text);
        }
        assert_eq!(waited.json["state"], "approved");
        let answer = self.post(&format!("/v1/holds/{id}/release"), "release").await;
        (id, answer)
    }
}

#[tokio::test]
async fn a_filter_of_the_version_before_is_served_as_it_always_was() {
    let service = Service::start().await;
    let filter = Filter::new(&service, OLDEST).await;
    let (id, released) = filter.released("").await;
    let members: Vec<_> = golden(OLDEST)["answer"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(released.json.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), members);
    let answer: Answer = serde_json::from_str(&released.text).unwrap();
    assert_eq!((answer.v, answer.verdict), (OLDEST, ReleaseVerdict::Released));
    assert!(answer.is_authentic(&GATEWAY_KEY));
    let control = service.get("/v1/control", &filter.token).await;
    assert_eq!(control.text, r#"{"v":1,"epoch":1,"kill":"off"}"#);
    for (call, message, expected) in [
        ("outcome", "report", StatusCode::NO_CONTENT),
        ("detach", "detach", StatusCode::NO_CONTENT),
        ("status", "status_query", StatusCode::OK),
        ("answer", "information", StatusCode::CONFLICT),
        ("withdraw", "status_query", StatusCode::CONFLICT),
    ] {
        let answer = filter.post(&format!("/v1/holds/{id}/{call}"), message).await;
        assert_eq!(answer.status, expected, "{call}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_receipt_says_what_was_approved_and_verifies_with_the_published_keys() {
    let service = Service::start().await;
    let filter = Filter::new(&service, VERSION).await;
    let (id, released) = filter.released("&v=2").await;
    let answer: Answer = serde_json::from_str(&released.text).unwrap();
    assert!(answer.is_authentic(&GATEWAY_KEY));
    let receipt = answer.receipt.unwrap();

    let published = service.get("/.well-known/jwks.json", "").await;
    assert_eq!(published.headers["content-type"], "application/jwk-set+json");
    let keys: JwkSet = serde_json::from_str(&published.text).unwrap();
    let header = decode_header(&receipt).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some(TYPE)));
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["crm.example.com"]);
    validation.set_issuer(&[&service.base]);
    let claims = decode::<Value>(&receipt, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    let forwarded = &filter.messages["release"]["forwarded"];
    for name in ["method", "authority", "path", "body_sha256"] {
        assert_eq!(claims[name], forwarded[name], "{name}");
    }
    assert_eq!((&claims["hold"], &claims["approvers"]), (&json!(id), &json!(["bob"])));
    assert_eq!((&claims["rules"], &claims["workflow"]), (&json!(["crm-export"]), &json!("default")));
    assert_eq!((&claims["tenant"], &claims["environment"]), (&json!("acme"), &json!("test")));
    let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((lives, claims["jti"].as_str().unwrap().len()), (300, 32));
    assert!(!receipt.contains(filter.messages["release"]["nonce"].as_str().unwrap()));

    let again = filter.post(&format!("/v1/holds/{id}/release"), "release").await;
    assert_eq!(again.text, released.text, "idempotent to the byte, receipt and all");
    let (body, signature) = receipt.rsplit_once('.').unwrap();
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    assert!(decode::<Value>(&forged, &DecodingKey::from_jwk(key).unwrap(), &validation).is_err());
}

#[tokio::test]
async fn a_gateway_cannot_have_a_receipt_for_another_target() {
    for (member, other) in
        [("method", "DELETE"), ("authority", "pay.example.com"), ("path", "/v1/contacts/export?all=2")]
    {
        let service = Service::start().await;
        let mut filter = Filter::new(&service, VERSION).await;
        filter.messages["release"]["forwarded"][member] = other.into();
        let (_, refused) = filter.released("&v=2").await;
        assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "no_receipt"), "{member}");
    }
}

#[tokio::test]
async fn people_have_pseudonyms_in_receipts_if_asked() {
    let service = Service::start_with(|mut app| {
        app.receipts.approvers = Approvers::Pseudonyms;
        app
    })
    .await;
    let filter = Filter::new(&service, VERSION).await;
    let (_, released) = filter.released("&v=2").await;
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(released.json["receipt"].as_str().unwrap());
    let claims = claims.unwrap().claims;
    let name = claims["approvers"][0].as_str().unwrap();
    assert!(name.starts_with("approver-") && name.len() == 25, "{name}");
    assert!(!claims.to_string().contains("bob"));
}

#[tokio::test]
async fn the_next_version_is_served_and_any_other_told_so() {
    let service = Service::start().await;
    let mut next = Filter::new(&service, VERSION + 1).await;
    for (_, message) in next.messages.as_object_mut().unwrap() {
        message["invented_since"] = json!({ "x": 1 });
    }
    let (_, released) = next.released("&v=3").await;
    let answer: Answer = serde_json::from_str(&released.text).unwrap();
    assert_eq!(answer.v, VERSION);
    assert!(answer.receipt.is_some() && answer.is_authentic(&GATEWAY_KEY));
    for version in [0, VERSION + 2] {
        let other = Filter::new(&service, version).await;
        let refused = other.post("/v1/holds", "intake").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("speaks versions 1 to 2"), "{}", refused.text);
        let refused = service.get(&format!("/v1/control?v={version}"), &other.token).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// A gateway with another secret would refuse what people approve: it hears so before anybody is asked.
#[tokio::test]
async fn a_gateway_with_another_key_is_refused_before_anybody_decides() {
    let service = Service::start().await;
    let mut filter = Filter::new(&service, VERSION).await;
    let nonce = filter.messages["intake"]["nonce"].as_str().unwrap().to_owned();
    let proof = |key: &[u8]| keys::proof(&keys::Keys::new(key.to_vec()).field, &nonce);
    filter.messages["intake"]["proof"] = proof(&[7; 32]).into();
    let refused = filter.post("/v1/holds", "intake").await;
    assert_eq!((refused.status, &refused.json["code"]), (StatusCode::FORBIDDEN, &json!("wrong_gateway_key")));
    filter.messages["intake"]["proof"] = proof(&GATEWAY_KEY).into();
    assert_eq!(filter.post("/v1/holds", "intake").await.status, StatusCode::CREATED);
}
