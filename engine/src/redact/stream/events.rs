//! Server-sent events: each goes out as it came, with its strings redacted; the texts that deltas spell are read as wholes.
//!
//! An event waits while the text of one of its deltas is not decided, and those behind it wait with it, so that order and
//! shape stay. Must not go here: which strings are deltas (`sse::delta`).

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::alike::Alike;
use super::tail::Tail;
use super::{MOST, within};
use crate::redact::edit::{Edit, Job, apply};
use crate::redact::value::{self, Place};
use crate::redact::{Finding, Refusal, encode, json};
use crate::sorting::sort_by;
use crate::sse::delta::{self, Delta, End, Parts};
use crate::sse::{Event, Splitter};

/// Texts followed at once.
const CHANNELS: usize = 256;
/// Bytes of events that wait: a long token arrives in events many times its length.
const WAITING: usize = 4 * MOST;

#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    splitter: Splitter,
    channels: BTreeMap<String, Tail>,
    queue: VecDeque<Waiting>,
    /// Bytes in the queue.
    waiting: usize,
    alike: Alike,
}

/// An event that may wait for the text of its deltas.
#[derive(Clone, Debug)]
struct Waiting {
    event: Event,
    /// Edits of the strings that are no deltas.
    edits: Vec<Edit>,
    /// Its deltas: channel, place, text, and what goes out instead once that is known.
    deltas: Vec<(String, Range<usize>, String, Option<String>)>,
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
        while let Some(event) = self.splitter.next_event() {
            self.event(event, job, findings)?;
            self.release(out);
        }
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
        if let Some(event) = std::mem::take(&mut self.splitter).finish() {
            self.event(event, job, findings)?;
        }
        self.end(&End::All, job, findings);
        self.release(out);
        Ok(())
    }

    fn event(&mut self, event: Event, job: &mut Job<'_>, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        within(event.bytes.len())?;
        let Some(data) = event.text() else { return Err(Refusal::InvalidUtf8 { at: event.at }) };
        let (parts, edits) = match self.alike.read(&data) {
            Some(delta) => (Parts { deltas: vec![delta], ends: Vec::new() }, Vec::new()),
            None => {
                let (parts, edits) = read(&data, job);
                self.alike.remember(&data, &parts, &edits);
                (parts, edits)
            }
        };
        let at = event.data_at().unwrap_or(event.at);
        let here = |f: &Finding| Finding { range: f.range.start + at..f.range.end + at, ..f.clone() };
        findings.extend(edits.iter().map(|edit| here(&edit.finding)));

        let mut deltas = Vec::new();
        for Delta { channel, range, text, json } in parts.deltas {
            if self.channels.len() >= CHANNELS && !self.channels.contains_key(&channel) {
                return Err(Refusal::TooLarge { limit: CHANNELS });
            }
            let tail = match self.channels.get_mut(&channel) {
                Some(tail) => tail,
                None => self.channels.entry(channel.clone()).or_insert_with(|| Tail::new(json)),
            };
            tail.push(&text, at + range.start..at + range.end, job, findings);
            deltas.push((channel, range, text, None));
        }
        self.waiting += event.bytes.len();
        self.queue.push_back(Waiting { event, edits, deltas });
        for end in &parts.ends {
            self.end(end, job, findings);
        }
        self.collect();
        Ok(())
    }

    /// Texts end: what is not decided is judged as it stands.
    fn end(&mut self, end: &End, job: &mut Job<'_>, findings: &mut Vec<Finding>) {
        for (_, tail) in self.channels.iter_mut().filter(|(name, _)| covers(end, name)) {
            tail.finish(job, findings);
        }
        self.collect();
        self.channels.retain(|name, _| !covers(end, name));
    }

    /// Takes decided pieces to the events that wait for them.
    fn collect(&mut self) {
        for (channel, _, _, instead) in self.queue.iter_mut().flat_map(|waiting| &mut waiting.deltas) {
            if instead.is_none() {
                *instead = self.channels.get_mut(channel).and_then(Tail::next_piece);
            }
        }
    }

    /// Sends the events at the front that wait for nothing.
    fn release(&mut self, out: &mut Vec<u8>) {
        while self.queue.front().is_some_and(|first| first.deltas.iter().all(|(.., instead)| instead.is_some())) {
            let Some(Waiting { event, mut edits, deltas }) = self.queue.pop_front() else { return };
            self.waiting -= event.bytes.len();
            for (_, range, text, instead) in deltas {
                let instead = instead.unwrap_or_default();
                if instead != text {
                    edits.push(Edit::of(range, encode::json(&instead)));
                }
            }
            if edits.is_empty() {
                out.extend_from_slice(&event.bytes);
                continue;
            }
            sort_by(&mut edits, |a, b| a.range.start.cmp(&b.range.start));
            let data = event.text().unwrap_or_default();
            match apply(&data, edits).body.and_then(|body| String::from_utf8(body).ok()) {
                Some(changed) => out.extend_from_slice(&event.with_text(&changed)),
                None => out.extend_from_slice(&event.bytes),
            }
        }
    }
}

/// What an event says, and the edits of its strings that are no deltas.
fn read(data: &str, job: &mut Job<'_>) -> (Parts, Vec<Edit>) {
    let parts = delta::read(data).unwrap_or_default();
    let apart: Vec<_> = parts.deltas.iter().map(|delta| delta.range.clone()).collect();
    let mut edits = Vec::new();
    if json::without(job, data, Place::default(), &apart, &mut edits).is_err() {
        // Data that is no JSON is a text of its own.
        edits.clear();
        value::field(job, data, Place::default(), &mut edits);
    }
    (parts, edits)
}

fn covers(end: &End, channel: &str) -> bool {
    match end {
        End::All => true,
        End::Below(start) => channel.starts_with(start),
    }
}
