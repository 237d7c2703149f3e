//! The usual scene: an upstream, an approver, a gateway between agents and both, and Alice who decides.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::approver::{Approver, Person};
use crate::client::{Request, Response};
use crate::envoy::{Config, Envoy, Plugin};
use crate::fake_approver::FakeApprover;
use crate::postgres::Postgres;
use crate::upstream::Upstream;
use crate::{jwt, policy};

/// The people whom the approver knows.
pub const PEOPLE: &[&str] = &["alice=alice@example.com", "bob=bob@example.com,agent-of-bob"];

pub struct Scene {
    pub upstream: Upstream,
    /// The one at which people decide.
    pub approver: Approver,
    /// The one that the gateway asks, where it is another.
    pub replica: Option<Approver>,
    pub envoy: Envoy,
    pub alice: Person,
}

/// With `2`, every scene has two replicas on PostgreSQL: requests wait at one, people decide at the other.
const REPLICAS: &str = "PRIVYSEAL_TEST_REPLICAS";

impl Scene {
    /// With a policy, before an upstream that answers 200.
    pub async fn new(policy: &Value) -> Scene {
        Scene::before(Upstream::ok().await, policy).await
    }

    pub async fn before(upstream: Upstream, policy: &Value) -> Scene {
        Scene::configured(upstream, policy, |_| ()).await
    }

    /// With changes to Envoy's configuration.
    pub async fn configured(upstream: Upstream, policy: &Value, change: impl FnOnce(&mut Config)) -> Scene {
        Scene::try_start(upstream, policy, change).await.unwrap_or_else(|e| panic!("{e:#}"))
    }

    async fn try_start(upstream: Upstream, policy: &Value, change: impl FnOnce(&mut Config)) -> Result<Scene> {
        let (approver, replica) = match std::env::var(REPLICAS).as_deref() {
            Ok("2") => {
                let database = Postgres::shared().database();
                let approver = Approver::start_replica(&database, PEOPLE).await?;
                (approver, Some(Approver::start_replica(&database, PEOPLE).await?))
            }
            Ok(other) => bail!("{REPLICAS} is `{other}`: expected `2`, or nothing for one approver on SQLite"),
            Err(_) => (Approver::start(PEOPLE).await?, None),
        };
        let asked = replica.as_ref().unwrap_or(&approver);
        let mut config = gateway(upstream.addr(), asked.addr(), asked.gateway_token(), asked.key(), policy);
        change(&mut config);
        let envoy = Envoy::start(&config).await?;
        let alice = approver.login("alice").await?;
        Ok(Scene { upstream, approver, replica, envoy, alice })
    }

    pub fn addr(&self) -> SocketAddr {
        self.envoy.addr()
    }

    /// Sends it and waits for the answer.
    pub async fn send(&self, request: &Request) -> Response {
        request.send(self.addr()).await.unwrap_or_else(|e| panic!("{e:#}\n{}", self.envoy.log()))
    }

    /// Sends it in the background: its answer comes when somebody has decided.
    pub fn send_later(&self, request: &Request) -> tokio::task::JoinHandle<Response> {
        let (request, addr) = (request.clone(), self.addr());
        tokio::spawn(async move { request.send(addr).await.unwrap_or_else(|e| panic!("{e:#}")) })
    }

    /// Sends it and approves the hold that it makes.
    pub async fn send_approved(&self, request: &Request) -> Response {
        let answer = self.send_later(request);
        let id = self.alice.await_pending().await;
        let decided = self.alice.approve(&id).await.expect("answers");
        assert_eq!(decided.status, 200, "{decided:?}");
        answer.await.expect("answered")
    }

    /// The VM is alive, and nobody else's traffic is harmed.
    pub async fn assert_serving(&self) {
        assert_serving(&self.envoy).await;
    }
}

/// A gateway before the fake approver.
pub struct Faked {
    pub upstream: Upstream,
    pub approver: FakeApprover,
    pub envoy: Envoy,
}

impl Faked {
    pub async fn new(approver: FakeApprover, policy: &Value) -> Faked {
        let upstream = Upstream::ok().await;
        let config = gateway(upstream.addr(), approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY, policy);
        let envoy = Envoy::start(&config).await.unwrap_or_else(|e| panic!("{e:#}"));
        Faked { upstream, approver, envoy }
    }

    pub async fn send(&self, request: &Request) -> Response {
        request.send(self.envoy.addr()).await.unwrap_or_else(|e| panic!("{e:#}\n{}", self.envoy.log()))
    }
}

/// A gateway with the filter, and with `jwt_authn` before it.
pub fn gateway(upstream: SocketAddr, approver: SocketAddr, token: &str, key: &str, policy: &Value) -> Config {
    let mut config = Config::new(upstream).approver(approver, token, key).plugin(Plugin::new(policy));
    config.before.push(jwt::filter());
    config
}

/// A harmless read still passes.
pub async fn assert_serving(envoy: &Envoy) {
    let answer = Request::get("/healthy").send(envoy.addr()).await.unwrap_or_else(|e| panic!("{e:#}\n{}", envoy.log()));
    assert_eq!(answer.status, 200, "{answer:?}\n{}", envoy.log());
}

/// What most tests ask for: an export, as agent 1.
pub fn export() -> Request {
    Request::post("/v1/accounts/7/export", &serde_json::json!({ "format": "csv", "fields": ["name", "email"] }))
        .header(policy::AGENT, "agent-1")
}
