//! The harness itself: what goes through an Envoy without the filter arrives as it was sent.

use e2e::client::{Connection, Request};
use e2e::envoy::{Config, Envoy, Listener};
use e2e::h2_client::H2;
use e2e::upstream::{Gate, Reply, Upstream};
use http::HeaderMap;

#[tokio::test]
async fn bytes_and_trailers_pass() {
    let upstream = Upstream::ok().await;
    let mut config = Config::new(upstream.addr());
    config.listener = Listener { enable_trailers: true, ..Listener::default() };
    let envoy = Envoy::start(&config).await.unwrap();

    let mut connection = Connection::open(envoy.addr()).await.unwrap();
    connection
        .write(b"POST /a?b=c HTTP/1.1\r\nhost: crm.example\r\nx-any: \xff\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n")
        .await
        .unwrap();
    let response = connection.response().await.unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, r#"{"ok":true}"#));
    let seen = upstream.only();
    assert_eq!(
        (seen.target().as_str(), seen.body.as_slice(), seen.trailers.as_slice()),
        ("/a?b=c", &b"abc"[..], &b"x-t: 1\r\n"[..])
    );
    assert!(seen.headers().contains(&("x-any".into(), b"\xff".to_vec())));
}

#[tokio::test]
async fn http2_passes_with_trailers() {
    let upstream = Upstream::ok().await;
    let mut config = Config::new(upstream.addr());
    config.listener.enable_trailers = true;
    let envoy = Envoy::start(&config).await.unwrap();
    let client = H2::open(envoy.addr()).await.unwrap();
    let request = http::Request::post("http://crm.example/x").body(()).unwrap();
    let trailers = HeaderMap::from_iter([("x-t".parse().unwrap(), "1".parse().unwrap())]);
    let response = client.send(request, &[b"ab", b"c"], Some(trailers)).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!((upstream.only().text().as_str(), upstream.only().trailers.as_slice()), ("abc", &b"x-t: 1\r\n"[..]));
}

#[tokio::test]
async fn the_upstream_answers_late_or_resets() {
    let gate = Gate::default();
    let door = gate.clone();
    let upstream = Upstream::start(move |request| match request.target().as_str() {
        "/late" => Reply::json(200, "{}").after(&door),
        _ => Reply::reset(),
    })
    .await;
    let envoy = Envoy::start(&Config::new(upstream.addr())).await.unwrap();
    let addr = envoy.addr();
    let late = tokio::spawn(async move { Request::get("/late").send(addr).await });
    upstream.arrived(1).await;
    assert!(!late.is_finished());
    gate.open();
    assert_eq!(late.await.unwrap().unwrap().status, 200);
    assert_eq!(Request::get("/reset").send(addr).await.unwrap().status, 503);
}

#[tokio::test]
async fn a_configuration_that_envoy_refuses_is_an_error_with_its_words() {
    let upstream = Upstream::ok().await;
    let mut config = Config::new(upstream.addr());
    config.before.push(serde_json::json!({ "name": "nonsense" }));
    let error = Envoy::start(&config).await.err().expect("refused").to_string();
    assert!(error.contains("nonsense"), "{error}");
}

#[tokio::test]
async fn a_person_logs_in_to_the_real_approver_and_again_after_its_restart() {
    let mut approver = e2e::approver::Approver::start(e2e::scene::PEOPLE).await.unwrap();
    let alice = approver.login("alice").await.unwrap();
    assert!(alice.holds().await.unwrap().is_empty());
    approver.restart(e2e::scene::PEOPLE).await.unwrap();
    assert!(alice.holds().await.unwrap().is_empty(), "the session outlives the process");
    approver.login("bob").await.unwrap();
}
