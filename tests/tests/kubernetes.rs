//! What is rendered for Istio and Envoy Gateway: a cluster takes it, and the filter in it holds.

use std::process::Command;

use e2e::approver::Approver;
use e2e::client::Request;
use e2e::envoy::Envoy;
use e2e::fake_approver::{FakeApprover, Twist};
use e2e::kubernetes::Resources;
use e2e::scene::PEOPLE;
use e2e::upstream::{Reply, Upstream};
use e2e::{artefacts, jwt};
use serde_json::{Value, json};

const CRM: &str = "envoy/policies/crm.yaml";
const APPROVER: &str = "approver.privyseal.svc.cluster.local";

fn secrets(token: &str, key: &str) -> [(String, String); 2] {
    [("PRIVYSEAL_TOKEN".into(), token.into()), ("PRIVYSEAL_KEY".into(), key.into())]
}

/// An export waits for Alice and then runs; what is denied does not.
async fn assert_holds(config: &Value, upstream: &Upstream, approver: &Approver) {
    let secrets = secrets(approver.gateway_token(), approver.key());
    let envoy = Envoy::boot(&config.to_string(), &secrets, 1).await.unwrap();
    let alice = approver.login("alice").await.unwrap();
    let export = Request::post("/v1/customers/export", &json!({ "format": "csv" })).header("x-agent", "agent-7");
    let addr = envoy.addr();
    let answer = tokio::spawn(async move { export.send(addr).await.unwrap() });
    let id = alice.await_pending().await;
    upstream.assert_untouched();
    assert_eq!(alice.approve(&id).await.unwrap().status, 200);
    assert_eq!(answer.await.unwrap().status, 200);
    assert_eq!(upstream.only().json(), json!({ "format": "csv" }));
    let denied = Request::get("/admin/users").header("x-agent", "agent-7").send(addr).await.unwrap();
    assert_eq!(denied.status, 403);
    // The path's normal form is what every filter sees.
    let hidden = Request::get("/v1/../admin//users").header("x-agent", "agent-7").send(addr).await.unwrap();
    assert_eq!((hidden.status, upstream.seen().len()), (403, 1));
}

#[tokio::test]
async fn istio_takes_it_and_it_holds() {
    let wasm = artefacts::filter();
    let at = format!("http://{APPROVER}:8077");
    let common = [CRM, "--target", "istio", "--approver", &at, "--wasm", wasm.to_str().unwrap()];
    let resources =
        Resources::render(&[&common[..], &["--upstream", "https://api.example.com", "--listen", "8080"]].concat());
    assert_eq!(resources.mistakes(), "");
    let upstream = Upstream::ok().await;
    let approver = Approver::start(PEOPLE).await.unwrap();
    let cluster = format!("outbound|8077||{APPROVER}");
    let config = resources.as_istio(upstream.addr(), &[(&cluster, approver.addr())]);
    assert_holds(&config, &upstream, &approver).await;
}

#[tokio::test]
async fn envoy_gateway_takes_it_downloads_the_filter_and_it_holds() {
    let module = std::fs::read(artefacts::filter()).unwrap();
    let files = Upstream::start(move |_| Reply::new(200, "application/wasm", &module)).await;
    let upstream = Upstream::ok().await;
    let approver = Approver::start(PEOPLE).await.unwrap();
    let config = envoy_gateway(&files, &approver.addr().to_string(), artefacts::filter().to_str().unwrap())
        .as_envoy_gateway(upstream.addr());
    assert_holds(&config, &upstream, &approver).await;
}

fn envoy_gateway(files: &Upstream, approver: &str, wasm: &str) -> Resources {
    let url = format!("http://{}/privyseal.wasm", files.addr());
    let arguments = [CRM, "--target", "envoy-gateway", "--approver", approver, "--wasm", wasm, "--wasm-url", &url];
    Resources::render(&[&arguments[..], &["--upstream", "https://api.example.com"]].concat())
}

/// Whoever can replace the file cannot replace the filter, and without one nothing passes.
#[tokio::test]
async fn another_file_than_the_rendered_one_is_not_loaded() {
    let other = std::fs::read(artefacts::root().join("Cargo.toml")).unwrap();
    let files = Upstream::start(move |_| Reply::new(200, "application/wasm", &other)).await;
    let upstream = Upstream::ok().await;
    let approver = FakeApprover::start(Twist::default());
    let config = envoy_gateway(&files, &approver.addr().to_string(), artefacts::filter().to_str().unwrap())
        .as_envoy_gateway(upstream.addr());
    let secrets = secrets(FakeApprover::TOKEN, FakeApprover::KEY);
    match Envoy::boot(&config.to_string(), &secrets, 1).await {
        Ok(envoy) => {
            let answer = Request::get("/v1/customers/7").header("x-agent", "agent-7").send(envoy.addr()).await;
            assert!(answer.is_ok_and(|answer| answer.status >= 500));
        }
        // Or Envoy does not start at all.
        Err(error) => assert!(error.to_string().contains("envoy"), "{error}"),
    }
    upstream.assert_untouched();
}

/// Everything that can be rendered, as a cluster reads it.
#[test]
fn every_variant_is_what_the_clusters_schemas_say() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), jwt::jwks().to_string()).unwrap();
    let keys = keys.path().to_str().unwrap();
    let wasm = artefacts::filter();
    let at = format!("https://{APPROVER}");
    let common = ["--wasm", wasm.to_str().unwrap(), "--approver", &at];
    let module = ["--wasm-url", "https://files.example.com/privyseal.wasm"];
    let mut all = Resources(Vec::new());
    for policy in ["envoy/policies/crm.yaml", "envoy/policies/mcp.yaml"] {
        for (upstream, jwks) in [
            ("https://api.example.com", "https://issuer.example/keys"),
            ("http://api.default.svc.cluster.local:8080", keys),
        ] {
            for target in [&["istio"][..], &["istio", "--limited"], &["envoy-gateway"]] {
                let issuer = ["--jwt-issuer", jwt::ISSUER, "--jwks", jwks];
                let arguments =
                    [&[policy, "--upstream", upstream][..], &common, &module, &issuer, &["--target"], target];
                all.0.extend(Resources::render(&arguments.concat()).0);
            }
        }
    }
    assert_eq!(all.mistakes(), "");
}

/// What users copy without rendering is what rendering writes today; the filter's hash is theirs to fill in.
#[test]
fn the_committed_examples_are_up_to_date() {
    let common = ["policy", "render", CRM, "--upstream", "https://crm.example.com", "--approver"];
    let approver = format!("http://{APPROVER}:8077");
    for (file, target) in [
        ("envoy/istio.yaml", &["--target", "istio", "--wasm", "/var/lib/privyseal/privyseal.wasm"][..]),
        (
            "envoy/envoy-gateway.yaml",
            &["--target", "envoy-gateway", "--wasm-url", "https://files.example.com/privyseal.wasm"],
        ),
    ] {
        let command = [&common[..], &[approver.as_str()], target].concat();
        let output =
            Command::new(artefacts::privyseal()).current_dir(artefacts::root()).args(&command).output().unwrap();
        let rendered = String::from_utf8(output.stdout).unwrap();
        let hash = |line: &str| match line.split_once("sha256: ") {
            Some((indent, _)) => format!("{indent}sha256: \"{}\"\n", "0".repeat(64)),
            None => format!("{line}\n"),
        };
        let rendered: String = rendered.lines().map(hash).collect();
        let committed = std::fs::read_to_string(artefacts::root().join(file)).unwrap_or_default();
        assert!(rendered == committed, "{file} is stale; to renew it: privyseal {} > {file}", command.join(" "));
    }
}

#[test]
fn the_schemas_find_mistakes() {
    let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\nspec: {http: [{retrys: {attempts: 0}, timeout: 5}]}\n";
    let mistakes = Resources::parse(text).mistakes();
    assert!(mistakes.contains("retrys") && mistakes.contains("$.spec.http[0].timeout"), "{mistakes}");
}
