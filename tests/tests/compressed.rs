//! Compressed bodies are read like any other: masked, judged, held.

use std::io::Write;

use e2e::client::Request;
use e2e::policy;
use e2e::scene::Scene;
use e2e::upstream::{Reply, Upstream};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

const EMAIL: &str = "alice.canary@customer.example";

fn redacting() -> Value {
    policy::redacting(policy::crm(), "/v1/chat/completions")
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn post(target: &str, coding: &str, body: Vec<u8>) -> Request {
    Request::new("POST", target)
        .body("application/json", body)
        .header("content-encoding", coding)
        .header(policy::AGENT, "agent-1")
}

#[tokio::test]
async fn a_compressed_prompt_goes_up_masked_and_plain() {
    let scene = Scene::new(&redacting()).await;
    let body = json!({ "to": EMAIL, "n": 1 }).to_string();
    for (coding, body) in [("gzip", gzip(body.as_bytes())), ("deflate", zlib(body.as_bytes()))] {
        let answer = scene.send(&post("/v1/chat/completions", coding, body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = scene.upstream.seen().pop().unwrap();
        assert_eq!(seen.json(), json!({ "to": "<EMAIL_ADDRESS>", "n": 1 }), "{coding}");
        assert_eq!(seen.header("content-encoding"), None);
    }
    // Nothing to mask: the very bytes.
    let body = gzip(br#"{"n":1}"#);
    scene.send(&post("/v1/chat/completions", "gzip", body.clone())).await;
    let seen = scene.upstream.seen().pop().unwrap();
    assert_eq!((seen.body.clone(), seen.header("content-encoding").as_deref()), (body, Some("gzip")));
}

#[tokio::test]
async fn a_compressed_answer_comes_down_masked_and_plain() {
    let events = format!("data: {{\"to\":\"{EMAIL}\"}}\n\n").repeat(3);
    let upstream = Upstream::start(move |request| {
        assert_eq!(request.header("accept-encoding").as_deref(), Some("identity"));
        let (content_type, body) = match request.target().contains("stream") {
            true => ("text/event-stream", gzip(events.as_bytes())),
            false => ("application/json", gzip(json!({ "to": EMAIL }).to_string().as_bytes())),
        };
        let head = format!("content-type: {content_type}\r\ncontent-encoding: gzip\r\n");
        Reply::chunked(&head, &body.chunks(10).collect::<Vec<_>>(), "")
    })
    .await;
    let scene = Scene::before(upstream, &redacting()).await;
    for (query, expected) in [
        ("", r#"{"to":"<EMAIL_ADDRESS>"}"#.to_owned()),
        ("?stream", "data: {\"to\":\"<EMAIL_ADDRESS>\"}\n\n".repeat(3)),
    ] {
        let request = Request::post(&format!("/v1/chat/completions{query}"), &json!({}));
        let answer = scene.send(&request.header("accept-encoding", "gzip, br")).await;
        assert_eq!((answer.status, answer.text()), (200, expected), "{answer:?}");
        assert_eq!(answer.header("content-encoding"), None);
    }
}

#[tokio::test]
async fn a_held_one_is_shown_as_it_reads_and_released_as_it_came() {
    let scene = Scene::new(&policy::crm()).await;
    let body = gzip(br#"{"amount":12000}"#);
    let answer = scene.send_later(&post("/v1/refunds", "gzip", body.clone()));
    let id = scene.alice.await_pending().await;
    let shown = scene.alice.show(&id).await.unwrap();
    assert_eq!(shown["preview"]["body"], r#"{"amount":12000}"#, "{shown}");
    scene.alice.approve(&id).await.unwrap();
    assert_eq!(answer.await.unwrap().status, 200);
    let seen = scene.upstream.only();
    assert_eq!((seen.body.clone(), seen.header("content-encoding").as_deref()), (body, Some("gzip")));

    // A small one is below what the rule holds.
    assert_eq!(scene.send(&post("/v1/refunds", "gzip", gzip(br#"{"amount":1}"#))).await.status, 200);
}

#[tokio::test]
async fn bombs_and_damaged_bodies_are_refused() {
    let scene = Scene::new(&policy::crm()).await;
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let whole = gzip(br#"{"amount":12000}"#);
    for (body, status, code) in [
        (bomb, 413, "expands_too_much"),
        (whole[..whole.len() - 1].to_vec(), 400, "invalid_compression"),
        ([whole.clone(), whole].concat(), 400, "invalid_compression"),
    ] {
        let answer = scene.send(&post("/v1/refunds", "gzip", body)).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{answer:?}");
    }
    scene.upstream.assert_untouched();
    scene.assert_serving().await;
}
