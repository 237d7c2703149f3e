//! What stands around the story: the CRM with a model beside it, the approver, the gateway.

use anyhow::Result;
use e2e::approver::Approver;
use e2e::client::Request;
use e2e::envoy::Envoy;
use e2e::upstream::{Recorded, Reply, Upstream};
use e2e::{artefacts, openai, rendered};
use serde_json::json;

/// The policy of the demo, for users to start from.
pub const POLICY: &str = "envoy/policies/crm.yaml";

/// Who acts, and whom the approver knows.
pub const AGENT: &str = "night-agent";
pub const PERSON: &str = "alice";

/// What the model knows, and the agent need not.
pub const PHONE: &str = "+49 30 901820";

pub struct Scenery {
    pub crm: Upstream,
    pub approver: Approver,
    pub envoy: Envoy,
}

impl Scenery {
    pub async fn set() -> Result<Scenery> {
        let crm = Upstream::start(crm).await;
        let approver = Approver::start(&["alice=alice@example.com"]).await?;
        let policy = artefacts::root().join(POLICY);
        let envoy = rendered::gateway(&policy, "127.0.0.1:0", &crm.addr().to_string(), &approver).await?;
        Ok(Scenery { crm, approver, envoy })
    }

    /// A request as the agent sends it.
    pub fn as_agent(&self, request: Request) -> Request {
        request.header("x-agent", AGENT)
    }
}

fn crm(request: &Recorded) -> Reply {
    match (request.method().as_str(), request.target().as_str()) {
        ("GET", "/v1/customers/7") => {
            Reply::value(200, &json!({ "id": 7, "company": "Keller AG", "stage": "renewal" }))
        }
        ("POST", "/v1/customers/export") => Reply::value(200, &json!({ "exported": 48_211 })),
        (_, "/v1/chat/completions") => openai::saying(request, &format!("Done. To be sure, call {PHONE}.")),
        _ => Reply::value(404, &json!({ "error": "no such route" })),
    }
}
