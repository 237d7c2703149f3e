//! Conditions on protocols: MCP calls and LLM requests, in terms of methods, tools and models.
//!
//! Must not go here: parsing bodies (`classify::body`), telling protocols apart (`protocol`).

use super::Context;
use super::condition::{many, pointers};
use crate::classify::glob::{Glob, TextGlob};
use crate::classify::matcher::{Matcher, Mcp};
use crate::classify::predicate::{Check, Test};
use crate::policy::reader::{Errors, Node};
use crate::protocol::Protocol;

pub fn mcp(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let mut fields = node.fields(&mut context.errors)?;
    let method = names(fields.take("method"), &mut context.errors);
    let tool = names(fields.take("tool"), &mut context.errors);
    let arguments = fields.take("arguments").map(|node| pointers(&node, "/params/arguments", context));
    if fields.is_empty() {
        context.errors.push(node.error("expected `method`, `tool` or `arguments`"));
    }
    fields.finish(&mut context.errors);
    Some(Matcher::Mcp(Mcp {
        method,
        tool,
        arguments: arguments.unwrap_or_default(),
        arguments_at: context.pointers.add("/params/arguments").ok()?,
        method_at: context.pointers.add("/method").ok()?,
        name_at: context.pointers.add("/params/name").ok()?,
    }))
}

const PROVIDERS: [(&str, &[Protocol]); 3] = [
    ("anthropic", &[Protocol::Anthropic]),
    ("gemini", &[Protocol::Gemini]),
    ("openai", &[Protocol::OpenAiChat, Protocol::OpenAiResponses]),
];

/// Where requests name the tools that a model may call: OpenAI chat, OpenAI responses and Anthropic, Gemini in both
/// spellings that its servers take.
const TOOLS: [&str; 4] = [
    "/tools/*/function/name",
    "/tools/*/name",
    "/tools/*/functionDeclarations/*/name",
    "/tools/*/function_declarations/*/name",
];

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
        let in_body = names(Some(node), &mut context.errors).unwrap_or_default();
        let at = context.pointers.add("/model").ok()?;
        parts.push(Matcher::Any(vec![Matcher::Path(in_path), Matcher::Body(at, Test(vec![Check::Glob(in_body)]))]));
    }
    if let Some(tools) = names(fields.take("tool"), &mut context.errors) {
        let test = Test(vec![Check::Glob(tools)]);
        let places = TOOLS.iter().filter_map(|pointer| context.pointers.add(pointer).ok());
        parts.push(Matcher::Any(places.map(|at| Matcher::Body(at, test.clone())).collect()));
    }
    fields.finish(&mut context.errors);
    Some(Matcher::All(parts))
}

fn names(node: Option<Node<'_>>, errors: &mut Errors) -> Option<Vec<TextGlob>> {
    node.map(|node| many(&node, errors, |text| Ok::<_, String>(TextGlob::new(text))))
}
