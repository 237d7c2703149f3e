//! What cannot be judged is refused where a rule selects it, passes where none does, and harms nobody else.

use e2e::client::{Connection, Request};
use e2e::fake_approver::{Call, FakeApprover, Twist};
use e2e::policy;
use e2e::scene::{Faked, assert_serving, export};
use serde_json::json;

async fn gateway() -> Faked {
    Faked::new(FakeApprover::start(Twist::default()), &policy::crm()).await
}

fn refund(body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", "/v1/refunds").header(policy::AGENT, "agent-1").body("application/json", body)
}

/// Sends it: refused with this status, nothing upstream, no hold, the gateway lives.
async fn assert_refused(gateway: &Faked, request: &Request, status: u16, what: &str) {
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    let body = answer.json();
    assert!(body["code"].is_string() && body["executed"] == json!(false), "{what}: {body}");
    gateway.upstream.assert_untouched();
    assert!(gateway.approver.calls(Call::Create).is_empty(), "{what}");
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_under_a_body_rule() {
    let gateway = gateway().await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for (what, body) in [
        ("not JSON", "amount=20000".to_owned()),
        ("cut", r#"{"amount":20000"#.to_owned()),
        ("two documents", r#"{}{"amount":20000}"#.to_owned()),
        ("a trailing comma", r#"{"amount":1,}"#.to_owned()),
        ("duplicate keys", r#"{"amount":1,"amount":20000}"#.to_owned()),
        ("duplicate keys by escape", r#"{"amount":1,"\u0061mount":20000}"#.to_owned()),
        ("a lone surrogate", r#"{"amount":1,"x":"\ud800"}"#.to_owned()),
        ("100,000 deep", deep(100_000)),
        ("100,000 deep inside", format!(r#"{{"amount":1,"x":{}}}"#, deep(100_000))),
    ] {
        assert_refused(&gateway, &refund(body), 400, what).await;
    }
    assert_refused(&gateway, &refund(b"{\"amount\":1,\"x\":\"\xff\"}".to_vec()), 400, "not UTF-8").await;
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec();
    assert_refused(&gateway, &refund(gzip.clone()).header("content-encoding", "gzip, gzip"), 415, "twice gzip").await;
    assert_refused(&gateway, &refund(gzip).header("content-encoding", "mystery"), 415, "an unknown encoding").await;
    let utf16 = refund(r#"{"amount":1}"#).set("content-type", Some("application/json; charset=utf-16"));
    assert_refused(&gateway, &utf16, 415, "UTF-16").await;
    assert_serving(&gateway.envoy).await;
    // The benign twin.
    assert_eq!(gateway.send(&refund(r#"{"amount":1}"#)).await.status, 200);
}

#[tokio::test]
async fn the_same_bodies_pass_where_no_rule_selects_them() {
    let gateway = gateway().await;
    for body in [&b"{\"a\":1,\"a\":2"[..], b"\xff\xfe\x00", b"{\"x\":\"\\ud800\"}"] {
        let request =
            Request::new("POST", "/v1/notes").body("application/json", body).header("content-encoding", "mystery");
        assert_eq!(gateway.send(&request).await.status, 200);
        assert_eq!(gateway.upstream.seen().pop().unwrap().body, body);
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_and_pass_elsewhere() {
    let gateway = gateway().await;
    let blank = |bytes: usize| format!(r#"{{"amount":1,"x":"{}"}}"#, " ".repeat(bytes));
    let mut connection = Connection::open(gateway.envoy.addr()).await.unwrap();
    // The gateway may answer and close while the client still writes.
    let _ = connection.write(&refund(blank(64 << 20)).to_bytes()).await;
    if let Ok(answer) = connection.response().await {
        assert_eq!(answer.status, 413, "{answer:?}");
    }
    gateway.upstream.assert_untouched();
    assert_refused(&gateway, &refund(blank(1 << 20)), 413, "just over").await;
    let mut chunked = refund("").set("content-length", None).header("transfer-encoding", "chunked").to_bytes();
    chunked.extend_from_slice(format!("{:x}\r\n{}\r\n0\r\n\r\n", 1 << 21, " ".repeat(1 << 21)).as_bytes());
    let mut connection = Connection::open(gateway.envoy.addr()).await.unwrap();
    let _ = connection.write(&chunked).await;
    assert_eq!(connection.response().await.unwrap().json()["executed"], json!(false));
    gateway.upstream.assert_untouched();
    assert_serving(&gateway.envoy).await;

    let free = Request::new("POST", "/v1/notes").body("application/json", blank(4 << 20));
    assert_eq!(gateway.send(&free).await.status, 200);
    assert!(gateway.upstream.seen().pop().unwrap().body == blank(4 << 20).as_bytes());
}

#[tokio::test]
async fn headers_that_are_not_utf8_harm_nobody() {
    let gateway = gateway().await;
    let odd = |request: Request| request.header("user-agent", b"\xa1\xb1").header("x-any", b"\xff");
    assert_eq!(gateway.send(&odd(Request::get("/v1/contacts"))).await.status, 200);
    assert_eq!(gateway.send(&odd(export())).await.status, 200, "held, shown and released");
    assert_eq!(gateway.upstream.seen().len(), 2);
    assert!(gateway.upstream.seen()[1].headers().contains(&("x-any".into(), b"\xff".to_vec())));
    // Envoy itself refuses such a name; whatever it answers, the worker lives.
    let mut connection = Connection::open(gateway.envoy.addr()).await.unwrap();
    connection.write(b"GET / HTTP/1.1\r\nhost: a\r\nx-\xff: 1\r\n\r\n").await.unwrap();
    let _ = connection.response().await;
    assert_serving(&gateway.envoy).await;
}

#[tokio::test]
async fn an_identity_that_comes_twice_is_nobodys() {
    let gateway = gateway().await;
    assert_refused(&gateway, &export().header(policy::AGENT, "agent-2"), 400, "two agents").await;
    assert_refused(&gateway, &export().header("host", "other.example"), 400, "two hosts").await;
    assert_serving(&gateway.envoy).await;
}

#[tokio::test]
async fn paths_that_mean_the_same_are_judged_the_same() {
    let gateway = gateway().await;
    for path in [
        "/public/../admin/purge",
        "/admin//purge",
        "/admin/./purge",
        "/%61dmin/purge",
        "/admin/purge?x=1",
        "/admin/purge;x=y",
        "/public/%252e%252e/admin/purge",
        "/admin%2fpurge",
        "/admin/purge#x",
        "/public\\..\\admin\\purge",
        "/ADMIN/../admin/purge/",
    ] {
        let answer = gateway.send(&Request::get(path).header(policy::AGENT, "agent-1")).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    gateway.upstream.assert_untouched();
    let absolute = Request::get("http://internal/admin/purge").header(policy::AGENT, "agent-1");
    assert_eq!(gateway.send(&absolute).await.status, 403);
    gateway.upstream.assert_untouched();
    assert_serving(&gateway.envoy).await;
}

#[tokio::test]
async fn upgrades_and_connect_do_not_get_around_a_rule() {
    let gateway = gateway().await;
    let upgrade = export().header("connection", "upgrade").header("upgrade", "websocket");
    let answer = gateway.send(&upgrade).await;
    assert!(answer.status >= 400, "{answer:?}");
    let mut connection = Connection::open(gateway.envoy.addr()).await.unwrap();
    connection.write(b"CONNECT crm.example:443 HTTP/1.1\r\nhost: crm.example:443\r\n\r\n").await.unwrap();
    assert!(connection.response().await.is_ok_and(|a| a.status >= 400));
    gateway.upstream.assert_untouched();
    assert_serving(&gateway.envoy).await;
}
