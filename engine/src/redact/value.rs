//! One value under its key: what is encoded in it, then what is found in it, then what is written instead.
//!
//! Must not go here: where fields begin and end (`json` and the other formats), what is personal (`detect`).

use super::Finding;
use super::edit::{Edit, Job};
use crate::detect::{self, Hints};

/// What the keys around a value announce.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub key: Hints,
    pub parent: Hints,
}

impl Place {
    pub fn of(key: &str) -> Place {
        Place { key: Hints::of(key), parent: Hints::NONE }
    }
}

/// Appends the edits for the value of a field.
pub(super) fn field(job: &mut Job<'_>, text: &str, place: Place, out: &mut Vec<Edit>) {
    let mut matches = std::mem::take(&mut job.matches);
    detect::field(text, place.key, place.parent, &job.profile.wanted, &mut matches);
    for found in matches.drain(..) {
        let value = text.get(found.start..found.end).unwrap_or_default();
        let entity = job.profile.name(found.entity);
        if let Some(text) = job.profile.replacement(found.entity, value, job.labels) {
            let range = found.start..found.end;
            let finding = Finding { entity, range: range.clone(), score: found.score };
            out.push(Edit { range, text, finding });
        }
    }
    job.matches = matches;
}
