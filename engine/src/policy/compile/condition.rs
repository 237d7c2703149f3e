//! A condition as written → a [`Matcher`]. All its fields must hold; where a field takes a list, one of its values.
//!
//! Must not go here: how matchers judge (`classify::matcher`).

use std::cmp::Ordering;

use regex_lite::RegexBuilder;
use serde_json::Value;

use super::settings::header_name;
use super::{Context, findings, llm, protocols};
use crate::classify::body::PointerId;
use crate::classify::decimal::Decimal;
use crate::classify::glob::{Glob, TextGlob};
use crate::classify::matcher::Matcher;
use crate::classify::network::Network;
use crate::classify::predicate::{Check, Literal, Test};
use crate::policy::reader::{Errors, Node};
use crate::policy::units;

/// Bytes of a compiled regular expression.
const MAX_REGEX: usize = 16 * 1024;

pub fn condition(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let mut fields = node.fields(&mut context.errors)?;
    if fields.is_empty() {
        let error = node.error("the condition is empty");
        context.errors.push(error.with_hint("to match everything write `path: /**`"));
        return None;
    }
    let before = context.errors.len();
    let mut parts = Vec::new();
    if let Some(node) = fields.take("method") {
        parts.push(Matcher::Method(many(&node, &mut context.errors, method)));
    }
    if let Some(node) = fields.take("host") {
        parts.push(Matcher::Host(many(&node, &mut context.errors, Glob::host)));
    }
    let paths = fields.take("path").map(|node| many(&node, &mut context.errors, Glob::path));
    let captures = fields.take("captures").map(|node| captures(&node, paths.as_deref(), &mut context.errors));
    parts.extend(paths.map(|paths| Matcher::Path(paths, captures.unwrap_or_default())));
    if let Some(node) = fields.take("principal") {
        context.asks_names = true;
        parts.extend(test(&node, &mut context.errors).map(Matcher::Principal));
    }
    if let Some(node) = fields.take("on_behalf_of") {
        context.asks_names = true;
        parts.extend(test(&node, &mut context.errors).map(Matcher::OnBehalfOf));
    }
    if let Some(node) = fields.take("content_type") {
        parts.push(Matcher::ContentType(many(&node, &mut context.errors, media_type)));
    }
    if let Some(node) = fields.take("query") {
        for (name, node) in node.entries(&mut context.errors) {
            parts.extend(test(&node, &mut context.errors).map(|test| Matcher::Query(name.to_owned(), test)));
        }
    }
    if let Some(node) = fields.take("header") {
        for (name, node) in node.entries(&mut context.errors) {
            let name_node = Node { value: &Value::String(name.to_owned()), path: node.path.clone() };
            let name = header_name(&name_node, &mut context.errors);
            let test = test(&node, &mut context.errors);
            parts.extend(name.zip(test).map(|(name, test)| Matcher::Header(name, test)));
        }
    }
    if let Some(node) = fields.take("body") {
        parts.extend(pointers(&node, "", context).into_iter().map(|(at, test)| Matcher::Body(at, test)));
    }
    if let Some(node) = fields.take("claims") {
        parts.extend(attributes(&node, &JWT_CLAIMS, context));
    }
    if let Some(node) = fields.take("metadata") {
        for (namespace, node) in node.entries(&mut context.errors) {
            parts.extend(attributes(&node, &["metadata", "filter_metadata", namespace], context));
        }
    }
    if let Some(node) = fields.take("body_size") {
        parts.extend(body_size(&node, &mut context.errors));
    }
    if let Some(node) = fields.take("source") {
        context.reads_source = true;
        parts.push(Matcher::Source(many(&node, &mut context.errors, Network::parse)));
    }
    if let Some(node) = fields.take("mcp") {
        parts.extend(protocols::mcp(&node, context));
    }
    if let Some(node) = fields.take("llm") {
        parts.extend(llm::llm(&node, context));
    }
    if let Some(node) = fields.take("aws") {
        parts.extend(protocols::aws(&node, context));
    }
    if let Some(node) = fields.take("kubernetes") {
        parts.extend(protocols::kubernetes(&node, context));
    }
    if let Some(node) = fields.take("github") {
        parts.extend(protocols::github(&node, context));
    }
    if let Some(node) = fields.take("findings") {
        parts.extend(findings::findings(&node, context));
    }
    if let Some(node) = fields.take("all") {
        parts.extend(nested(&node, context).map(Matcher::All));
    }
    if let Some(node) = fields.take("any") {
        parts.extend(nested(&node, context).map(Matcher::Any));
    }
    if let Some(node) = fields.take("not") {
        parts.extend(condition(&node, context).map(|inner| Matcher::Not(Box::new(inner))));
    }
    fields.finish(&mut context.errors);
    // A part that could not be read must not leave a wider condition behind.
    if context.errors.len() > before {
        return None;
    }
    Some(match parts.len() {
        1 => parts.pop()?,
        _ => Matcher::All(parts),
    })
}

/// A map from names that every path captures to tests.
fn captures(node: &Node<'_>, paths: Option<&[Glob]>, errors: &mut Errors) -> Vec<(String, Test)> {
    let mut tests = Vec::new();
    for (name, node) in node.entries(errors) {
        if paths.is_some_and(|paths| paths.iter().all(|path| path.captures(name))) {
            tests.extend(test(&node, errors).map(|test| (name.to_owned(), test)));
        } else {
            let error = node.error(format!("the `path` beside it does not capture `{name}`"));
            errors.push(error.with_hint(format!("write it as a segment of each, such as `/v1/{{{name}}}/**`")));
        }
    }
    tests
}

fn nested(node: &Node<'_>, context: &mut Context) -> Option<Vec<Matcher>> {
    let nodes = node.one_or_many(&mut context.errors);
    nodes.iter().map(|node| condition(node, context)).collect()
}

pub fn many<T, E: Into<String>>(node: &Node<'_>, errors: &mut Errors, parse: fn(&str) -> Result<T, E>) -> Vec<T> {
    node.one_or_many(errors).iter().filter_map(|node| node.parsed(parse, errors)).collect()
}

fn method(text: &str) -> Result<String, &'static str> {
    let sound = text.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
    if sound { Ok(text.to_ascii_uppercase()) } else { Err("expected a method such as `POST`") }
}

fn media_type(text: &str) -> Result<TextGlob, &'static str> {
    if text.contains('/') && !text.contains(';') {
        Ok(TextGlob::new(&text.to_ascii_lowercase()))
    } else {
        Err("expected a media type without parameters, such as `application/json` or `text/*`")
    }
}

/// A map from JSON pointers below `prefix` to tests.
pub fn pointers(node: &Node<'_>, prefix: &str, context: &mut Context) -> Vec<(PointerId, Test)> {
    let mut tests = Vec::new();
    for (pointer, node) in node.entries(&mut context.errors) {
        match context.pointers.add(&format!("{prefix}{pointer}")) {
            Ok(id) => tests.extend(test(&node, &mut context.errors).map(|test| (id, test))),
            Err(why) => {
                context.errors.push(node.error(format!("bad JSON pointer `{pointer}`")).with_hint(why));
            }
        }
    }
    tests
}

/// Where `jwt_authn` leaves what it verified, with `payload_in_metadata: payload`.
const JWT_CLAIMS: [&str; 4] = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "payload"];

/// A map from names below `prefix` to tests; dots lead into objects.
fn attributes(node: &Node<'_>, prefix: &[&str], context: &mut Context) -> Vec<Matcher> {
    let mut parts = Vec::new();
    for (name, node) in node.entries(&mut context.errors) {
        if name.split('.').any(str::is_empty) {
            context.errors.push(node.error(format!("`{name}` has an empty part")));
            continue;
        }
        let path: Vec<String> = prefix.iter().copied().chain(name.split('.')).map(str::to_owned).collect();
        let known = context.attributes.iter().position(|known| *known == path);
        let index = known.unwrap_or(context.attributes.len());
        if known.is_none() {
            context.attributes.push(path);
        }
        parts.extend(test(&node, &mut context.errors).map(|test| Matcher::Attribute(index, test)));
    }
    parts
}

/// `{gt: 1MiB}`
fn body_size(node: &Node<'_>, errors: &mut Errors) -> Option<Matcher> {
    let mut fields = node.fields(errors)?;
    let mut bounds = Vec::new();
    for (name, orderings) in ORDERS {
        if let Some(node) = fields.take(name) {
            bounds.extend(node.parsed(units::size, errors).map(|limit| Matcher::BodySize(orderings, limit)));
        }
    }
    if fields.is_empty() {
        errors.push(node.error("expected a bound").with_hint("write such as `{gt: 100KiB}`"));
    }
    fields.finish(errors);
    Some(Matcher::All(bounds))
}

/// A literal, a list of literals, or an object of comparisons that must all hold.
pub fn test(node: &Node<'_>, errors: &mut Errors) -> Option<Test> {
    if !node.value.is_object() {
        return Some(Test(vec![Check::Equals(literals(node, errors)?)]));
    }
    let mut fields = node.fields(errors)?;
    let mut checks = Vec::new();
    let before = errors.len();
    if let Some(node) = fields.take("eq") {
        checks.extend(literal(&node, errors).map(|literal| Check::Equals(vec![literal])));
    }
    if let Some(node) = fields.take("in") {
        checks.extend(literals(&node, errors).map(Check::Equals));
    }
    for (name, orderings) in ORDERS {
        if let Some(node) = fields.take(name) {
            checks.extend(decimal(&node, errors).map(|limit| Check::Order(orderings, limit)));
        }
    }
    if let Some(node) = fields.take("glob") {
        checks.push(Check::Glob(protocols::names(&node, errors)));
    }
    if let Some(node) = fields.take("regex") {
        let compile = |text: &str| RegexBuilder::new(text).size_limit(MAX_REGEX).build().map_err(|e| e.to_string());
        checks.extend(node.parsed(compile, errors).map(Check::Regex));
    }
    let exists = fields.take("exists").and_then(|node| node.flag(errors));
    if exists == Some(false) && !checks.is_empty() {
        errors.push(node.error("a value that does not exist cannot be compared").with_hint("use `exists` alone"));
    }
    checks.extend(exists.map(Check::Exists));
    fields.finish(errors);
    if checks.is_empty() && errors.len() == before {
        errors.push(node.error("the test is empty").with_hint("write a value, or such as `{gte: 1000}`"));
    }
    (errors.len() == before).then_some(Test(checks))
}

const ORDERS: [(&str, &[Ordering]); 4] = [
    ("gt", &[Ordering::Greater]),
    ("gte", &[Ordering::Greater, Ordering::Equal]),
    ("lt", &[Ordering::Less]),
    ("lte", &[Ordering::Less, Ordering::Equal]),
];

fn literals(node: &Node<'_>, errors: &mut Errors) -> Option<Vec<Literal>> {
    let nodes = node.one_or_many(errors);
    let literals = nodes.iter().map(|node| literal(node, errors)).collect::<Option<Vec<_>>>()?;
    (!literals.is_empty()).then_some(literals)
}

fn literal(node: &Node<'_>, errors: &mut Errors) -> Option<Literal> {
    match node.value {
        Value::Bool(flag) => Some(Literal::Bool(*flag)),
        Value::Null => Some(Literal::Null),
        Value::Number(number) => Decimal::parse(&number.to_string()).map(Literal::Number),
        Value::String(text) => Some(Literal::text(text)),
        Value::Array(_) | Value::Object(_) => {
            errors.push(node.error("expected a single value"));
            None
        }
    }
}

fn decimal(node: &Node<'_>, errors: &mut Errors) -> Option<Decimal> {
    let number = match node.value {
        Value::Number(number) => Decimal::parse(&number.to_string()),
        Value::String(text) => Decimal::parse(text),
        _ => None,
    };
    if number.is_none() {
        errors.push(node.expected("a number").with_hint("write `10000`, or `\"10000.50\"` to be exact"));
    }
    number
}
