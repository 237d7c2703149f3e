//! What rendering writes, piece by piece; that proxies load it is for the end-to-end tests.

use privyseal_engine::policy::Policy;
use serde_json::json;

use super::*;
use crate::policy::check::Report;

const BASE: &str = "version: 1\ndefault: hold\napprover: {cluster: people}\n";

fn gateway(module: Module) -> Gateway {
    Gateway {
        policy_name: "p.yaml".into(),
        node: "gateway-1".into(),
        listen: "0.0.0.0:8080".parse().unwrap(),
        admin: 9901,
        upstream: "https://api.example.com".parse().unwrap(),
        approver: "http://approver.privyseal.svc.cluster.local:8077".parse().unwrap(),
        trust: Trust::default(),
        module,
        jwt: None,
    }
}

fn local() -> Gateway {
    gateway(Module::File("dist/privyseal.wasm".into()))
}

fn remote() -> Gateway {
    gateway(Module::Url { url: "https://files.example.com/a/b.wasm".into(), sha256: "ab".repeat(32) })
}

fn with_jwt(mut gateway: Gateway, jwks: &str) -> Gateway {
    gateway.jwt = Some(Jwt { issuer: "https://issuer".into(), jwks: jwks.into() });
    gateway
}

/// What `render` writes for a policy, one value for each document.
fn documents(
    policy: &str,
    render: impl FnOnce(Input<'_>) -> anyhow::Result<String>,
) -> anyhow::Result<(Vec<Value>, String)> {
    let report = Report::of(policy);
    let source = carried(&report.source.unwrap().value);
    let text = render(Input { policy: &report.policy.unwrap(), source: &source })?;
    let documents = text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap());
    Ok((documents.collect(), text))
}

fn of_envoy(policy: &str, gateway: &Gateway) -> anyhow::Result<Value> {
    Ok(documents(policy, |input| envoy(input, gateway))?.0.remove(0))
}

fn of_istio(policy: &str, gateway: &Gateway, limited: bool) -> anyhow::Result<(Vec<Value>, String)> {
    let mesh = Istio { namespace: "agents".into(), label: "istio=egressgateway".into(), limited };
    documents(policy, |input| istio(input, gateway, &mesh))
}

fn of_envoy_gateway(policy: &str, gateway: &Gateway) -> anyhow::Result<(Vec<Value>, String)> {
    let place = EnvoyGateway { namespace: "agents".into(), class: "eg".into() };
    documents(policy, |input| envoy_gateway(input, gateway, &place))
}

fn resource<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let wanted = |d: &&Value| d["kind"] == kind && d["metadata"]["name"] == name;
    documents.iter().find(wanted).unwrap_or_else(|| panic!("no {kind} `{name}`"))
}

fn carried_by(filter: &Value) -> Policy {
    let text = filter["typed_config"]["config"]["configuration"]["value"].as_str().unwrap();
    Policy::parse(text.as_bytes(), &[]).unwrap()
}

#[test]
fn envoys_file_holds_the_policy_and_what_enforces_it() {
    let text = format!("{BASE}body_limit: 2MiB\nhold: {{wait: 10m}}\n");
    let envoy = of_envoy(&text, &local()).unwrap();
    let listener = &envoy["static_resources"]["listeners"][0];
    assert_eq!(listener["per_connection_buffer_limit_bytes"], (2 << 20) + 64 * 1024);
    let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(manager["stream_idle_timeout"], "660s");
    assert_eq!(manager["path_with_escaped_slashes_action"], "REJECT_REQUEST");
    let filters = manager["http_filters"].as_array().unwrap();
    let names: Vec<_> = filters.iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["privyseal", "envoy.filters.http.router"]);
    let plugin = &filters[0]["typed_config"]["config"];
    assert_eq!(plugin["allow_on_headers_stop_iteration"], true);
    assert_eq!(plugin["failure_policy"], "FAIL_RELOAD");
    assert_eq!(carried_by(&filters[0]).clusters().collect::<Vec<_>>(), ["people"]);
    let clusters = envoy["static_resources"]["clusters"].as_array().unwrap();
    assert_eq!(clusters[1]["name"], "people");
    assert_eq!(clusters[0]["transport_socket"]["typed_config"]["sni"], "api.example.com");
}

#[test]
fn what_grants_are_for_is_carried() {
    let grants = "{max_duration: 1h, max_uses: 5, pointers: [/a]}";
    let text = format!(
        "{BASE}workflows: {{w: {{reviewers: {{people: [alice]}}, grants: {grants}, risk: {{low: {{quorum: 2, grants: {grants}}}, high: {{quorum: 3}}}}}}, v: {{quorum: 2}}}}\n"
    );
    let grants = json!({ "max_duration": "1h", "max_uses": 5, "pointers": ["/a"] });
    let carried = carried(&Report::of(&text).source.unwrap().value);
    assert_eq!(
        carried["workflows"],
        json!({ "w": { "grants": grants, "risk": { "low": { "grants": grants } } }, "v": {} })
    );
    assert!(Policy::parse(carried.to_string().as_bytes(), &[]).is_ok());
}

#[test]
fn who_decides_is_not_carried() {
    let text = format!("{BASE}workflows: {{w: {{reviewers: {{people: [alice]}}}}}}\n");
    let (_, text) = documents(&text, |input| envoy(input, &local())).unwrap();
    assert!(!text.contains("alice"), "{text}");
}

#[test]
fn a_downloaded_filter_is_known_by_its_hash() {
    let envoy = of_envoy(BASE, &remote()).unwrap();
    let filters =
        &envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
    let remote = &filters[0]["typed_config"]["config"]["vm_config"]["code"]["remote"];
    assert_eq!(remote["sha256"], "ab".repeat(32));
    let cluster = &envoy["static_resources"]["clusters"][2];
    assert_eq!((&remote["http_uri"]["cluster"], &cluster["name"]), (&cluster["name"], &"privyseal-module".into()));
    assert_eq!(cluster["transport_socket"]["typed_config"]["sni"], "files.example.com");
}

#[test]
fn tokens_are_verified_before_they_are_believed() {
    let text = format!("{BASE}identity: {{principal: {{jwt: {{claim: sub, payload: agent}}}}}}\n");
    for rendered in [
        of_envoy(&text, &local()).map(drop),
        of_istio(&text, &local(), false).map(drop),
        of_envoy_gateway(&text, &remote()).map(drop),
    ] {
        assert!(rendered.unwrap_err().to_string().contains("--jwt-issuer"));
    }
    let envoy = of_envoy(&text, &with_jwt(local(), "/etc/jwks.json")).unwrap();
    let filters =
        &envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
    assert_eq!(filters[0]["name"], "envoy.filters.http.jwt_authn");
    assert_eq!(filters[0]["typed_config"]["providers"]["agents"]["payload_in_metadata"], "agent");

    let (gateway, _) = of_envoy_gateway(&text, &with_jwt(remote(), "https://issuer/keys")).unwrap();
    let provider = &resource(&gateway, "SecurityPolicy", "privyseal")["spec"]["jwt"]["providers"][0];
    assert_eq!((&provider["name"], &provider["remoteJWKS"]["uri"]), (&"agent".into(), &"https://issuer/keys".into()));

    let refused = of_istio(&text, &with_jwt(local(), "https://issuer/keys"), false).unwrap_err();
    assert!(refused.to_string().contains("Istio leaves them under `payload`"), "{refused}");
    let text = format!("{BASE}identity: {{principal: {{jwt: sub}}}}\n");
    let (istio, _) = of_istio(&text, &with_jwt(local(), "https://issuer/keys"), false).unwrap();
    assert_eq!(
        resource(&istio, "RequestAuthentication", "privyseal")["spec"]["jwtRules"][0]["jwksUri"],
        "https://issuer/keys"
    );
    // Istio lets requests without a token pass unless told not to.
    assert_eq!(resource(&istio, "AuthorizationPolicy", "privyseal")["spec"]["action"], "DENY");
}

#[test]
fn istio_knows_clusters_by_its_own_names() {
    let (istio, _) = of_istio(BASE, &remote(), false).unwrap();
    let approver = resource(&istio, "DestinationRule", "privyseal-approver");
    assert_eq!(approver["spec"]["host"], "approver.privyseal.svc.cluster.local");
    assert_eq!(approver["spec"]["trafficPolicy"]["connectionPool"]["http"]["h2UpgradePolicy"], "UPGRADE");
    assert_eq!(resource(&istio, "VirtualService", "privyseal")["spec"]["http"][0]["retries"]["attempts"], 0);
    // A service of the cluster is known to the mesh already.
    let entries: Vec<_> =
        istio.iter().filter(|d| d["kind"] == "ServiceEntry").map(|d| &d["spec"]["hosts"][0]).collect();
    assert_eq!(entries, ["api.example.com", "files.example.com"]);

    let patches = resource(&istio, "EnvoyFilter", "privyseal")["spec"]["configPatches"].as_array().unwrap();
    let patch = patches.iter().find(|patch| patch["applyTo"] == "HTTP_FILTER").unwrap();
    assert_eq!(patch["patch"]["operation"], "INSERT_BEFORE");
    let filter = &patch["patch"]["value"];
    assert_eq!(
        carried_by(filter).clusters().collect::<Vec<_>>(),
        ["outbound|8077||approver.privyseal.svc.cluster.local"]
    );
    let uri = &filter["typed_config"]["config"]["vm_config"]["code"]["remote"]["http_uri"];
    assert_eq!(uri["cluster"], "outbound|443||files.example.com");
}

#[test]
fn what_istio_cannot_name_is_refused() {
    for (change, flag) in [
        ((|g: &mut Gateway| g.approver = "8077".parse().unwrap()) as fn(&mut Gateway), "--approver"),
        (|g| g.upstream = "10.0.0.1:80".parse().unwrap(), "--upstream"),
    ] {
        let mut gateway = local();
        change(&mut gateway);
        let error = of_istio(BASE, &gateway, false).unwrap_err().to_string();
        assert!(error.contains(flag) && error.contains("host name"), "{error}");
    }
}

#[test]
fn the_limited_mode_says_what_it_refuses() {
    let text = "version: 1\ndefault: allow\napprover: {cluster: people}\nrules:\n\
                - {id: gone, match: {method: DELETE}, verdict: hold, why: w}\n\
                - {id: big, match: {path: /pay, body: {/n: 1}}, verdict: deny}\n\
                - {id: admin, match: {path: /admin}, verdict: deny}\n\
                redact: [{match: {path: /chat}, direction: both, profile: default}]\n";
    let (istio, yaml) = of_istio(text, &remote(), true).unwrap();
    let plugin = &resource(&istio, "WasmPlugin", "privyseal")["spec"];
    assert_eq!((&plugin["failStrategy"], &plugin["sha256"]), (&"FAIL_RELOAD".into(), &"ab".repeat(32).into()));
    assert!(Policy::parse(plugin["pluginConfig"].to_string().as_bytes(), &[]).is_ok());
    assert!(yaml.contains("refuse every request that has one: `gone`, `big`, `redact`\n"), "{yaml}");
    assert!(!yaml.contains("HTTP_FILTER"), "the filter must not stand twice");
}

#[test]
fn envoy_gateway_downloads_the_filter() {
    let refused = of_envoy_gateway(BASE, &local()).unwrap_err();
    assert!(refused.to_string().contains("--wasm-url"), "{refused}");
    let (gateway, text) = of_envoy_gateway(BASE, &remote()).unwrap();
    let patches = resource(&gateway, "EnvoyPatchPolicy", "privyseal")["spec"]["jsonPatches"].as_array().unwrap();
    let names: Vec<_> = patches.iter().map(|patch| patch["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["people", "privyseal-module", "tcp-8080"]);
    let filter = &patches[2]["operation"]["value"];
    assert_eq!(filter["typed_config"]["config"]["allow_on_headers_stop_iteration"], true);
    assert_eq!(carried_by(filter).clusters().collect::<Vec<_>>(), ["people"]);
    assert!(text.contains("enableEnvoyPatchPolicy: true"));
}

#[test]
fn gateway_and_approver_know_each_other_by_certificates() {
    let trust = Trust { ca: Some("ca.pem".into()), certificate: Some(("g.pem".into(), "g.key".into())) };
    let https = |host: &str| format!("https://{host}:8077").parse::<Address>().unwrap();
    let policy = BASE.replace("people}", "people, auth: mtls}");
    let at = |host: &str| Gateway { approver: https(host), trust: trust.clone(), ..local() };
    for (host, sni, kind) in
        [("approver.internal", json!("approver.internal"), "DNS"), ("10.0.0.7", Value::Null, "IP_ADDRESS")]
    {
        let envoy = of_envoy(&policy, &at(host)).unwrap();
        let tls = &envoy["static_resources"]["clusters"][1]["transport_socket"]["typed_config"];
        let context = &tls["common_tls_context"];
        let certificate =
            json!({ "certificate_chain": { "filename": "g.pem" }, "private_key": { "filename": "g.key" } });
        let san = json!([{ "san_type": kind, "matcher": { "exact": host } }]);
        assert_eq!((&tls["sni"], &context["tls_certificates"][0]), (&sni, &certificate));
        assert_eq!(context["validation_context"]["trusted_ca"]["filename"], "ca.pem");
        assert_eq!(context["validation_context"]["match_typed_subject_alt_names"], san);
    }
    let in_mesh = Gateway { module: remote().module, ..at("approver.internal") };
    let (documents, _) = of_istio(&policy, &in_mesh, false).unwrap();
    let tls = &resource(&documents, "DestinationRule", "privyseal-approver")["spec"]["trafficPolicy"]["tls"];
    assert_eq!(
        (&tls["mode"], &tls["clientCertificate"], &tls["caCertificates"]),
        (&json!("MUTUAL"), &json!("g.pem"), &json!("ca.pem"))
    );

    let refused = |policy: &str, gateway: Gateway| of_envoy(policy, &gateway).unwrap_err().to_string();
    let plain = Gateway { approver: "8077".parse().unwrap(), ..at("x") };
    assert!(refused(BASE, plain).contains("write `--approver https://…`"));
    assert!(refused(&policy, local()).contains("name the gateway's certificate with `--approver-cert`"));
}
