//! Which differences make another act, and which do not: recorded requests of real clients, changed field by field.

use e2e::client::{Request, Response};
use e2e::policy;
use e2e::scene::Scene;
use serde_json::{Value, json};

/// A request as such a client sends it.
fn recorded() -> Vec<(&'static str, Request)> {
    let base = |target: &str, body: &Value| {
        Request::post(target, body)
            .header(policy::AGENT, "agent-1")
            .header("accept-encoding", "gzip, deflate")
            .header("x-api-key", "test-key")
    };
    let export = json!({ "format": "csv" });
    let chat = json!({ "model": "small", "messages": [{ "role": "user", "content": "payroll" }] });
    let tool = json!({ "jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": { "name": "delete_account", "arguments": { "account": "7" }, "_meta": { "progressToken": 4 } } });
    vec![
        ("curl", base("/v1/accounts/7/export", &export).header("user-agent", "curl/8.5.0").header("accept", "*/*")),
        (
            "the OpenAI SDK",
            base("/v1/chat/completions", &chat)
                .header("user-agent", "OpenAI/Python 3.54.0")
                .header("accept", "application/json")
                .header("x-stainless-lang", "python")
                .header("x-stainless-retry-count", "0"),
        ),
        (
            "the MCP SDK",
            base("/mcp", &tool)
                .header("user-agent", "python-httpx2/2.16.2")
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", "2025-11-25")
                .header("mcp-session-id", "5f1c"),
        ),
    ]
}

fn policy() -> Value {
    let mut policy = policy::with(policy::crm(), "/hold", json!({ "wait": "1s", "max_live": 200 }));
    policy["default"] = json!("hold");
    policy
}

/// The hold that it makes or joins, in whichever protocol the answer is.
fn hold_in(answer: &Response) -> String {
    let body = answer.json();
    let hold = ["/hold", "/error/hold", "/error/data/hold"].iter().find_map(|p| body.pointer(p)?.as_str());
    hold.unwrap_or_else(|| panic!("no hold: {answer:?}")).to_owned()
}

async fn hold(scene: &Scene, request: &Request) -> String {
    hold_in(&scene.send(request).await)
}

/// The holds of several requests, sent at once.
async fn holds<'a>(scene: &Scene, requests: Vec<(&'a str, Request)>) -> Vec<(&'a str, String)> {
    let sent: Vec<_> = requests.into_iter().map(|(what, request)| (what, scene.send_later(&request))).collect();
    let mut holds = Vec::new();
    for (what, answer) in sent {
        holds.push((what, hold_in(&answer.await.unwrap())));
    }
    holds
}

#[tokio::test]
async fn each_covered_field_makes_a_new_hold_and_each_volatile_field_joins() {
    let scene = Scene::new(&policy()).await;
    for (client, request) in recorded() {
        let original = hold(&scene, &request).await;
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let same = vec![
            ("nothing", request.clone()),
            ("traceparent", request.clone().header("traceparent", trace)),
            ("x-request-id", request.clone().header("x-request-id", "5e6f")),
            ("x-forwarded-for", request.clone().header("x-forwarded-for", "10.0.0.9")),
            ("a retry counter", request.clone().set("x-stainless-retry-count", Some("1"))),
            ("connection", request.clone().header("connection", "close")),
        ];
        for (what, id) in holds(&scene, same).await {
            assert_eq!(id, original, "{client}: {what} must join");
        }
        let other = vec![
            ("method", request.clone().with_method("PUT")),
            ("path", request.clone().with_target("/v1/accounts/8/export")),
            ("query", request.clone().with_target("/v1/accounts/7/export?all=1")),
            ("host", request.clone().set("host", Some("other.example"))),
            ("a header more", request.clone().header("x-batch", "1")),
            ("a header less", request.clone().set("accept", None)),
            ("a header's value", request.clone().set("user-agent", Some("else"))),
            ("principal", request.clone().set(policy::AGENT, Some("agent-2"))),
            ("on behalf of", request.clone().header("x-on-behalf-of", "carol@example.com")),
            ("credential", request.clone().set("x-api-key", Some("live-key"))),
            ("body", request.clone().body("application/json", r#"{"format":"xlsx"}"#)),
            ("white space in the body", request.clone().body("application/json", r#"{ "format":"xlsx"}"#)),
        ];
        let mut seen = vec![original];
        for (what, id) in holds(&scene, other).await {
            assert!(!seen.contains(&id), "{client}: {what} must make a new hold");
            seen.push(id);
        }
    }
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn correlation_fields_of_json_rpc_are_not_part_of_the_act() {
    let mut policy = policy();
    // That a route speaks MCP is the policy's word: to another API an `id` may be what it acts on.
    policy["rules"] = json!([{ "id": "tools", "match": { "mcp": { "tool": "delete_*" } }, "verdict": "hold" }]);
    let scene = Scene::new(&policy).await;
    let (_, request) = recorded().pop().unwrap();
    let original = hold(&scene, &request).await;
    let call = |id: u64, token: u64, account: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "delete_account", "arguments": { "account": account }, "_meta": { "progressToken": token } } });
        request.clone().body("application/json", body.to_string())
    };
    assert_eq!(hold(&scene, &call(5, 9, "7").set("mcp-session-id", Some("other"))).await, original);
    assert_ne!(hold(&scene, &call(5, 9, "8")).await, original);
}
