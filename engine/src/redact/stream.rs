//! A body that arrives in chunks: what is decided goes out at once, what may still become a finding is kept back, in bounded
//! memory. Nothing here looks at time: what is kept is exactly what is not yet decided, however the bytes are cut.
//!
//! Plain text is cut where no value reaches over, lines of JSON at their ends, events one by one with the texts that their
//! deltas spell. A single document (JSON, XML, a table) has to be complete.
//! Must not go here: what is found and written (`detect`, `value`).

mod alike;
mod events;
mod tail;

use super::edit::{Job, apply};
use super::format::Format;
use super::json::Known;
use super::{Finding, Labels, Profile, Redacted, Refusal, body, lines};
use events::Events;
use tail::Tail;

/// Bytes kept at most: a line, an event, a document.
const MOST: usize = 1 << 20;

/// The state of one body.
#[derive(Clone, Debug)]
pub struct Stream {
    content_type: Option<Vec<u8>>,
    mode: Mode,
    findings: Vec<Finding>,
    /// Bytes that went into lines and texts so far.
    read: usize,
    known: Known,
}

#[derive(Clone, Debug)]
enum Mode {
    /// The type said nothing; the first bytes will.
    Undecided(Vec<u8>),
    Binary,
    /// The type cannot be read; so no byte passes.
    Refused(Refusal),
    Events(Events),
    Lines(Vec<u8>),
    Text {
        tail: Tail,
        partial: Vec<u8>,
    },
    Whole(Vec<u8>),
}

impl Mode {
    fn of(format: Format) -> Mode {
        match format {
            Format::Binary => Mode::Binary,
            Format::EventStream => Mode::Events(Events::default()),
            Format::JsonLines => Mode::Lines(Vec::new()),
            Format::Text => Mode::Text { tail: Tail::default(), partial: Vec::new() },
            Format::Form | Format::Json | Format::Markup | Format::Table | Format::Multipart => Mode::Whole(Vec::new()),
        }
    }

    /// By the first byte that is no white space.
    fn look(start: &[u8]) -> Option<Mode> {
        let first = start.iter().find(|b| !b.is_ascii_whitespace())?;
        let events = ["data:", "event:", "id:", "retry:", ":"].iter().any(|field| start.starts_with(field.as_bytes()));
        Some(match first {
            b'{' | b'[' | b'"' | b'<' => Mode::Whole(Vec::new()),
            _ if events => Mode::of(Format::EventStream),
            _ => Mode::of(Format::Text),
        })
    }
}

/// Whether a body of this type is masked as it comes: it is made of events or lines that mean something by themselves.
pub fn streams(content_type: Option<&[u8]>) -> bool {
    let format = content_type.and_then(|value| Format::named(value).ok().flatten());
    matches!(format, Some(Format::EventStream | Format::JsonLines))
}

impl Stream {
    pub fn new(content_type: Option<&[u8]>) -> Stream {
        let mode = match content_type.map(Format::named).transpose() {
            Ok(Some(Some(format))) => Mode::of(format),
            Ok(_) => Mode::Undecided(Vec::new()),
            Err(refusal) => Mode::Refused(refusal),
        };
        Stream {
            content_type: content_type.map(<[u8]>::to_vec),
            mode,
            findings: Vec::new(),
            read: 0,
            known: Known::default(),
        }
    }

    /// Takes the next bytes; appends what may go out to `out`.
    pub fn push(
        &mut self,
        chunk: &[u8],
        profile: &Profile,
        labels: &mut Labels,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if let Mode::Undecided(start) = &mut self.mode {
            start.extend_from_slice(chunk);
            // Long enough for the name of a field of an event.
            if start.len() < 8 {
                return Ok(());
            }
            return self.decide(profile, labels, out);
        }
        self.take(chunk, profile, labels, out)
    }

    /// The body is complete: the rest goes out.
    pub fn finish(&mut self, profile: &Profile, labels: &mut Labels, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if matches!(self.mode, Mode::Undecided(_)) {
            self.decide(profile, labels, out)?;
        }
        let mut job = Job::new(profile, labels);
        match std::mem::replace(&mut self.mode, Mode::Binary) {
            Mode::Binary | Mode::Undecided(_) => {}
            Mode::Refused(refusal) => return Err(refusal),
            Mode::Events(events) => events.finish(&mut job, &mut self.findings, out)?,
            Mode::Lines(rest) => line(&mut job, &rest, self.read, &mut self.findings, out)?,
            Mode::Text { mut tail, partial } => {
                if !partial.is_empty() {
                    return Err(Refusal::InvalidUtf8 { at: 0 });
                }
                tail.finish(&mut job, &mut self.findings);
                tail.take(out);
            }
            Mode::Whole(bytes) => {
                let done = body(self.content_type.as_deref(), &bytes, profile, labels)?;
                write(done, &bytes, &mut self.findings, out);
            }
        }
        Ok(())
    }

    /// Whether anything is kept back that the end would let go.
    pub fn waits(&self) -> bool {
        match &self.mode {
            Mode::Binary | Mode::Refused(_) => false,
            Mode::Events(events) => events.waits(),
            Mode::Text { tail, partial } => tail.waits() || !partial.is_empty(),
            Mode::Undecided(kept) | Mode::Lines(kept) | Mode::Whole(kept) => !kept.is_empty(),
        }
    }

    /// What was found so far, with its place in the stream; once for each event that a value is spread over.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn decide(&mut self, profile: &Profile, labels: &mut Labels, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let Mode::Undecided(start) = &mut self.mode else { return Ok(()) };
        let start = std::mem::take(start);
        self.mode = Mode::look(&start).unwrap_or_else(|| Mode::of(Format::Text));
        self.take(&start, profile, labels, out)
    }

    fn take(&mut self, chunk: &[u8], profile: &Profile, labels: &mut Labels, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut job = Job { known: std::mem::take(&mut self.known), ..Job::new(profile, labels) };
        match &mut self.mode {
            Mode::Undecided(_) => {}
            Mode::Refused(refusal) => return Err(*refusal),
            Mode::Binary if !profile.passes_binary() => return Err(Refusal::BinaryBody),
            Mode::Binary => out.extend_from_slice(chunk),
            Mode::Events(events) => events.push(chunk, &mut job, &mut self.findings, out)?,
            Mode::Lines(kept) => {
                kept.extend_from_slice(chunk);
                while let Some(end) = memchr::memchr(b'\n', kept) {
                    let rest = kept.split_off(end + 1);
                    let bytes = std::mem::replace(kept, rest);
                    line(&mut job, &bytes, self.read, &mut self.findings, out)?;
                    self.read += bytes.len();
                }
                within(kept.len())?;
            }
            Mode::Text { tail, partial } => {
                partial.extend_from_slice(chunk);
                let valid = match std::str::from_utf8(partial) {
                    Ok(text) => text.len(),
                    // A character may be cut; anything else will not become valid.
                    Err(e) if e.error_len().is_none() => e.valid_up_to(),
                    Err(e) => return Err(Refusal::InvalidUtf8 { at: self.read + e.valid_up_to() }),
                };
                let rest = partial.split_off(valid);
                let text = String::from_utf8(std::mem::replace(partial, rest)).unwrap_or_default();
                let source = self.read..self.read + text.len();
                self.read = source.end;
                tail.append(&text, source);
                tail.settle(&mut job, &mut self.findings);
                tail.take(out);
            }
            Mode::Whole(kept) => {
                kept.extend_from_slice(chunk);
                within(kept.len())?;
            }
        }
        self.known = job.known;
        Ok(())
    }
}

fn within(kept: usize) -> Result<(), Refusal> {
    if kept > MOST { Err(Refusal::TooLarge { limit: MOST }) } else { Ok(()) }
}

/// One line of JSON, with its line feed, which stands at `at` in the stream.
fn line(
    job: &mut Job<'_>,
    bytes: &[u8],
    at: usize,
    findings: &mut Vec<Finding>,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|e| Refusal::InvalidUtf8 { at: e.valid_up_to() })?;
    let mut edits = Vec::new();
    lines(job, text, &mut edits)?;
    let known = findings.len();
    write(apply(text, edits), bytes, findings, out);
    findings.iter_mut().skip(known).for_each(|f| f.range = f.range.start + at..f.range.end + at);
    Ok(())
}

fn write(done: Redacted, original: &[u8], findings: &mut Vec<Finding>, out: &mut Vec<u8>) {
    out.extend_from_slice(done.body.as_deref().unwrap_or(original));
    findings.extend(done.findings);
}

#[cfg(test)]
mod tests;
