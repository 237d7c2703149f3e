//! `overlays:` what a part of the traffic gets on top of the baseline, which is the rest of the policy. An overlay adds rules
//! that hold or deny and a default that is at least as strict; there is nothing in it that could loosen.
//!
//! Must not go here: how rules combine (`classify`).

use super::{Context, condition, default_verdict, rule};
use crate::classify::matcher::Matcher;
use crate::classify::{DefaultVerdict, Rule, Verdict};
use crate::policy::reader::Node;

/// The rules of all overlays, and their defaults.
#[derive(Debug, Default)]
pub struct Overlays {
    pub rules: Vec<Rule>,
    pub defaults: Vec<(Matcher, DefaultVerdict)>,
}

pub fn read(
    node: Option<Node<'_>>,
    baseline: Option<DefaultVerdict>,
    ids: &mut Vec<String>,
    context: &mut Context,
) -> Overlays {
    let mut overlays = Overlays::default();
    let mut names: Vec<String> = Vec::new();
    for node in node.map(|node| node.items(&mut context.errors)).unwrap_or_default() {
        overlay(&node, baseline, (&mut names, ids), &mut overlays, context);
    }
    overlays
}

fn overlay(
    node: &Node<'_>,
    baseline: Option<DefaultVerdict>,
    (names, ids): (&mut Vec<String>, &mut Vec<String>),
    overlays: &mut Overlays,
    context: &mut Context,
) -> Option<()> {
    let mut fields = node.fields(&mut context.errors)?;
    let id = fields.require("id", "each overlay has a name of its own, such as `payments`", &mut context.errors);
    let id = id.and_then(|node| rule::name(&node, names, context));
    let hint = "say which traffic it is for, such as `scope: {host: pay.internal}`";
    let scope = fields.require("scope", hint, &mut context.errors);
    let matcher = scope.as_ref().and_then(|node| condition::condition(node, context));
    if let (Some(node), true) = (&scope, matcher.as_ref().is_some_and(Matcher::reads_body)) {
        let hint = "name a host, path, namespace or anything else of the head";
        context.errors.push(node.error("the scope of an overlay cannot depend on the body").with_hint(hint));
    }
    let default = fields.take("default");
    let rules = fields.take("rules").map(|node| node.items(&mut context.errors)).unwrap_or_default();
    fields.finish(&mut context.errors);
    let (id, matcher) = (id?, matcher?);
    if let Some(node) = default {
        let default = default_verdict(&node, context)?;
        for (name, ours, theirs) in [
            ("reads", baseline.map(|base| base.reads), default.reads),
            ("writes", baseline.map(|base| base.writes), default.writes),
        ] {
            if let Some(ours) = ours.filter(|ours| theirs < *ours) {
                let message = format!(
                    "the overlay's default for {name} is `{}`, milder than `{}`",
                    theirs.as_str(),
                    ours.as_str()
                );
                context.errors.push(node.error(message).with_hint(TIGHTENS));
            }
        }
        overlays.defaults.push((matcher.clone(), default));
    }
    for node in rules {
        let Some(mut rule) = rule::rule(&node, &format!("{id}/"), ids, context) else { continue };
        if rule.verdict == Verdict::Allow {
            let message = format!("rule `{}` of an overlay allows", rule.id);
            context.errors.push(node.error(message).with_hint(TIGHTENS));
        }
        rule.matcher = Matcher::All(vec![matcher.clone(), rule.matcher]);
        overlays.rules.push(rule);
    }
    Some(())
}

const TIGHTENS: &str = "an overlay only tightens the baseline: hold or deny here, or change the baseline";
