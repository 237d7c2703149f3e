//! Personal data: masked on the way up, on the way down, before the approver's eyes, and in no log.

use e2e::client::Request;
use e2e::policy;
use e2e::scene::Scene;
use e2e::upstream::{Reply, Upstream};
use serde_json::{Value, json};

const EMAIL: &str = "alice.canary@customer.example";
const CARD: &str = "4111 1111 1111 1111";
const SSN: &str = "078-05-1120";

fn redacting() -> Value {
    policy::redacting(policy::crm(), "/v1/chat/completions")
}

fn prompt() -> Value {
    json!({ "model": "small", "n": 1, "messages": [{ "role": "user", "content": format!("Write to {EMAIL}, card {CARD}, SSN {SSN}.") }] })
}

fn assert_clean(what: &str, text: &str) {
    for canary in [EMAIL, CARD, SSN] {
        assert!(!text.contains(canary), "{what} shows {canary}: {text}");
    }
}

#[tokio::test]
async fn a_prompt_goes_up_masked_and_otherwise_unchanged() {
    let scene = Scene::new(&redacting()).await;
    let answer = scene.send(&Request::post("/v1/chat/completions", &prompt()).header(policy::AGENT, "agent-1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = scene.upstream.only();
    assert_clean("the upstream", &seen.text());
    let body = seen.json();
    assert_eq!(
        (&body["model"], &body["n"], &body["messages"][0]["role"]),
        (&json!("small"), &json!(1), &json!("user"))
    );
    let content = body["messages"][0]["content"].as_str().unwrap();
    assert!(content.starts_with("Write to ") && content.contains(", card ") && content.ends_with('.'), "{content}");
    assert_clean("envoy's log", &scene.envoy.log());
}

#[tokio::test]
async fn an_answer_comes_down_masked() {
    let upstream = Upstream::start(|_| Reply::value(200, &json!({ "owner": EMAIL, "id": 7 }))).await;
    let scene = Scene::before(upstream, &redacting()).await;
    let answer = scene.send(&Request::post("/v1/chat/completions", &json!({ "model": "small", "messages": [] }))).await;
    assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(7)), "{answer:?}");
    assert_clean("the agent", &answer.text());
}

#[tokio::test]
async fn the_approver_sees_it_masked_and_the_upstream_gets_what_was_sent() {
    let scene = Scene::new(&policy::crm()).await;
    let body = json!({ "to": EMAIL, "note": format!("card {CARD}, SSN {SSN}") });
    let request = Request::post("/v1/accounts/7/export", &body)
        .header(policy::AGENT, "agent-1")
        .header("authorization", "Basic c2VjcmV0");
    let answer = scene.send_later(&request);
    let id = scene.alice.await_pending().await;
    let shown = scene.alice.show(&id).await.unwrap();
    assert!(shown["preview"]["body"].as_str().unwrap().contains("note"), "{shown}");
    assert_clean("the preview", &shown.to_string());
    assert!(!shown.to_string().contains("c2VjcmV0"), "{shown}");
    scene.alice.approve(&id).await.unwrap();
    assert_eq!(answer.await.unwrap().status, 200);
    assert_eq!(scene.upstream.only().json(), body);

    assert_clean("envoy's log", &scene.envoy.log());
    assert_clean("the approver's log", &scene.approver.process().stderr());
    assert_clean("the audit record", &json!(scene.alice.audit().await.unwrap()).to_string());
    for file in std::fs::read_dir(scene.approver.data()).unwrap().flatten() {
        if file.path().is_file() {
            assert_clean("the database", &String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()));
        }
    }
}

#[tokio::test]
async fn an_upload_goes_up_part_by_part() {
    let form = |note: &str, csv: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n{note}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.csv\"\r\nContent-Type: text/csv\r\n\r\n{csv}\r\n\
             --b--\r\n"
        )
    };
    let upload = |body: &[u8]| {
        Request::new("POST", "/v1/chat/completions")
            .body("multipart/form-data; boundary=b", body)
            .header(policy::AGENT, "agent-1")
    };
    let scene = Scene::new(&redacting()).await;
    let body = form(&format!("to {EMAIL}"), &format!("id,ssn\r\n7,{SSN}\r\n"));
    assert_eq!(scene.send(&upload(body.as_bytes())).await.status, 200);
    let expected = form("to <EMAIL_ADDRESS>", "id,ssn\r\n7,<US_SSN>\r\n");
    assert_eq!(scene.upstream.only().text(), expected);
    // A file without text is refused, as the profile says by default.
    let png = form("hi", "\0\x01\x02").replace("text/csv", "image/png");
    let answer = scene.send(&upload(png.as_bytes())).await;
    assert_eq!((answer.status, answer.header("x-privyseal-code").as_deref()), (400, Some("binary_body")), "{answer:?}");
    assert_eq!(scene.upstream.seen().len(), 1);
}
