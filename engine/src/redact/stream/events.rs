//! Server-sent events: each goes out as it came, with its strings redacted; the texts that deltas spell are read as wholes.
//!
//! An event waits while the text of one of its deltas is not decided, and those behind it wait with it, so that order and
//! shape stay. Must not go here: which strings are deltas (`sse::delta`).

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use super::alike::Alike;
use super::tail::{Decided, Tail};
use super::{MOST, within};
use crate::extract::json::{Limits, Scanner, Token};
use crate::redact::edit::{Edit, Job, apply};
use crate::redact::value::{self, Place};
use crate::redact::{Finding, Refusal, encode, json};
use crate::sorting::sort_by;
use crate::sse::delta::{self, Delta, End};
use crate::sse::{Event, Splitter};

/// Texts followed at once.
const CHANNELS: usize = 256;
/// Bytes of events that wait: a long token arrives in events many times its length.
const WAITING: usize = 4 * MOST;

#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    splitter: Splitter,
    channels: Vec<Channel>,
    queue: VecDeque<Waiting>,
    /// The deltas of the events in the queue, in order.
    deltas: VecDeque<Piece>,
    /// Bytes of the events in the queue.
    waiting: usize,
    alike: Alike,
    /// The one text that was added to and not looked at since: that is done once for a chunk, and whenever something else may
    /// be found, since what is found is numbered in the order of the events.
    unsettled: Option<Rc<str>>,
}

/// A text that deltas spell.
#[derive(Clone, Debug)]
struct Channel {
    name: Rc<str>,
    tail: Tail,
}

/// An event that may wait for the text of its deltas.
#[derive(Clone, Debug)]
struct Waiting {
    place: Range<usize>,
    /// Edits of the strings that are no deltas.
    edits: Vec<Edit>,
    /// How many deltas it has.
    deltas: usize,
}

/// A delta of an event that waits.
#[derive(Clone, Debug)]
struct Piece {
    channel: Rc<str>,
    /// Its place in the data.
    range: Range<usize>,
    /// What goes out of it, once that is known.
    decided: Option<Decided>,
}

impl Events {
    pub fn push(
        &mut self,
        chunk: &[u8],
        job: &mut Job<'_>,
        findings: &mut Vec<Finding>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        self.splitter.push(chunk);
        while let Some(place) = self.splitter.next_event() {
            self.event(place, job, findings)?;
        }
        settle(&mut self.channels, &mut self.unsettled, job, findings);
        self.release(out);
        if self.waiting > WAITING {
            return Err(Refusal::TooLarge { limit: WAITING });
        }
        within(self.splitter.waiting())
    }

    /// Whether an event is kept back, or a part of one.
    pub fn waits(&self) -> bool {
        !self.queue.is_empty() || self.splitter.waiting() > 0
    }

    pub fn finish(mut self, job: &mut Job<'_>, findings: &mut Vec<Finding>, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if let Some(place) = self.splitter.rest() {
            self.event(place, job, findings)?;
        }
        self.end(&End::All, job, findings);
        self.release(out);
        Ok(())
    }

    fn event(&mut self, place: Range<usize>, job: &mut Job<'_>, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        within(place.len())?;
        self.waiting += place.len();
        if self.is_alike(&place) {
            return Ok(());
        }
        self.alike.forget();
        let event = Event::read(place.start, self.splitter.bytes(&place));
        let Some(data) = event.text() else { return Err(Refusal::InvalidUtf8 { at: event.at }) };
        let tokens = Scanner::of(&data, Limits::default()).tokens().ok();
        let parts = delta::read(&data, tokens.as_deref().unwrap_or_default());
        // Whether there is anything to redact, and then what.
        let mut edits = job.apart(|job| outside(job, &data, tokens.as_deref(), &parts.deltas));
        if !edits.is_empty() {
            settle(&mut self.channels, &mut self.unsettled, job, findings);
            edits = outside(job, &data, tokens.as_deref(), &parts.deltas);
        }
        let at = event.data_at().unwrap_or(event.at);
        let here = |f: &Finding| Finding { range: f.range.start + at..f.range.end + at, ..f.clone() };
        findings.extend(edits.iter().map(|edit| here(&edit.finding)));

        let deltas = parts.deltas.len();
        for Delta { channel, range, text, json } in parts.deltas {
            if !self.channels.iter().any(|own| *own.name == *channel) {
                if self.channels.len() >= CHANNELS {
                    return Err(Refusal::TooLarge { limit: CHANNELS });
                }
                self.channels.push(Channel { name: channel.as_str().into(), tail: Tail::new(json) });
            }
            if self.unsettled.as_ref().is_some_and(|other| **other != *channel) {
                settle(&mut self.channels, &mut self.unsettled, job, findings);
            }
            let Some(Channel { name, tail }) = self.channels.iter_mut().find(|own| *own.name == *channel) else {
                continue;
            };
            tail.append(&text, at + range.start..at + range.end);
            self.deltas.push_back(Piece { channel: Rc::clone(name), range, decided: None });
            self.unsettled = Some(Rc::clone(name));
        }
        if let (1, [], [], Some(Piece { channel, range, .. })) =
            (deltas, parts.ends.as_slice(), edits.as_slice(), self.deltas.back())
        {
            self.alike.remember(&event, range, channel);
        }
        self.queue.push_back(Waiting { place, edits, deltas });
        for end in &parts.ends {
            settle(&mut self.channels, &mut self.unsettled, job, findings);
            self.end(end, job, findings);
        }
        Ok(())
    }

    /// Takes in an event like the last one: another piece of the same text.
    fn is_alike(&mut self, place: &Range<usize>) -> bool {
        let Some((delta, text)) = self.alike.read(self.splitter.bytes(place)) else { return false };
        let Some(channel) = self.alike.channel() else { return false };
        let Some(tail) = tail(&mut self.channels, channel) else { return false };
        tail.append(&text, place.start + delta.start..place.start + delta.end);
        self.unsettled = Some(Rc::clone(channel));
        let (channel, range) = (Rc::clone(channel), self.alike.in_data(&delta));
        self.deltas.push_back(Piece { channel, range, decided: None });
        self.queue.push_back(Waiting { place: place.clone(), edits: Vec::new(), deltas: 1 });
        true
    }

    /// Texts end: what is not decided is judged as it stands.
    fn end(&mut self, end: &End, job: &mut Job<'_>, findings: &mut Vec<Finding>) {
        for Channel { tail, .. } in self.channels.iter_mut().filter(|channel| covers(end, &channel.name)) {
            tail.finish(job, findings);
        }
        for piece in self.deltas.iter_mut().filter(|piece| covers(end, &piece.channel)) {
            piece.decide(&mut self.channels);
        }
        self.channels.retain(|channel| !covers(end, &channel.name));
    }

    /// Sends the events at the front that wait for nothing.
    fn release(&mut self, out: &mut Vec<u8>) {
        while let Some(first) = self.queue.front() {
            if !self.deltas.iter_mut().take(first.deltas).all(|piece| piece.decide(&mut self.channels)) {
                return;
            }
            let Some(Waiting { place, mut edits, deltas }) = self.queue.pop_front() else { return };
            self.waiting -= place.len();
            for Piece { range, decided, .. } in (0..deltas).filter_map(|_| self.deltas.pop_front()) {
                if let Some(Decided::Instead(text)) = decided {
                    edits.push(Edit::of(range, encode::json(&text)));
                }
            }
            let bytes = self.splitter.bytes(&place);
            if edits.is_empty() {
                out.extend_from_slice(bytes);
            } else {
                sort_by(&mut edits, |a, b| a.range.start.cmp(&b.range.start));
                let event = Event::read(place.start, bytes);
                let data = event.text().unwrap_or_default();
                match apply(&data, edits).body.and_then(|body| String::from_utf8(body).ok()) {
                    Some(changed) => out.extend_from_slice(&event.with_text(&changed)),
                    None => out.extend_from_slice(bytes),
                }
            }
            self.splitter.let_go(place.end);
        }
    }
}

impl Piece {
    /// Asks its text what goes out of it; whether that is known.
    fn decide(&mut self, channels: &mut [Channel]) -> bool {
        if self.decided.is_none() {
            self.decided = tail(channels, &self.channel).and_then(Tail::next_piece);
        }
        self.decided.is_some()
    }
}

/// Decides what can be decided of the text that was added to.
fn settle(channels: &mut [Channel], unsettled: &mut Option<Rc<str>>, job: &mut Job<'_>, findings: &mut Vec<Finding>) {
    if let Some(tail) = unsettled.take().and_then(|channel| tail(channels, &channel)) {
        tail.settle(job, findings);
    }
}

/// The edits of the strings of an event that are none of its deltas.
fn outside<'d>(job: &mut Job<'_>, data: &'d str, tokens: Option<&[Token<'d>]>, deltas: &[Delta]) -> Vec<Edit> {
    let apart: Vec<_> = deltas.iter().map(|delta| delta.range.clone()).collect();
    let mut edits = Vec::new();
    let read = tokens.and_then(|tokens| {
        let mut tokens = tokens.iter().cloned();
        json::without(job, data, &mut || Ok(tokens.next()), Place::default(), &apart, &mut edits).ok()
    });
    if read.is_none() {
        // Data that is no JSON is a text of its own.
        edits.clear();
        value::field(job, data, Place::default(), &mut edits);
    }
    edits
}

fn tail<'c>(channels: &'c mut [Channel], name: &str) -> Option<&'c mut Tail> {
    channels.iter_mut().find(|channel| *channel.name == *name).map(|channel| &mut channel.tail)
}

fn covers(end: &End, channel: &str) -> bool {
    match end {
        End::All => true,
        End::Below(start) => channel.starts_with(start),
    }
}
