//! The policies that users copy, rendered as they render them: each runs in the real Envoy, and enforces.

use std::process::Command;

use e2e::client::Request;
use e2e::envoy::Envoy;
use e2e::fake_approver::{Call, FakeApprover, Twist};
use e2e::upstream::Upstream;
use e2e::{artefacts, jwt};
use serde_json::json;
use tempfile::TempDir;

/// A rendered gateway and what stands around it.
struct Rendered {
    envoy: Envoy,
    upstream: Upstream,
    approver: FakeApprover,
    _keys: TempDir,
}

impl Rendered {
    async fn start(policy: &str, verifies_tokens: bool) -> Rendered {
        let upstream = Upstream::ok().await;
        let approver = FakeApprover::start(Twist::default());
        let keys = TempDir::new().unwrap();
        let jwks = keys.path().join("jwks.json");
        std::fs::write(&jwks, jwt::jwks().to_string()).unwrap();
        let mut command = Command::new(artefacts::privyseal());
        command.args(["policy", "render"]).arg(artefacts::root().join("envoy/policies").join(policy));
        command.args(["--upstream", &upstream.addr().to_string(), "--approver", &approver.addr().to_string()]);
        command.args(["--listen", "127.0.0.1:0", "--admin", "0"]).arg("--wasm").arg(artefacts::filter());
        if verifies_tokens {
            command.args(["--jwt-issuer", jwt::ISSUER, "--jwks"]).arg(&jwks);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let secrets = [("PRIVYSEAL_TOKEN", FakeApprover::TOKEN), ("PRIVYSEAL_KEY", FakeApprover::KEY)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let envoy = Envoy::boot(&String::from_utf8_lossy(&output.stdout), &secrets, 1).await.unwrap();
        Rendered { envoy, upstream, approver, _keys: keys }
    }

    async fn status(&self, request: Request) -> u16 {
        request.send(self.envoy.addr()).await.unwrap().status
    }
}

#[tokio::test]
async fn the_crm_policy_enforces() {
    let gateway = Rendered::start("crm.yaml", false).await;
    let by_agent = |request: Request| request.header("x-agent", "agent-7");
    assert_eq!(gateway.status(by_agent(Request::get("/v1/customers/7"))).await, 200);
    assert_eq!(gateway.status(by_agent(Request::get("/admin/users"))).await, 403);
    // The fake approver approves: what was held runs.
    let export = Request::post("/v1/customers/export", &json!({ "format": "csv" }));
    assert_eq!(gateway.status(by_agent(export)).await, 200);
    let two_readings =
        Request::new("POST", "/v1/orders/7/refund").body("application/json", r#"{"amount":1,"amount":9}"#);
    assert_eq!(gateway.status(by_agent(two_readings)).await, 400);
    assert_eq!(gateway.upstream.seen().len(), 2);
}

#[tokio::test]
async fn the_llm_policy_masks_and_denies() {
    let gateway = Rendered::start("llm.yaml", true).await;
    let chat =
        || Request::post("/v1/chat/completions", &json!({ "messages": [{ "content": "ask alice@example.com" }] }));
    assert_eq!(gateway.status(chat()).await, 401);
    gateway.upstream.assert_untouched();
    let by_agent = |request: Request| {
        request.header("authorization", format!("Bearer {}", jwt::token(&json!({ "sub": "agent-7" }))))
    };
    assert_eq!(gateway.status(by_agent(chat())).await, 200);
    let prompt = String::from_utf8(gateway.upstream.only().body).unwrap();
    assert!(prompt.contains("ask <EMAIL_ADDRESS") && !prompt.contains("alice"), "{prompt}");
    assert_eq!(gateway.status(by_agent(Request::post("/v1/files", &json!({})))).await, 403);
}

#[tokio::test]
async fn the_mcp_policy_tells_tools_apart() {
    let gateway = Rendered::start("mcp.yaml", true).await;
    let call = |id: u32, tool: serde_json::Value| {
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } });
        let token = jwt::token(&json!({ "sub": "agent-7", "act": { "sub": "alice" } }));
        Request::post("/mcp", &body).header("authorization", format!("Bearer {token}"))
    };
    assert_eq!(gateway.status(call(1, "get_issue".into())).await, 200);
    assert_eq!(gateway.upstream.seen().len(), 1);
    // Refusals of MCP calls are JSON-RPC errors under 200.
    let refused = call(2, json!(7)).send(gateway.envoy.addr()).await.unwrap();
    assert_eq!((refused.status, refused.json()["id"].clone()), (200, json!(2)));
    assert_eq!(refused.header("x-privyseal-code").as_deref(), Some("invalid_mcp"));
    assert_eq!(gateway.upstream.seen().len(), 1);
}

#[tokio::test]
async fn the_kubernetes_policy_guards_the_api_server() {
    let gateway = Rendered::start("kubernetes.yaml", false).await;
    let by_agent = |request: Request| request.header("x-agent", "agent-7");
    assert_eq!(gateway.status(by_agent(Request::get("/api/v1/namespaces/prod/pods"))).await, 200);
    // The fake approver approves: what was held runs.
    let binding = json!({ "roleRef": { "name": "view" } });
    let binding = Request::post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding);
    assert_eq!(gateway.status(by_agent(binding)).await, 200);
    let shell = Request::new("POST", "/api/v1/namespaces/prod/pods/web/exec?command=sh");
    assert_eq!(gateway.status(by_agent(shell)).await, 403);
    let masked = Request::get("/api/v1/pods").header("impersonate-user", "admin");
    assert_eq!(gateway.status(by_agent(masked)).await, 403);
    assert_eq!(gateway.upstream.seen().len(), 2);
    assert_eq!(gateway.approver.calls(Call::Create).len(), 1);
}

/// What users copy without rendering is what rendering writes today.
#[test]
fn the_committed_example_is_up_to_date() {
    let command = ["policy", "render", "--upstream", "127.0.0.1:8000", "envoy/policies/crm.yaml"];
    let output = Command::new(artefacts::privyseal()).current_dir(artefacts::root()).args(command).output().unwrap();
    let committed = std::fs::read_to_string(artefacts::root().join("envoy/envoy.yaml")).unwrap_or_default();
    assert!(
        String::from_utf8_lossy(&output.stdout) == committed,
        "envoy/envoy.yaml is stale; to renew it: privyseal {} > envoy/envoy.yaml",
        command.join(" ")
    );
}
