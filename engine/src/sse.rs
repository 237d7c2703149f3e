//! Server-sent events (WHATWG HTML, 9.2) as they arrive in chunks: whole events with the place of their data.
//!
//! Must not go here: what the data means (`delta`), changing it (`redact`).

pub mod delta;

use std::borrow::Cow;
use std::ops::Range;

/// Cuts a byte stream into events, and keeps the bytes of those that are not let go.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Where the buffer begins in the stream.
    at: usize,
    /// Where the next event begins in the buffer.
    begin: usize,
    /// Bytes before are known not to end an event.
    scanned: usize,
    /// Where the line begins that `scanned` stands in.
    line: usize,
}

/// One event as received, with its blank line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'b> {
    /// Where it begins in the stream.
    pub at: usize,
    pub bytes: &'b [u8],
    /// The values of its `data` lines.
    pub data: Vec<Range<usize>>,
}

impl Splitter {
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// Bytes that wait for the end of their event.
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.begin
    }

    /// Where the next complete event stands in the stream.
    pub fn next_event(&mut self) -> Option<Range<usize>> {
        loop {
            let rest = self.buffer.get(self.scanned..)?;
            let Some(at) = memchr::memchr2(b'\n', b'\r', rest).map(|n| self.scanned + n) else {
                self.scanned = self.buffer.len();
                return None;
            };
            let end = match (self.buffer.get(at), self.buffer.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) => at + 2,
                // A line feed may still follow in the next chunk.
                (Some(b'\r'), None) => {
                    self.scanned = at;
                    return None;
                }
                _ => at + 1,
            };
            if at == self.line {
                return Some(self.cut(end));
            }
            (self.line, self.scanned) = (end, end);
        }
    }

    /// What is left when the stream ends: an event without its blank line, or nothing.
    pub fn rest(&mut self) -> Option<Range<usize>> {
        (self.waiting() > 0).then(|| self.cut(self.buffer.len()))
    }

    fn cut(&mut self, end: usize) -> Range<usize> {
        let begin = std::mem::replace(&mut self.begin, end);
        (self.line, self.scanned) = (end, end);
        self.at + begin..self.at + end
    }

    /// The bytes of an event.
    pub fn bytes(&self, place: &Range<usize>) -> &[u8] {
        self.buffer.get(place.start.saturating_sub(self.at)..place.end.saturating_sub(self.at)).unwrap_or_default()
    }

    /// Events that end before `until` will not be asked for again.
    pub fn let_go(&mut self, until: usize) {
        let gone = until.saturating_sub(self.at).min(self.begin);
        // Most of the buffer at once, so that what stays is not moved for each event.
        if 2 * gone >= self.buffer.len() {
            self.buffer.drain(..gone);
            self.at += gone;
            (self.begin, self.line, self.scanned) = (self.begin - gone, self.line - gone, self.scanned - gone);
        }
    }
}

impl<'b> Event<'b> {
    /// Reads an event that begins at `at` in the stream.
    pub fn read(at: usize, bytes: &'b [u8]) -> Event<'b> {
        let mut data = Vec::new();
        let mut start = 0;
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes).chain([bytes.len()]);
        for end in ends {
            let line = bytes.get(start..end).unwrap_or_default();
            if line.starts_with(b"data:") {
                let space = usize::from(line.get(5) == Some(&b' '));
                data.push(start + 5 + space..end);
            }
            start = end + 1;
        }
        Event { at, bytes, data }
    }

    /// Where the data stands in the stream, if it is of one line.
    pub fn data_at(&self) -> Option<usize> {
        self.data.first().filter(|_| self.data.len() == 1).map(|range| self.at + range.start)
    }

    /// The data as one text, if it is UTF-8: its lines joined by line feeds.
    pub fn text(&self) -> Option<Cow<'b, str>> {
        let mut lines = self.data.iter().map(|range| std::str::from_utf8(self.bytes.get(range.clone())?).ok());
        if self.data.len() == 1 {
            return lines.next().flatten().map(Cow::Borrowed);
        }
        Some(Cow::Owned(lines.collect::<Option<Vec<&str>>>()?.join("\n")))
    }

    /// The same event with other data, as many lines as `text` has.
    pub fn with_text(&self, text: &str) -> Vec<u8> {
        let (Some(first), Some(last)) = (self.data.first(), self.data.last()) else { return self.bytes.to_vec() };
        let mut bytes = self.bytes.get(..first.start).unwrap_or_default().to_vec();
        bytes.extend_from_slice(text.replace('\n', "\ndata: ").as_bytes());
        // Other fields between the lines of the data come behind them.
        let ranges = self.data.windows(2).filter_map(|two| self.bytes.get(two.first()?.end..two.last()?.start));
        for between in ranges {
            let lines = between.split(|b| matches!(b, b'\n' | b'\r')).filter(|line| !line.starts_with(b"data:"));
            lines.filter(|line| !line.is_empty()).for_each(|line| {
                bytes.push(b'\n');
                bytes.extend_from_slice(line);
            });
        }
        bytes.extend_from_slice(self.bytes.get(last.end..).unwrap_or_default());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn events(chunks: &[&[u8]]) -> Vec<(String, Option<String>)> {
        let mut splitter = Splitter::default();
        let mut all = Vec::new();
        let read = |splitter: &Splitter, place: Range<usize>| {
            let bytes = splitter.bytes(&place);
            let text = Event::read(place.start, bytes).text().map(Cow::into_owned);
            (String::from_utf8(bytes.to_vec()).unwrap(), text)
        };
        for chunk in chunks {
            splitter.push(chunk);
            while let Some(place) = splitter.next_event() {
                let end = place.end;
                all.push(read(&splitter, place));
                splitter.let_go(end);
            }
        }
        all.extend(splitter.rest().map(|place| read(&splitter, place)));
        all
    }

    #[test]
    fn any_line_ending_and_any_split() {
        let stream = b"data: a\n\ndata:b\r\n\r\n: hi\rdata: c\rdata: d\r\revent: x\ndata\n\ndata: e";
        let whole = events(&[stream]);
        let texts: Vec<Option<&str>> = whole.iter().map(|(_, text)| text.as_deref()).collect();
        assert_eq!(texts, [Some("a"), Some("b"), Some("c\nd"), Some(""), Some("e")]);
        for at in 0..stream.len() {
            assert_eq!(events(&[&stream[..at], &stream[at..]]), whole, "{at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&bytes), whole);
    }

    #[test]
    fn new_data_keeps_the_other_fields() {
        let event = Event::read(0, b"event: x\r\ndata: {}\r\nid: 7\r\n\r\n");
        assert_eq!(event.with_text("{\"a\":1}"), b"event: x\r\ndata: {\"a\":1}\r\nid: 7\r\n\r\n");
        // No blank line comes between, which would end the event.
        for ends in ["\r", "\n", "\r\n"] {
            let bytes = "data: {,id: 7,data: },,".replace(',', ends);
            let changed = Event::read(0, bytes.as_bytes()).with_text("{\n1}");
            let read = Event::read(0, &changed);
            assert_eq!(read.text().as_deref(), Some("{\n1}"), "{ends:?}");
            assert!(changed.windows(6).any(|line| line == b"\nid: 7"), "{ends:?}");
            let mut splitter = Splitter::default();
            splitter.push(&changed);
            splitter.push(b"x");
            assert_eq!(splitter.next_event(), Some(0..changed.len()), "{ends:?}");
        }
    }
}
