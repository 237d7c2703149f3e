//! A response that is masked as it passes: what is decided goes on at once, what may still become a finding waits in the VM.
//!
//! Whatever waits must still get out when the response ends, and a response may end with trailers. In their callback only a
//! buffer that Envoy holds can be written. So while something waits Envoy's buffer stays stopped, mostly empty: each chunk
//! that comes is masked in it and let go from within its own callback. Only the first of such chunks cannot be, because
//! nothing is stopped yet: a timer lets it go.
//! Must not go here: what is masked (`redact`).

use super::event::{Effect, Step};
use super::{Flow, Surroundings};
use crate::extract::coding::{Coding, Decoder, Fault};
use crate::redact::{self, Labels, Profile};

#[derive(Debug)]
pub(super) struct Streaming {
    stream: redact::Stream,
    decoder: Option<Decoder>,
    buffer: Buffer,
    /// With what is being read the response ends.
    ended: bool,
}

/// Envoy's buffer between two callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Buffer {
    /// There is none: a chunk goes on by itself.
    Passing,
    /// It is stopped, and begins with so many bytes that may go.
    Stopped { ready: usize },
    /// A timer has let it go. Envoy still adds to it what comes, and stops it again only when told.
    Flushed,
}

/// Why a response cannot be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmaskable {
    Coding(Fault),
    Text(redact::Refusal),
}

impl Streaming {
    pub fn new(content_type: Option<&[u8]>, coding: Option<Coding>) -> Streaming {
        let stream = redact::Stream::new(content_type);
        Streaming { stream, decoder: coding.map(Decoder::new), buffer: Buffer::Passing, ended: false }
    }

    /// A chunk has come: `end` if it is the last one.
    pub fn chunk(&mut self, end: bool) -> Step {
        self.ended = end;
        Step::pause_with(Effect::ReadResponseBody)
    }

    /// The body has ended, and trailers follow.
    pub fn trailers(&mut self) -> Step {
        if self.buffer == Buffer::Passing {
            // Then nothing waits either.
            return Step::proceed();
        }
        self.ended = true;
        Step::pause_with(Effect::ReadResponseBody)
    }

    /// The bytes of Envoy's buffer.
    pub fn read(
        &mut self,
        around: &dyn Surroundings,
        bytes: &[u8],
        profile: &Profile,
        labels: &mut Labels,
    ) -> Result<Step, Unmaskable> {
        let ready = if let Buffer::Stopped { ready } = self.buffer { ready } else { 0 };
        let (ready, new) = bytes.split_at_checked(ready).unwrap_or((bytes, b""));
        // Most of it goes on as it came.
        let mut out = Vec::with_capacity(bytes.len());
        out.extend_from_slice(ready);
        self.mask(new, profile, labels, &mut out)?;
        let mut step = Step::proceed();
        let size = out.len();
        if out != bytes {
            step.effects.push(Effect::ReplaceResponseBody(out));
        }
        let waits = !self.ended && self.stream.waits();
        match self.buffer {
            Buffer::Passing | Buffer::Stopped { .. } if !waits => self.buffer = Buffer::Passing,
            Buffer::Stopped { .. } => {
                if size > 0 {
                    step.effects.push(Effect::ResumeResponse);
                }
                self.buffer = Buffer::Stopped { ready: 0 };
                step.flow = Flow::Pause;
            }
            Buffer::Passing | Buffer::Flushed => {
                if self.ended || size > 0 {
                    step.effects.push(Effect::WakeAt(around.now_ms()));
                }
                self.buffer = Buffer::Stopped { ready: size };
                step.flow = Flow::Pause;
            }
        }
        Ok(step)
    }

    /// Lets go what no chunk has let go yet.
    pub fn timer(&mut self) -> Step {
        match self.buffer {
            Buffer::Stopped { ready } if ready > 0 || self.ended => {
                self.buffer = Buffer::Flushed;
                Step::pause_with(Effect::ResumeResponse)
            }
            _ => Step::pause(),
        }
    }

    fn mask(
        &mut self,
        bytes: &[u8],
        profile: &Profile,
        labels: &mut Labels,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        match &mut self.decoder {
            None => self.stream.push(bytes, profile, labels, out)?,
            Some(decoder) => {
                let (mut rest, mut plain) = (bytes, Vec::new());
                while !rest.is_empty() {
                    rest = decoder.step(rest, &mut plain)?;
                    self.stream.push(&plain, profile, labels, out)?;
                    plain.clear();
                }
            }
        }
        if !self.ended {
            return Ok(());
        }
        if let Some(decoder) = self.decoder.take() {
            let mut plain = Vec::new();
            decoder.finish(&mut plain)?;
            self.stream.push(&plain, profile, labels, out)?;
        }
        Ok(self.stream.finish(profile, labels, out)?)
    }
}

impl From<Fault> for Unmaskable {
    fn from(fault: Fault) -> Self {
        Unmaskable::Coding(fault)
    }
}

impl From<redact::Refusal> for Unmaskable {
    fn from(refusal: redact::Refusal) -> Self {
        Unmaskable::Text(refusal)
    }
}
