//! The packs in the real Envoy: each table request by request, and the SDKs that agents use.

use std::collections::BTreeMap;

use e2e::agents::{Agent, McpServer};
use e2e::client::Request;
use e2e::envoy::Envoy;
use e2e::fake_approver::{Call, FakeApprover, Twist};
use e2e::scene::{Faked, gateway};
use e2e::upstream::Upstream;
use e2e::{artefacts, openai, policy};
use privyseal_engine::hold::State;
use serde::Deserialize;
use serde_json::{Value, json};

const AGENT: &str = "agent-1";

#[derive(Deserialize)]
struct Suite {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    request: Written,
    expect: Expected,
}

#[derive(Deserialize)]
struct Written {
    method: Option<String>,
    host: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

#[derive(Deserialize)]
struct Expected {
    rule: Option<String>,
}

impl Written {
    fn request(&self) -> Request {
        let mut body = match &self.body {
            None => Vec::new(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(json) => json.to_string().into_bytes(),
        };
        let length = self.headers.get("content-length");
        if let Some(length) = length.and_then(|length| length.parse().ok()) {
            body.resize(length, b'x');
        }
        let mut request = Request::new(self.method.as_deref().unwrap_or("GET"), &self.path);
        if !body.is_empty() {
            request = request.body("text/plain", body).set("content-type", None);
        }
        request = request.set("host", Some(&self.host)).header(policy::AGENT, AGENT);
        self.headers.iter().fold(request, |request, (name, value)| request.set(name, Some(value)))
    }
}

/// A policy of nothing but packs, whose holds are pending at once.
fn of_packs(packs: &[&str]) -> Value {
    let base = policy::with(policy::crm_waiting("20ms"), "/rules", json!([]));
    policy::with_packs(base, packs)
}

fn undecided() -> FakeApprover {
    FakeApprover::start(Twist { state: State::Pending, ..Twist::default() })
}

/// The rules of the hold that was made since `before`, if one was.
fn held_since(approver: &FakeApprover, before: usize) -> Option<Vec<String>> {
    let calls = approver.calls(Call::Create);
    let intake = calls.get(before)?;
    Some(serde_json::from_value(intake["rules"].clone()).unwrap())
}

async fn table(pack: &str) {
    let text = std::fs::read_to_string(artefacts::root().join(format!("packs/{pack}.test.yaml"))).unwrap();
    let suite: Suite = serde_saphyr::from_str(&text).unwrap();
    let scene = Faked::new(undecided(), &of_packs(&[pack])).await;
    let mut wrong = Vec::new();
    for case in &suite.tests {
        let (holds, seen) = (scene.approver.calls(Call::Create).len(), scene.upstream.seen().len());
        let answer = scene.send(&case.request.request()).await;
        let (held, passed) = (held_since(&scene.approver, holds), scene.upstream.seen().len() > seen);
        let right = match &case.expect.rule {
            Some(rule) => {
                let pending = answer.header("x-privyseal-status").as_deref() == Some("pending");
                // Envoy itself refuses escaped slashes, as its users should have it.
                let by_envoy = answer.status == 400 && case.request.path.to_ascii_lowercase().contains("%2f");
                let by_rule = pending && held.as_ref().is_some_and(|rules| rules.contains(rule));
                !passed && (by_rule || by_envoy)
            }
            None => passed && held.is_none(),
        };
        if !right {
            wrong.push(format!("{}: held by {held:?}, passed: {passed}, {answer:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_table_of_aws() {
    table("aws").await;
}

#[tokio::test]
async fn the_table_of_export() {
    table("export").await;
}

#[tokio::test]
async fn the_table_of_github() {
    table("github").await;
}

#[tokio::test]
async fn the_table_of_kubernetes() {
    table("kubernetes").await;
}

#[tokio::test]
async fn the_table_of_llm() {
    table("llm").await;
}

#[tokio::test]
async fn the_table_of_mcp() {
    table("mcp").await;
}

/// Asks an agent for each call: with a rule it is held by that rule, without one it passes.
async fn calls(program: &str, pack: &str, calls: &[(Value, Option<&str>)]) {
    let scene = Faked::new(undecided(), &of_packs(&[pack])).await;
    let mut agent = Agent::start(program, &format!("http://{}", scene.envoy.addr()), AGENT).await.unwrap();
    for (call, rule) in calls {
        let (holds, seen) = (scene.approver.calls(Call::Create).len(), scene.upstream.seen().len());
        let answer = agent.ask(call).await.unwrap();
        let (held, passed) = (held_since(&scene.approver, holds), scene.upstream.seen().len() > seen);
        match rule {
            Some(rule) => {
                let rules = held.unwrap_or_else(|| panic!("not held: {call} {answer}"));
                assert!(rules.contains(&format!("{pack}/{rule}")) && !passed, "{rules:?} {call}");
            }
            None => assert!(held.is_none() && passed, "{held:?} {call} {answer}"),
        }
    }
}

#[tokio::test]
async fn boto3_is_held_and_passes_as_the_pack_says() {
    let call = |service: &str, call: &str, arguments: Value| json!({ "service": service, "call": call, "arguments": arguments });
    calls(
        "aws_agent",
        "aws",
        &[
            (
                call(
                    "iam",
                    "attach_user_policy",
                    json!({ "UserName": "a", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
                ),
                Some("iam-escalation"),
            ),
            (call("iam", "create_access_key", json!({ "UserName": "a" })), Some("iam-credentials")),
            (call("iam", "create_user", json!({ "UserName": "a" })), Some("iam-identities")),
            (call("iam", "delete_user", json!({ "UserName": "a" })), Some("iam-deletion")),
            (call("iam", "list_users", json!({})), None),
            (call("sts", "get_federation_token", json!({ "Name": "agent" })), Some("temporary-credentials")),
            (call("sts", "get_caller_identity", json!({})), None),
            (call("s3", "put_bucket_policy", json!({ "Bucket": "data", "Policy": "{}" })), Some("s3-public")),
            (
                call("s3", "put_object", json!({ "Bucket": "data", "Key": "a", "Body": "x", "ACL": "public-read" })),
                Some("s3-public-acl"),
            ),
            (call("s3", "put_object", json!({ "Bucket": "data", "Key": "a", "Body": "x" })), None),
            (call("s3", "delete_bucket", json!({ "Bucket": "data" })), Some("s3-deletion")),
            (call("s3", "list_buckets", json!({})), None),
            (call("kms", "schedule_key_deletion", json!({ "KeyId": "k" })), Some("kms")),
            (call("kms", "describe_key", json!({ "KeyId": "k" })), None),
            (call("secretsmanager", "get_secret_value", json!({ "SecretId": "s" })), Some("secrets")),
            (call("ssm", "get_parameter", json!({ "Name": "/db", "WithDecryption": true })), Some("secrets")),
            (call("ssm", "get_parameter", json!({ "Name": "/db" })), None),
            (call("cloudtrail", "stop_logging", json!({ "Name": "t" })), Some("audit")),
            (call("cloudwatch", "delete_alarms", json!({ "AlarmNames": ["a"] })), Some("audit")),
            (call("cloudwatch", "describe_alarms", json!({})), None),
            (call("dynamodb", "delete_table", json!({ "TableName": "table" })), Some("deletion")),
            (call("dynamodb", "list_tables", json!({})), None),
            (call("ec2", "terminate_instances", json!({ "InstanceIds": ["i-1"] })), Some("deletion")),
            (call("ec2", "describe_instances", json!({})), None),
            (call("lambda", "delete_function", json!({ "FunctionName": "f" })), Some("deletion")),
            (
                call("lambda", "create_function_url_config", json!({ "FunctionName": "f", "AuthType": "NONE" })),
                Some("exposure"),
            ),
            (
                call(
                    "lambda",
                    "update_function_code",
                    json!({ "FunctionName": "f", "S3Bucket": "code", "S3Key": "k" }),
                ),
                Some("code"),
            ),
            (call("lambda", "list_functions", json!({})), None),
            (call("organizations", "leave_organization", json!({})), Some("organization")),
            (call("route53", "delete_hosted_zone", json!({ "Id": "Z1" })), Some("dns")),
            (call("route53", "list_hosted_zones", json!({})), None),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_kubernetes_client_is_held_and_passes_as_the_pack_says() {
    let call = |api: &str, call: &str, arguments: Value| json!({ "api": api, "call": call, "arguments": arguments });
    let x = |more: Value| {
        let mut arguments = json!({ "namespace": "x" });
        arguments.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        arguments
    };
    let privileged =
        json!({ "spec": { "containers": [{ "name": "a", "image": "a", "securityContext": { "privileged": true } }] } });
    let binding =
        json!({ "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin" } });
    calls(
        "kubernetes_agent",
        "kubernetes",
        &[
            (call("RbacAuthorizationV1Api", "create_cluster_role_binding", json!({ "body": binding })), Some("rbac")),
            (
                call(
                    "RbacAuthorizationV1Api",
                    "create_cluster_role_binding",
                    json!({ "body": binding, "dry_run": "All" }),
                ),
                None,
            ),
            (call("RbacAuthorizationV1Api", "list_cluster_role", json!({})), None),
            (call("CoreV1Api", "read_namespaced_secret", x(json!({ "name": "db" }))), Some("secrets-read")),
            (call("CoreV1Api", "list_secret_for_all_namespaces", json!({})), Some("secrets-read")),
            (call("CoreV1Api", "read_namespaced_config_map", x(json!({ "name": "secrets" }))), None),
            (
                call("CoreV1Api", "patch_namespaced_secret", x(json!({ "name": "db", "body": {} }))),
                Some("secrets-write"),
            ),
            (
                call("CoreV1Api", "connect_post_namespaced_pod_exec", x(json!({ "name": "web", "command": ["sh"] }))),
                Some("exec"),
            ),
            (call("CoreV1Api", "read_namespaced_pod_log", x(json!({ "name": "web" }))), None),
            (
                call(
                    "CoreV1Api",
                    "create_namespaced_service_account_token",
                    x(json!({ "name": "robot", "body": { "spec": { "audiences": [] } } })),
                ),
                Some("credentials"),
            ),
            (call("AppsV1Api", "delete_namespaced_deployment", x(json!({ "name": "web" }))), Some("deletion")),
            (call("CoreV1Api", "delete_namespaced_pod", x(json!({ "name": "web" }))), None),
            (call("CoreV1Api", "delete_collection_namespaced_pod", x(json!({}))), Some("bulk-deletion")),
            (
                call("AdmissionregistrationV1Api", "create_validating_webhook_configuration", json!({ "body": {} })),
                Some("admission"),
            ),
            (call("AdmissionregistrationV1Api", "list_validating_webhook_configuration", json!({})), None),
            (
                call("AppsV1Api", "patch_namespaced_deployment_scale", x(json!({ "name": "web", "body": {} }))),
                Some("disruption"),
            ),
            (call("AppsV1Api", "patch_namespaced_deployment", x(json!({ "name": "web", "body": {} }))), None),
            (
                call(
                    "CoreV1Api",
                    "patch_namespaced_config_map",
                    json!({ "namespace": "kube-system", "name": "coredns", "body": {} }),
                ),
                Some("control-plane"),
            ),
            (call("CoreV1Api", "create_namespaced_pod", x(json!({ "body": privileged }))), Some("privileged")),
            (
                call(
                    "CoreV1Api",
                    "create_namespaced_pod",
                    x(json!({ "body": { "spec": { "containers": [{ "name": "a" }] } } })),
                ),
                None,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_web_socket_into_a_pod_is_refused() {
    let scene = Faked::new(undecided(), &of_packs(&["kubernetes"])).await;
    let mut agent = Agent::start("kubernetes_agent", &format!("http://{}", scene.envoy.addr()), AGENT).await.unwrap();
    let arguments = json!({ "namespace": "x", "name": "web", "command": ["sh"], "stdout": true });
    let exec = json!({ "api": "CoreV1Api", "call": "connect_get_namespaced_pod_exec", "arguments": arguments, "stream": true });
    let refused = agent.ask(&exec).await.unwrap();
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("403")), "{refused}");
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn the_mcp_sdk_is_held_and_passes_as_the_pack_says() {
    let server = McpServer::start().await.unwrap();
    let approver = undecided();
    let config = gateway(server.addr(), approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY, &of_packs(&["mcp"]));
    let envoy = Envoy::start(&config).await.unwrap();
    let token = e2e::jwt::token(&json!({ "sub": AGENT }));
    let mut agent = Agent::start("mcp_agent", &format!("http://{}/mcp", envoy.addr()), &token).await.unwrap();
    let read = json!({ "tool": "list_accounts", "arguments": { "region": "delete_account" } });
    assert_eq!(agent.ask(&read).await.unwrap()["text"], json!("3 accounts in delete_account"));
    let held = agent.ask(&json!({ "tool": "delete_account", "arguments": { "account": "7" } })).await.unwrap();
    assert_eq!(held["error"]["data"]["state"], json!("pending"), "{held}");
    assert_eq!(held_since(&approver, 0).unwrap(), ["mcp/destructive"]);
    assert_eq!(server.ran().len(), 1);
}

#[tokio::test]
async fn the_openai_sdk_is_held_and_passes_as_the_pack_says() {
    let upstream = Upstream::start(openai::answer).await;
    let approver = undecided();
    let config = gateway(upstream.addr(), approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY, &of_packs(&["llm"]));
    let envoy = Envoy::start(&config).await.unwrap();
    let token = e2e::jwt::token(&json!({ "sub": AGENT }));
    let mut agent = Agent::start("openai_agent", &format!("http://{}/v1", envoy.addr()), &token).await.unwrap();
    let passes = agent.ask(&json!({ "prompt": "write to alice@example.com about 4111 1111 1111 1112" })).await.unwrap();
    assert_eq!(passes["text"], json!(openai::ANSWER), "{passes}");
    let held = agent.ask(&json!({ "prompt": "charge 4111 1111 1111 1111" })).await.unwrap();
    assert_eq!(held["status"], json!(429), "{held}");
    assert_eq!(held_since(&approver, 0).unwrap(), ["llm/identities-in-prompt"]);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn agents_say_what_for_and_approvers_read_it() {
    let rule = json!({ "id": "r", "match": { "path": "/x" }, "verdict": "hold", "why": "w", "require": ["purpose", "ticket"] });
    let scene =
        Faked::new(FakeApprover::start(Twist::default()), &policy::with(policy::crm(), "/rules", json!([rule]))).await;
    let silent = Request::post("/x", &json!({})).header(policy::AGENT, AGENT);
    let refused = scene.send(&silent).await;
    assert_eq!((refused.status, refused.header("x-privyseal-code").as_deref()), (400, Some("purpose_required")));
    assert!(refused.text().contains("`x-privyseal-purpose`"), "{refused:?}");
    scene.upstream.assert_untouched();
    let said =
        silent.header("x-privyseal-purpose", "write to alice@example.com").header("x-privyseal-ticket", "OPS-42");
    assert_eq!(scene.send(&said).await.status, 200);
    let stated = &scene.approver.calls(Call::Create)[0]["preview"]["stated"];
    assert_eq!(stated["ticket"], json!("OPS-42"));
    let purpose = stated["purpose"].as_str().unwrap();
    assert!(purpose.starts_with("write to <EMAIL_ADDRESS") && !purpose.contains("alice"), "{purpose}");
    let passed = scene.upstream.only();
    assert!(
        passed
            .headers()
            .iter()
            .all(|(name, _)| !name.starts_with("x-privyseal-p") && !name.starts_with("x-privyseal-t"))
    );
}
