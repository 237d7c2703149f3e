//! An approver that approves everything at once, correctly, until a test twists one of its answers.
//!
//! Because the untwisted one releases, a refusal in a test is owed to the twist and to nothing else.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use httptest::responders::Responder;
use httptest::{Expectation, Server, matchers::any};
use privyseal_engine::hold::{Answer, Control, Kill, Release, ReleaseVerdict, State, VERSION, View};
use serde_json::Value;

/// The calls of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Create,
    Wait,
    Release,
    Detach,
    Outcome,
    Status,
    Control,
    Observations,
}

/// What goes back, before it is sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
    pub delay: Duration,
}

impl Outgoing {
    fn json(status: u16, body: String) -> Outgoing {
        Outgoing { status, content_type: "application/json".into(), body: body.into_bytes(), delay: Duration::ZERO }
    }
}

type OnAnswer = Arc<dyn Fn(&mut Answer) + Send + Sync>;
type OnOutgoing = Arc<dyn Fn(Call, &mut Outgoing) + Send + Sync>;

/// What a test may change.
#[derive(Clone)]
pub struct Twist {
    /// The state that a new hold has.
    pub state: State,
    /// Changes the answer to a release before it is authenticated.
    pub answer: OnAnswer,
    /// Changes any answer as it goes out.
    pub outgoing: OnOutgoing,
}

impl Default for Twist {
    fn default() -> Twist {
        Twist { state: State::Approved, answer: Arc::new(|_| ()), outgoing: Arc::new(|_, _| ()) }
    }
}

impl Twist {
    pub fn answer(f: impl Fn(&mut Answer) + Send + Sync + 'static) -> Twist {
        Twist { answer: Arc::new(f), ..Twist::default() }
    }

    pub fn outgoing(f: impl Fn(Call, &mut Outgoing) + Send + Sync + 'static) -> Twist {
        Twist { outgoing: Arc::new(f), ..Twist::default() }
    }
}

pub struct FakeApprover {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    twist: Mutex<Twist>,
    calls: Mutex<Vec<(Call, Value)>>,
}

impl FakeApprover {
    /// The token that gateways show it.
    pub const TOKEN: &str = "pvs_of_the_fake";
    /// The key shared with gateways, in hex.
    pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    pub fn start(twist: Twist) -> FakeApprover {
        let server = Server::run();
        let shared = Arc::new(Shared { twist: Mutex::new(twist), calls: Mutex::default() });
        server.expect(Expectation::matching(any()).times(..).respond_with(Mind(Arc::clone(&shared))));
        FakeApprover { server, shared }
    }

    /// From now on answers with this twist.
    pub fn twist(&self, twist: Twist) {
        *self.shared.twist.lock().expect("not poisoned") = twist;
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The bodies of the calls of one kind, so far.
    pub fn calls(&self, kind: Call) -> Vec<Value> {
        self.shared
            .calls
            .lock()
            .expect("not poisoned")
            .iter()
            .filter(|(c, _)| *c == kind)
            .map(|(_, body)| body.clone())
            .collect()
    }
}

struct Mind(Arc<Shared>);

impl Responder for Mind {
    fn respond<'a>(
        &mut self,
        request: &'a http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = http::Response<Bytes>> + Send + 'a>> {
        let call = classify(request);
        let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        self.0.calls.lock().expect("not poisoned").push((call, body));
        let twist = self.0.twist.lock().expect("not poisoned").clone();
        let mut outgoing = twist.honest(call, request);
        (twist.outgoing)(call, &mut outgoing);
        Box::pin(async move {
            tokio::time::sleep(outgoing.delay).await;
            http::Response::builder()
                .status(outgoing.status)
                .header("content-type", outgoing.content_type)
                .body(Bytes::from(outgoing.body))
                .expect("a valid response")
        })
    }
}

impl Twist {
    /// What the contract asks for.
    fn honest(&self, call: Call, request: &http::Request<Bytes>) -> Outgoing {
        match call {
            Call::Create => Outgoing::json(201, self.view(1)),
            Call::Status => Outgoing::json(200, self.view(1)),
            Call::Wait => Outgoing { delay: wait(request), ..Outgoing::json(200, self.view(1)) },
            Call::Release => Outgoing::json(200, self.release(request)),
            Call::Detach | Call::Outcome | Call::Observations => Outgoing::json(204, String::new()),
            Call::Control => {
                let control = Control { v: VERSION, epoch: 1, kill: Kill::Off, ..Control::default() };
                // Answers at once to whoever does not know the epoch yet.
                let known = query(request, "epoch") == Some(1);
                let delay = if known { wait(request) } else { Duration::ZERO };
                Outgoing { delay, ..Outgoing::json(200, to_json(&control)) }
            }
        }
    }

    fn view(&self, revision: u64) -> String {
        to_json(&View {
            v: VERSION,
            id: "hold-of-the-fake".into(),
            state: self.state,
            revision,
            deadline_ms: 4_102_444_800_000,
            reason: None,
            joined: false,
            near_miss: None,
        })
    }

    fn release(&self, request: &http::Request<Bytes>) -> String {
        let asked: Release = serde_json::from_slice(request.body()).expect("a release");
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        let mut answer = Answer {
            v: VERSION,
            hold: "hold-of-the-fake".into(),
            nonce: asked.nonce,
            digest: asked.digest,
            tenant: asked.tenant,
            environment: asked.environment,
            verdict: ReleaseVerdict::Released,
            state: State::Released,
            issued_ms: now,
            expires_ms: now + 30_000,
            receipt: None,
            mac: String::new(),
        };
        (self.answer)(&mut answer);
        let key = privyseal_engine::digest::unhex(FakeApprover::KEY).expect("hex");
        answer.mac = answer.authenticate(&key);
        to_json(&answer)
    }
}

fn classify(request: &http::Request<Bytes>) -> Call {
    let path = request.uri().path();
    match path.rsplit('/').next() {
        Some("holds") => Call::Create,
        Some("wait") => Call::Wait,
        Some("release") => Call::Release,
        Some("detach") => Call::Detach,
        Some("outcome") => Call::Outcome,
        Some("status") => Call::Status,
        Some("control") => Call::Control,
        Some("observations") => Call::Observations,
        _ => panic!("no such call: {path}"),
    }
}

fn wait(request: &http::Request<Bytes>) -> Duration {
    Duration::from_millis(query(request, "wait_ms").unwrap_or(0))
}

fn query(request: &http::Request<Bytes>, name: &str) -> Option<u64> {
    request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn to_json<T: ?Sized + serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("serialisable")
}
