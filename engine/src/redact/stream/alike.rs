//! Events that differ from the last one in nothing but the text of their one delta, as most of a stream do: of such the rest
//! need not be read again.
//!
//! Must not go here: what the events say (`sse::delta`), what is found in them (`events`).

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use crate::extract::json;
use crate::sse::Event;

/// Bytes of an event around its delta that are remembered.
const MOST: usize = 4096;

/// The last event, if it has one delta, ends nothing, and nothing was found outside of its delta.
#[derive(Clone, Debug)]
pub(super) struct Alike {
    /// Its bytes to the quote before the delta's text; empty: there was no such event.
    before: Vec<u8>,
    /// From the quote behind the text on.
    behind: Vec<u8>,
    /// Where its data begins.
    data: usize,
    channel: Rc<str>,
}

impl Default for Alike {
    fn default() -> Self {
        Alike { before: Vec::new(), behind: Vec::new(), data: 0, channel: "".into() }
    }
}

impl Alike {
    /// The place and the text of the delta of an event like the last one.
    pub fn read<'b>(&self, bytes: &'b [u8]) -> Option<(Range<usize>, Cow<'b, str>)> {
        let rest = bytes.strip_prefix(self.before.as_slice()).filter(|_| !self.before.is_empty())?;
        let inside = rest.strip_suffix(self.behind.as_slice())?;
        let text = json::text_of(std::str::from_utf8(inside).ok()?)?;
        let start = self.before.len();
        Some((start..start + inside.len(), text))
    }

    /// Which text it was a piece of.
    pub fn channel(&self) -> Option<&Rc<str>> {
        (!self.before.is_empty()).then_some(&self.channel)
    }

    /// Where in the data of an event stands what is at `delta` in its bytes.
    pub fn in_data(&self, delta: &Range<usize>) -> Range<usize> {
        delta.start.saturating_sub(self.data)..delta.end.saturating_sub(self.data)
    }

    /// Remembers an event whose delta stands at `delta` in its data.
    pub fn remember(&mut self, event: &Event<'_>, delta: &Range<usize>, channel: &Rc<str>) {
        let [data] = event.data.as_slice() else { return };
        let around = event.bytes.get(..data.start + delta.start).zip(event.bytes.get(data.start + delta.end..));
        if let Some((before, behind)) = around.filter(|(before, behind)| before.len() + behind.len() <= MOST) {
            for (own, bytes) in [(&mut self.before, before), (&mut self.behind, behind)] {
                own.clear();
                own.extend_from_slice(bytes);
            }
            (self.data, self.channel) = (data.start, Rc::clone(channel));
        }
    }

    pub fn forget(&mut self) {
        self.before.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::json::{Limits, Scanner};
    use crate::sse::delta::{self, Parts};
    use crate::testing::test;

    fn parts(event: &Event<'_>) -> Parts {
        let data = event.text().unwrap();
        delta::read(&data, &Scanner::of(&data, Limits::default()).tokens().unwrap())
    }

    fn event(text: &str, index: usize) -> String {
        let data =
            format!(r#"{{"id":"c-9f2","choices":[{{"index":{index},"delta":{{"content":"{text}"}}}}],"usage":null}}"#);
        format!("event: x\r\ndata: {data}\r\n\r\n")
    }

    #[test]
    fn what_is_read_is_what_a_reader_of_the_whole_reads() {
        let mut alike = Alike::default();
        let first = event("a", 0);
        assert!(alike.read(first.as_bytes()).is_none());
        let first = Event::read(0, first.as_bytes());
        let whole = parts(&first);
        alike.remember(&first, &whole.deltas[0].range, &"0:".into());
        for text in ["", "b", "long and longer", r#"say \"hi\""#, r"\u00e9", "é", r"a\\"] {
            let event = event(text, 0);
            let (place, text) = alike.read(event.as_bytes()).unwrap();
            let whole = parts(&Event::read(0, event.as_bytes()));
            let read = (alike.in_data(&place), text.as_ref());
            assert_eq!([read], [(whole.deltas[0].range.clone(), whole.deltas[0].text.as_str())], "{event}");
        }
        // More than one string, half an escape, a character that JSON has not.
        for text in [r#"a","role":"x"#, r"a\", r"\x", r"\ud800", "a\u{1}", "\0"] {
            assert!(alike.read(event(text, 0).as_bytes()).is_none(), "{text}");
        }
        // Another answer, an event cut short, one whose ends overlap.
        let overlap = [alike.before.split_last().unwrap().1, &alike.behind].concat();
        for other in [event("a", 1).as_bytes(), first.bytes.trim_ascii_end(), &overlap] {
            assert!(alike.read(other).is_none(), "{}", String::from_utf8_lossy(other));
        }
        alike.forget();
        assert!(alike.read(first.bytes).is_none());
    }
}
