//! Which protocol a request speaks: it decides the shape of answers, how long a client waits, and what its bodies mean.
//!
//! What single APIs ask for stands in a module each: [`aws`], [`github`], [`kubernetes`].
//! Must not go here: the answers themselves (`reply`), rules about protocols (`classify`).

pub mod aws;
pub mod github;
pub mod kubernetes;

use std::ops::Range;

use crate::extract::json::{JsonError, Kind, Limits, Scanner, Token};
use crate::request::{Head, Headers, canonical_host};
use crate::sorting::sort_by;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Anthropic's messages.
    Anthropic,
    Aws(aws::Wire),
    Gemini,
    GitHub,
    #[default]
    Http,
    Kubernetes,
    /// Model Context Protocol, or any JSON-RPC 2.0.
    Mcp,
    OpenAiChat,
    OpenAiResponses,
}

/// Judges by the head and what there is of the body. GitHub's and Kubernetes's APIs do not show themselves: other APIs have
/// such paths, too.
pub fn detect(head: &Head, body: &[u8]) -> Protocol {
    match by_head(&head.headers, &head.path) {
        Protocol::Http => {}
        protocol => return protocol,
    }
    let host = canonical_host(&head.authority).unwrap_or_default();
    match aws::Wire::of(&host, head) {
        Some(wire) => Protocol::Aws(wire),
        None if Rpc::of(body).is_some() => Protocol::Mcp,
        None => Protocol::Http,
    }
}

/// Judges by headers and one reading of the path.
pub fn by_head(headers: &Headers, path: &str) -> Protocol {
    let has = |wanted: &[u8]| headers.iter().any(|(name, _)| name == wanted);
    if has(b"mcp-protocol-version") || has(b"mcp-session-id") || has(b"mcp-method") {
        return Protocol::Mcp;
    }
    match by_path(path) {
        Protocol::Gemini | Protocol::Http if has(b"anthropic-version") => Protocol::Anthropic,
        protocol => protocol,
    }
}

/// Judges by one reading of the path alone.
pub fn by_path(path: &str) -> Protocol {
    let path = path.trim_end_matches('/');
    let operation = path.rsplit_once(':').map_or("", |(_, operation)| operation);
    match path {
        _ if path.ends_with("/chat/completions") => Protocol::OpenAiChat,
        _ if path.ends_with("/v1/responses") || path.ends_with("/openai/responses") => Protocol::OpenAiResponses,
        _ if path.ends_with("/v1/messages") => Protocol::Anthropic,
        _ if matches!(operation, "generateContent" | "streamGenerateContent") => Protocol::Gemini,
        _ => Protocol::Http,
    }
}

/// The `id` of a JSON-RPC request as it stands in the body (`7`, `"a"`), for the answer to echo. `None` for a
/// notification, a batch or anything else.
pub fn rpc_id(body: &[u8]) -> Option<&str> {
    let id = Rpc::of(body)?.id?;
    body.get(id).and_then(|raw| std::str::from_utf8(raw).ok())
}

/// Where the fields stand that only correlate messages, and that a client sets anew when it repeats a call: the values of
/// `id` and `params._meta.progressToken` of a JSON-RPC call, or of each in a batch. Ascending. None where a message has
/// members that JSON-RPC does not know: then it may be something else, and its `id` content.
pub fn correlation_ranges(body: &[u8]) -> Vec<Range<usize>> {
    Rpc::of(body).filter(|rpc| rpc.calls_only).map(|rpc| rpc.correlation).unwrap_or_default()
}

/// What can be told of a JSON-RPC 2.0 body without judging it.
#[derive(Debug, Default)]
struct Rpc {
    /// Of a single message.
    id: Option<Range<usize>>,
    correlation: Vec<Range<usize>>,
    /// Every message is a call or a notification, and nothing more.
    calls_only: bool,
}

/// One message while it is read.
#[derive(Debug, Default)]
struct Message {
    version: bool,
    method: bool,
    /// Has members beside those of a call.
    more: bool,
    id: Option<Range<usize>>,
    progress: Option<Range<usize>>,
}

impl Rpc {
    fn of(body: &[u8]) -> Option<Rpc> {
        if !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
            return None;
        }
        // The key stands there as it is or with escapes; most bodies have neither, and are not worth a parse.
        if memchr::memmem::find(body, b"jsonrpc").is_none() && memchr::memchr(b'\\', body).is_none() {
            return None;
        }
        Rpc::read(&mut Scanner::new(body, Limits::default())).ok().flatten()
    }

    fn read(scanner: &mut Scanner<'_>) -> Result<Option<Rpc>, JsonError> {
        let mut rpc = Rpc { calls_only: true, ..Rpc::default() };
        let mut single = false;
        while let Some(token) = scanner.next()? {
            match token.kind {
                Kind::ObjectStart => {
                    let message = Message::read(scanner)?;
                    if !message.version {
                        return Ok(None);
                    }
                    single = scanner.depth() == 0;
                    rpc.calls_only &= message.method && !message.more;
                    rpc.correlation.extend(message.id.iter().chain(&message.progress).cloned());
                    rpc.id = message.id;
                }
                Kind::ArrayStart if scanner.depth() == 1 => {}
                Kind::ArrayEnd => {}
                _ => return Ok(None),
            }
        }
        let empty = !single && rpc.correlation.is_empty() && rpc.id.is_none();
        rpc.id = rpc.id.filter(|_| single);
        sort_by(&mut rpc.correlation, |a, b| a.start.cmp(&b.start));
        Ok((!empty).then_some(rpc))
    }
}

impl Message {
    /// Reads to the end of the object just opened.
    fn read(scanner: &mut Scanner<'_>) -> Result<Message, JsonError> {
        let mut message = Message::default();
        members(scanner, |scanner, key, value| {
            match key {
                "jsonrpc" => message.version = value.kind == Kind::String && value.text() == "2.0",
                "id" => message.id = correlation(value),
                "method" => message.method = value.kind == Kind::String,
                "params" if value.kind == Kind::ObjectStart => {
                    return members(scanner, |scanner, key, value| match key {
                        "_meta" if value.kind == Kind::ObjectStart => members(scanner, |scanner, key, value| {
                            if key == "progressToken" {
                                message.progress = correlation(value);
                            }
                            scanner.skip(value)
                        }),
                        _ => scanner.skip(value),
                    });
                }
                "params" => {}
                _ => message.more = true,
            }
            scanner.skip(value)
        })?;
        Ok(message)
    }
}

/// An id is a string, a number or null; anything else is content.
fn correlation(value: &Token<'_>) -> Option<Range<usize>> {
    matches!(value.kind, Kind::String | Kind::Number | Kind::Null).then(|| value.range.clone())
}

/// Calls `visit` with each key and the first token of its value, which `visit` must read to its end.
fn members<'a>(
    scanner: &mut Scanner<'a>,
    mut visit: impl FnMut(&mut Scanner<'a>, &str, &Token<'a>) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    while let Some(key) = scanner.next()?.filter(|token| token.kind == Kind::Key) {
        if let Some(value) = scanner.next()? {
            visit(scanner, &key.text(), &value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn head(path: &str, headers: &[&str]) -> Head {
        Head { path: path.into(), headers: Headers::new(headers.iter().map(|name| (name, "x"))), ..Head::default() }
    }

    #[test]
    fn protocols_by_head() {
        for (path, headers, expected) in [
            ("/v1/chat/completions", &[][..], Protocol::OpenAiChat),
            ("/openai/deployments/gpt/chat/completions", &[], Protocol::OpenAiChat),
            ("/v1/responses", &[], Protocol::OpenAiResponses),
            ("/v1/messages", &[], Protocol::Anthropic),
            ("/proxy/messages", &["anthropic-version"], Protocol::Anthropic),
            ("/v1beta/models/gemini-pro:generateContent", &[], Protocol::Gemini),
            ("/v1beta/models/gemini-pro:streamGenerateContent", &[], Protocol::Gemini),
            ("/v1beta/models/gemini-pro:countTokens", &[], Protocol::Http),
            ("/mcp", &["mcp-session-id"], Protocol::Mcp),
            ("/mcp", &[], Protocol::Http),
            ("/v1/chat/completions/123", &[], Protocol::Http),
        ] {
            assert_eq!(detect(&head(path, headers), b""), expected, "{path}");
        }
    }

    #[test]
    fn json_rpc_by_body() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Protocol::Mcp),
            (r#"{"jsonrpc":"2.0","method":"ping"}"#, Protocol::Mcp),
            (r#" [{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, Protocol::Mcp),
            (r#"{"jsonrpc":"1.0","id":1}"#, Protocol::Http),
            (r#"{"id":1,"nested":{"jsonrpc":"2.0"}}"#, Protocol::Http),
            (r#"[[{"jsonrpc":"2.0"}]]"#, Protocol::Http),
            ("[]", Protocol::Http),
            ("", Protocol::Http),
            ("{", Protocol::Http),
        ] {
            assert_eq!(detect(&head("/x", &[]), body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn ids_are_kept_as_written() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id": 7 ,"method":"m"}"#, Some("7")),
            (r#"{"method":"m","id":"a\u0062","jsonrpc":"2.0"}"#, Some(r#""a\u0062""#)),
            (r#"{"jsonrpc":"2.0","id":{"x":1},"method":"m"}"#, None),
            (r#"{"jsonrpc":"2.0","method":"m","params":{"id":1}}"#, None),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, None),
            (r#"{"id":1}"#, None),
        ] {
            assert_eq!(rpc_id(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn correlation_fields_are_found_where_the_protocol_has_them() {
        let found = |body: &str| -> Vec<String> {
            correlation_ranges(body.as_bytes()).into_iter().map(|range| body.get(range).unwrap().to_owned()).collect()
        };
        let call = r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"progressToken":"p","x":1},"arguments":{"id":5,
            "_meta":{"progressToken":9}}},"id":3}"#;
        assert_eq!(found(call), [r#""p""#, "3"]);
        assert_eq!(found(&format!("[{call},{call}]")), [r#""p""#, "3", r#""p""#, "3"]);
        // Content in the place of an id stays bound to the approval.
        assert_eq!(found(r#"{"jsonrpc":"2.0","id":["payload"],"method":"m"}"#), Vec::<String>::new());
        assert_eq!(found(r#"{"id":3}"#), Vec::<String>::new());
        assert_eq!(found(r#"{"jsonrpc":"2.0","id":3,"id":4}"#), Vec::<String>::new());
    }
}
