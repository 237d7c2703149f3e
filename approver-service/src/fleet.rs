//! The gateways that ask this approver: what each runs, and whether they run the same.
//!
//! Must not go here: how they are told apart and remembered (`store::fleet`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A gateway's workers ask every four seconds; one that has not for so long is silent.
pub const SILENT_MS: i64 = 60_000;

/// One gateway, as it said when it last asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gateway {
    pub environment: String,
    /// Envoy's node id, or the name of its token where it has none.
    pub gateway: String,
    /// Of the filter.
    pub version: String,
    /// The beginning of the SHA-256 of its policy.
    pub policy: String,
    /// `enforce` or `observe`.
    pub mode: String,
    pub seen_ms: i64,
}

/// What is not as it should be, in one environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    pub environment: String,
    pub kind: AlarmKind,
    /// The values that differ, or the gateways that are silent.
    pub what: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Gateways of one environment have different policies.
    Policy,
    /// A gateway that was there asks no more.
    Silent,
    /// Gateways of one environment run different versions of the filter.
    Version,
}

impl AlarmKind {
    pub const ALL: [AlarmKind; 3] = [AlarmKind::Policy, AlarmKind::Silent, AlarmKind::Version];

    pub const fn as_str(self) -> &'static str {
        match self {
            AlarmKind::Policy => "policy",
            AlarmKind::Silent => "silent",
            AlarmKind::Version => "version",
        }
    }
}

impl Gateway {
    pub fn is_silent(&self, now_ms: i64) -> bool {
        self.seen_ms < now_ms.saturating_sub(SILENT_MS)
    }
}

/// What is wrong with `gateways` at `now_ms`. What a silent one ran last differs from nothing.
pub fn alarms(gateways: &[Gateway], now_ms: i64) -> Vec<Alarm> {
    let mut found: BTreeMap<(&str, AlarmKind), BTreeSet<&str>> = BTreeMap::new();
    for gateway in gateways {
        let mut note = |kind, what| found.entry((&gateway.environment, kind)).or_default().insert(what);
        if gateway.is_silent(now_ms) {
            note(AlarmKind::Silent, gateway.gateway.as_str());
        } else {
            note(AlarmKind::Policy, gateway.policy.as_str());
            note(AlarmKind::Version, gateway.version.as_str());
        }
    }
    let is_wrong = |kind, what: &BTreeSet<&str>| kind == AlarmKind::Silent || what.len() > 1;
    found
        .into_iter()
        .filter(|((_, kind), what)| is_wrong(*kind, what))
        .map(|((environment, kind), what)| Alarm {
            environment: environment.to_owned(),
            kind,
            what: what.into_iter().map(str::to_owned).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_of_one_environment_should_run_the_same() {
        let gateway = |environment: &str, name: &str, version: &str, policy: &str, seen_ms| Gateway {
            environment: environment.into(),
            gateway: name.into(),
            version: version.into(),
            policy: policy.into(),
            mode: "enforce".into(),
            seen_ms,
        };
        let now = 1_000_000;
        let told = |gateways: &[Gateway]| {
            alarms(gateways, now).into_iter().map(|a| (a.environment, a.kind, a.what.join(" "))).collect::<Vec<_>>()
        };
        let (a, b) = (gateway("prod", "a", "1", "p", now), gateway("prod", "b", "1", "p", now));
        assert_eq!(told(&[a.clone(), b.clone(), gateway("test", "c", "2", "q", now)]), []);
        let other = gateway("prod", "c", "2", "q", now);
        let (policy, version) = ((AlarmKind::Policy, "p q"), (AlarmKind::Version, "1 2"));
        let expected = [policy, version].map(|(kind, what)| ("prod".to_owned(), kind, what.to_owned()));
        assert_eq!(told(&[a.clone(), b, other.clone()]), expected);
        let gone = Gateway { seen_ms: now - SILENT_MS - 1, ..other };
        assert_eq!(told(&[a, gone]), [("prod".to_owned(), AlarmKind::Silent, "c".to_owned())]);
    }
}
