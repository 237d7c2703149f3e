//! An approver that is away, slow, wrong or somebody else: nothing runs, and the agent hears a stable reason.

use std::time::{Duration, Instant};

use e2e::client::Response;
use e2e::envoy::Envoy;
use e2e::fake_approver::{Call, FakeApprover, Outgoing, Twist};
use e2e::process::Signal;
use e2e::scene::{Faked, PEOPLE, Scene, assert_serving, export, gateway};
use e2e::upstream::Upstream;
use e2e::{policy, ports};
use privyseal_engine::hold::{Answer, State};
use serde_json::json;

/// A gateway whose approver's answers are twisted again and again.
struct Twisted(Faked);

impl Twisted {
    async fn start() -> Twisted {
        Twisted(Faked::new(FakeApprover::start(Twist::default()), &policy::crm()).await)
    }

    /// Asks for an export; it is refused, and nothing reaches the upstream.
    async fn assert_refused(&self, twist: Twist, what: &str) {
        self.0.approver.twist(twist);
        assert_refused(&self.0.send(&export()).await, what);
        self.0.upstream.assert_untouched();
    }

    /// The benign twin: without a twist the same request runs.
    async fn assert_honest_again(&self) {
        self.0.approver.twist(Twist::default());
        assert_eq!(self.0.send(&export()).await.status, 200);
        assert_eq!(self.0.upstream.seen().len(), 1);
    }
}

fn assert_refused(answer: &Response, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    assert_eq!(answer.header("x-privyseal-status").as_deref(), Some("refused"), "{what}");
    let body = answer.json();
    assert!(body["code"].as_str().is_some_and(|c| c.starts_with("approver_")), "{what}: {body}");
    assert_eq!(body["executed"], json!(false), "{what}");
}

#[tokio::test]
async fn an_answer_to_another_request_does_not_release() {
    type Change = fn(&mut Answer);
    let changes: [(&str, Change); 9] = [
        ("another hold", |a| a.hold = "another".into()),
        ("another nonce", |a| a.nonce = "0".repeat(32)),
        ("another digest", |a| a.digest = "0".repeat(64)),
        ("another tenant", |a| a.tenant = "other".into()),
        ("another environment", |a| a.environment = "production".into()),
        ("another version", |a| a.v = 9),
        ("over", |a| a.expires_ms = a.issued_ms - 60_000),
        ("from the future", |a| {
            a.issued_ms += 3_600_000;
            a.expires_ms += 3_600_000;
        }),
        ("another state", |a| a.state = State::Pending),
    ];
    let gateway = Twisted::start().await;
    for (what, change) in changes {
        gateway.assert_refused(Twist::answer(change), what).await;
    }
    gateway.assert_honest_again().await;
}

#[tokio::test]
async fn an_answer_that_nobody_signed_does_not_release() {
    fn on_release(change: impl Fn(&mut serde_json::Value) + Send + Sync + 'static) -> Twist {
        Twist::outgoing(move |call, out| {
            if call == Call::Release {
                let mut body = serde_json::from_slice(&out.body).unwrap();
                change(&mut body);
                out.body = body.to_string().into_bytes();
            }
        })
    }
    let gateway = Twisted::start().await;
    gateway.assert_refused(on_release(|b| b["mac"] = json!("00".repeat(32))), "a wrong mac").await;
    gateway.assert_refused(on_release(|b| b["mac"] = json!("")), "an empty mac").await;
    gateway.assert_refused(on_release(|b| drop(b.as_object_mut().unwrap().remove("mac"))), "no mac").await;
    gateway.assert_refused(on_release(|b| *b = json!({ "decision": "allow" })), "another message").await;
    gateway.assert_honest_again().await;
}

#[tokio::test]
async fn whatever_else_comes_with_any_status_does_not_release() {
    fn replaced(call: Call, status: u16, content_type: &'static str, body: &'static str) -> Twist {
        Twist::outgoing(move |c, out| {
            if c == call {
                *out = Outgoing { status, content_type: content_type.into(), body: body.into(), delay: Duration::ZERO };
            }
        })
    }
    let gateway = Twisted::start().await;
    for call in [Call::Create, Call::Release] {
        for (status, content_type, body) in [
            (200, "text/html", "<html><body>approved</body></html>"),
            (200, "application/json", ""),
            (200, "application/json", "{\"state\":\"approved\""),
            (204, "application/json", ""),
            (302, "text/html", ""),
            (401, "application/problem+json", "{}"),
            (500, "text/plain", "approved"),
            (503, "application/json", "{}"),
        ] {
            gateway
                .assert_refused(replaced(call, status, content_type, body), &format!("{call:?} {status} {body:?}"))
                .await;
        }
    }
}

#[tokio::test]
async fn a_right_body_under_a_wrong_status_does_not_release() {
    let gateway = Twisted::start().await;
    for status in [201, 202, 206, 500] {
        let twist = Twist::outgoing(move |call, out| {
            if call == Call::Release {
                out.status = status;
            }
        });
        gateway.assert_refused(twist, &status.to_string()).await;
    }
    gateway.assert_honest_again().await;
}

#[tokio::test]
async fn nobody_listens() {
    let upstream = Upstream::ok().await;
    let config = gateway(upstream.addr(), ports::free(), FakeApprover::TOKEN, FakeApprover::KEY, &policy::crm());
    let envoy = Envoy::start(&config).await.unwrap();
    // The fastest of some: another may wait for a busy machine.
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let answer = export().send(envoy.addr()).await.unwrap();
        fastest = fastest.min(started.elapsed());
        assert_refused(&answer, "nobody listens");
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    upstream.assert_untouched();
    assert_serving(&envoy).await;
}

#[tokio::test]
async fn it_takes_the_connection_and_never_answers() {
    let policy = policy::crm_waiting("2s");
    let scene = Scene::new(&policy).await;
    let asked = scene.replica.as_ref().unwrap_or(&scene.approver);
    asked.signal(Signal::Stop);
    let started = Instant::now();
    let answer = scene.send(&export()).await;
    let took = started.elapsed();
    asked.signal(Signal::Continue);
    assert_refused(&answer, "silent");
    // One create of 8 s, not two; the rest is for a busy machine.
    assert!(took < Duration::from_secs(15), "{took:?}");
    scene.upstream.assert_untouched();
    scene.assert_serving().await;
}

#[tokio::test]
async fn restarted_while_holding_nothing_is_lost() {
    let mut scene = Scene::new(&policy::crm()).await;
    let waiting = scene.send_later(&export());
    let id = scene.alice.await_pending().await;
    let asked = scene.replica.as_mut().unwrap_or(&mut scene.approver);
    asked.restart(PEOPLE).await.unwrap();
    let alice = scene.approver.login("alice").await.unwrap();
    assert_eq!(alice.approve(&id).await.unwrap().status, 200);
    let answer = waiting.await.unwrap();
    // The waiting stream found its hold again, or heard a refusal and may ask again: one of both, and one run.
    if answer.status != 200 {
        assert_refused(&answer, "restarted");
        scene.upstream.assert_untouched();
        assert_eq!(scene.send(&export()).await.status, 200);
    }
    assert_eq!(scene.upstream.seen().len(), 1);
}
