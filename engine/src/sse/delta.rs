//! The parts of a streamed answer: which strings of an event are pieces of a longer text, of which text, and whether it ends.
//!
//! Read by shape, for the events of OpenAI (chat, responses), Anthropic, Gemini and those that speak alike.
//! Must not go here: changing events (`redact`).

use std::borrow::Cow;
use std::ops::Range;

use crate::extract::json::{Kind, Token};

/// A piece of a longer text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Which text: its path with the indices on the way. Pieces with the same name follow each other.
    pub channel: String,
    /// Where its string stands in the event's data, without quotes.
    pub range: Range<usize>,
    pub text: String,
    /// The text is itself JSON: the arguments of a tool call.
    pub json: bool,
}

/// What one event says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub deltas: Vec<Delta>,
    /// Texts end with this event: all of them, or those below one index.
    pub ends: Vec<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    All,
    /// Channels whose name begins so.
    Below(String),
}

/// Paths of pieces; the flag: the text is JSON.
const PIECES: &[(&str, bool)] = &[
    ("choices[].delta.content", false),
    ("choices[].delta.reasoning_content", false),
    ("choices[].delta.reasoning", false),
    ("choices[].delta.refusal", false),
    ("choices[].delta.tool_calls[].function.arguments", true),
    ("choices[].delta.function_call.arguments", true),
    ("choices[].text", false),
    ("delta.text", false),
    ("delta.thinking", false),
    ("delta.partial_json", true),
    ("candidates[].content.parts[].text", false),
    ("message.content", false),
];

/// Reads the data of one event by its tokens; what is no JSON has none.
pub fn read(data: &str, tokens: &[Token<'_>]) -> Parts {
    if data.trim() == "[DONE]" {
        return Parts { deltas: Vec::new(), ends: vec![End::All] };
    }
    // A path is as long as this, and no event is deeper, where pieces are streamed: nothing has to grow.
    let mut walk = Walk { path: String::with_capacity(64), containers: Vec::with_capacity(8), ..Walk::default() };
    for token in tokens {
        match token.kind {
            Kind::ObjectStart => walk.open(false),
            Kind::ArrayStart => walk.open(true),
            Kind::ObjectEnd | Kind::ArrayEnd => walk.close(),
            Kind::Key => walk.key(&token.text()),
            Kind::String => walk.string(token),
            Kind::Number => walk.number(token.raw()),
            Kind::Bool(_) | Kind::Null => walk.value(),
        }
    }
    walk.finish()
}

/// An object or array of the event.
#[derive(Debug)]
struct Container {
    /// The one around it; of the outermost, itself.
    parent: usize,
    /// Its place, where it stands in an array.
    place: Option<usize>,
    /// Length of the path to it.
    path: usize,
    array: bool,
    /// Values in it that have begun, of an array.
    count: usize,
}

/// A string that may be a piece.
#[derive(Debug)]
struct Said<'a> {
    within: usize,
    path: &'static str,
    /// Known by the path; otherwise the event's type says it.
    json: Option<bool>,
    range: Range<usize>,
    text: Cow<'a, str>,
}

/// Follows the paths through one event: `choices[].delta.content`.
#[derive(Debug, Default)]
struct Walk<'a> {
    path: String,
    /// In the order in which they begin.
    containers: Vec<Container>,
    /// The innermost that is open; none before the first.
    inside: usize,
    /// `type` of the event.
    kind: Cow<'a, str>,
    /// The objects that name their index, with the number.
    indices: Vec<(usize, &'a str)>,
    said: Vec<Said<'a>>,
    /// Objects that say that they are finished.
    finished: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn open(&mut self, array: bool) {
        self.value();
        let place =
            self.containers.get(self.inside).filter(|around| around.array).map(|around| around.count.saturating_sub(1));
        let container = Container { parent: self.inside, place, path: self.path.len(), array, count: 0 };
        self.inside = self.containers.len();
        self.containers.push(container);
    }

    fn close(&mut self) {
        if let Some(container) = self.containers.get(self.inside) {
            self.path.truncate(container.path);
            self.inside = container.parent;
        }
    }

    fn key(&mut self, key: &str) {
        self.path.truncate(self.containers.get(self.inside).map_or(0, |container| container.path));
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
    }

    /// A value begins: in an array, the path goes on to it.
    fn value(&mut self) {
        if let Some(container) = self.containers.get_mut(self.inside).filter(|container| container.array) {
            self.path.truncate(container.path);
            self.path.push_str("[]");
            container.count += 1;
        }
    }

    fn string(&mut self, token: &Token<'a>) {
        self.value();
        let path = self.path.as_str();
        let piece = PIECES.iter().find(|(piece, _)| *piece == path);
        if path == "type" {
            self.kind = token.text();
        } else if path == "delta" || piece.is_some() {
            let (path, json) = piece.map_or(("delta", None), |(path, json)| (*path, Some(*json)));
            let (within, range, text) = (self.inside, token.inner(), token.text());
            self.said.push(Said { within, path, json, range, text });
        } else if path.ends_with("finish_reason") || path.ends_with("finishReason") {
            self.finished.push(self.inside);
        }
    }

    fn number(&mut self, raw: &'a str) {
        self.value();
        if self.path.ends_with("index") {
            self.indices.push((self.inside, raw));
        }
    }

    /// The container at `at` and those around it, the outermost first.
    fn around(&self, at: usize) -> Vec<usize> {
        let mut all = Vec::with_capacity(8);
        all.push(at);
        let mut at = at;
        while let Some(container) = self.containers.get(at).filter(|container| container.parent != at) {
            at = container.parent;
            all.push(at);
        }
        all.reverse();
        all
    }

    /// The indices that a container and those around it name, the outermost first.
    fn numbers(&self, around: &[usize]) -> impl Iterator<Item = &'a str> {
        around
            .iter()
            .flat_map(|at| self.indices.iter().filter(move |(owner, _)| owner == at).map(|(_, number)| *number))
    }

    /// What the names of the channels of one answer begin with.
    fn answer(&self, around: &[usize]) -> String {
        let mut name = String::with_capacity(64);
        name.extend([self.numbers(around).next().unwrap_or_default(), ":"]);
        name
    }

    fn finish(self) -> Parts {
        let kind = self.kind.as_ref();
        let mut deltas = Vec::new();
        for Said { within, path, json, range, text } in &self.said {
            let json = match json {
                Some(json) => *json,
                None if kind.ends_with(".delta") => kind.contains("arguments"),
                None => continue,
            };
            let around = self.around(*within);
            let mut channel = self.answer(&around);
            let named = channel.len();
            for number in self.numbers(&around) {
                channel.extend([number, "/"]);
            }
            if channel.len() == named {
                // Without an index, the place in the event tells which.
                let places = around.iter().filter_map(|at| self.containers.get(*at)?.place);
                places.for_each(|place| channel.push_str(&format!("[{place}]")));
            }
            channel.extend([path, ":", kind]);
            deltas.push(Delta { channel, range: range.clone(), text: text.clone().into_owned(), json });
        }
        const LAST: [&str; 6] =
            ["message_stop", "message_delta", "error", "response.completed", "response.failed", "response.incomplete"];
        let mut ends: Vec<End> =
            self.finished.iter().map(|within| End::Below(self.answer(&self.around(*within)))).collect();
        if kind == "content_block_stop" {
            ends.push(End::Below(self.answer(&[0])));
        } else if kind.ends_with(".done") || LAST.contains(&kind) {
            ends.push(End::All);
        }
        Parts { deltas, ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::json::{Limits, Scanner};
    use crate::testing::test;

    fn parts(data: &str) -> Parts {
        read(data, &Scanner::of(data, Limits::default()).tokens().unwrap_or_default())
    }

    fn texts(data: &str) -> Vec<(String, bool)> {
        parts(data).deltas.into_iter().map(|d| (d.text, d.json)).collect()
    }

    #[test]
    fn pieces_of_each_provider() {
        let table = [
            (
                r#"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"ab"}}]}"#,
                "ab",
                false,
            ),
            (
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{\"a"}}]}}]}"#,
                "{\"a",
                true,
            ),
            (r#"{"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":"ab"}"#, "ab", false),
            (r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"a"}"#, "{\"a", true),
            (r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ab"}}"#, "ab", false),
            (
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
                "{\"a",
                true,
            ),
            (r#"{"candidates":[{"content":{"parts":[{"text":"ab"}],"role":"model"}}]}"#, "ab", false),
        ];
        for (data, text, json) in table {
            assert_eq!(texts(data), [(text.to_owned(), json)], "{data}");
        }
        assert!(texts(r#"{"type":"other","delta":"x","text":"y"}"#).is_empty());
    }

    #[test]
    fn channels_are_told_apart() {
        let data = r#"{"choices":[{"delta":{"content":"a"},"index":0},{"delta":{"content":"b"},"index":1}]}"#;
        let first = parts(data);
        assert_ne!(first.deltas[0].channel, first.deltas[1].channel);
        let again = parts(&data.replace(r#""a""#, r#""c""#));
        assert_eq!(first.deltas[0].channel, again.deltas[0].channel);
    }

    #[test]
    fn the_outermost_index_names_the_answer_wherever_it_stands() {
        let data = r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{"}}]},"index":0}]}"#;
        let channel = &parts(data).deltas[0].channel;
        assert!(channel.starts_with("0:"), "{channel}");
    }

    #[test]
    fn ends() {
        assert_eq!(parts("[DONE]").ends, [End::All]);
        assert_eq!(parts(r#"{"type":"message_stop"}"#).ends, [End::All]);
        assert_eq!(parts(r#"{"type":"content_block_stop","index":2}"#).ends, [End::Below("2:".into())]);
        assert_eq!(
            parts(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#).ends,
            [End::Below("0:".into())]
        );
        assert!(parts(r#"{"choices":[{"index":0,"delta":{},"finish_reason":null}]}"#).ends.is_empty());
        assert!(parts(r#"{"type":"ping"}"#).ends.is_empty());
    }
}
