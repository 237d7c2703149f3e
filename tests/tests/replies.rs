//! What SDKs that nobody changed tell their users when a person said no: the reason, and which hold it was.

use e2e::agents::Agent;
use e2e::scene::Scene;
use e2e::{jwt, policy};
use serde_json::{Value, json};

const REASON: &str = "not at <night> & never alone";

async fn scene(pack: &str) -> Scene {
    let base = policy::with(policy::crm_waiting("40s"), "/rules", json!([]));
    Scene::new(&policy::with_packs(base, &[pack])).await
}

async fn start(program: &str, scene: &Scene, path: &str, token: &str) -> Agent {
    Agent::start(program, &format!("http://{}{path}", scene.addr()), token).await.unwrap()
}

fn bearer() -> String {
    jwt::token(&json!({ "sub": "agent-1" }))
}

/// What comes of `call` when Alice denies it, and the id of its hold.
async fn denied(scene: &Scene, agent: &mut Agent, call: &Value) -> (Value, String) {
    let deny = async {
        let id = scene.alice.await_pending().await;
        scene.alice.deny(&id, REASON).await.unwrap();
        id
    };
    let (answer, id) = tokio::join!(agent.ask(call), deny);
    (answer.unwrap(), id)
}

#[tokio::test]
async fn boto3_in_each_protocol_of_aws() {
    let scene = scene("aws").await;
    let mut agent = start("aws_agent", &scene, "", "agent-1").await;
    for (protocol, service, call, arguments) in [
        ("query", "iam", "delete_user", json!({ "UserName": "a" })),
        ("S3", "s3", "delete_bucket", json!({ "Bucket": "data" })),
        ("EC2", "ec2", "terminate_instances", json!({ "InstanceIds": ["i-1"] })),
        ("JSON", "kms", "schedule_key_deletion", json!({ "KeyId": "k" })),
        ("REST with JSON", "lambda", "delete_function", json!({ "FunctionName": "f" })),
        ("REST with XML", "route53", "delete_hosted_zone", json!({ "Id": "Z1" })),
        ("CBOR", "cloudwatch", "delete_alarms", json!({ "AlarmNames": ["a"] })),
    ] {
        let call = json!({ "service": service, "call": call, "arguments": arguments });
        let (answer, id) = denied(&scene, &mut agent, &call).await;
        assert_eq!(answer["status"], json!(403), "{protocol}: {answer}");
        let text = answer["text"].as_str().unwrap();
        assert!(text.starts_with("An error occurred (AccessDenied"), "{protocol}: {text}");
        assert!(text.contains(&format!("{REASON} (approval_denied, hold {id})")), "{protocol}: {text}");
    }
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn the_kubernetes_client() {
    let scene = scene("kubernetes").await;
    let mut agent = start("kubernetes_agent", &scene, "", "agent-1").await;
    let arguments = json!({ "namespace": "x", "name": "web" });
    let call = json!({ "api": "AppsV1Api", "call": "delete_namespaced_deployment", "arguments": arguments });
    let (answer, id) = denied(&scene, &mut agent, &call).await;
    assert_eq!((&answer["status"], &answer["reason"]), (&json!(403), &json!("Forbidden")), "{answer}");
    let status: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(403)), "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains(&format!("{REASON} (approval_denied, hold {id})")), "{message}");
    assert_eq!(status["details"]["executed"], json!(false));
}

#[tokio::test]
async fn pygithub() {
    let scene = scene("github").await;
    let mut agent = start("github_agent", &scene, "", &bearer()).await;
    let (answer, id) = denied(&scene, &mut agent, &json!({ "path": [["get_repo", "o/r"], ["delete"]] })).await;
    assert_eq!(answer["status"], json!(403), "{answer}");
    let text = answer["text"].as_str().unwrap();
    assert!(text.contains(REASON) && text.contains(&id) && text.contains("approval_denied"), "{text}");
}

#[tokio::test]
async fn the_openai_sdk() {
    let scene = scene("llm").await;
    let mut agent = start("openai_agent", &scene, "/v1", &bearer()).await;
    let (answer, id) = denied(&scene, &mut agent, &json!({ "prompt": "charge 4111 1111 1111 1111" })).await;
    assert_eq!(answer["status"], json!(403), "{answer}");
    let text = answer["text"].as_str().unwrap();
    assert!(text.contains(REASON) && text.contains(&id) && text.contains("approval_denied"), "{text}");
}
