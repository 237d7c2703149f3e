//! The configuration of a gateway, as a builder; what it writes follows `envoy/envoy.yaml`, which users copy.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::artefacts;

/// How the filter is loaded.
#[derive(Clone, Debug)]
pub struct Plugin {
    pub wasm: PathBuf,
    /// The policy as JSON text: what travels in the `StringValue`.
    pub configuration: Value,
    /// `allow_on_headers_stop_iteration`; only tests of its absence set false.
    pub stop_iteration: bool,
}

impl Plugin {
    pub fn new(policy: &Value) -> Plugin {
        Plugin {
            wasm: artefacts::filter(),
            configuration: json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": policy.to_string(),
            }),
            stop_iteration: true,
        }
    }

    pub fn to_json(&self) -> Value {
        json!({
            "name": "privyseal",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": "privyseal",
                    "root_id": "privyseal",
                    "failure_policy": "FAIL_RELOAD",
                    "allow_on_headers_stop_iteration": self.stop_iteration,
                    "vm_config": {
                        "vm_id": "privyseal",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": { "local": { "filename": self.wasm } },
                        "environment_variables": { "host_env_keys": ["PRIVYSEAL_TOKEN", "PRIVYSEAL_KEY"] },
                    },
                    "configuration": self.configuration,
                },
            },
        })
    }
}

/// One more address under which the same routes are served.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    pub port: u16,
    pub enable_trailers: bool,
    /// Takes the clients for services of its own, whose `x-envoy-*` headers it obeys.
    pub trusts_clients: bool,
    /// Seconds a stream may lie still.
    pub idle_seconds: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub upstream: SocketAddr,
    pub upstream_speaks_http2: bool,
    pub approver: Option<SocketAddr>,
    /// Its replicas, which Envoy asks in turn.
    pub replicas: Vec<SocketAddr>,
    pub plugin: Option<Plugin>,
    pub listener: Listener,
    /// Native filters before ours, such as `jwt_authn`.
    pub before: Vec<Value>,
    /// Where traces go.
    pub collector: Option<SocketAddr>,
    pub environment: Vec<(String, String)>,
    pub workers: u32,
    pub access_log: bool,
}

impl Config {
    pub fn new(upstream: SocketAddr) -> Config {
        Config {
            upstream,
            upstream_speaks_http2: false,
            approver: None,
            replicas: Vec::new(),
            plugin: None,
            listener: Listener::default(),
            before: Vec::new(),
            collector: None,
            environment: Vec::new(),
            workers: 1,
            access_log: true,
        }
    }

    pub fn plugin(mut self, plugin: Plugin) -> Config {
        self.plugin = Some(plugin);
        self
    }

    pub fn approver(mut self, addr: SocketAddr, token: &str, key: &str) -> Config {
        self.approver = Some(addr);
        self.environment = vec![("PRIVYSEAL_TOKEN".into(), token.into()), ("PRIVYSEAL_KEY".into(), key.into())];
        self
    }

    pub fn to_json(&self) -> Value {
        let protocol = if self.upstream_speaks_http2 {
            json!({ "http2_protocol_options": {} })
        } else {
            // What the upstream sees is what the client sent, trailers included.
            json!({ "http_protocol_options": { "enable_trailers": self.listener.enable_trailers } })
        };
        let mut clusters = vec![cluster("upstream", self.upstream, protocol)];
        if let Some(approver) = self.approver {
            let mut cluster = cluster("approver", approver, json!({ "http2_protocol_options": {} }));
            if let Some(endpoints) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"].as_array_mut() {
                endpoints.extend(self.replicas.iter().map(endpoint));
            }
            clusters.push(cluster);
        }
        clusters.extend(self.collector.map(|addr| cluster("collector", addr, json!({ "http_protocol_options": {} }))));
        json!({
            "node": { "id": "gateway-1", "cluster": "gateways" },
            "admin": { "address": address(0) },
            "static_resources": { "listeners": [self.listener_json()], "clusters": clusters },
            // Limits for the tests' own load, not for production.
            "overload_manager": { "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 20000,
                },
            }] },
        })
    }

    fn listener_json(&self) -> Value {
        let mut filters = self.before.clone();
        filters.extend(self.collector.map(|_| own_traceparent()));
        filters.extend(self.plugin.as_ref().map(Plugin::to_json));
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }));
        let mut manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "gateway",
            "normalize_path": true,
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "use_remote_address": true,
            // Agents sit inside. From inside, Envoy obeys `x-envoy-*` headers: to strip them is then the filter's work.
            "internal_address_config": { "cidr_ranges": [{ "address_prefix": "127.0.0.0", "prefix_len": 8 }] },
            "http_protocol_options": { "enable_trailers": self.listener.enable_trailers },
            "route_config": {
                "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "upstream", "timeout": "300s" } }],
                }],
            },
            "http_filters": filters,
        });
        if self.listener.trusts_clients {
            manager["internal_address_config"] =
                json!({ "cidr_ranges": [{ "address_prefix": "127.0.0.0", "prefix_len": 8 }] });
        }
        if let Some(seconds) = self.listener.idle_seconds {
            manager["stream_idle_timeout"] = json!(format!("{seconds}s"));
        }
        if self.collector.is_some() {
            manager["tracing"] = tracing();
        }
        if self.access_log {
            manager["access_log"] = access_log();
        }
        json!({
            "name": "gateway",
            "address": address(self.listener.port),
            // Above the policy's body limit, so that the filter's own words answer what is over it.
            "per_connection_buffer_limit_bytes": 4 << 20,
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }] }],
        })
    }
}

pub(crate) fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

pub(crate) fn cluster(name: &str, addr: SocketAddr, protocol: Value) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [endpoint(&addr)] }],
        },
        "circuit_breakers": { "thresholds": [{
            "max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000, "max_retries": 100_000,
        }] },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": protocol,
            },
        },
    })
}

fn endpoint(addr: &SocketAddr) -> Value {
    json!({ "endpoint": { "address": {
        "socket_address": { "address": addr.ip().to_string(), "port_value": addr.port() },
    } } })
}

/// Envoy's own spans, as docs/operations.md has them.
fn tracing() -> Value {
    json!({ "provider": {
        "name": "envoy.tracers.opentelemetry",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
            "service_name": "gateway",
            "http_service": { "http_uri": { "uri": "http://collector/v1/traces", "cluster": "collector", "timeout": "5s" } },
        },
    } })
}

/// Tells the filter, and with it the approver, of Envoy's own span instead of the client's.
fn own_traceparent() -> Value {
    json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": { "request_mutations": [{ "append": {
                "header": { "key": "traceparent", "value": "00-%TRACE_ID%-%SPAN_ID%-01" },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            } }] },
        },
    })
}

fn access_log() -> Value {
    json!([{
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": { "json_format": {
                "method": "%REQ(:METHOD)%",
                "path": "%REQ(:PATH)%",
                "status": "%RESPONSE_CODE%",
                "flags": "%RESPONSE_FLAGS%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "decision": "%FILTER_STATE(wasm.privyseal_decision:PLAIN)%",
                "observed": "%FILTER_STATE(wasm.privyseal_observed:PLAIN)%",
            } },
        },
    }])
}
