//! One text that arrives in pieces: each piece goes out, redacted, once all of it is decided.
//!
//! A value that is spread over pieces is replaced in the first of them and cut from the others, so that every other piece stays
//! as it was. Must not go here: where the pieces come from (`events`, the parent).

use std::collections::VecDeque;
use std::ops::Range;

use crate::detect::settled;
use crate::redact::edit::Job;
use crate::redact::value::{Looked, Place};
use crate::redact::{Finding, encode};

/// Bytes before the undecided part that may announce what follows.
const CONTEXT: usize = 256;
/// Looked at in one go: longer texts are taken in windows, so that one endless word costs no more than its length.
const WINDOW: usize = 64 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// The text is a JSON document and must stay one.
    json: bool,
    /// Original text: what is decided and may announce, then what is not.
    text: String,
    /// How much of it is decided.
    decided: usize,
    /// The pieces that are not all out, in order.
    pieces: VecDeque<Piece>,
    /// For JSON: what is decided ends inside of a string.
    in_string: bool,
}

#[derive(Clone, Debug)]
struct Piece {
    /// Its place in `text`. The start may be forgotten already and counts as zero then.
    own: Range<usize>,
    /// Its place in the stream.
    source: Range<usize>,
    /// What goes out in its place, as far as it is decided.
    out: String,
}

impl Tail {
    pub fn new(json: bool) -> Tail {
        Tail { json, ..Tail::default() }
    }

    /// Takes one more piece, which stands at `source` in the stream.
    pub fn push(&mut self, text: &str, source: Range<usize>, job: &mut Job<'_>, findings: &mut Vec<Finding>) {
        let own = self.text.len()..self.text.len() + text.len();
        self.pieces.push_back(Piece { own, source, out: String::new() });
        self.text.push_str(text);
        loop {
            let window = floor(&self.text, self.decided + WINDOW);
            let open = floor(&self.text, window.saturating_sub(job.profile.own.reach()));
            let decided = settled(self.text.get(..window).unwrap_or_default()).min(open).max(self.decided);
            let more = window < self.text.len();
            if !self.decide(decided, job, findings) || !more {
                return;
            }
        }
    }

    /// No more text comes: all is decided.
    pub fn finish(&mut self, job: &mut Job<'_>, findings: &mut Vec<Finding>) {
        self.decide(self.text.len(), job, findings);
    }

    /// Whether some text is not decided.
    pub fn waits(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The next piece that is decided from end to end.
    pub fn next_piece(&mut self) -> Option<String> {
        let done = self.pieces.front().is_some_and(|piece| piece.own.end <= self.decided);
        if done { self.pieces.pop_front().map(|piece| piece.out) } else { None }
    }

    /// All that is decided, whatever piece it is of.
    pub fn take(&mut self) -> String {
        let decided = self.decided;
        let done: String = self.pieces.iter_mut().map(|piece| std::mem::take(&mut piece.out)).collect();
        self.pieces.retain(|piece| piece.own.end > decided);
        done
    }

    /// Redacts the text up to `until`, or to a value that reaches over it; whether that was any.
    fn decide(&mut self, mut until: usize, job: &mut Job<'_>, findings: &mut Vec<Finding>) -> bool {
        if until <= self.decided {
            return false;
        }
        let (mut all, mut seen) = (Vec::new(), Vec::new());
        Looked::at(job, &self.text, Place::default(), Some(&mut seen)).each(job, |_, found| all.push(found));
        all.retain(|found| found.range.start >= self.decided);
        if until < self.text.len() {
            // What touches the border may grow over it.
            let from = self.decided;
            while let Some(over) = seen.iter().find(|r| r.start >= from && r.start < until && r.end >= until) {
                until = over.start;
            }
        }
        let from = self.decided;
        for found in all.into_iter().take_while(|found| found.range.end <= until) {
            self.keep(found.range.start);
            let range = found.range.clone();
            let Some(edit) = job.edit(found) else { continue };
            self.replace(&range, &edit.text);
            self.locate(&edit.finding, findings);
        }
        self.keep(until);
        self.forget();
        until > from
    }

    /// The text up to `end` goes out as it is.
    fn keep(&mut self, end: usize) {
        let range = self.decided..end.max(self.decided);
        let kept = self.text.get(range.clone()).unwrap_or_default();
        self.in_string = self.json && ends_in_string(kept, self.in_string);
        for piece in self.pieces.iter_mut() {
            let part = piece.own.start.max(range.start)..piece.own.end.min(range.end);
            piece.out.push_str(self.text.get(part).unwrap_or_default());
        }
        self.decided = range.end;
    }

    /// The text at `range` goes out as `text`, in the piece that it begins in.
    fn replace(&mut self, range: &Range<usize>, text: &str) {
        let text = match (self.json, self.in_string) {
            (true, true) => encode::json(text),
            (true, false) => format!("\"{}\"", encode::json(text)),
            (false, _) => text.to_owned(),
        };
        if let Some(piece) = self.pieces.iter_mut().find(|piece| piece.own.end > range.start) {
            piece.out.push_str(&text);
        }
        self.decided = range.end;
    }

    /// Drops the text that can no longer announce anything.
    fn forget(&mut self) {
        let forget = floor(&self.text, self.decided.saturating_sub(CONTEXT));
        self.text.drain(..forget);
        self.decided -= forget;
        for piece in &mut self.pieces {
            // What is left of a piece that loses its front is the end of its source.
            let lost = forget.saturating_sub(piece.own.start);
            if piece.source.len() == piece.own.len() {
                piece.source.start += lost.min(piece.own.len());
            }
            piece.own = piece.own.start.saturating_sub(forget)..piece.own.end.saturating_sub(forget);
        }
    }

    /// Says where in the stream a finding stands: once for each piece that it is spread over.
    fn locate(&self, finding: &Finding, findings: &mut Vec<Finding>) {
        let found = &finding.range;
        for Piece { own, source, .. } in
            self.pieces.iter().filter(|p| p.own.start < found.end && found.start < p.own.end)
        {
            let (before, behind) = (found.start.saturating_sub(own.start), own.end.saturating_sub(found.end));
            // A piece that is written with escapes maps as a whole.
            let exact = source.len() == own.len();
            let range = if exact { source.start + before..source.end - behind } else { source.clone() };
            findings.push(Finding { range, ..finding.clone() });
        }
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Whether a piece of JSON ends inside of a string, given whether it began in one.
fn ends_in_string(text: &str, mut inside: bool) -> bool {
    let mut escaped = false;
    for b in text.bytes() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ => {}
        }
    }
    inside
}
