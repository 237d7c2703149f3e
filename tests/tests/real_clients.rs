//! Clients that people use, unmodified, with their own timeouts and retries.

use e2e::agents::{Agent, McpServer, curl};
use e2e::envoy::{Config, Envoy};
use e2e::scene::PEOPLE;
use e2e::scene::{Scene, gateway};
use e2e::upstream::Upstream;
use e2e::{approver, eventually, jwt, openai, policy};
use serde_json::{Value, json};

fn policy() -> Value {
    let mut policy = policy::crm_waiting("1s");
    policy["rules"].as_array_mut().unwrap().extend([
        json!({ "id": "payroll", "match": { "path": "/v1/chat/completions", "body": { "/messages/0/content": { "glob": "*payroll*" } } }, "verdict": "hold" }),
        json!({ "id": "weapons", "match": { "path": "/v1/chat/completions", "body": { "/messages/0/content": { "glob": "*weapons*" } } }, "verdict": "deny" }),
        json!({ "id": "tool", "match": { "mcp": { "tool": "delete_account" } }, "verdict": "hold" }),
    ]);
    policy
}

fn token() -> String {
    jwt::token(&json!({ "sub": "agent-1" }))
}

#[tokio::test]
async fn openai_sdk_allowed_denied_and_approved_after_pending() {
    let scene = Scene::before(Upstream::start(openai::answer).await, &policy()).await;
    let mut agent = Agent::start("openai_agent", &format!("http://{}/v1", scene.addr()), &token()).await.unwrap();

    for stream in [false, true] {
        let allowed = agent.ask(&json!({ "prompt": "How is the night?", "stream": stream })).await.unwrap();
        assert_eq!(allowed["text"], json!(openai::ANSWER), "{allowed}");
    }
    let denied = agent.ask(&json!({ "prompt": "weapons" })).await.unwrap();
    assert_eq!((&denied["status"], &denied["error"]["executed"]), (&json!(403), &json!(false)), "{denied}");

    // The SDK retries by itself: the approval comes while it does.
    let seen = scene.upstream.seen().len();
    let question = json!({ "prompt": "Summarise the payroll" });
    let approve = async {
        let id = scene.alice.await_pending().await;
        eventually("the first wait is over", async || {
            (scene.envoy.stat("http.gateway.downstream_rq_4xx").await >= 2).then_some(())
        })
        .await;
        assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    };
    let (answer, ()) = tokio::join!(agent.ask(&question), approve);
    assert_eq!(answer.unwrap()["text"], json!(openai::ANSWER));
    assert_eq!(scene.upstream.seen().len(), seen + 1);

    // Its retries used up, it raises; asked once more after the approval, it completes.
    let question = json!({ "prompt": "Summarise the payroll again" });
    let raised = agent.ask(&question).await.unwrap();
    assert_eq!(raised["status"], json!(429), "{raised}");
    assert_eq!(raised["error"]["next"], json!("resend_identical_request"), "{raised}");
    let id = raised["error"]["hold"].as_str().unwrap().to_owned();
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    assert_eq!(agent.ask(&question).await.unwrap()["text"], json!(openai::ANSWER));
    assert_eq!(scene.upstream.seen().len(), seen + 2);
}

#[tokio::test]
async fn mcp_sdk_allowed_and_approved_after_pending_in_one_session() {
    let server = McpServer::start().await.unwrap();
    let approver = approver::Approver::start(PEOPLE).await.unwrap();
    let config: Config = gateway(server.addr(), approver.addr(), approver.gateway_token(), approver.key(), &policy());
    let envoy = Envoy::start(&config).await.unwrap();
    let alice = approver.login("alice").await.unwrap();
    let mut agent = Agent::start("mcp_agent", &format!("http://{}/mcp", envoy.addr()), &token()).await.unwrap();

    let allowed = agent.ask(&json!({ "tool": "list_accounts", "arguments": { "region": "eu" } })).await.unwrap();
    assert_eq!(allowed["text"], json!("3 accounts in eu"), "{allowed}");

    let deletion = json!({ "tool": "delete_account", "arguments": { "account": "7" } });
    let pending = agent.ask(&deletion).await.unwrap();
    let data = &pending["error"]["data"];
    assert_eq!((&data["executed"], &data["next"]), (&json!(false), &json!("resend_identical_request")), "{pending}");
    let id = data["hold"].as_str().unwrap().to_owned();
    assert_eq!(server.ran().len(), 1);
    assert_eq!(alice.approve(&id).await.unwrap().status, 200);
    let done = agent.ask(&deletion).await.unwrap();
    assert_eq!(done["text"], json!("deleted 7"), "{done}");
    assert_eq!(server.ran().len(), 2);

    let other = agent.ask(&json!({ "tool": "delete_account", "arguments": { "account": "8" } })).await.unwrap();
    let id = other["error"]["data"]["hold"].as_str().unwrap().to_owned();
    alice.deny(&id, "keep it").await.unwrap();
    assert_eq!(server.ran().len(), 2);
    let still = agent.ask(&json!({ "tool": "list_accounts", "arguments": { "region": "us" } })).await.unwrap();
    assert_eq!(still["text"], json!("3 accounts in us"), "the session lives: {still}");
}

#[tokio::test]
async fn curl_allowed_denied_and_approved_on_its_own_retry() {
    let scene = Scene::new(&policy()).await;
    let addr = scene.addr();
    assert_eq!(curl(addr, &["/v1/contacts"]).await, (200, r#"{"ok":true}"#.to_owned()));
    assert_eq!(curl(addr, &["/admin/purge"]).await.0, 403);

    let export = ["/v1/accounts/7/export", "--json", r#"{"format":"csv"}"#];
    let (status, body) = curl(addr, &export).await;
    assert_eq!(status, 429);
    let body: Value = serde_json::from_str(&body).unwrap();
    let id = body["hold"].as_str().unwrap().to_owned();

    // `curl --retry` obeys Retry-After.
    let arguments = [export.as_slice(), &["--retry", "5"]].concat();
    let retrying = curl(addr, &arguments);
    let approve = async {
        eventually("curl waits", async || (scene.alice.show(&id).await.ok()?["attached"] == json!(true)).then_some(()))
            .await;
        assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    };
    let ((status, _), ()) = tokio::join!(retrying, approve);
    assert_eq!(status, 200);
    assert_eq!(scene.upstream.seen().iter().filter(|r| r.method() == "POST").count(), 1);
}
