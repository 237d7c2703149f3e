//! Edits: what replaces which bytes, lifted from decoded text to the text it was decoded from, and applied in one pass.
//!
//! Must not go here: how text is decoded (`view`), what is written instead (`style`).

use std::ops::Range;

use super::json::Known;
use super::value::{Found, base64};
use super::{Finding, Labels, Profile, Redacted};
use crate::detect::Match;

/// One replacement, in the coordinates of the text at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub range: Range<usize>,
    pub text: String,
    pub finding: Finding,
    /// Nothing is written instead; where it is all of a field, the field goes.
    pub drops: bool,
}

impl Edit {
    /// A replacement that reports nothing by itself.
    pub fn of(range: Range<usize>, text: String) -> Edit {
        let finding = Finding { entity: "".into(), range: range.clone(), score: 0 };
        Edit { range, text, finding, drops: false }
    }
}

/// What all steps of one redaction share.
pub(super) struct Job<'p> {
    pub profile: &'p Profile,
    pub labels: &'p mut Labels,
    /// The text at hand is a key: what replaces values in it must keep them apart.
    pub key: bool,
    /// Scratch space, empty between uses.
    pub matches: Vec<Match>,
    /// Of this profile only.
    pub known: Known,
}

impl<'p> Job<'p> {
    pub fn new(profile: &'p Profile, labels: &'p mut Labels) -> Self {
        Job { profile, labels, key: false, matches: Vec::new(), known: Known::default() }
    }

    /// Does something that gives no value a number: labels are given in the order in which values are replaced.
    pub fn apart<T>(&mut self, work: impl FnOnce(&mut Job<'_>) -> T) -> T {
        let mut labels = Labels::new();
        let mut job = Job { known: std::mem::take(&mut self.known), ..Job::new(self.profile, &mut labels) };
        let done = work(&mut job);
        self.known = job.known;
        done
    }

    /// What to write instead of what was found; `None`: it stays.
    pub fn edit(&mut self, found: Found) -> Option<Edit> {
        let text = match found.inside {
            Some(place) => base64::redacted(self, &found.value, place)?.0,
            None => self.profile.replacement(&found, self.key, self.labels)?,
        };
        let finding = Finding { entity: found.name, range: found.range.clone(), score: found.score };
        Some(Edit { range: found.range, drops: text.is_empty(), text, finding })
    }
}

/// Carries edits of a decoded text over to the text it was decoded from.
pub(super) fn lift(edits: &mut [Edit], place: impl Fn(&Range<usize>) -> Range<usize>, encode: impl Fn(&str) -> String) {
    for edit in edits {
        edit.range = place(&edit.range);
        edit.finding.range = place(&edit.finding.range);
        edit.text = encode(&edit.text);
    }
}

/// The text with all edits applied; they must stand in order and not overlap.
pub(super) fn apply(text: &str, edits: Vec<Edit>) -> Redacted {
    if edits.is_empty() {
        return Redacted::default();
    }
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let removed: usize = edits.iter().map(|edit| edit.range.len()).sum();
    let mut body = String::with_capacity((text.len() + added).saturating_sub(removed));
    let mut done = 0;
    for Edit { range, text: instead, .. } in &edits {
        body.push_str(text.get(done..range.start).unwrap_or_default());
        body.push_str(instead);
        done = range.end.max(done);
    }
    body.push_str(text.get(done..).unwrap_or_default());
    // In the memory of the edits: with many, a second list would be as large as the body.
    let findings = edits.into_iter().map(|edit| edit.finding).collect();
    Redacted { body: Some(body.into_bytes()), findings }
}
