//! The members of an object, or the pairs of a form: those of which the whole value is dropped go, with one separator.
//!
//! Must not go here: what is dropped (`profile`).

use std::ops::Range;

use super::edit::Edit;

/// In order.
#[derive(Debug, Default)]
pub(super) struct Members(Vec<Member>);

#[derive(Debug)]
pub(super) struct Member {
    pub key: Range<usize>,
    pub value: Range<usize>,
    /// What an edit replaces that replaces all of the value; `None`: no edit does.
    pub whole: Option<Range<usize>>,
}

impl Members {
    pub fn push(&mut self, member: Member) {
        self.0.push(member);
    }

    /// The last value ends at `end`, and not where it seemed.
    pub fn end(&mut self, end: usize) {
        if let Some(member) = self.0.last_mut() {
            member.value.end = end;
        }
    }

    /// There are no more. `from`: the first edit that may be of one.
    pub fn drop(&self, from: usize, out: &mut Vec<Edit>) {
        let mut kept = false;
        for (i, Member { key, value, whole }) in self.0.iter().enumerate() {
            let own = out.get(from..).unwrap_or_default();
            let at = from + own.partition_point(|edit| edit.range.start < value.start);
            let edit = out.get_mut(at).filter(|edit| edit.drops && whole.as_ref() == Some(&edit.range));
            let Some(edit) = edit else {
                kept = true;
                continue;
            };
            let before = i.checked_sub(1).and_then(|i| self.0.get(i)).filter(|_| kept);
            let behind = self.0.get(i + 1).filter(|_| !kept);
            let start = before.map_or(key.start, |member| member.value.end);
            edit.range = start..behind.map_or(value.end, |member| member.key.start);
            edit.text.clear();
            // With the member goes what was masked of its key.
            let own = out.get(from..at).unwrap_or_default();
            let first = from + own.partition_point(|edit| edit.range.start < start);
            out.drain(first..at);
        }
    }
}
