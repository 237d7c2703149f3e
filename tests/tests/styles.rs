//! What is written instead: a style for each entity, in bodies both ways, in chosen headers and in the query.

use e2e::client::Request;
use e2e::policy;
use e2e::scene::Scene;
use e2e::upstream::{Reply, Upstream};
use serde_json::{Value, json};

const EMAIL: &str = "alice@example.com";

/// Everything under `/v1` masked both ways, each entity in its style.
fn styled() -> Value {
    policy::with(
        policy::crm(),
        "/redact",
        json!([{
            "match": { "path": "/v1/**" }, "direction": "both",
            "headers": ["x-user", "location"], "query": ["to"],
            "profile": {
                "entities": ["pii", "credentials"],
                "style": "numbered",
                "styles": {
                    "CREDIT_CARD": { "mask": { "keep_last": 4 } }, "US_SSN": "drop", "IP_ADDRESS": "pseudonym",
                    "PHONE_NUMBER": "label", "MAC_ADDRESS": { "mask": {} },
                },
            },
        }]),
    )
}

/// The same people in a prompt and in its answer.
fn people() -> Value {
    json!({
        "to": EMAIL, "cc": ["bob@example.com", EMAIL], "card": "4111 1111 1111 1111", "ssn": "078-05-1120",
        "ip": "203.0.113.7", "phone": "+1 415-555-0132", "mac": "00:1b:44:11:3a:b7", EMAIL: 1, "n": 1,
    })
}

fn assert_styled(shown: &Value) -> String {
    assert_eq!(shown["to"], "<EMAIL_ADDRESS_1>", "{shown}");
    assert_eq!(shown["cc"], json!(["<EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_1>"]), "{shown}");
    assert_eq!(shown["card"], "**** **** **** 1111", "{shown}");
    assert!(shown.get("ssn").is_none(), "the field goes: {shown}");
    assert_eq!(shown["phone"], "<PHONE_NUMBER>", "{shown}");
    assert_eq!(shown["mac"], "**:**:**:**:**:**", "{shown}");
    assert_eq!((&shown["<EMAIL_ADDRESS_1>"], &shown["n"]), (&json!(1), &json!(1)), "{shown}");
    let pseudonym = shown["ip"].as_str().unwrap();
    assert!(pseudonym.starts_with("<IP_ADDRESS_") && pseudonym.len() == "<IP_ADDRESS_123456789012>".len(), "{shown}");
    pseudonym.to_owned()
}

#[tokio::test]
async fn each_entity_in_its_style_both_ways() {
    let upstream = Upstream::start(|_| Reply::value(200, &people())).await;
    let scene = Scene::before(upstream, &styled()).await;
    let answer = scene.send(&Request::post("/v1/people", &people())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = scene.upstream.only().json();
    // One exchange has one numbering, and one key one pseudonym.
    assert_eq!(assert_styled(&seen), assert_styled(&answer.json()));
    assert_eq!(seen, answer.json());
}

#[tokio::test]
async fn chosen_headers_and_parameters() {
    let upstream = Upstream::start(|_| {
        Reply::raw(format!(
            "HTTP/1.1 201 Any\r\nlocation: /v1/people?to={EMAIL}\r\nx-user: {EMAIL}\r\nx-user: 7\r\nx-other: {EMAIL}\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await;
    let scene = Scene::before(upstream, &styled()).await;
    let request = Request::get("/v1/people?cc=alice%40example.com&to=alice%40example.com&key=4711")
        .header("x-user", "bob@example.com")
        .header("x-user", "agent")
        .header("x-other", EMAIL);
    let answer = scene.send(&request).await;
    let seen = scene.upstream.only();
    assert_eq!(seen.target(), "/v1/people?cc=alice%40example.com&to=%3CEMAIL_ADDRESS_1%3E&key=4711");
    let values = |headers: Vec<(String, Vec<u8>)>, name: &str| -> Vec<String> {
        let own = headers.into_iter().filter(|(n, _)| n == name);
        own.map(|(_, value)| String::from_utf8(value).unwrap()).collect()
    };
    assert_eq!(values(seen.headers(), "x-user").join(","), "<EMAIL_ADDRESS_2>,agent");
    assert_eq!(values(seen.headers(), "x-other"), [EMAIL]);
    assert_eq!(values(answer.headers.clone(), "location"), ["/v1/people?to=<EMAIL_ADDRESS_1>"]);
    assert_eq!(values(answer.headers.clone(), "x-user").join(","), "<EMAIL_ADDRESS_1>,7");
    assert_eq!(values(answer.headers, "x-other"), [EMAIL]);
}

/// One hold is bound to what goes on of its head, and that is what goes on.
#[tokio::test]
async fn a_held_request_goes_on_masked() {
    let scene = Scene::new(&styled()).await;
    let request = Request::post("/v1/accounts/7/export?to=alice%40example.com", &json!({ "to": EMAIL }))
        .header(policy::AGENT, "agent-1")
        .header("x-user", EMAIL);
    let answer = scene.send_approved(&request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = scene.upstream.only();
    assert_eq!(seen.target(), "/v1/accounts/7/export?to=%3CEMAIL_ADDRESS_1%3E");
    assert_eq!(seen.header("x-user").as_deref(), Some("<EMAIL_ADDRESS_1>"));
    assert_eq!(seen.json(), json!({ "to": "<EMAIL_ADDRESS_1>" }));
}
