//! One text that arrives in pieces: each piece goes out, redacted, once all of it is decided.
//!
//! A value that is spread over pieces is replaced in the first of them and cut from the others, so that every other piece stays
//! as it was. Places count from the beginning of the text. Must not go here: where the pieces come from (`events`, the parent).

mod inside;

use std::collections::VecDeque;
use std::ops::Range;

use self::inside::Inside;
use crate::detect::settled;
use crate::redact::edit::Job;
use crate::redact::value::{Found, Looked, Place};
use crate::redact::view::View;
use crate::redact::{Finding, encode};

/// Bytes before the undecided part that may announce what follows.
const CONTEXT: usize = 256;
/// Looked at in one go: longer texts are taken in windows, so that one endless word costs no more than its length.
const WINDOW: usize = 64 * 1024;
/// What stays undecided at the end of a window in which something seems to have no end: longer than a private key.
const CUT: usize = 24 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// The text is a JSON document and must stay one.
    json: bool,
    /// Original text: what is decided and may announce or is not out yet, then what is not decided.
    text: String,
    /// Where `text` begins; what stood before is forgotten.
    start: usize,
    /// How far the text is decided.
    decided: usize,
    /// The pieces that are not out, in order.
    pieces: VecDeque<Piece>,
    /// What goes out instead of decided text, in order, until the last piece that it concerns is out.
    edits: VecDeque<(Range<usize>, String)>,
    /// For JSON: where what is decided ends.
    inside: Inside,
}

#[derive(Clone, Debug)]
struct Piece {
    /// Its place in the text.
    own: Range<usize>,
    /// Its place in the stream.
    source: Range<usize>,
}

/// What goes out of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    AsItCame,
    Instead(String),
}

impl Tail {
    pub fn new(json: bool) -> Tail {
        Tail { json, ..Tail::default() }
    }

    /// Takes one more piece, which stands at `source` in the stream.
    pub fn append(&mut self, text: &str, source: Range<usize>) {
        let start = self.end();
        self.text.push_str(text);
        self.pieces.push_back(Piece { own: start..self.end(), source });
    }

    /// Decides what no further text can change. The same becomes of a text whether that is done once or after each piece.
    pub fn settle(&mut self, job: &mut Job<'_>, findings: &mut Vec<Finding>) {
        loop {
            let from = self.context();
            let text = self.slice(from..self.end());
            let window = floor(text, self.decided - from + WINDOW);
            let reach = job.profile.own.reach();
            let decided = from + floor(text, settled_as_read(text.get(..window).unwrap_or_default(), reach));
            // Nothing is as long as a window: what seems to be is judged as it stands, but for its end.
            let (more, most) = (window < text.len(), from + floor(text, window.saturating_sub(CUT)));
            let moved = self.decide(decided, false, job, findings);
            if !more || !moved && !self.decide(most, true, job, findings) {
                return;
            }
        }
    }

    /// No more text comes: all is decided.
    pub fn finish(&mut self, job: &mut Job<'_>, findings: &mut Vec<Finding>) {
        self.decide(self.end(), false, job, findings);
    }

    /// Bytes of text that are held.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.text.len()
    }

    /// Whether some text is not out.
    pub fn waits(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The next piece, if it is decided from end to end.
    pub fn next_piece(&mut self) -> Option<Decided> {
        let piece = self.pieces.pop_front_if(|piece| piece.own.end <= self.decided)?;
        Some(self.output(&piece.own))
    }

    /// Lets all go that is decided, whatever piece it is of.
    pub fn take(&mut self, out: &mut Vec<u8>) {
        let Some(first) = self.pieces.front() else { return };
        let own = first.own.start..self.decided;
        match self.output(&own) {
            Decided::AsItCame => out.extend_from_slice(self.slice(own).as_bytes()),
            Decided::Instead(text) => out.extend_from_slice(text.as_bytes()),
        }
        while self.pieces.pop_front_if(|piece| piece.own.end <= self.decided).is_some() {}
        if let Some(Piece { own, source }) = self.pieces.front_mut() {
            source.start += self.decided.saturating_sub(own.start);
            own.start = own.start.max(self.decided);
        }
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn slice(&self, range: Range<usize>) -> &str {
        let here = |at: usize| at.saturating_sub(self.start);
        self.text.get(here(range.start)..here(range.end)).unwrap_or_default()
    }

    /// Where the text begins that may announce something.
    fn context(&self) -> usize {
        self.start + floor(&self.text, (self.decided - self.start).saturating_sub(CONTEXT))
    }

    /// Redacts the text up to `until`, or to a value that reaches over it; whether that was any. `now`: with such a value,
    /// if it is all there is.
    fn decide(&mut self, mut until: usize, now: bool, job: &mut Job<'_>, findings: &mut Vec<Finding>) -> bool {
        let from = self.decided;
        if until <= from {
            return false;
        }
        let base = self.context();
        let placed = |range: &Range<usize>| range.start + base..range.end + base;
        let (mut all, mut seen) = (Vec::new(), Vec::new());
        if let Some(looked) = Looked::at(job, self.slice(base..self.end()), Place::default(), Some(&mut seen)) {
            looked.each(job, |_, found| all.push(Found { range: placed(&found.range), ..found }));
        }
        all.retain(|found| found.range.start >= from);
        if until < self.end() {
            // What touches the border may grow over it.
            let open = |until: usize| move |r: &&Range<usize>| r.start >= from && r.start < until && r.end >= until;
            seen.iter_mut().for_each(|range| *range = placed(range));
            while let Some(over) = seen.iter().find(open(until)) {
                if now && over.start <= from {
                    until = seen.iter().filter(open(until)).map(|range| range.end).max().unwrap_or(until);
                    break;
                }
                until = over.start;
            }
        }
        for found in all.into_iter().take_while(|found| found.range.end <= until) {
            let range = self.whole(found.range.clone());
            self.keep(range.start);
            let Some(edit) = job.edit(found) else { continue };
            self.locate(&edit.finding, findings);
            self.replace(range, edit.text);
        }
        self.keep(until);
        self.forget();
        until > from
    }

    /// What is replaced for a finding at `range`: in JSON no half of an escape.
    fn whole(&self, range: Range<usize>) -> Range<usize> {
        if !self.json {
            return range;
        }
        let (start, inside) = self.inside.outside_escape(self.slice(self.decided..range.start));
        let start = self.decided + start;
        let (end, _) = inside.outside_escape(self.slice(start..range.end));
        start..start + end
    }

    /// The text up to `end` goes out as it is.
    fn keep(&mut self, end: usize) {
        let range = self.decided..end.max(self.decided);
        self.decided = range.end;
        if self.json {
            self.inside = self.inside.behind(self.slice(range));
        }
    }

    /// The text at `range` goes out as `text`, in the piece that it begins in.
    fn replace(&mut self, range: Range<usize>, text: String) {
        self.decided = range.end;
        let text = if self.json {
            let (text, inside) = self.inside.instead(self.slice(range.clone()), &encode::json(&text));
            self.inside = inside;
            text
        } else {
            text
        };
        self.edits.push_back((range, text));
    }

    /// What goes out of the decided text at `own`, behind which the next will be asked for.
    fn output(&mut self, own: &Range<usize>) -> Decided {
        if self.edits.front().is_none_or(|(range, _)| range.start >= own.end) {
            return Decided::AsItCame;
        }
        let (mut text, mut done) = (String::new(), own.start);
        while let Some((range, instead)) = self.edits.front().filter(|(range, _)| range.start < own.end) {
            // It may have begun in a piece before.
            if range.start >= own.start {
                text.push_str(self.slice(done..range.start));
                text.push_str(instead);
            }
            done = range.end.min(own.end);
            if range.end > own.end {
                break;
            }
            self.edits.pop_front();
        }
        text.push_str(self.slice(done..own.end));
        if text == self.slice(own.clone()) { Decided::AsItCame } else { Decided::Instead(text) }
    }

    /// Drops the text that is out and can no longer announce anything.
    fn forget(&mut self) {
        let wanted = self.pieces.front().map_or(self.decided, |piece| piece.own.start).min(self.context());
        // At a character's border, whatever stands before: nothing may end here in a panic.
        let gone = floor(&self.text, wanted.saturating_sub(self.start));
        self.text.drain(..gone);
        self.start += gone;
    }

    /// Says where in the stream a finding stands: once for each piece that it is spread over.
    fn locate(&self, finding: &Finding, findings: &mut Vec<Finding>) {
        let found = &finding.range;
        let first = self.pieces.partition_point(|piece| piece.own.end <= found.start);
        for Piece { own, source } in self.pieces.iter().skip(first).take_while(|piece| piece.own.start < found.end) {
            let (before, behind) = (found.start.saturating_sub(own.start), own.end.saturating_sub(found.end));
            // A piece that is written with escapes maps as a whole.
            let exact = source.len() == own.len();
            let range = if exact { source.start + before..source.end - behind } else { source.clone() };
            findings.push(Finding { range, ..finding.clone() });
        }
    }
}

/// The length of the part of `text` that is decided as it stands and as a lenient reader reads it, who finds the values;
/// `reach`: the longest of the policy's own.
fn settled_as_read(text: &str, reach: usize) -> usize {
    let decided = |text: &str| settled(text).min(text.len().saturating_sub(reach));
    let Some(view) = View::lenient(text) else { return decided(text) };
    let read = decided(&view.text);
    let source = if read < view.text.len() { view.source(&(read..read + 1)).start } else { text.len() };
    decided(text).min(source)
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
