//! The packs and the clients that agents use, as they are.

use e2e::agents::{Agent, McpServer, curl};
use e2e::envoy::Envoy;
use e2e::fake_approver::{Call, FakeApprover};
use e2e::openai;
use e2e::scene::{Faked, gateway};
use e2e::upstream::Upstream;
use serde_json::{Value, json};

use super::{AGENT, held_since, of_packs, undecided};

/// Asks an agent for each call, whom a header names.
async fn calls(program: &str, pack: &str, calls: &[(Value, Option<&str>)]) {
    calls_with(program, AGENT, pack, calls).await;
}

async fn calls_with(program: &str, token: &str, pack: &str, calls: &[(Value, Option<&str>)]) {
    let scene = Faked::new(undecided(), &of_packs(&[pack])).await;
    let mut agent = Agent::start(program, &format!("http://{}", scene.envoy.addr()), token).await.unwrap();
    for (call, rule) in calls {
        judged(&scene, pack, &call.to_string(), *rule, async || agent.ask(call).await.unwrap().to_string()).await;
    }
}

/// With a rule the call is held by that rule, without one it passes.
async fn judged(scene: &Faked, pack: &str, call: &str, rule: Option<&str>, ask: impl AsyncFnOnce() -> String) {
    let (holds, seen) = (scene.approver.calls(Call::Create).len(), scene.upstream.seen().len());
    let answer = ask().await;
    let (held, passed) = (held_since(&scene.approver, holds), scene.upstream.seen().len() > seen);
    match rule {
        Some(rule) => {
            let rules = held.unwrap_or_else(|| panic!("not held: {call} {answer}"));
            assert!(rules.contains(&format!("{pack}/{rule}")) && !passed, "{rules:?} {call}");
        }
        None => assert!(held.is_none() && passed, "{held:?} {call} {answer}"),
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
            (call("efs", "delete_file_system", json!({ "FileSystemId": "fs-01234567" })), Some("deletion")),
            (call("efs", "describe_file_systems", json!({})), None),
            (call("backup", "delete_backup_vault", json!({ "BackupVaultName": "v" })), Some("deletion")),
            (call("backup", "list_backup_vaults", json!({})), None),
            (call("apigateway", "delete_rest_api", json!({ "restApiId": "a" })), Some("deletion")),
            (call("apigateway", "get_rest_apis", json!({})), None),
            (call("cloudfront", "delete_distribution", json!({ "Id": "E1" })), Some("deletion")),
            (call("cloudfront", "list_distributions", json!({})), None),
            (call("glacier", "delete_vault", json!({ "vaultName": "v" })), Some("deletion")),
            (call("glacier", "list_vaults", json!({})), None),
            (call("opensearch", "delete_domain", json!({ "DomainName": "orders" })), Some("deletion")),
            (call("opensearch", "list_domain_names", json!({})), None),
            (
                call(
                    "rolesanywhere",
                    "create_trust_anchor",
                    json!({ "name": "a", "source": { "sourceType": "CERTIFICATE_BUNDLE", "sourceData": { "x509CertificateData": "x" } } }),
                ),
                Some("iam-credentials"),
            ),
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
async fn tools_are_held_as_the_hints_of_their_server_say() {
    let server = McpServer::start().await.unwrap();
    let token = e2e::jwt::token(&json!({ "sub": AGENT }));
    let mut direct = Agent::start("mcp_agent", &format!("http://{}/mcp", server.addr()), &token).await.unwrap();
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), direct.ask(&json!({})).await.unwrap().to_string()).unwrap();
    let command = std::process::Command::new(e2e::artefacts::privyseal())
        .args(["policy", "tools", "--id", "crm", "--path", "/mcp"])
        .arg(list.path())
        .output()
        .unwrap();
    assert!(command.status.success(), "{command:?}");
    let overlays: Value = serde_saphyr::from_slice(&command.stdout).unwrap();

    let approver = undecided();
    let mut policy = of_packs(&[]);
    policy["overlays"] = overlays["overlays"].clone();
    let config = gateway(server.addr(), approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY, &policy);
    let envoy = Envoy::start(&config).await.unwrap();
    let mut agent = Agent::start("mcp_agent", &format!("http://{}/mcp", envoy.addr()), &token).await.unwrap();
    for (tool, arguments, rule) in [
        ("list_accounts", json!({ "region": "eu" }), None),
        ("delete_account", json!({ "account": "7" }), Some("crm/destructive")),
        ("write_letter", json!({ "to": "7" }), Some("crm/open-world")),
        ("brand_new", json!({}), Some("crm/unlisted")),
    ] {
        let (holds, ran) = (approver.calls(Call::Create).len(), server.ran().len());
        let answer = agent.ask(&json!({ "tool": tool, "arguments": arguments })).await.unwrap();
        let held = held_since(&approver, holds);
        assert_eq!(held, rule.map(|rule| vec![rule.to_owned()]), "{tool} {answer}");
        assert_eq!(server.ran().len() - ran, usize::from(rule.is_none()), "{tool} {answer}");
    }
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
async fn pygithub_is_held_and_passes_as_the_pack_says() {
    let on = |call: Value| json!({ "path": [["get_repo", "acme/shop"], call] });
    calls_with(
        "github_agent",
        &e2e::jwt::token(&json!({ "sub": AGENT })),
        "github",
        &[
            (on(json!(["edit", { "private": true }])), Some("visibility")),
            (on(json!(["edit", { "description": "ours" }])), None),
            (on(json!(["edit", { "archived": true }])), Some("settings")),
            (on(json!(["delete"])), Some("deletion")),
            (on(json!(["create_variable", "STAGE", "live"])), Some("secrets")),
            (on(json!(["create_repository_dispatch", "deploy"])), Some("workflows")),
            (on(json!(["add_to_collaborators", "octocat"])), Some("access")),
            (on(json!(["create_key", "title", "ssh-ed25519 AAAA"])), Some("keys")),
            (on(json!(["create_hook", { "name": "web", "config": { "url": "https://example.com" } }])), Some("keys")),
            (on(json!(["merge", "main", "topic"])), Some("merge")),
            (on(json!(["create_issue", "it is late"])), None),
            (on(json!(["get_branch", "main"])), None),
        ],
    )
    .await;
}

#[tokio::test]
async fn curl_is_held_and_passes_as_the_pack_export_says() {
    let scene = Faked::new(undecided(), &of_packs(&["export"])).await;
    let dir = tempfile::TempDir::new().unwrap();
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("@{}", path.display())
    };
    let people =
        file("people.json", json!((0..30).map(|i| format!("p{i}@example.com")).collect::<Vec<_>>()).to_string());
    let few = file("few.json", json!(["p1@example.com", "p2@example.com"]).to_string());
    let large = file("large.bin", "x".repeat(600_000));
    let json = "content-type: application/json";
    for (arguments, rule) in [
        (&["/v1/customers?limit=5000"][..], Some("bulk-read")),
        (&["/v1/customers?LIMIT=5000"], Some("bulk-read")),
        (&["/v1/customers?limit=50"], None),
        (&["/v1/customers/export"], Some("download")),
        (&["/v1/customers/%65xport/", "--path-as-is"], Some("download")),
        (&["/v1/reports/customers.csv"], Some("download")),
        (&["/v1/exporters"], None),
        (&["/v1/customers", "--header", "accept: text/csv"], Some("format")),
        (&["/v1/customers", "--json", r#"{"format":"csv"}"#], Some("format")),
        (&["/v1/customers", "--data", "format=csv"], Some("format")),
        (&["/v1/customers", "--json", r#"{"format":"html"}"#], None),
        (&["/v1/mail", "--header", json, "--data-binary", &people], Some("people")),
        (&["/v1/mail", "--header", json, "--data-binary", &few], None),
        (
            &["/v1/files", "--header", "content-type: application/octet-stream", "--data-binary", &large],
            Some("large-upload"),
        ),
    ] {
        let ask = async || format!("{:?}", curl(scene.envoy.addr(), arguments).await);
        judged(&scene, "export", &arguments.join(" "), rule, ask).await;
    }
}
