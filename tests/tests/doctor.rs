//! `privyseal doctor` on the real Envoy: a good one passes, and every setting that is wrong is named.

use std::process::Command;

use e2e::envoy::Envoy;
use e2e::fake_approver::{FakeApprover, Twist};
use e2e::upstream::Upstream;
use e2e::{artefacts, eventually};
use serde_json::{Value, json};

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const PLUGIN: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
const ROUTE: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0";

struct Patient {
    envoy: Envoy,
    _upstream: Upstream,
    _approver: FakeApprover,
}

impl Patient {
    /// The gateway that `render` writes for `envoy/policies/crm.yaml`, with changes.
    async fn new(change: impl FnOnce(&mut Value)) -> Patient {
        let (upstream, approver) = (Upstream::ok().await, FakeApprover::start(Twist::default()));
        let output = Command::new(artefacts::privyseal())
            .current_dir(artefacts::root())
            .args(["policy", "render", "envoy/policies/crm.yaml", "--listen", "127.0.0.1:0", "--admin", "0"])
            .args(["--upstream", &upstream.addr().to_string(), "--approver", &approver.addr().to_string()])
            .arg("--wasm")
            .arg(artefacts::filter())
            .output()
            .unwrap();
        let mut config: Value = serde_saphyr::from_slice(&output.stdout).unwrap();
        change(&mut config);
        let secrets = [("PRIVYSEAL_TOKEN", FakeApprover::TOKEN), ("PRIVYSEAL_KEY", FakeApprover::KEY)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let envoy = Envoy::boot(&config.to_string(), &secrets, 1).await.unwrap_or_else(|e| panic!("{e:#}"));
        Patient { envoy, _upstream: upstream, _approver: approver }
    }

    async fn await_approver(&self) {
        eventually("the approver's answer", async || {
            (self.envoy.stat("cluster.approver.upstream_rq_2xx").await > 0).then_some(())
        })
        .await;
    }

    /// Exit code and findings.
    fn examine(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let admin = format!("http://{}", self.envoy.admin());
        let mut command = Command::new(artefacts::privyseal());
        let command = command.current_dir(artefacts::root()).args(["doctor", "--json", "--admin", &admin]);
        let output = command.args(arguments).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), report["findings"].as_array().unwrap().clone())
    }

    /// Panics unless each of these is found: state, check, and words of the message.
    fn assert_found(&self, wanted: &[(&str, &str, &str)]) {
        let (_, findings) = self.examine(&[]);
        for (state, check, words) in wanted {
            let found = findings.iter().any(|finding| {
                finding["state"] == *state
                    && finding["check"] == *check
                    && finding["message"].as_str().unwrap().contains(words)
                    && finding["hint"].is_string()
            });
            assert!(found, "{state} {check} {words}: {findings:#?}");
        }
    }
}

fn set(config: &mut Value, place: &str, field: &str, value: Value) {
    let object = config.pointer_mut(place).unwrap_or_else(|| panic!("{place}"));
    object[field] = value;
}

fn remove(config: &mut Value, place: &str, field: &str) {
    config.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(field).unwrap_or_else(|| panic!("{field}"));
}

fn policy(config: &mut Value, change: impl FnOnce(&mut Value)) {
    let text = config.pointer_mut(&format!("{PLUGIN}/typed_config/config/configuration/value")).unwrap();
    let mut policy: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    change(&mut policy);
    *text = policy.to_string().into();
}

fn header_filter() -> Value {
    json!({
        "name": "changes-headers",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": { "request_mutations": [{ "remove": "x-any" }] },
        },
    })
}

#[tokio::test]
async fn what_is_rendered_passes() {
    let patient = Patient::new(|_| ()).await;
    patient.await_approver().await;
    let (code, findings) = patient.examine(&["--policy", "envoy/policies/crm.yaml", "--strict"]);
    let bad: Vec<_> = findings.iter().filter(|finding| finding["state"] != "ok").collect();
    assert_eq!((code, bad), (0, vec![]));
    let checks: Vec<_> = findings.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    for check in [
        "flag",
        "failure_policy",
        "order",
        "policy",
        "mode",
        "buffer",
        "timeouts",
        "paths",
        "repeats",
        "breakers",
        "retries",
    ] {
        assert!(checks.contains(&check), "{check}: {checks:?}");
    }
    // The same policy by another file is another policy.
    let (code, findings) = patient.examine(&["--policy", "envoy/policies/mcp.yaml"]);
    assert_eq!(code, 1);
    let policy = findings.iter().find(|finding| finding["check"] == "policy").unwrap();
    assert!(policy["message"].as_str().unwrap().contains("another policy runs"), "{policy}");
}

#[tokio::test]
async fn a_filter_that_lets_requests_past_is_named() {
    let patient = Patient::new(|config| {
        let plugin = format!("{PLUGIN}/typed_config/config");
        remove(config, &plugin, "allow_on_headers_stop_iteration");
        set(config, &plugin, "failure_policy", json!("FAIL_OPEN"));
        set(config, &format!("{plugin}/vm_config/environment_variables"), "host_env_keys", json!(["PRIVYSEAL_KEY"]));
        set(
            config,
            &format!("{plugin}/vm_config/environment_variables"),
            "key_values",
            json!({ "PRIVYSEAL_TOKEN": FakeApprover::TOKEN }),
        );
        let filters = config.pointer_mut(&format!("{MANAGER}/http_filters")).unwrap().as_array_mut().unwrap();
        filters.insert(1, header_filter());
        let router = filters.len() - 1;
        let upstream = json!({
            "name": "envoy.filters.http.upstream_codec",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec" },
        });
        filters[router]["typed_config"]["upstream_http_filters"] = json!([header_filter(), upstream]);
        let disabled = json!({ "privyseal": {
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true, "config": {},
        } });
        set(config, ROUTE, "typed_per_filter_config", disabled);
    })
    .await;
    patient.assert_found(&[
        ("fail", "flag", "`allow_on_headers_stop_iteration` is off"),
        ("fail", "failure_policy", "FAIL_OPEN"),
        ("fail", "secrets", "admin interface shows"),
        ("fail", "order", "`changes-headers` stands between"),
        ("fail", "order", "upstream_http_filters"),
        ("fail", "order", "typed_per_filter_config"),
    ]);
    assert_eq!(patient.examine(&[]).0, 1);
}

#[tokio::test]
async fn routes_and_limits_are_looked_at() {
    let patient = Patient::new(|config| {
        let action = format!("{ROUTE}/route");
        set(config, &action, "retry_policy", json!({ "retry_on": "5xx" }));
        set(config, &action, "hedge_policy", json!({ "hedge_on_per_try_timeout": true }));
        set(config, &action, "request_mirror_policies", json!([{ "cluster": "upstream" }]));
        set(config, &action, "idle_timeout", json!("5s"));
        set(config, MANAGER, "stream_idle_timeout", json!("20s"));
        for field in ["normalize_path", "merge_slashes", "path_with_escaped_slashes_action", "use_remote_address"] {
            remove(config, MANAGER, field);
        }
        remove(config, MANAGER, "request_timeout");
        set(config, "/static_resources/listeners/0", "per_connection_buffer_limit_bytes", json!(4096));
        let approver = "/static_resources/clusters/1";
        remove(config, approver, "circuit_breakers");
        remove(config, approver, "typed_extension_protocol_options");
        set(config, &format!("{PLUGIN}/typed_config/config"), "failure_policy", json!("FAIL_CLOSED"));
        set(config, PLUGIN, "disabled", json!(true));
    })
    .await;
    patient.assert_found(&[
        ("fail", "repeats", "`retry_policy` sends a request again"),
        ("fail", "repeats", "hedge_policy"),
        ("fail", "repeats", "request_mirror_policies"),
        ("warn", "timeouts", "`idle_timeout` ends a request after 5 s"),
        ("warn", "timeouts", "`stream_idle_timeout` ends a request after 20 s"),
        ("warn", "paths", "`normalize_path: true`, `merge_slashes: true`, `path_with"),
        ("warn", "client_headers", "x-envoy-*"),
        ("warn", "slow_senders", "`request_timeout`"),
        ("warn", "buffer", "4096"),
        ("warn", "breakers", "1024"),
        ("warn", "retries", "`max_retries` ends at 3"),
        ("warn", "http2", "HTTP/1.1"),
        ("warn", "failure_policy", "until Envoy is restarted"),
        ("fail", "order", "disabled"),
    ]);
}

/// Routes may be chosen by a header: those of every scope count.
#[tokio::test]
async fn routes_of_every_scope_are_looked_at() {
    let patient = Patient::new(|config| {
        let routes = config.pointer(&format!("{MANAGER}/route_config")).unwrap().clone();
        remove(config, MANAGER, "route_config");
        let scope = |name: &str, routes: &Value| {
            let mut routes = routes.clone();
            routes["name"] = json!(name);
            json!({ "name": name, "route_configuration": routes, "key": { "fragments": [{ "string_key": name }] } })
        };
        let mut retried = routes.clone();
        retried["virtual_hosts"][0]["routes"][0]["route"]["retry_policy"] = json!({ "retry_on": "5xx" });
        let extractor = json!({ "header_value_extractor": { "name": "x-team", "index": 0 } });
        set(
            config,
            MANAGER,
            "scoped_routes",
            json!({
                "name": "teams",
                "scope_key_builder": { "fragments": [extractor] },
                "scoped_route_configurations_list": {
                    "scoped_route_configurations": [scope("blue", &routes), scope("red", &retried)],
                },
            }),
        );
    })
    .await;
    patient.assert_found(&[("fail", "repeats", "`retry_policy` sends a request again")]);
    let (_, findings) = patient.examine(&[]);
    let at: Vec<_> = findings.iter().filter(|f| f["check"] == "repeats").map(|f| f["at"].as_str().unwrap()).collect();
    assert!(at.len() == 1 && at[0].contains(" red "), "{at:?}");
    assert!(findings.iter().all(|finding| finding["check"] != "routes"), "{findings:#?}");
}

#[tokio::test]
async fn a_policy_that_does_not_enforce_is_named() {
    let observing = Patient::new(|config| policy(config, |policy| policy["mode"] = json!("observe"))).await;
    observing.assert_found(&[("warn", "mode", "nothing is held, denied or masked")]);

    let patient = Patient::new(|config| {
        policy(config, |policy| {
            policy["rules"][0]["mode"] = json!("observe");
            policy["identity"] = json!({ "principal": { "jwt": "sub" } });
        });
        // Nobody listens there.
        let address =
            "/static_resources/clusters/1/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
        set(config, address, "port_value", json!(1));
        let mut open = config["static_resources"]["listeners"][0].clone();
        open["name"] = json!("side-door");
        let filters = "/filter_chains/0/filters/0/typed_config/http_filters";
        open.pointer_mut(filters).unwrap().as_array_mut().unwrap().remove(0);
        config["static_resources"]["listeners"].as_array_mut().unwrap().push(open);
    })
    .await;
    patient.assert_found(&[
        ("warn", "mode", "1 of 5 rules only observe"),
        ("fail", "identity", "no `jwt_authn` before the filter"),
        ("fail", "approver", "never answered"),
        ("warn", "filter", "this listener has no filter"),
    ]);
}

#[tokio::test]
async fn an_envoy_without_the_filter_is_not_enforcing() {
    let patient = Patient::new(|config| {
        config.pointer_mut(&format!("{MANAGER}/http_filters")).unwrap().as_array_mut().unwrap().remove(0);
    })
    .await;
    patient.assert_found(&[("fail", "filter", "no listener has the filter")]);
    let words =
        Command::new(artefacts::privyseal()).args(["doctor", "--admin", "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(words.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&words.stderr).contains("does not answer"));
}
