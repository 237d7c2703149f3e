//! Conditions on protocols, each in its own terms: MCP calls, and what is asked of AWS, GitHub, Kubernetes.
//!
//! Must not go here: language models (`llm`), parsing bodies (`classify::body`), telling protocols apart (`protocol`).

use std::cmp::Ordering;

use super::Context;
use super::condition::{many, pointers};
use crate::classify::calls::{Action, Aws, GitHub, Kubernetes};
use crate::classify::glob::{Glob, TextGlob};
use crate::classify::matcher::{Matcher, Mcp};
use crate::classify::predicate::{Check, Literal, Test};
use crate::classify::words;
use crate::policy::reader::{Errors, Fields, Node};
use crate::protocol::github::Scope;

pub fn mcp(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let mut fields = node.fields(&mut context.errors)?;
    let method = fields.take("method").map(|node| Check::Glob(names(&node, &mut context.errors)));
    let tool = fields.take("tool").map(|node| Check::Glob(names(&node, &mut context.errors)));
    let word = fields.take("tool_word").map(|node| tool_words(&node, &mut context.errors));
    let arguments = fields.take("arguments").map(|node| pointers(&node, "/params/arguments", context));
    if fields.is_empty() {
        context.errors.push(node.error("expected `method`, `tool`, `tool_word` or `arguments`"));
    }
    fields.finish(&mut context.errors);
    Some(Matcher::Mcp(Mcp {
        method: Test(method.into_iter().collect()),
        tool: Test(tool.into_iter().chain(word).collect()),
        arguments: arguments.unwrap_or_default(),
        arguments_at: context.pointers.add("/params/arguments").ok()?,
        method_at: context.pointers.add("/method").ok()?,
        name_at: context.pointers.add("/params/name").ok()?,
    }))
}

pub fn aws(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let action_at = context.pointers.add("/Action").ok()?;
    let mut fields = node.fields(&mut context.errors)?;
    let errors = &mut context.errors;
    let lower = |text: &str| Ok::<_, &str>(TextGlob::new(&text.to_ascii_lowercase()));
    let service = fields.take("service").map(|node| many(&node, errors, lower));
    let action = fields.take("action").map(|node| many(&node, errors, action));
    fields.finish(errors);
    Some(Matcher::Aws(Aws { service, action, action_at }))
}

fn action(text: &str) -> Result<Action, &'static str> {
    let glob = |text: &str| TextGlob::new(&text.to_ascii_lowercase());
    match text.split_once(':') {
        Some((service, action)) if !service.is_empty() && !action.is_empty() => {
            Ok(Action { service: Some(glob(service)), action: glob(action) })
        }
        Some(_) => Err("expected `Action` or `service:Action`, such as `iam:CreateAccessKey`"),
        None => Ok(Action { service: None, action: glob(text) }),
    }
}

const SCOPES: [(&str, Scope); 6] = [
    ("enterprise", Scope::Enterprise),
    ("graphql", Scope::GraphQl),
    ("organization", Scope::Organization),
    ("other", Scope::Other),
    ("repository", Scope::Repository),
    ("user", Scope::User),
];

pub fn github(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let errors = &mut context.errors;
    let mut fields = node.fields(errors)?;
    let scope = fields.take("scope").map(|node| {
        let nodes = node.one_or_many(errors);
        nodes.iter().filter_map(|node| node.word(&SCOPES, errors)).collect()
    });
    let lower = |text: &str| Ok::<_, &str>(TextGlob::new(&text.to_lowercase()));
    let owner = fields.take("owner").map(|node| many(&node, errors, lower));
    let repo = fields.take("repo").map(|node| many(&node, errors, lower));
    let resource = fields.take("resource").map(|node| many(&node, errors, Glob::path));
    fields.finish(errors);
    Some(Matcher::GitHub(GitHub { scope, owner, repo, resource }))
}

pub fn kubernetes(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let mut fields = node.fields(&mut context.errors)?;
    let errors = &mut context.errors;
    let mut field = |name, fields: &mut Fields<'_>| fields.take(name).map(|node| names(&node, errors));
    let kubernetes = Kubernetes {
        verb: field("verb", &mut fields),
        group: field("group", &mut fields),
        version: field("version", &mut fields),
        resource: field("resource", &mut fields),
        namespace: field("namespace", &mut fields),
        name: field("name", &mut fields),
        impersonates: fields.take("impersonates").and_then(|node| node.flag(errors)),
    };
    let dry_run = fields.take("dry_run").and_then(|node| node.flag(errors));
    fields.finish(errors);
    let call = Matcher::Kubernetes(Box::new(kubernetes));
    Some(match dry_run {
        None => call,
        Some(true) => Matcher::All(vec![call, is_dry_run()]),
        Some(false) => Matcher::All(vec![call, Matcher::Not(Box::new(is_dry_run()))]),
    })
}

/// `?dryRun=All`, its only value. A deletion with a body takes its options from there and forgets the query.
fn is_dry_run() -> Matcher {
    let asked = Matcher::Query("dryRun".to_owned(), Test(vec![Check::Equals(vec![Literal::text("All")])]));
    let deletes = Matcher::Method(vec!["DELETE".to_owned()]);
    let empty = Matcher::BodySize(&[Ordering::Equal], 0);
    Matcher::All(vec![asked, Matcher::Any(vec![Matcher::Not(Box::new(deletes)), empty])])
}

pub fn names(node: &Node<'_>, errors: &mut Errors) -> Vec<TextGlob> {
    many(node, errors, |text| Ok::<_, &str>(TextGlob::new(text)))
}

pub fn tool_words(node: &Node<'_>, errors: &mut Errors) -> Check {
    Check::Words(many(node, errors, words::phrase))
}
