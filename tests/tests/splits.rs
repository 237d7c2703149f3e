//! However a body is cut on the wire and however it ends, what comes out of Envoy is what the engine makes of the whole.

use e2e::client::{Connection, Response};
use e2e::envoy::Listener;
use e2e::h2_client::H2;
use e2e::h2_upstream::{Frames, H2Upstream};
use e2e::policy;
use e2e::scene::Scene;
use e2e::upstream::{Gate, Reply, Step, Upstream};
use http::HeaderMap;
use privyseal_engine::redact::{self, Labels, Profile, ProfileSource};
use serde_json::{Value, json};

const PATH: &str = "/v1/chat/completions";
/// Cuts tried for each body, framing and direction.
const CUTS: u64 = 3;

fn profile() -> Value {
    json!({ "entities": ["pii", "credentials"], "style": "numbered" })
}

fn redacting() -> Value {
    policy::with(
        policy::crm(),
        "/redact",
        json!([{ "match": { "path": PATH }, "direction": "both", "profile": profile() }]),
    )
}

/// What the engine makes of a whole body.
fn expected(content_type: &str, body: &str) -> String {
    let source: ProfileSource = serde_json::from_value(profile()).unwrap();
    let profile = Profile::compile(&source, b"").unwrap();
    let done = redact::body(Some(content_type.as_bytes()), body.as_bytes(), &profile, &mut Labels::new()).unwrap();
    let masked = String::from_utf8(done.body.expect("something is found")).unwrap();
    assert!(!masked.contains("ann@example.com") && !masked.contains("4111 1111"), "{masked}");
    masked
}

/// Bodies of each kind, all with the same people in them.
fn bodies() -> Vec<(&'static str, String)> {
    let delta = |text: &str| {
        let event =
            json!({ "id": "c", "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] });
        format!("data: {event}\n\n")
    };
    let said =
        ["Ask ann@", "example", ".com, card 4111 ", "1111 1111 ", "1111; call +1 415", "-555-0132"].map(delta).concat();
    let chat = format!(
        "{said}data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
    );
    let json =
        json!({ "to": "ann@example.com", "n": 1, "note": "card 4111 1111 1111 1111, café 日本", "ssn": 78051121 });
    vec![
        ("text/event-stream", chat),
        // Ends within an event, and with a text that nothing has ended.
        ("text/event-stream", format!("{said}event: x\ndata: {{\"to\":\"ann@example.com\"}}")),
        ("text/event-stream", format!(": hi\r\n\r\nid: 7\r\ndata: {json}\r\n\r\nretry: 3\r\n\r\n")),
        ("application/x-ndjson", format!("{json}\n{{\"n\":1}}\n{json}")),
        ("application/json", json.to_string()),
        ("application/json; charset=utf-8", json!({ "arguments": json.to_string() }).to_string()),
        ("application/x-www-form-urlencoded", "to=ann%40example.com&card=4111+1111+1111+1111&n=1".to_owned()),
        ("text/plain", "Write to ann@example.com, card 4111 1111 1111 1111, café 日本.".to_owned()),
        ("text/csv", "name,email,card\r\n\"Lee, Ann\",ann@example.com,4111 1111 1111 1111\r\n".to_owned()),
        ("application/xml", "<to mail=\"ann@example.com\">card 4111 1111 1111 1111 &amp; more</to>".to_owned()),
    ]
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// `body` in pieces; of the first cut, every byte is one.
fn pieces(body: &[u8], seed: u64) -> Vec<&[u8]> {
    if seed == 0 {
        return body.chunks(1).collect();
    }
    let mut numbers = Numbers(seed);
    let mut at: Vec<usize> = (0..numbers.below(12)).map(|_| numbers.below(body.len() + 1)).collect();
    at.extend([0, body.len()]);
    at.sort_unstable();
    at.windows(2).map(|two| &body[two[0]..two[1]]).collect()
}

#[derive(Clone, Copy, Debug)]
enum Protocol {
    Http1,
    Http2,
}

const FRAMINGS: [(Protocol, bool); 4] =
    [(Protocol::Http1, false), (Protocol::Http1, true), (Protocol::Http2, false), (Protocol::Http2, true)];

async fn send(
    scene: &Scene,
    protocol: Protocol,
    target: &str,
    content_type: &str,
    pieces: &[&[u8]],
    trailers: bool,
) -> Response {
    match protocol {
        Protocol::Http1 => {
            let mut connection = Connection::open(scene.addr()).await.unwrap();
            let head = format!(
                "POST {target} HTTP/1.1\r\nhost: crm.example\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            connection.write(head.as_bytes()).await.unwrap();
            for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
                connection.write(&chunk).await.unwrap();
            }
            connection.write(if trailers { b"0\r\nx-end: 1\r\n\r\n" } else { b"0\r\n\r\n" }).await.unwrap();
            connection.response().await.unwrap()
        }
        Protocol::Http2 => {
            let client = H2::open(scene.addr()).await.unwrap();
            let request = http::Request::post(format!("http://crm.example{target}"))
                .header("content-type", content_type)
                .body(())
                .unwrap();
            let trailers = trailers.then(|| HeaderMap::from_iter([("x-end".parse().unwrap(), "1".parse().unwrap())]));
            client.send(request, pieces, trailers).await.unwrap()
        }
    }
}

async fn scene(upstream: Upstream) -> Scene {
    Scene::configured(upstream, &redacting(), |config| {
        config.listener = Listener { enable_trailers: true, ..Listener::default() };
    })
    .await
}

#[tokio::test]
async fn requests_in_any_split() {
    let scene = scene(Upstream::ok().await).await;
    for (content_type, body) in bodies() {
        let expected = expected(content_type, &body);
        for ((protocol, trailers), seed) in
            FRAMINGS.into_iter().flat_map(|framing| (0..CUTS).map(move |seed| (framing, seed)))
        {
            let answer = send(&scene, protocol, PATH, content_type, &pieces(body.as_bytes(), seed), trailers).await;
            let what = format!("{content_type} {protocol:?} trailers {trailers} cut {seed}");
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
            let seen = scene.upstream.seen().pop().unwrap();
            assert_eq!(seen.text(), expected, "{what}");
            assert_eq!(seen.trailers.is_empty(), !trailers, "{what}");
        }
    }
    scene.assert_serving().await;
}

#[tokio::test]
async fn responses_in_any_split() {
    let upstream = Upstream::start(|request| {
        let target = request.target();
        let Some((_, query)) = target.split_once('?') else { return Reply::json(200, "{}") };
        let (content_type, pieces, trailers) = asked(query);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        Reply::chunked(
            &format!("content-type: {content_type}\r\n"),
            &pieces,
            if trailers { "x-end: 1\r\n" } else { "" },
        )
    })
    .await;
    let scene = scene(upstream).await;
    for (index, (content_type, body)) in bodies().into_iter().enumerate() {
        let expected = expected(content_type, &body);
        for ((protocol, trailers), seed) in
            FRAMINGS.into_iter().flat_map(|framing| (0..CUTS).map(move |seed| (framing, seed)))
        {
            let target = format!("{PATH}?{index}-{seed}-{}", u8::from(trailers));
            let answer = send(&scene, protocol, &target, "application/json", &[b"{}"], false).await;
            let what = format!("{content_type} {protocol:?} trailers {trailers} cut {seed}");
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
            assert_eq!(answer.text(), expected, "{what}");
            assert_eq!(answer.trailers.is_empty(), !trailers, "{what}");
        }
    }
    scene.assert_serving().await;
}

/// Which body to answer with, how it is cut, and whether trailers end it, out of a query such as `0-2-1`.
fn asked(query: &str) -> (&'static str, Vec<Vec<u8>>, bool) {
    let numbers: Vec<usize> = query.split('-').map(|number| number.parse().unwrap()).collect();
    let (content_type, body) = bodies().swap_remove(numbers[0]);
    let pieces = pieces(body.as_bytes(), numbers[1] as u64).into_iter().map(<[u8]>::to_vec);
    (content_type, pieces.collect(), numbers[2] == 1)
}

#[tokio::test]
async fn upstreams_that_speak_http2() {
    let upstream = H2Upstream::start(|request| match request.uri().query().map(asked) {
        Some((content_type, pieces, trailers)) => Frames { content_type: content_type.into(), pieces, trailers },
        None => Frames { content_type: "application/json".into(), pieces: vec![b"{}".to_vec()], trailers: false },
    });
    let upstream = upstream.await.unwrap();
    let scene = Scene::configured(Upstream::ok().await, &redacting(), |config| {
        config.upstream = upstream.addr();
        config.upstream_speaks_http2 = true;
        config.listener = Listener { enable_trailers: true, ..Listener::default() };
    })
    .await;
    for (index, (content_type, body)) in bodies().into_iter().enumerate() {
        let expected = expected(content_type, &body);
        for ((protocol, trailers), seed) in
            FRAMINGS.into_iter().flat_map(|framing| (0..CUTS).map(move |seed| (framing, seed)))
        {
            let target = format!("{PATH}?{index}-{seed}-{}", u8::from(trailers));
            let pieces = pieces(body.as_bytes(), seed);
            let answer = send(&scene, protocol, &target, content_type, &pieces, trailers).await;
            let what = format!("{content_type} {protocol:?} trailers {trailers} cut {seed}");
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
            let received = upstream.last().unwrap();
            assert_eq!(String::from_utf8_lossy(&received.body), expected, "{what}");
            assert_eq!(received.trailers, trailers, "{what}");
            assert_eq!(answer.text(), expected, "{what}");
            assert_eq!(answer.trailers.is_empty(), !trailers, "{what}");
        }
    }
    scene.assert_serving().await;
}

/// A stream that rests within a value: (what the client has while it rests, what it has in the end).
async fn resting(piece: &'static str, awaited: &str, then: Step) -> (String, String) {
    let gate = Gate::default();
    let behind = gate.clone();
    let headers = "content-type: text/event-stream\r\n";
    let upstream = Upstream::start(move |_| Reply::gated(headers, piece.as_bytes(), &behind, then.clone())).await;
    let scene = scene(upstream).await;
    let mut connection = Connection::open(scene.addr()).await.unwrap();
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: crm.example\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    connection.write(head.as_bytes()).await.unwrap();
    let seen = String::from_utf8(connection.until(awaited.as_bytes()).await.unwrap().to_vec()).unwrap();
    gate.open();
    (seen, String::from_utf8(connection.rest().await).unwrap())
}

const AMBIGUOUS: &str =
    "data: {\"n\":1}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ask ann@exam\"}}]}\n\n";

#[tokio::test]
async fn what_is_decided_is_out_while_the_rest_is_not() {
    let end = Step::Send(b"0\r\nx-end: 1\r\n\r\n".to_vec());
    let (seen, whole) = resting(AMBIGUOUS, "{\"n\":1}", end).await;
    assert!(!seen.contains("ann@"), "{seen}");
    assert!(whole.contains("ask ann@exam"), "no address after all, at the end: {whole}");
    assert!(whole.ends_with("0\r\nx-end: 1\r\n\r\n"), "{whole}");
}

#[tokio::test]
async fn a_reset_drops_what_was_not_decided() {
    let (_, whole) = resting(AMBIGUOUS, "{\"n\":1}", Step::Reset).await;
    assert!(!whole.contains("ann@") && !whole.ends_with("0\r\n\r\n"), "{whole}");
}
