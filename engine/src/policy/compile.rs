//! A policy's JSON → [`Policy`], or every mistake in it.
//!
//! Must not go here: single sections (`settings`, `rule`, `condition`, `redaction`, `overlays`, …).

mod condition;
mod exceptions;
mod findings;
mod llm;
mod overlays;
mod protocols;
mod redaction;
mod rule;
mod settings;
mod workflows;

use redaction::Profiles;

use super::Policy;
use super::error::Error;
use super::reader::{self, Errors, Node};
use crate::classify::body::{Needs, Pointers};
use crate::classify::index::Index;
use crate::classify::stated::{Places, Stated};
use crate::classify::{DefaultVerdict, Rules, Verdict};

/// Rules in one policy; indexes are 16 bits wide.
const MAX_RULES: usize = 10_000;

/// What sections share while they are compiled.
#[derive(Debug, Default)]
struct Context {
    errors: Errors,
    pointers: Pointers,
    reads_source: bool,
    asks_names: bool,
    attributes: Vec<Vec<String>>,
    /// What conditions count.
    entities: Vec<&'static str>,
}

pub fn policy(json: &[u8], key: &[u8]) -> Result<Policy, Vec<Error>> {
    let mut context = Context::default();
    let compiled = reader::tree(json, &mut context.errors).and_then(|tree| root(&Node::root(&tree), key, &mut context));
    match compiled {
        Some(policy) if context.errors.is_empty() => Ok(policy),
        _ => Err(context.errors),
    }
}

fn root(node: &Node<'_>, key: &[u8], context: &mut Context) -> Option<Policy> {
    let mut fields = node.fields(&mut context.errors)?;
    if let Some(version) = fields.require("version", "write `version: 1`", &mut context.errors)
        && version.number(&mut context.errors).is_some_and(|v| v != 1)
    {
        context.errors.push(version.error("this version is unknown").with_hint("write `version: 1`"));
    }
    let hint = "write `default: allow`, `deny` or `hold`, or `default: {reads: allow, writes: hold}`";
    let default = fields.require("default", hint, &mut context.errors);
    let default = default.and_then(|node| default_verdict(&node, context));

    if let Some(packs) = fields.take("packs") {
        let hint = "`privyseal policy render` writes out the rules of packs; give its output to the gateway";
        context.errors.push(packs.error("packs are not written out").with_hint(hint));
    }
    let mut ids = Vec::new();
    let rules = fields.take("rules").map(|node| node.items(&mut context.errors)).unwrap_or_default();
    if rules.len() > MAX_RULES {
        context.errors.push(Error::new("rules", format!("more than {MAX_RULES} rules")));
    }
    let mut rules: Vec<_> = rules.iter().filter_map(|node| rule::rule(node, "", &mut ids, context)).collect();
    let overlays = overlays::read(fields.take("overlays"), default, &mut ids, context);
    rules.extend(overlays.rules);
    exceptions::apply(fields.take("exceptions"), &mut rules, context);

    let profiles = Profiles::read(fields.take("profiles"), key, &mut context.errors);
    let (redactions, profiles) = redaction::redactions(fields.take("redact"), profiles, context);
    let settings = settings::settings(&mut fields, context);
    let workflows = workflows::workflows(fields.take("workflows"), &rules, context);
    fields.finish(&mut context.errors);

    let (default, settings, workflows) = (default?, settings?, workflows?);
    let rules = Rules::new(rules, default, settings.observe).with_overlays(overlays.defaults);
    let holds = rules.verdicts().any(|verdict| verdict == Verdict::Hold);
    if holds && settings.approver.is_none() {
        let error = Error::new("", "`approver` is missing, and the policy holds requests");
        context.errors.push(error.with_hint("write `approver: {cluster: NAME}` with the approver's Envoy cluster"));
    }
    let stated = if rules.iter().any(|rule| !rule.require.is_empty()) { Some(places(context)?) } else { None };
    let detector = findings::detector(context);
    Some(Policy {
        rules: rules.with_stated(stated),
        needs: Needs { pointers: std::mem::take(&mut context.pointers), detector },
        redaction_index: Index::new(redactions.iter().map(|redaction| &redaction.matcher)),
        redactions,
        profiles,
        settings,
        workflows,
    })
}

/// Where bodies state what rules require.
fn places(context: &mut Context) -> Option<Places> {
    let place = |stated: &Stated| context.pointers.add(stated.pointer()).ok().map(|at| (*stated, at));
    Stated::ALL.iter().map(place).collect::<Option<Vec<_>>>().map(Places)
}

const VERDICTS: [(&str, Verdict); 3] = [("allow", Verdict::Allow), ("deny", Verdict::Deny), ("hold", Verdict::Hold)];

fn default_verdict(node: &Node<'_>, context: &mut Context) -> Option<DefaultVerdict> {
    let errors = &mut context.errors;
    if !node.value.is_object() {
        let verdict = node.word(&VERDICTS, errors)?;
        return Some(DefaultVerdict { reads: verdict, writes: verdict });
    }
    let mut fields = node.fields(errors)?;
    let hint = "GET, HEAD and OPTIONS are `reads`, all else is `writes`";
    let reads = fields.require("reads", hint, errors).and_then(|node| node.word(&VERDICTS, errors));
    let writes = fields.require("writes", hint, errors).and_then(|node| node.word(&VERDICTS, errors));
    fields.finish(errors);
    Some(DefaultVerdict { reads: reads?, writes: writes? })
}
