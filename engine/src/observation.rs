//! What observed traffic would have met, had it been enforced: counted by each worker, sent to the approver in batches.
//!
//! A count never grows with traffic: its name is a rule, an entity type or a reason code, and a [`Tally`] takes at most
//! [`MAX_KINDS`] of them. Must not go here: when something is observed (`exchange`), how a batch is sent (the filter).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hold::VERSION;

/// How often a worker sends what it has counted.
pub const SEND_MS: u64 = 5_000;
/// Different counts of one batch; what comes on top is counted as [`Seen::Dropped`].
pub const MAX_KINDS: usize = 512;

/// One kind of observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Seen {
    /// A rule matched; `outcome` is its verdict, or the reason code of the refusal.
    Rule { rule: String, category: Option<String>, outcome: String },
    /// A value of this type would have been redacted.
    Entity { entity: String },
    /// A request or response that could not be inspected, by reason code.
    Uninspected { code: String },
    /// More kinds than are kept apart.
    Dropped,
}

impl Seen {
    /// The counter in Envoy's statistics, after `privyseal.`.
    pub fn counter(&self) -> String {
        match self {
            Seen::Rule { rule, outcome, .. } => format!("observed.rule.{}.{outcome}", plain(rule)),
            Seen::Entity { entity } => format!("observed.entity.{}", plain(entity)),
            Seen::Uninspected { code } => format!("observed.uninspected.{code}"),
            Seen::Dropped => "observed.dropped".to_owned(),
        }
    }

    /// The counter of the category, where there is one.
    pub fn category_counter(&self) -> Option<String> {
        match self {
            Seen::Rule { category: Some(category), outcome, .. } => {
                Some(format!("observed.category.{}.{outcome}", plain(category)))
            }
            _ => None,
        }
    }
}

/// A name without the dots that separate the parts of a statistic's name.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// `POST /v1/observations`: what one worker has counted since its last batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Batch {
    pub v: u16,
    pub tenant: String,
    pub environment: String,
    pub gateway: String,
    pub counts: Vec<Count>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Count {
    #[serde(flatten)]
    pub seen: Seen,
    pub count: u64,
}

/// The counts of one worker that the approver has not got yet.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Seen, u64>,
    /// Sent, and not yet confirmed.
    sent: BTreeMap<Seen, u64>,
}

impl Tally {
    pub fn add(&mut self, seen: Seen, count: u64) {
        let full = self.counts.len() >= MAX_KINDS && !self.counts.contains_key(&seen);
        let total = self.counts.entry(if full { Seen::Dropped } else { seen }).or_default();
        *total = total.saturating_add(count);
    }

    /// What to send now, if anything. Until [`Tally::confirm`] or [`Tally::fail`] nothing else is sent.
    pub fn batch(&mut self, tenant: &str, environment: &str, gateway: &str) -> Option<Batch> {
        if self.counts.is_empty() || !self.sent.is_empty() {
            return None;
        }
        self.sent = std::mem::take(&mut self.counts);
        let counts = self.sent.iter().map(|(seen, count)| Count { seen: seen.clone(), count: *count }).collect();
        let (tenant, environment, gateway) = (tenant.to_owned(), environment.to_owned(), gateway.to_owned());
        Some(Batch { v: VERSION, tenant, environment, gateway, counts })
    }

    /// The approver has the last batch.
    pub fn confirm(&mut self) {
        self.sent.clear();
    }

    /// It has it not, for all we know: it is counted on. A batch whose answer was lost counts twice.
    pub fn fail(&mut self) {
        for (seen, count) in std::mem::take(&mut self.sent) {
            self.add(seen, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn code(code: &str) -> Seen {
        Seen::Uninspected { code: code.into() }
    }

    #[test]
    fn a_failed_batch_is_sent_again_with_what_came_since() {
        let mut tally = Tally::default();
        assert_eq!(tally.batch("t", "e", "g"), None);
        tally.add(code("a"), 2);
        let batch = tally.batch("t", "e", "g").unwrap();
        assert_eq!(batch.counts, [Count { seen: code("a"), count: 2 }]);
        tally.add(code("a"), 1);
        assert_eq!(tally.batch("t", "e", "g"), None, "one batch is on its way");
        tally.fail();
        assert_eq!(tally.batch("t", "e", "g").unwrap().counts, [Count { seen: code("a"), count: 3 }]);
        tally.confirm();
        assert_eq!(tally.batch("t", "e", "g"), None);
    }

    #[test]
    fn kinds_are_bounded_and_nothing_is_lost() {
        let mut tally = Tally::default();
        for i in 0..2 * MAX_KINDS {
            tally.add(code(&i.to_string()), 1);
        }
        let counts = tally.batch("t", "e", "g").unwrap().counts;
        assert!(counts.len() <= MAX_KINDS + 1, "{}", counts.len());
        assert_eq!(counts.iter().map(|count| count.count).sum::<u64>(), 2 * MAX_KINDS as u64);
    }

    #[test]
    fn the_wire_format_is_stable() {
        let seen = Seen::Rule { rule: "r/1".into(), category: Some("data.export".into()), outcome: "hold".into() };
        assert_eq!(seen.counter(), "observed.rule.r_1.hold");
        assert_eq!(seen.category_counter().as_deref(), Some("observed.category.data_export.hold"));
        assert_eq!(
            serde_json::to_string(&Count { seen, count: 3 }).unwrap(),
            r#"{"kind":"rule","rule":"r/1","category":"data.export","outcome":"hold","count":3}"#
        );
        assert_eq!(
            serde_json::to_string(&Count { seen: Seen::Dropped, count: 1 }).unwrap(),
            r#"{"kind":"dropped","count":1}"#
        );
    }
}
