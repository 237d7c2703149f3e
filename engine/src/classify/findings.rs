//! Conditions on what a body carries: how many values of which kinds are found in it.
//!
//! Looking costs more than any other condition, so it is done once for all rules of a policy, and only where one asks.
//! Must not go here: finding (`detect`), masking (`redact`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::facts::readable;
use super::predicate::{Test, Value};
use super::truth::{Reason, Truth};
use crate::redact::{self, Labels, Profile, Refusal};
use crate::request::Headers;

/// Kind → how many values of it a body holds.
pub type Counts = BTreeMap<Cow<'static, str>, usize>;

#[derive(Clone, Debug)]
pub struct Findings {
    /// Names of entities; their numbers are added up.
    pub entities: Vec<&'static str>,
    pub count: Test,
}

impl Findings {
    pub fn on(&self, counts: &Counts) -> Truth {
        let count: usize = self.entities.iter().filter_map(|entity| counts.get(*entity)).sum();
        self.count.on(&Value::Number(&count.to_string()))
    }
}

/// Counts what `profile` looks for.
pub fn count(headers: &Headers, body: &[u8], profile: &Profile) -> Result<Counts, Reason> {
    readable(headers, body)?;
    let found = redact::body(headers.only("content-type"), body, profile, &mut Labels::default()).map_err(reason)?;
    let mut counts = Counts::new();
    for finding in found.findings {
        *counts.entry(finding.entity).or_default() += 1;
    }
    Ok(counts)
}

fn reason(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::Json(error) => Reason::Json(error),
        Refusal::InvalidUtf8 { .. } | Refusal::UnsupportedCharset => Reason::UnsupportedCharset,
        Refusal::BinaryBody | Refusal::Multipart | Refusal::TooLarge { .. } | Refusal::UnsupportedType => {
            Reason::UnsupportedBody
        }
    }
}
