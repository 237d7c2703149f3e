//! Rendered resources for Kubernetes: checked against their schemas, and put to work in a plain Envoy as their control
//! plane would.
//!
//! Must not go here: what is asserted.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::artefacts;
use crate::envoy::{address, cluster};

const MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// The resources of one rendered text.
pub struct Resources(pub Vec<Value>);

impl Resources {
    /// Runs `privyseal policy render`.
    pub fn render(arguments: &[&str]) -> Resources {
        let mut command = Command::new(artefacts::privyseal());
        let output = command.current_dir(artefacts::root()).args(["policy", "render"]).args(arguments).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Resources::parse(&String::from_utf8(output.stdout).expect("text"))
    }

    pub fn parse(text: &str) -> Resources {
        // What stands before the first separator may be comments alone.
        let has_text = |document: &&str| document.lines().any(|line| !line.starts_with('#') && !line.is_empty());
        let parse = |document| serde_saphyr::from_str(document).expect("YAML");
        Resources(text.split("\n---\n").filter(has_text).map(parse).collect())
    }

    /// What a cluster would refuse, or drop in silence.
    pub fn mistakes(&self) -> String {
        let mut check = Command::new(artefacts::python())
            .arg(artefacts::root().join("tests/clients/crd_check.py"))
            .arg(artefacts::root().join("tests/crds"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let resources = Value::from(self.0.clone()).to_string();
        check.stdin.take().expect("piped").write_all(resources.as_bytes()).expect("read");
        let output = check.wait_with_output().expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn get(&self, kind: &str) -> &Value {
        self.0.iter().find(|resource| resource["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
    }

    /// An Envoy as Istio would configure it: the EnvoyFilter's patches on a gateway's listener, the services as clusters.
    pub fn as_istio(&self, upstream: SocketAddr, services: &[(&str, SocketAddr)]) -> Value {
        let mut listener = json!({
            "name": "0.0.0.0_8080", "address": address(0), "filter_chains": [{ "filters": [manager("outbound")] }],
        });
        for patch in self.get("EnvoyFilter")["spec"]["configPatches"].as_array().expect("patches") {
            let (value, operation) = (&patch["patch"]["value"], &patch["patch"]["operation"]);
            let connection = &mut listener["filter_chains"][0]["filters"][0];
            match (patch["applyTo"].as_str(), operation.as_str()) {
                (Some("LISTENER"), Some("MERGE")) => merge(&mut listener, value),
                (Some("NETWORK_FILTER"), Some("MERGE")) => merge(connection, value),
                (Some("HTTP_FILTER"), Some("INSERT_BEFORE")) => insert_before_router(connection, value),
                other => panic!("{other:?}"),
            }
        }
        let http2 = json!({ "http2_protocol_options": {} });
        let mut clusters = vec![cluster("outbound", upstream, json!({ "http_protocol_options": {} }))];
        clusters.extend(services.iter().map(|(name, addr)| cluster(name, *addr, http2.clone())));
        bootstrap(listener, clusters)
    }

    /// An Envoy as Envoy Gateway would configure it: the EnvoyPatchPolicy's patches on a Gateway's listener.
    pub fn as_envoy_gateway(&self, upstream: SocketAddr) -> Value {
        let mut listener = json!({
            "name": "tcp-8080", "address": address(0), "per_connection_buffer_limit_bytes": 2 << 20,
            "default_filter_chain": { "filters": [manager("outbound")] },
        });
        let mut clusters = vec![cluster("outbound", upstream, json!({ "http_protocol_options": {} }))];
        for patch in self.get("EnvoyPatchPolicy")["spec"]["jsonPatches"].as_array().expect("patches") {
            let (operation, kind) = (&patch["operation"], patch["type"].as_str().unwrap_or_default());
            assert_eq!(operation["op"], "add");
            match kind.rsplit('.').next() {
                Some("Cluster") => {
                    assert_eq!((&operation["path"], &operation["value"]["name"]), (&json!(""), &patch["name"]));
                    clusters.push(operation["value"].clone());
                }
                Some("Listener") => {
                    assert_eq!(patch["name"], listener["name"]);
                    assert_eq!(operation["jsonPath"], "..http_filters[?(@.name=='envoy.filters.http.router')]");
                    let connection = &mut listener["default_filter_chain"]["filters"][0];
                    insert_before_router(connection, &operation["value"]);
                }
                _ => panic!("{kind}"),
            }
        }
        bootstrap(listener, clusters)
    }
}

fn bootstrap(listener: Value, clusters: Vec<Value>) -> Value {
    json!({
        "node": { "id": "gateway-1", "cluster": "gateways" },
        "admin": { "address": address(0) },
        "static_resources": { "listeners": [listener], "clusters": clusters },
    })
}

/// The connection manager that both control planes begin with.
fn manager(cluster: &str) -> Value {
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": MANAGER,
            "stat_prefix": "gateway",
            "normalize_path": true,
            "route_config": { "virtual_hosts": [{
                "name": "all", "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": cluster, "timeout": "0s" } }],
            }] },
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
            }],
        },
    })
}

fn insert_before_router(connection: &mut Value, filter: &Value) {
    let filters = connection["typed_config"]["http_filters"].as_array_mut().expect("filters");
    let router = filters.iter().position(|f| f["name"] == "envoy.filters.http.router").expect("the router");
    filters.insert(router, filter.clone());
}

/// As protocol buffers are merged: objects field by field, anything else replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
