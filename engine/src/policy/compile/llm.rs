//! Conditions on requests to language models: the same facts, wherever OpenAI (chat and responses), Anthropic and Gemini put
//! them. Gemini's servers take each name in two spellings.
//!
//! Must not go here: other protocols (`protocols`), judging (`classify::places`).

use super::Context;
use super::condition::{many, test};
use super::protocols::{names, tool_words};
use crate::classify::glob::Glob;
use crate::classify::matcher::Matcher;
use crate::classify::places::{Measure, Places};
use crate::classify::predicate::{Check, Test};
use crate::policy::reader::Node;
use crate::protocol::Protocol;

const PROVIDERS: [(&str, &[Protocol]); 3] = [
    ("anthropic", &[Protocol::Anthropic]),
    ("gemini", &[Protocol::Gemini]),
    ("openai", &[Protocol::OpenAiChat, Protocol::OpenAiResponses]),
];

/// A pointer, and what a value's being there means where the value itself does not say it.
type Place = (&'static str, Option<&'static str>);

const MESSAGES: [Place; 3] = [("/contents/*", None), ("/input/*", None), ("/messages/*", None)];
const ROLES: [Place; 7] = [
    ("/contents/*/role", None),
    ("/input/*/role", None),
    ("/instructions", Some("system")),
    ("/messages/*/role", None),
    ("/system", Some("system")),
    ("/systemInstruction", Some("system")),
    ("/system_instruction", Some("system")),
];
const MODEL: [Place; 1] = [("/model", None)];
const MAX_TOKENS: [Place; 7] = [
    ("/generationConfig/maxOutputTokens", None),
    ("/generationConfig/max_output_tokens", None),
    ("/generation_config/maxOutputTokens", None),
    ("/generation_config/max_output_tokens", None),
    ("/max_completion_tokens", None),
    ("/max_output_tokens", None),
    ("/max_tokens", None),
];
/// Where the model reads text: prompts, and what tools answered.
const TEXTS: [Place; 14] = [
    ("/contents/*/parts/*/text", None),
    ("/input", None),
    ("/input/*/content", None),
    ("/input/*/content/*/text", None),
    ("/input/*/output", None),
    ("/instructions", None),
    ("/messages/*/content", None),
    ("/messages/*/content/*/content", None),
    ("/messages/*/content/*/content/*/text", None),
    ("/messages/*/content/*/text", None),
    ("/system", None),
    ("/system/*/text", None),
    ("/systemInstruction/parts/*/text", None),
    ("/system_instruction/parts/*/text", None),
];
/// Names of the tools that the model may call.
const TOOLS: [Place; 5] = [
    ("/functions/*/name", None),
    ("/tools/*/function/name", None),
    ("/tools/*/functionDeclarations/*/name", None),
    ("/tools/*/function_declarations/*/name", None),
    ("/tools/*/name", None),
];
/// What kinds of tools they are, those included that the provider runs itself.
const TOOL_TYPES: [Place; 9] = [
    ("/mcp_servers/*", Some("mcp")),
    ("/tools/*/codeExecution", Some("code_execution")),
    ("/tools/*/code_execution", Some("code_execution")),
    ("/tools/*/googleSearch", Some("google_search")),
    ("/tools/*/google_search", Some("google_search")),
    ("/tools/*/type", None),
    ("/tools/*/urlContext", Some("url_context")),
    ("/tools/*/url_context", Some("url_context")),
    ("/web_search_options", Some("web_search")),
];
const OFFERED: [Place; 2] = [("/functions/*", None), ("/tools/*", None)];
/// Gemini puts any number of them under one.
const DECLARED: [Place; 2] = [("/tools/*/functionDeclarations/*", None), ("/tools/*/function_declarations/*", None)];

pub fn llm(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let mut fields = node.fields(&mut context.errors)?;
    let providers = match fields.take("provider") {
        Some(node) => {
            let nodes = node.one_or_many(&mut context.errors);
            nodes.iter().filter_map(|node| node.word(&PROVIDERS, &mut context.errors)).collect::<Vec<_>>().concat()
        }
        None => PROVIDERS.iter().flat_map(|(_, protocols)| protocols.iter().copied()).collect(),
    };
    let mut parts = vec![Matcher::Protocol(providers)];
    if let Some(node) = fields.take("model") {
        // Gemini names its model in the path, the others in the body.
        let in_path = many(&node, &mut context.errors, |model| Glob::path(&format!("/**/models/{model}:*")));
        let in_body = one_of(&node, context);
        parts.push(Matcher::Any(vec![
            Matcher::Path(in_path, Vec::new()),
            places(&MODEL, Measure::Value, in_body, context)?,
        ]));
    }
    for (name, at) in [("role", ROLES.as_slice()), ("tool", &TOOLS), ("tool_type", &TOOL_TYPES)] {
        if let Some(node) = fields.take(name) {
            let test = one_of(&node, context);
            parts.push(places(at, Measure::Value, test, context)?);
        }
    }
    if let Some(node) = fields.take("tool_word") {
        let test = Test(vec![tool_words(&node, &mut context.errors)]);
        parts.push(places(&TOOLS, Measure::Value, test, context)?);
    }
    for (name, at, measure) in [
        ("characters", TEXTS.as_slice(), Measure::Characters),
        ("max_tokens", &MAX_TOKENS, Measure::Value),
        ("messages", &MESSAGES, Measure::Number),
    ] {
        if let Some(test) = fields.take(name).and_then(|node| test(&node, &mut context.errors)) {
            parts.push(places(at, measure, test, context)?);
        }
    }
    if let Some(test) = fields.take("tools").and_then(|node| test(&node, &mut context.errors)) {
        let gemini = || Matcher::Protocol(vec![Protocol::Gemini]);
        let declared = places(&DECLARED, Measure::Number, test.clone(), context)?;
        let offered = places(&OFFERED, Measure::Number, test, context)?;
        let not_gemini = Matcher::Not(Box::new(gemini()));
        parts.push(Matcher::Any(vec![Matcher::All(vec![gemini(), declared]), Matcher::All(vec![not_gemini, offered])]));
    }
    fields.finish(&mut context.errors);
    Some(Matcher::All(parts))
}

fn one_of(node: &Node<'_>, context: &mut Context) -> Test {
    Test(vec![Check::Glob(names(node, &mut context.errors))])
}

fn places(at: &[Place], measure: Measure, test: Test, context: &mut Context) -> Option<Matcher> {
    let at = at.iter().map(|(pointer, means)| Some((context.pointers.add(pointer).ok()?, *means)));
    Some(Matcher::Places(Places { at: at.collect::<Option<_>>()?, measure, test }))
}
