//! Responses that are masked as they come, before a model of Envoy's buffer: whatever cuts them and however they end, all of
//! the masked text comes out, and what is decided comes out at once.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::testing::test;

/// Envoy's side of a response: its buffer between callbacks, and what has gone out.
#[derive(Default)]
struct Host {
    /// What it holds, if it is told to hold: it then adds each chunk to it.
    buffer: Vec<u8>,
    adds: bool,
    stopped: bool,
    sent: Vec<u8>,
    wants_timer: bool,
    ended: bool,
}

impl Host {
    /// A callback in which the buffer is `bytes`.
    fn carry_out(&mut self, run: &mut Run, event: Event<'_>, mut bytes: Vec<u8>) -> (Flow, Vec<u8>) {
        let mut step = run.step(event);
        if step.effects == [Effect::ReadResponseBody] {
            step = run.step(Event::ResponseBytes(&bytes));
        }
        for effect in step.effects {
            match effect {
                Effect::ReplaceResponseBody(body) => bytes = body,
                Effect::WakeAt(_) => self.wants_timer = true,
                Effect::ResumeResponse => {
                    assert!(self.stopped, "Envoy lets go only what is stopped");
                    self.stopped = false;
                    self.sent.append(&mut bytes);
                }
                Effect::Count(_) => {}
                other => panic!("{other:?}"),
            }
        }
        (step.flow, bytes)
    }

    fn chunk(&mut self, run: &mut Run, chunk: &[u8], end: bool) {
        let mut bytes = if self.adds { std::mem::take(&mut self.buffer) } else { Vec::new() };
        bytes.extend_from_slice(chunk);
        let (flow, mut bytes) = self.carry_out(run, Event::ResponseBody { buffered: bytes.len(), end }, bytes);
        match flow {
            Flow::Continue => {
                // What was added to a buffer that nothing stops would stay there for ever.
                assert!(!self.adds || self.stopped);
                self.sent.append(&mut bytes);
                (self.adds, self.stopped, self.ended) = (false, false, end);
            }
            Flow::Pause => {
                self.buffer = bytes;
                (self.adds, self.stopped) = (true, true);
            }
        }
    }

    fn trailers(&mut self, run: &mut Run) {
        let bytes = if self.adds { std::mem::take(&mut self.buffer) } else { Vec::new() };
        let writable = self.adds;
        let before = bytes.clone();
        let (flow, mut bytes) = self.carry_out(run, Event::ResponseTrailers, bytes);
        assert!(writable || bytes == before, "no buffer, nothing to write");
        match flow {
            Flow::Continue => {
                assert!(self.stopped || bytes.is_empty(), "a buffer that nothing stops is lost");
                self.sent.append(&mut bytes);
                self.ended = true;
            }
            Flow::Pause => {
                self.buffer = bytes;
                self.stopped = true;
            }
        }
    }

    fn timer(&mut self, run: &mut Run) {
        if !std::mem::take(&mut self.wants_timer) {
            return;
        }
        let step = run.step(Event::Timer);
        if step.effects.contains(&Effect::ResumeResponse) {
            assert!(self.stopped);
            self.stopped = false;
            self.sent.append(&mut self.buffer);
        }
    }
}

const EVENTS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"to ann@exam\"}}]}\n\n\
                      data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ple.com\"}}]}\n\n";

fn started(fields: &[(&str, &str)]) -> Run {
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &[], false);
    run.body("{}");
    let mut all = vec![(":status", "200"), ("content-length", "7")];
    all.extend_from_slice(fields);
    let fields = Headers::new(all);
    let step = run.step(Event::ResponseHead { fields, end: false });
    assert_eq!(step.flow, Flow::Continue);
    assert!(step.effects.contains(&Effect::RemoveResponseHeader("content-length")));
    run
}

/// The response in chunks, with a timer after each of those that `ticks` names.
fn sent(fields: &[(&str, &str)], chunks: &[&[u8]], trailers: bool, ticks: impl Fn(usize) -> bool) -> String {
    let (mut run, mut host) = (started(fields), Host::default());
    for (i, chunk) in chunks.iter().enumerate() {
        host.chunk(&mut run, chunk, !trailers && i + 1 == chunks.len());
        if ticks(i) {
            host.timer(&mut run);
        }
    }
    if trailers {
        host.trailers(&mut run);
    }
    host.timer(&mut run);
    assert!(host.ended || !host.stopped, "the end is let go");
    String::from_utf8(host.sent).unwrap()
}

#[test]
fn nothing_is_lost_however_it_is_cut_and_ends() {
    let fields = [("content-type", "text/event-stream")];
    let bytes = EVENTS.as_bytes();
    let whole = sent(&fields, &[bytes], false, |_| true);
    assert!(whole.contains("<EMAIL_ADDRESS>") && !whole.contains("ann@"), "{whole}");
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    for trailers in [false, true] {
        for ticks in [(|_| true) as fn(usize) -> bool, |_| false, |i| i % 3 == 0] {
            assert_eq!(sent(&fields, &single, trailers, ticks), whole, "{trailers}");
            for at in 0..bytes.len() {
                let cut = sent(&fields, &[&bytes[..at], &bytes[at..]], trailers, ticks);
                assert_eq!(cut, whole, "{trailers} {at}");
            }
        }
    }
}

#[test]
fn compressed_streams_are_decoded_on_the_way() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(EVENTS.as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let plain = sent(&[("content-type", "text/event-stream")], &[EVENTS.as_bytes()], false, |_| true);
    let fields = [("content-type", "text/event-stream"), ("content-encoding", "gzip")];
    for trailers in [false, true] {
        for size in [1, 10, 1_000] {
            let chunks: Vec<&[u8]> = body.chunks(size).collect();
            assert_eq!(sent(&fields, &chunks, trailers, |i| i == 0), plain, "{trailers} {size}");
        }
    }
}

#[test]
fn what_is_decided_does_not_wait_for_what_is_not() {
    let (mut run, mut host) = (started(&[("content-type", "text/event-stream")]), Host::default());
    host.chunk(&mut run, b"data: {\"n\":1}\n\ndata: {\"n\":2", false);
    host.timer(&mut run);
    assert_eq!(host.sent, b"data: {\"n\":1}\n\n");
    // Stopped again, each chunk lets its own events go.
    host.chunk(&mut run, b"}\n\ndata: {\"n\":3", false);
    host.chunk(&mut run, b"}\n\ndata: {\"n\":4", false);
    assert!(host.sent.ends_with(b"data: {\"n\":3}\n\n"), "{:?}", String::from_utf8_lossy(&host.sent));
}

#[test]
fn lines_of_json_pass_one_by_one() {
    let fields = [("content-type", "application/x-ndjson")];
    let (mut run, mut host) = (started(&fields), Host::default());
    host.chunk(&mut run, b"{\"to\":\"ann@example.com\"}\n", false);
    assert_eq!(host.sent, b"{\"to\":\"<EMAIL_ADDRESS>\"}\n");
}
