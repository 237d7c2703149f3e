//! Events that differ from the last one in nothing but the text of their one delta, as most of a stream do: of such the rest
//! need not be read again.
//!
//! Must not go here: what the events say (`sse::delta`), what is found in them (`events`).

use crate::extract::json;
use crate::redact::edit::Edit;
use crate::sse::delta::{Delta, Parts};

/// Bytes of an event around its delta that are remembered.
const MOST: usize = 4096;

/// The last event in which nothing was found outside of its delta.
#[derive(Clone, Debug, Default)]
pub(super) struct Alike {
    /// Its data to the quote before the delta's text; empty: there was no such event.
    before: String,
    /// From the quote behind the text on.
    behind: String,
    channel: String,
    json: bool,
}

impl Alike {
    /// The delta of an event like the last one.
    pub fn read(&self, data: &str) -> Option<Delta> {
        let rest = data.strip_prefix(&self.before).filter(|_| !self.before.is_empty())?;
        let inside = rest.strip_suffix(&self.behind)?;
        let text = json::text_of(inside)?.into_owned();
        let start = self.before.len();
        Some(Delta { channel: self.channel.clone(), range: start..start + inside.len(), text, json: self.json })
    }

    /// Remembers an event by what it says and by the edits outside of its deltas.
    pub fn remember(&mut self, data: &str, parts: &Parts, edits: &[Edit]) {
        self.before.clear();
        let ([Delta { channel, range, json, .. }], [], []) = (parts.deltas.as_slice(), parts.ends.as_slice(), edits)
        else {
            return;
        };
        let around = data.get(..range.start).zip(data.get(range.end..));
        if let Some((before, behind)) = around.filter(|(before, behind)| before.len() + behind.len() <= MOST) {
            for (own, text) in [(&mut self.before, before), (&mut self.behind, behind), (&mut self.channel, channel)] {
                own.clear();
                own.push_str(text);
            }
            self.json = *json;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::delta::read;
    use crate::testing::test;

    #[test]
    fn what_is_read_is_what_a_reader_of_the_whole_reads() {
        let event = |text: &str, index: usize| {
            format!(r#"{{"id":"c-9f2","choices":[{{"index":{index},"delta":{{"content":"{text}"}}}}],"usage":null}}"#)
        };
        let mut alike = Alike::default();
        assert!(alike.read(&event("a", 0)).is_none());
        let first = event("a", 0);
        alike.remember(&first, &read(&first).unwrap(), &[]);
        for text in ["", "b", "long and longer", r#"say \"hi\""#, r"\u00e9", "é", r"a\\"] {
            let data = event(text, 0);
            assert_eq!(read(&data).unwrap().deltas, [alike.read(&data).unwrap()], "{data}");
        }
        // More than one string, half an escape, a character that JSON has not, another answer, an event cut short.
        for text in [r#"a","role":"x"#, r"a\", r"\x", r"\ud800", "a\u{1}", "\0"] {
            assert!(alike.read(&event(text, 0)).is_none(), "{text}");
        }
        assert!(alike.read(&event("a", 1)).is_none() && alike.read(first.trim_end_matches('}')).is_none());
        let overlap = format!("{}{}", alike.before.trim_end_matches('"'), alike.behind);
        assert!(alike.read(&overlap).is_none());
    }

    #[test]
    fn an_event_with_more_than_a_delta_is_read_each_time() {
        let mut alike = Alike::default();
        for data in [
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
            "[DONE]",
        ] {
            alike.remember(data, &read(data).unwrap(), &[]);
            assert!(alike.read(data).is_none(), "{data}");
        }
        let data = r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"user":"a@b.c"}"#;
        alike.remember(data, &read(data).unwrap(), &[Edit::of(60..65, "<EMAIL_ADDRESS>".into())]);
        assert!(alike.read(data).is_none());
    }
}
