//! The examples of docs/examples.md, run as they stand there.

use std::process::Output;

use e2e::agents::Agent;
use e2e::scene::Scene;
use e2e::{artefacts, eventually, jwt, policy};
use serde_json::{Value, json};

fn docs() -> String {
    std::fs::read_to_string(artefacts::root().join("docs/examples.md")).unwrap()
}

fn token() -> String {
    jwt::token(&json!({ "sub": "agent-1" }))
}

/// The shell example under a heading.
fn example(heading: &str) -> String {
    let docs = docs();
    let section = docs.split_once(&format!("## {heading}\n")).unwrap().1;
    section.split_once("```sh\n").unwrap().1.split("```").next().unwrap().to_owned()
}

async fn run(example: String, variables: &[(&str, &str)]) -> Output {
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-eu", "-c", &example]).envs(variables.iter().copied()).output().await.unwrap()
}

/// Approves the hold once its client has come back to it.
async fn approve_when_sent_again(scene: &Scene) {
    let id = scene.alice.await_pending().await;
    for waits in [false, true] {
        eventually("the client goes and comes back", async || {
            (scene.alice.show(&id).await.ok()?["attached"] == json!(waits)).then_some(())
        })
        .await;
    }
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_python_agent_waits_resends_and_takes_no_for_an_answer() {
    let recipe = std::fs::read_to_string(artefacts::root().join("tests/clients/waits.py")).unwrap();
    assert!(docs().contains(&format!("```python\n{recipe}```")), "docs/examples.md quotes tests/clients/waits.py");
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let mut agent = Agent::start("waiting_agent", &format!("http://{}", scene.addr()), &token()).await.unwrap();
    let export = json!({ "path": "/v1/accounts/7/export", "json": { "format": "csv" } });
    let (done, ()) = tokio::join!(agent.ask(&export), approve_when_sent_again(&scene));
    assert_eq!(done.unwrap(), json!({ "status": 200, "body": { "ok": true } }));
    assert_eq!(scene.upstream.seen().len(), 1);

    let other = json!({ "path": "/v1/accounts/8/export", "json": { "format": "csv" } });
    let (denied, _) = tokio::join!(agent.ask(&other), async {
        let id = scene.alice.await_pending().await;
        scene.alice.deny(&id, "not this one").await.unwrap()
    });
    let denied = denied.unwrap();
    assert_eq!((&denied["status"], &denied["body"]["next"]), (&json!(403), &json!("stop")), "{denied}");
    assert_eq!(scene.upstream.seen().len(), 1);
}

#[tokio::test]
async fn curl_waits_and_reads() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let (gateway, approver) = (format!("http://{}", scene.addr()), format!("http://{}", scene.approver.addr()));
    let token = token();
    let variables = [("GATEWAY", gateway.as_str()), ("AGENT_TOKEN", &token)];
    let waiting = run(example("An agent that waits, with curl"), &variables);
    let reader = scene.approver.token("approver").unwrap();
    let (sent, ()) = tokio::join!(waiting, async {
        scene.alice.await_pending().await;
        let variables = [("APPROVER", approver.as_str()), ("PRIVYSEAL_TOKEN", &reader)];
        let read = run(example("A tool that reads what waits"), &variables).await;
        let page: Value = serde_json::from_slice(&read.stdout).unwrap();
        assert_eq!(page["holds"][0]["path"], "/v1/accounts/7/export", "{read:?}");
        approve_when_sent_again(&scene).await;
    });
    assert!(sent.status.success() && String::from_utf8_lossy(&sent.stdout).ends_with(r#"{"ok":true}"#), "{sent:?}");
    assert_eq!(scene.upstream.seen().len(), 1);
}
