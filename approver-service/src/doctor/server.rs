//! Envoy as a whole: its version, refused updates, counters that tell of trouble.
//!
//! Must not go here: configuration.

use super::Finding;
use super::dump::Dump;

/// The flag came with this one.
const OLDEST: u32 = 35;
/// The tests run on these.
const TESTED: std::ops::RangeInclusive<u32> = 36..=40;

/// What a counter of the filter's tells once it is not 0.
const COUNTERS: &[(&str, &str, &str)] = &[
    (
        "answered.body_not_delivered",
        "requests were refused because Envoy kept their bodies from the filter",
        "set `allow_on_headers_stop_iteration`",
    ),
    (
        "answered.approver_answer_invalid",
        "answers were not the approver's: somebody else answers, or the keys differ",
        "give Envoy and approver the same PRIVYSEAL_KEY (`privyseal key show`), and find out who answers",
    ),
    (
        "answered.approver_unavailable",
        "requests were refused because the approver was away",
        "see the approver's log, and the statistics of its cluster",
    ),
    ("host_error", "Envoy refused calls of the filter", "see Envoy's log for the filter's lines"),
];

pub fn version(dump: &Dump) -> Vec<Finding> {
    let Some(version) = dump.version() else {
        return vec![Finding::warn(
            "version",
            "",
            "this Envoy does not say its version",
            "ask the admin interface itself",
        )];
    };
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let minor = match (numbers.next(), numbers.next()) {
        (Some(1), Some(minor)) => minor,
        _ => u32::MAX,
    };
    vec![if minor < OLDEST {
        Finding::fail(
            "version",
            "",
            format!("Envoy {version} does not know `allow_on_headers_stop_iteration`"),
            "update to 1.36 or newer",
        )
    } else if TESTED.contains(&minor) {
        Finding::ok("version", "", format!("Envoy {version}"))
    } else {
        Finding::warn(
            "version",
            "",
            format!("Envoy {version} is none that the tests run on (1.{} to 1.{})", TESTED.start(), TESTED.end()),
            "`./justw matrix` runs the tests of holds on other versions",
        )
    }]
}

/// Configurations that were sent and refused: an older one runs.
pub fn updates(dump: &Dump) -> Vec<Finding> {
    let refused = dump.refused_listeners().map(|(listener, _)| {
        Finding::fail(
            "updates",
            listener,
            "the last update of this listener was refused: an older configuration runs",
            "Envoy's log and /config_dump (`error_state`) say why",
        )
    });
    let failed = ["wasm.remote_load_fetch_failures"].into_iter().filter(|stat| dump.stat(stat) > 0).map(|stat| {
        Finding::warn(
            "updates",
            "",
            format!("`{stat}`: a filter could not be downloaded"),
            "see its URL, cluster and SHA-256",
        )
    });
    refused.chain(failed).collect()
}

pub fn counters(dump: &Dump) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, message, hint) in COUNTERS {
        let count = dump.stat(&format!("wasmcustom.privyseal.{name}"));
        if count > 0 {
            findings.push(Finding::warn("counters", "", format!("{count} × `{name}`: {message}"), hint));
        }
    }
    let reloads: u64 = dump.stats("wasm.").filter(|(name, _)| name.ends_with(".vm_reload")).map(|(_, n)| n).sum();
    if reloads > 0 {
        let message = format!("the filter's VM failed and was rebuilt {reloads} times");
        findings.push(Finding::warn("counters", "", message, "see Envoy's log, and report it: no input may do that"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("counters", "", "no counter tells of trouble"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::doctor::State;

    fn dump(version: &str, stats: &str) -> Dump {
        Dump::new(Value::Null, stats, json!({ "version": format!("abc/{version}/Clean/RELEASE/BoringSSL") }))
    }

    #[test]
    fn versions_without_the_flag_do_not_enforce() {
        for (text, state) in [
            ("1.34.2", State::Fail),
            ("1.35.0", State::Warn),
            ("1.36.0", State::Ok),
            ("1.40.9", State::Ok),
            ("1.41.0-dev", State::Warn),
            ("2.0.0", State::Warn),
            ("", State::Warn),
        ] {
            assert_eq!(version(&dump(text, ""))[0].state, state, "{text}");
        }
    }

    #[test]
    fn counters_of_trouble_are_told() {
        let stats = "wasmcustom.privyseal.answered.approver_answer_invalid: 2\nwasm.privyseal.vm_reload: 1\n\
                     wasm.privyseal.vm_reload_failure: 0\nwasmcustom.privyseal.allowed: 7\nsome.histogram: P0(1,1)\n";
        let told: Vec<_> = counters(&dump("1.40.0", stats)).into_iter().map(|f| f.message).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("2 × `answered.approver_answer_invalid`") && told[1].contains("rebuilt 1 times"));
        assert_eq!(counters(&dump("1.40.0", "wasmcustom.privyseal.allowed: 7\n"))[0].state, State::Ok);
    }

    #[test]
    fn refused_updates_are_told() {
        let config = json!({ "configs": [{
            "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
            "dynamic_listeners": [{ "name": "agents", "error_state": { "details": "no such cluster" } }],
        }] });
        let found = updates(&Dump::new(config, "", Value::Null));
        assert_eq!((found[0].state, found[0].at.as_str()), (State::Fail, "agents"));
    }
}
