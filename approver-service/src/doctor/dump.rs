//! What Envoy's admin interface shows, by the parts that are looked at: listeners with HTTP, routes, clusters, statistics.
//!
//! Must not go here: what is good or bad about it.

use std::collections::HashMap;

use serde_json::Value;

/// `/config_dump`, `/stats` and `/server_info` of one Envoy.
#[derive(Debug, Default)]
pub struct Dump {
    config: Value,
    stats: HashMap<String, u64>,
    server: Value,
}

/// One HTTP connection manager and the listener that it belongs to.
#[derive(Clone, Debug)]
pub struct Manager<'a> {
    pub listener: String,
    pub listener_config: &'a Value,
    pub config: &'a Value,
}

/// Our filter in a connection manager.
#[derive(Clone, Debug)]
pub struct Plugin<'a> {
    pub manager: Manager<'a>,
    /// The entry of `http_filters`.
    pub entry: &'a Value,
    pub position: usize,
    /// The `PluginConfig`.
    pub config: &'a Value,
}

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const MANAGER: &str = "HttpConnectionManager";

impl Dump {
    pub fn new(config: Value, stats: &str, server: Value) -> Dump {
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Dump { config, stats: stats.lines().filter_map(line).collect(), server }
    }

    /// Such as `1.40.0`.
    pub fn version(&self) -> Option<&str> {
        self.server.get("version")?.as_str()?.split('/').nth(1)
    }

    /// A counter or gauge; nothing was ever counted where it is not shown.
    pub fn stat(&self, name: &str) -> u64 {
        self.stats.get(name).copied().unwrap_or_default()
    }

    /// Counters and gauges by the start of their names: what follows, and the value.
    pub fn stats<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.stats.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, *value)))
    }

    /// Every connection manager of every listener in use.
    pub fn managers(&self) -> impl Iterator<Item = Manager<'_>> {
        let dynamic = self.entries("ListenersConfigDump", "dynamic_listeners");
        let dynamic = dynamic.filter_map(|entry| entry.pointer("/active_state/listener"));
        let fixed = self.entries("ListenersConfigDump", "static_listeners").filter_map(|entry| entry.get("listener"));
        fixed.chain(dynamic).flat_map(|listener| {
            let chains = list(listener, "filter_chains").chain(listener.get("default_filter_chain"));
            let filters = chains.flat_map(|chain| list(chain, "filters"));
            let configs = filters.filter_map(|filter| filter.get("typed_config").map(unwrap_typed));
            configs.filter(|(kind, _)| kind.ends_with(MANAGER)).map(|(_, config)| Manager {
                listener: text(listener, "name").to_owned(),
                listener_config: listener,
                config,
            })
        })
    }

    /// Listeners whose last update Envoy refused, and why.
    pub fn refused_listeners(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries("ListenersConfigDump", "dynamic_listeners").filter_map(|entry| {
            let details = entry.pointer("/error_state/details")?.as_str()?;
            Some((text(entry, "name"), details))
        })
    }

    /// The routes of a connection manager: its own, those it is sent, or those of every scope that it may choose.
    /// Empty: none are shown. A scope whose routes are not shown yields `None`.
    pub fn routes<'a>(&'a self, manager: &Manager<'a>) -> Vec<Option<&'a Value>> {
        if let Some(own) = manager.config.get("route_config") {
            return vec![Some(own)];
        }
        if let Some(name) = manager.config.pointer("/rds/route_config_name").and_then(Value::as_str) {
            return self.routes_named(name).map(Some).into_iter().collect();
        }
        let Some(scoped) = manager.config.get("scoped_routes") else { return Vec::new() };
        let name = text(scoped, "name");
        let fixed = self.entries("ScopedRoutesConfigDump", "inline_scoped_route_configs");
        let dynamic = self.entries("ScopedRoutesConfigDump", "dynamic_scoped_route_configs");
        let scopes = fixed.chain(dynamic).filter(|entry| text(entry, "name") == name);
        let scopes = scopes.flat_map(|entry| list(entry, "scoped_route_configs"));
        scopes
            .map(|scope| match scope.get("route_configuration") {
                Some(own) => Some(own),
                None => self.routes_named(text(scope, "route_configuration_name")),
            })
            .collect()
    }

    fn routes_named<'a>(&'a self, name: &str) -> Option<&'a Value> {
        let fixed = self.entries("RoutesConfigDump", "static_route_configs");
        let dynamic = self.entries("RoutesConfigDump", "dynamic_route_configs");
        fixed.chain(dynamic).filter_map(|entry| entry.get("route_config")).find(|routes| text(routes, "name") == name)
    }

    pub fn cluster(&self, name: &str) -> Option<&Value> {
        let fixed = self.entries("ClustersConfigDump", "static_clusters");
        let dynamic = self.entries("ClustersConfigDump", "dynamic_active_clusters");
        fixed.chain(dynamic).filter_map(|entry| entry.get("cluster")).find(|cluster| text(cluster, "name") == name)
    }

    /// The configuration of an HTTP filter, which may come by itself (ECDS).
    pub fn filter_config<'a>(&'a self, entry: &'a Value) -> Option<(&'a str, &'a Value)> {
        if let Some(config) = entry.get("typed_config") {
            return Some(unwrap_typed(config));
        }
        let name = text(entry, "name");
        let sent = self.entries("EcdsConfigDump", "ecds_filters").filter_map(|entry| entry.get("ecds_filter"));
        sent.filter(|sent| text(sent, "name") == name).find_map(|sent| sent.get("typed_config")).map(unwrap_typed)
    }

    fn entries<'a>(&'a self, dump: &'a str, field: &'a str) -> impl Iterator<Item = &'a Value> {
        let of_kind = move |config: &&Value| text(config, "@type").ends_with(dump);
        list(&self.config, "configs").filter(of_kind).flat_map(move |config| list(config, field))
    }
}

impl<'a> Plugin<'a> {
    /// Our filter in this connection manager, if it has it.
    pub fn of(manager: &Manager<'a>, dump: &'a Dump) -> Option<Plugin<'a>> {
        let mut filters = list(manager.config, "http_filters").enumerate();
        let (position, entry, config) = filters.find_map(|(position, entry)| {
            let (kind, config) = dump.filter_config(entry)?;
            let config = config.get("config").filter(|_| kind == WASM)?;
            is_ours(config).then_some((position, entry, config))
        })?;
        Some(Plugin { manager: manager.clone(), entry, position, config })
    }

    pub fn at(&self) -> &str {
        &self.manager.listener
    }

    /// The policy as it is carried: in a `StringValue`, or as Envoy shows a `Struct`.
    pub fn policy(&self) -> Option<Value> {
        carried(self.config)
    }
}

/// Other wasm filters may stand beside ours: it is known by its name or by what it is configured with.
fn is_ours(config: &Value) -> bool {
    let named = ["name", "root_id"].iter().any(|field| text(config, field).contains("privyseal"));
    named || carried(config).is_some_and(|policy| policy.get("version").is_some() && policy.get("default").is_some())
}

fn carried(config: &Value) -> Option<Value> {
    match config.pointer("/configuration/value")? {
        Value::String(json) => serde_json::from_str(json).ok(),
        fields => Some(fields.clone()),
    }
}

/// A field's text, empty where there is none.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A field's items.
pub fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// A duration in seconds, as JSON has it: `300s`, `0.500s`.
pub fn seconds(value: Option<&Value>) -> Option<f64> {
    value?.as_str()?.strip_suffix('s')?.parse().ok()
}

/// The type's name and the fields of a typed configuration, also of one that travels as a `TypedStruct`.
pub fn unwrap_typed(config: &Value) -> (&str, &Value) {
    let name = |url: &'_ str| url.rfind('/').map_or(0, |at| at + 1);
    let kind = text(config, "@type");
    let (kind, fields) = match config.get("value") {
        Some(fields) if kind.ends_with("TypedStruct") => (text(config, "type_url"), fields),
        _ => (kind, config),
    };
    (kind.get(name(kind)..).unwrap_or_default(), fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As Istio sends it: dynamic listeners, routes by name, the filter by itself and as a `TypedStruct`.
    #[test]
    fn what_a_control_plane_sent_is_found() {
        let kind = |name: &str| format!("type.googleapis.com/envoy.admin.v3.{name}");
        let filter = json!({
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "value": { "config": { "name": "agents.privyseal", "configuration": { "value": "{\"version\":1}" } } },
        });
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "rds": { "route_config_name": "http.8080" },
            "http_filters": [{ "name": "agents.privyseal", "config_discovery": {} }],
        });
        let listener =
            json!({ "name": "0.0.0.0_8080", "filter_chains": [{ "filters": [{ "typed_config": manager }] }] });
        let dump = Dump::new(
            json!({ "configs": [
                { "@type": kind("ListenersConfigDump"), "dynamic_listeners": [{ "active_state": { "listener": listener } }] },
                { "@type": kind("RoutesConfigDump"), "dynamic_route_configs": [{ "route_config": { "name": "http.8080" } }] },
                { "@type": kind("EcdsConfigDump"), "ecds_filters": [{ "ecds_filter": { "name": "agents.privyseal", "typed_config": filter } }] },
            ] }),
            "",
            Value::Null,
        );
        let manager = dump.managers().next().unwrap();
        assert_eq!(text(dump.routes(&manager)[0].unwrap(), "name"), "http.8080");
        let plugin = Plugin::of(&manager, &dump).unwrap();
        assert_eq!((plugin.at(), plugin.policy()), ("0.0.0.0_8080", Some(json!({ "version": 1 }))));
    }

    #[test]
    fn other_wasm_filters_are_not_taken_for_ours() {
        let other = json!({ "name": "stats", "root_id": "stats", "configuration": { "value": "{}" } });
        assert!(!is_ours(&other));
        assert!(is_ours(&json!({ "name": "x", "configuration": { "value": { "version": 1, "default": "deny" } } })));
    }
}
