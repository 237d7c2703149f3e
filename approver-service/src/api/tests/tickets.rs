//! Tickets that are looked up before an approval.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::Shared;
use crate::auth::Role;
use crate::outbound::Place;
use crate::testing::{Service, intake_json};
use crate::ticket::Tickets;
use crate::workflow::Workflow;

/// A webhook that answers as told, and what it was asked.
struct Webhook {
    url: String,
    answer: Arc<Mutex<(StatusCode, &'static str)>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    async fn start() -> Webhook {
        let answer = Arc::new(Mutex::new((StatusCode::OK, r#"{"open":true}"#)));
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (told, heard) = (Arc::clone(&answer), Arc::clone(&asked));
        let handle = async move |axum::Json(body): axum::Json<Value>| {
            heard.lock().unwrap().push(body);
            *told.lock().unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(handle))).await });
        Webhook { url, answer, asked }
    }

    fn say(&self, status: StatusCode, body: &'static str) {
        *self.answer.lock().unwrap() = (status, body);
    }
}

/// A service whose only workflow wants tickets looked up at `url`.
async fn service(url: &str) -> Service {
    let tickets = Tickets::new(Place { url: url.to_owned(), secret: None }).unwrap();
    let service = Service::start_with(|app| Shared { tickets: Some(tickets), ..app }).await;
    let default = Workflow {
        name: "default".into(),
        quorum: 1,
        seats: vec![],
        require_reason: false,
        check_ticket: true,
        deadline_ms: None,
        grants: None,
        reviewers: ["alice", "bob"].map(str::to_owned).into(),
        groups: Default::default(),
    };
    service.store.set_workflows(&[default]).await.unwrap();
    service
}

/// A hold for which the agent states this ticket.
async fn hold(service: &Service, n: u32, ticket: Option<&str>) -> String {
    let mut intake = intake_json(n);
    intake["preview"]["stated"] = ticket.map_or(json!({}), |ticket| json!({ "ticket": ticket }));
    let token = service.token(Role::Filter).await;
    service.post("/v1/holds", &token, intake).await.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_approval_waits_for_an_open_ticket_and_a_denial_does_not() {
    let webhook = Webhook::start().await;
    let service = service(&webhook.url).await;
    let bob = service.login("bob").await;
    let id = hold(&service, 1, Some("OPS-42")).await;
    let say = async |verb: &str| {
        let answer = service.post(&format!("/v1/holds/{id}/{verb}"), &bob, json!({ "reason": "x" })).await;
        (answer.status.as_u16(), answer.json["code"].as_str().unwrap_or_default().to_owned())
    };
    for (status, body, expected) in [
        (StatusCode::OK, r#"{"open":false}"#, (409, "ticket_not_open")),
        (StatusCode::NOT_FOUND, "", (409, "ticket_not_open")),
        (StatusCode::OK, "soon", (503, "ticket_unchecked")),
        (StatusCode::BAD_GATEWAY, r#"{"open":true}"#, (503, "ticket_unchecked")),
        (StatusCode::FOUND, r#"{"open":true}"#, (503, "ticket_unchecked")),
    ] {
        webhook.say(status, body);
        assert_eq!(say("approve").await, (expected.0, expected.1.to_owned()));
        let standing = service.store.hold(&id).await.unwrap();
        assert!(standing.state.is_open() && standing.votes.is_empty(), "nothing is lost: {standing:?}");
    }
    webhook.say(StatusCode::OK, r#"{"open":true}"#);
    assert_eq!(say("approve").await, (200, String::new()));
    let asked = webhook.asked.lock().unwrap().pop().unwrap();
    assert_eq!(asked, json!({ "ticket": "OPS-42", "hold": id, "tenant": "acme", "environment": "test" }));
    let records = service.store.audit(0, 100).await.unwrap();
    let approved = records.iter().find(|entry| entry.kind == "approved").unwrap();
    assert_eq!(approved.details.get("ticket").map(String::as_str), Some("OPS-42"));

    let before = webhook.asked.lock().unwrap().len();
    let denied = hold(&service, 2, None).await;
    let answer = service.post(&format!("/v1/holds/{denied}/approve"), &bob, json!({})).await;
    assert_eq!(answer.code(), "ticket_missing");
    let answer = service.post(&format!("/v1/holds/{denied}/deny"), &bob, json!({ "reason": "x" })).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(webhook.asked.lock().unwrap().len(), before);
}

#[tokio::test]
async fn whoever_may_not_decide_has_nothing_looked_up() {
    let webhook = Webhook::start().await;
    let service = service(&webhook.url).await;
    let mut own = intake_json(1);
    own["on_behalf_of"] = "bob@example.com".into();
    own["preview"]["stated"] = json!({ "ticket": "OPS-42" });
    let token = service.token(Role::Filter).await;
    let id = service.post("/v1/holds", &token, own).await.json["id"].as_str().unwrap().to_owned();
    let bob = service.login("bob").await;
    let answer = service.post(&format!("/v1/holds/{id}/approve"), &bob, json!({})).await;
    assert_eq!(answer.code(), "own_request");
    assert!(webhook.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_away_decides_nothing() {
    let service = service("http://127.0.0.1:9/").await;
    let id = hold(&service, 1, Some("OPS-42")).await;
    let bob = service.login("bob").await;
    let answer = service.post(&format!("/v1/holds/{id}/approve"), &bob, json!({})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "ticket_unchecked"));
    assert!(service.store.hold(&id).await.unwrap().state.is_open());
}
