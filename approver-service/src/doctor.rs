//! Is a running Envoy really enforcing? What its admin interface shows → findings, each with what to do.
//!
//! Must not go here: fetching (`cli::doctor`), how Envoy writes its configuration (`dump`).

mod approver;
mod chain;
mod connection;
pub mod dump;
mod policy;
mod routes;
mod server;

use serde::Serialize;
use serde_json::Value;

use self::dump::{Dump, Plugin};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// It works, and less well than it could, or for fewer requests.
    Warn,
    /// Something passes unjudged, runs twice, or does not run at all.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub state: State,
    /// Stable: scripts rely on it.
    pub check: &'static str,
    /// The listener, route or cluster that it was found at.
    pub at: String,
    pub message: String,
    /// What to do.
    pub hint: Option<&'static str>,
}

impl Finding {
    fn ok(check: &'static str, at: &str, message: impl Into<String>) -> Finding {
        Finding { state: State::Ok, check, at: at.to_owned(), message: message.into(), hint: None }
    }

    fn warn(check: &'static str, at: &str, message: impl Into<String>, hint: &'static str) -> Finding {
        Finding { state: State::Warn, hint: Some(hint), ..Finding::ok(check, at, message) }
    }

    fn fail(check: &'static str, at: &str, message: impl Into<String>, hint: &'static str) -> Finding {
        Finding { state: State::Fail, hint: Some(hint), ..Finding::ok(check, at, message) }
    }
}

/// Looks at everything. `expected` is the policy that should run, as JSON.
pub fn diagnose(dump: &Dump, expected: Option<&Value>) -> Vec<Finding> {
    let mut findings = server::version(dump);
    findings.extend(server::updates(dump));
    let plugins: Vec<Plugin<'_>> = dump.managers().filter_map(|manager| Plugin::of(&manager, dump)).collect();
    if plugins.is_empty() {
        findings.push(Finding::fail(
            "filter",
            "",
            "no listener has the filter: nothing is judged",
            "`privyseal policy render` writes a configuration that has; of Istio and Envoy Gateway see whether the patch applies",
        ));
        return findings;
    }
    for manager in dump.managers().filter(|manager| Plugin::of(manager, dump).is_none()) {
        findings.push(Finding::warn(
            "filter",
            &manager.listener,
            "this listener has no filter: what comes this way is not judged",
            "fine for health checks and metrics; agents must not reach it",
        ));
    }
    for plugin in &plugins {
        findings.extend(chain::diagnose(plugin, dump));
        let read = policy::read(plugin, &mut findings);
        findings.extend(policy::diagnose(plugin, read.as_ref(), expected));
        let Some(policy) = read else { continue };
        findings.extend(policy::identity(plugin, &policy, dump));
        findings.extend(connection::diagnose(plugin, &policy));
        findings.extend(routes::diagnose(plugin, &policy, dump));
        findings.extend(approver::diagnose(plugin, &policy, dump));
    }
    findings.extend(server::counters(dump));
    findings
}
