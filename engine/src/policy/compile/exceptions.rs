//! `exceptions:` what rules leave alone that stand somewhere else, by their ids: in a pack, or in another part of the file.
//!
//! Must not go here: `except` of a rule itself (`rule`).

use super::rule::without;
use super::{Context, condition};
use crate::classify::Rule;
use crate::policy::reader::Node;

pub fn apply(node: Option<Node<'_>>, rules: &mut [Rule], context: &mut Context) {
    for node in node.map(|node| node.items(&mut context.errors)).unwrap_or_default() {
        exception(&node, rules, context);
    }
}

fn exception(node: &Node<'_>, rules: &mut [Rule], context: &mut Context) -> Option<()> {
    let mut fields = node.fields(&mut context.errors)?;
    let named = fields.require("rule", "name the rule, such as `aws/kms`", &mut context.errors);
    let matched = fields.require("match", "say which of its requests pass the rule by", &mut context.errors);
    let why = fields.take("why").map(|node| node.text(&mut context.errors));
    fields.finish(&mut context.errors);
    let matcher = condition::condition(&matched?, context)?;
    why.unwrap_or(Some(""))?;
    for node in named?.one_or_many(&mut context.errors) {
        let id = node.text(&mut context.errors)?;
        let Some(rule) = rules.iter_mut().find(|rule| rule.id == id) else {
            let hint = "write a rule's id; a rule of a pack is `PACK/ID`, one of an overlay `OVERLAY/ID`";
            context.errors.push(node.error(format!("no rule is named `{id}`")).with_hint(hint));
            continue;
        };
        rule.matcher = without(rule.matcher.clone(), vec![matcher.clone()]);
    }
    Some(())
}
