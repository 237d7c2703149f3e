//! The filter itself: its flag, what happens when it fails, its place among the others, its secrets.
//!
//! Must not go here: its policy.

use serde_json::Value;

use super::Finding;
use super::dump::{Dump, Plugin, list, text};

const FLAG: &str = "flag";
const FAILURE: &str = "failure_policy";
const ORDER: &str = "order";
const SECRETS: &str = "secrets";

pub fn diagnose(plugin: &Plugin<'_>, dump: &Dump) -> Vec<Finding> {
    let mut findings = vec![flag(plugin), failure_policy(plugin)];
    findings.extend(order(plugin, dump));
    findings.push(secrets(plugin));
    findings
}

fn flag(plugin: &Plugin<'_>) -> Finding {
    match plugin.config.get("allow_on_headers_stop_iteration") {
        Some(Value::Bool(true)) => Finding::ok(FLAG, plugin.at(), "`allow_on_headers_stop_iteration` is on"),
        _ => Finding::fail(
            FLAG,
            plugin.at(),
            "`allow_on_headers_stop_iteration` is off: requests whose bodies must be read are refused after 15 s",
            "set it in the plugin's configuration; a WasmPlugin or EnvoyExtensionPolicy cannot, an EnvoyFilter or \
             EnvoyPatchPolicy can",
        ),
    }
}

fn failure_policy(plugin: &Plugin<'_>) -> Finding {
    let open = plugin.config.get("fail_open") == Some(&Value::Bool(true));
    match text(plugin.config, "failure_policy") {
        "FAIL_RELOAD" if !open => {
            Finding::ok(FAILURE, plugin.at(), "a filter that fails is rebuilt, and refuses meanwhile")
        }
        "FAIL_OPEN" => open_finding(plugin),
        _ if open => open_finding(plugin),
        _ => Finding::warn(
            FAILURE,
            plugin.at(),
            "a filter that fails refuses everything until Envoy is restarted",
            "set `failure_policy: FAIL_RELOAD`",
        ),
    }
}

fn open_finding(plugin: &Plugin<'_>) -> Finding {
    Finding::fail(
        FAILURE,
        plugin.at(),
        "`FAIL_OPEN`: a filter that fails is taken out of the chain, and everything passes unjudged",
        "set `failure_policy: FAIL_RELOAD`",
    )
}

fn order(plugin: &Plugin<'_>, dump: &Dump) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fail = |message: String, hint| findings.push(Finding::fail(ORDER, plugin.at(), message, hint));
    let after: Vec<_> = list(plugin.manager.config, "http_filters").skip(plugin.position + 1).collect();
    let is_router =
        |entry: &&&Value| dump.filter_config(entry).is_some_and(|(kind, _)| kind.ends_with("router.v3.Router"));
    let between: Vec<_> = after.iter().filter(|entry| !is_router(entry)).map(|entry| text(entry, "name")).collect();
    if !between.is_empty() {
        fail(
            format!(
                "`{}` stands between the filter and the router: what it changes was not judged",
                between.join("`, `")
            ),
            "put the filter last before the router",
        );
    }
    for (field, message) in [
        ("disabled", "the filter is disabled, and enabled only where a route says so"),
        ("is_optional", "the filter is optional: an Envoy that cannot load it leaves it out"),
    ] {
        if plugin.entry.get(field) == Some(&Value::Bool(true)) {
            fail(message.to_owned(), "take the field out of the filter's entry");
        }
    }
    let routers = after.iter().filter(is_router).filter_map(|entry| dump.filter_config(entry));
    if routers.into_iter().any(|(_, router)| list(router, "upstream_http_filters").next().is_some()) {
        fail(
            "the router has `upstream_http_filters`: what they change was not judged".to_owned(),
            "move them before the filter",
        );
    }
    if findings.is_empty() {
        findings.push(Finding::ok(ORDER, plugin.at(), "the filter is the last before the router"));
    }
    findings
}

fn secrets(plugin: &Plugin<'_>) -> Finding {
    let environment = plugin.config.pointer("/vm_config/environment_variables").unwrap_or(&Value::Null);
    let literal = environment.get("key_values").and_then(Value::as_object);
    if literal.is_some_and(|values| values.keys().any(|name| name.starts_with("PRIVYSEAL_"))) {
        return Finding::fail(
            SECRETS,
            plugin.at(),
            "the filter's secrets stand in Envoy's configuration, which its admin interface shows",
            "make a new key and token, set them in Envoy's environment and name them in `host_env_keys`",
        );
    }
    Finding::ok(SECRETS, plugin.at(), "the filter's secrets come from Envoy's environment")
}
