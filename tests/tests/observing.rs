//! In observe mode traffic is as without the filter, byte for byte and in time, and what it would have met is known.

use std::collections::BTreeMap;

use e2e::client::{Connection, Request, Response};
use e2e::envoy::{Config, Envoy};
use e2e::fake_approver::{Call, FakeApprover, Twist};
use e2e::h2_client::H2;
use e2e::scene;
use e2e::upstream::{Recorded, Reply, Upstream};
use e2e::{PATIENCE, eventually, policy};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The usual policy, with everything masked, limits that are soon reached, and nothing enforced.
fn observing() -> Value {
    let policy = policy::with(policy::redacting(policy::crm(), "/**"), "/body_limit", json!("4KiB"));
    policy::with(policy, "/mode", json!("observe"))
}

/// Two gateways before one upstream: one without the filter, one that observes.
struct Pair {
    upstream: Upstream,
    approver: FakeApprover,
    bare: Envoy,
    observed: Envoy,
}

impl Pair {
    async fn new(reply: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Pair {
        let upstream = Upstream::start(reply).await;
        let approver = FakeApprover::start(Twist::default());
        let mut config = config(&upstream, &approver);
        let observed = Envoy::start(&config).await.unwrap();
        config.plugin = None;
        let bare = Envoy::start(&config).await.unwrap();
        Pair { upstream, approver, bare, observed }
    }

    /// What the upstream has received since the last call.
    fn received(&self, before: usize) -> Vec<(String, Message)> {
        let seen = self.upstream.seen();
        seen[before..]
            .iter()
            .map(|r| (format!("{} {}", r.method(), r.target()), message(r.headers(), &r.body, &r.trailers)))
            .collect()
    }

    /// Sends the same bytes through both; both sides of both gateways must be alike.
    async fn compare(&self, name: &str, bytes: &[u8]) {
        let mut all = Vec::new();
        for envoy in [&self.bare, &self.observed] {
            let before = self.upstream.seen().len();
            let mut connection = Connection::open(envoy.addr()).await.unwrap();
            connection.write(bytes).await.unwrap();
            let answer = connection.response().await.unwrap();
            all.push((seen(&answer), self.received(before)));
        }
        assert_eq!(all[0], all[1], "{name}");
    }
}

fn config(upstream: &Upstream, approver: &FakeApprover) -> Config {
    let mut config =
        scene::gateway(upstream.addr(), approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY, &observing());
    config.listener.enable_trailers = true;
    config
}

/// Headers but for those that differ between any two requests through Envoy.
fn comparable(headers: Vec<(String, Vec<u8>)>) -> BTreeMap<String, Vec<u8>> {
    const VARYING: [&str; 3] = ["date", "x-envoy-upstream-service-time", "x-request-id"];
    headers.into_iter().filter(|(name, _)| !VARYING.contains(&name.as_str())).collect()
}

/// Headers, body and trailers.
type Message = (BTreeMap<String, Vec<u8>>, Vec<u8>, Vec<u8>);

fn message(headers: Vec<(String, Vec<u8>)>, body: &[u8], trailers: &[u8]) -> Message {
    (comparable(headers), body.to_vec(), trailers.to_vec())
}

fn seen(answer: &Response) -> (u16, Message) {
    (answer.status, message(answer.headers.clone(), &answer.body, &answer.trailers))
}

/// An answer that would be masked, and of a form of its own for some paths.
fn reply(request: &Recorded) -> Reply {
    match request.target().as_str() {
        "/events" => {
            let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ann@exam\"}}]}\n\n\
                          data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ple.com\"}}]}\n\ndata: [DONE]\n\n";
            Reply::raw(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{events}\r\n0\r\nx-sum: 1\r\n\r\n",
                events.len()
            ))
        }
        "/gzip" => Reply::raw(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n\x1f\x08ab",
        ),
        "/large" => Reply::new(200, "application/json", format!("[\"{}\"]", "ann@example.com ".repeat(1000))),
        _ => Reply::json(200, r#"{"mail":"ann@example.com","card":"4111 1111 1111 1111"}"#),
    }
}

#[tokio::test]
async fn nothing_differs_from_a_gateway_without_the_filter() {
    let pair = Pair::new(reply).await;
    let mail = json!({ "to": "ann@example.com" });
    let cases = [
        ("a read", Request::get("/v1/contacts?mail=ann%40example.com&x=%7E")),
        (
            "names of the gateway's own",
            Request::get("/").header("x-privyseal-hold", "h").header("x-envoy-max-retries", "0"),
        ),
        ("held if enforced", scene::export()),
        ("denied if enforced", Request::get("/admin/purge")),
        (
            "an address of the gateway's own",
            Request::get("/.well-known/privyseal/holds/h-1").header(policy::AGENT, "a"),
        ),
        ("masked if enforced", Request::post("/v1/notes", &mail)),
        ("an event stream", Request::get("/events").header("accept-encoding", "gzip").header("range", "bytes=0-1")),
        ("compressed", Request::get("/gzip").header("accept-encoding", "gzip, br")),
        ("a large answer", Request::get("/large")),
        ("a large body", Request::post("/v1/refunds", &json!({ "note": "x".repeat(100_000) }))),
        ("not JSON", Request::new("POST", "/v1/refunds").body("application/json", "{\"amount\":1,")),
        (
            "two readings",
            Request::new("POST", "/v1/refunds").body("application/json", r#"{"amount":1,"amount":20000}"#),
        ),
        (
            "compressed body",
            Request::new("POST", "/v1/refunds").body("application/json", "\x1f").header("content-encoding", "gzip"),
        ),
        ("two principals", Request::post("/v1/refunds", &mail).header(policy::AGENT, "a").header(policy::AGENT, "b")),
        ("a file", Request::new("POST", "/v1/files").body("image/png", vec![0x89, 0, 0, 0])),
        ("gRPC", Request::new("POST", "/crm.Crm/Export").body("application/grpc", vec![0; 9]).header("te", "trailers")),
        ("an upgrade", Request::get("/ws").header("upgrade", "websocket").header("connection", "upgrade")),
    ];
    for (name, request) in cases {
        pair.compare(name, &request.to_bytes()).await;
    }
    let chunked = b"POST /v1/refunds HTTP/1.1\r\nhost: crm.example\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    pair.compare(
        "chunks and trailers",
        &[chunked, &b"9\r\n{\"amount\"\r\n8\r\n: 20000}\r\n0\r\nx-t: 1\r\n\r\n"[..]].concat(),
    )
    .await;
    assert!(pair.approver.calls(Call::Create).is_empty());
}

#[tokio::test]
async fn nothing_differs_on_http2_either() {
    let pair = Pair::new(reply).await;
    let trailers = HeaderMap::from_iter([("x-t".parse().unwrap(), "1".parse().unwrap())]);
    for trailers in [None, Some(trailers)] {
        let mut all = Vec::new();
        for envoy in [&pair.bare, &pair.observed] {
            let before = pair.upstream.seen().len();
            let request = http::Request::post("http://crm.example/v1/accounts/1/export")
                .header("content-type", "application/json")
                .body(())
                .unwrap();
            let client = H2::open(envoy.addr()).await.unwrap();
            let answer = client.send(request, &[b"{\"to\":\"ann@exam", b"ple.com\"}"], trailers.clone()).await.unwrap();
            all.push((seen(&answer), pair.received(before)));
        }
        assert_eq!(all[0], all[1]);
    }
}

/// An upstream may answer before it has the whole request, as in a gRPC stream: nothing waits for the body's end.
#[tokio::test]
async fn a_body_is_not_kept_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let approver = FakeApprover::start(Twist::default());
    let config = scene::gateway(addr, approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY, &observing());
    let envoy = Envoy::start(&config).await.unwrap();
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"half") {
            stream.read_buf(&mut read).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nann@example.com").await.unwrap();
        stream
    });
    let mut connection = Connection::open(envoy.addr()).await.unwrap();
    connection.write(b"POST /v1/refunds HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    let answer = tokio::time::timeout(PATIENCE, connection.response()).await.expect("in time").unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "ann@example.com"));
    drop(upstream.await.unwrap());
}

#[tokio::test]
async fn what_would_have_been_done_is_counted_and_reported() {
    let pair = Pair::new(reply).await;
    for request in [scene::export(), Request::get("/admin/purge"), Request::get("/large")] {
        request.send(pair.observed.addr()).await.unwrap();
    }
    let log = eventually("three requests are in the access log", async || {
        Some(pair.observed.access_log()).filter(|log| log.len() >= 3)
    })
    .await;
    assert_eq!(log[0]["observed"], "export=hold", "{log:?}");
    for (counter, count) in [
        ("observed.rule.export.hold", 1),
        ("observed.category.bulk_export.hold", 1),
        ("observed.rule.purge.deny", 1),
        ("observed.entity.EMAIL_ADDRESS", 2),
        ("observed.uninspected.response_too_large", 1),
    ] {
        assert_eq!(pair.observed.stat(&format!("privyseal.{counter}")).await, count, "{counter}");
    }
    let deadline = tokio::time::Instant::now() + PATIENCE * 2;
    loop {
        let batches = pair.approver.calls(Call::Observations);
        let counts: Vec<&Value> = batches.iter().filter_map(|batch| batch["counts"].as_array()).flatten().collect();
        let total =
            |kind: &str| counts.iter().filter(|c| c["kind"] == kind).filter_map(|c| c["count"].as_u64()).sum::<u64>();
        if (total("rule"), total("uninspected")) == (2, 1) {
            assert!(!batches.iter().any(|batch| batch.to_string().contains("ann@example.com")));
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{batches:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
