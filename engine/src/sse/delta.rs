//! The parts of a streamed answer: which strings of an event are pieces of a longer text, of which text, and whether it ends.
//!
//! Read by shape, for the events of OpenAI (chat, responses), Anthropic, Gemini and those that speak alike.
//! Must not go here: changing events (`redact`).

use std::ops::Range;

use crate::extract::json::{JsonError, Kind, Limits, Scanner};

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

/// Reads the data of one event.
pub fn read(data: &str) -> Result<Parts, JsonError> {
    if data.trim() == "[DONE]" {
        return Ok(Parts { deltas: Vec::new(), ends: vec![End::All] });
    }
    let mut walk = Walk::default();
    let mut scanner = Scanner::new(data.as_bytes(), Limits::default());
    while let Some(token) = scanner.next()? {
        match token.kind {
            Kind::ObjectStart => walk.open(false),
            Kind::ArrayStart => walk.open(true),
            Kind::ObjectEnd | Kind::ArrayEnd => walk.close(),
            Kind::Key => walk.key(&token.text()),
            Kind::String => walk.string(&token.text(), token.inner()),
            Kind::Number => walk.number(token.raw()),
            Kind::Bool(_) | Kind::Null => walk.element(),
        }
    }
    Ok(walk.finish())
}

/// One open container.
#[derive(Debug)]
struct Level {
    /// Length of the path to it.
    path: usize,
    array: bool,
    /// Elements seen.
    count: usize,
}

/// Follows the paths through one event: `choices[0].delta.content`.
#[derive(Debug, Default)]
struct Walk {
    path: String,
    levels: Vec<Level>,
    /// `type` of the event.
    kind: String,
    /// Objects with the number they call their index.
    indices: Vec<(String, String)>,
    /// Strings that may be pieces.
    strings: Vec<(String, Range<usize>, String)>,
    /// Objects that say that they are finished.
    finished: Vec<String>,
}

impl Walk {
    fn open(&mut self, array: bool) {
        self.element();
        self.levels.push(Level { path: self.path.len(), array, count: 0 });
    }

    fn close(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.path.truncate(level.path);
        }
    }

    fn key(&mut self, key: &str) {
        self.path.truncate(self.levels.last().map_or(0, |level| level.path));
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
    }

    /// A value begins: in an array, the path goes on to it.
    fn element(&mut self) {
        if let Some(level) = self.levels.last_mut().filter(|level| level.array) {
            self.path.truncate(level.path);
            self.path.push_str(&format!("[{}]", level.count));
            level.count += 1;
        }
    }

    fn string(&mut self, text: &str, range: Range<usize>) {
        self.element();
        let path = self.path.as_str();
        if path == "type" {
            self.kind = text.to_owned();
        } else if path == "delta" || piece(path).is_some() {
            self.strings.push((path.to_owned(), range, text.to_owned()));
        } else if path.ends_with("finish_reason") || path.ends_with("finishReason") {
            self.finished.push(owner(path).to_owned());
        }
    }

    fn number(&mut self, raw: &str) {
        self.element();
        if self.path.ends_with("index") {
            self.indices.push((owner(&self.path).to_owned(), raw.to_owned()));
        }
    }

    /// The indices of the objects around `path`, the outermost first.
    fn numbers(&self, path: &str) -> Vec<&str> {
        let around = |owner: &str| {
            owner.is_empty()
                || path.strip_prefix(owner).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.indices.iter().filter(|(owner, _)| around(owner)).map(|(_, number)| number.as_str()).collect()
    }

    /// What the names of the channels of one answer begin with.
    fn answer(&self, path: &str) -> String {
        format!("{}:", self.numbers(path).first().unwrap_or(&""))
    }

    fn finish(self) -> Parts {
        let kind = self.kind.as_str();
        let mut deltas = Vec::new();
        for (path, range, text) in &self.strings {
            let json = match piece(path) {
                Some(json) => json,
                None if kind.ends_with(".delta") => kind.contains("arguments"),
                None => continue,
            };
            let numbers = self.numbers(path);
            // Without an index, the place in the event tells which.
            let place =
                if numbers.is_empty() { path.clone() } else { format!("{}{}", numbers.join("/"), generic(path)) };
            let channel = format!("{}{place}:{kind}", self.answer(path));
            deltas.push(Delta { channel, range: range.clone(), text: text.clone(), json });
        }
        const LAST: [&str; 6] =
            ["message_stop", "message_delta", "error", "response.completed", "response.failed", "response.incomplete"];
        let mut ends: Vec<End> = self.finished.iter().map(|path| End::Below(self.answer(path))).collect();
        if kind == "content_block_stop" {
            ends.push(End::Below(self.answer("")));
        } else if kind.ends_with(".done") || LAST.contains(&kind) {
            ends.push(End::All);
        }
        Parts { deltas, ends }
    }
}

/// The path of the object that a key stands in.
fn owner(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(owner, _)| owner)
}

/// The path without the places in arrays.
fn generic(path: &str) -> String {
    path.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Whether the string at `path` is a piece, and if so whether its text is JSON.
fn piece(path: &str) -> Option<bool> {
    let path = generic(path);
    PIECES.iter().find(|(piece, _)| *piece == path).map(|(_, json)| *json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn texts(data: &str) -> Vec<(String, bool)> {
        read(data).unwrap().deltas.into_iter().map(|d| (d.text, d.json)).collect()
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
        let parts = read(data).unwrap();
        assert_ne!(parts.deltas[0].channel, parts.deltas[1].channel);
        let again = read(&data.replace(r#""a""#, r#""c""#)).unwrap();
        assert_eq!(parts.deltas[0].channel, again.deltas[0].channel);
    }

    #[test]
    fn ends() {
        assert_eq!(read("[DONE]").unwrap().ends, [End::All]);
        assert_eq!(read(r#"{"type":"message_stop"}"#).unwrap().ends, [End::All]);
        assert_eq!(read(r#"{"type":"content_block_stop","index":2}"#).unwrap().ends, [End::Below("2:".into())]);
        assert_eq!(
            read(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#).unwrap().ends,
            [End::Below("0:".into())]
        );
        assert!(read(r#"{"choices":[{"index":0,"delta":{},"finish_reason":null}]}"#).unwrap().ends.is_empty());
        assert!(read(r#"{"type":"ping"}"#).unwrap().ends.is_empty());
    }
}
