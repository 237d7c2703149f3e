//! `workflows:`, and whether rules name what stands there.
//!
//! Must not go here: what a workflow is (`policy::workflow`).

use super::Context;
use crate::classify::{DEFAULT_WORKFLOW, Rule};
use crate::hold::Risk;
use crate::policy::error::Error;
use crate::policy::reader::{Errors, Fields, Node};
use crate::policy::units;
use crate::policy::workflow::{Grants, Quorum, Reviewers, Workflow};
use crate::redact::pointer::Pointer;

/// More people than this never agree in time.
const MAX_QUORUM: u32 = 20;
/// Of each set of groups it is counted how many have approved: with more there are too many sets.
const MAX_GROUPS: usize = 5;
/// More than this is no longer the same request again.
const MAX_USES: u32 = 1000;

/// The workflows as written. Where none are written their names mean something to the approver alone.
pub fn workflows(node: Option<Node<'_>>, rules: &[Rule], context: &mut Context) -> Option<Vec<Workflow>> {
    let Some(node) = node else { return Some(Vec::new()) };
    let errors = &mut context.errors;
    let entries = node.entries(errors);
    for rule in rules {
        let name = rule.workflow.as_str();
        if name != DEFAULT_WORKFLOW && !entries.iter().any(|(known, _)| *known == name) {
            let error = Error::new("workflows", format!("rule `{}` names `{name}`, which is not here", rule.id));
            errors.push(error.with_hint("write the workflow, or leave `workflow` out of the rule"));
        }
    }
    let mut all = Vec::new();
    for (name, node) in entries {
        workflow(name, &node, &mut all, errors);
    }
    Some(all)
}

/// Adds the workflow, and what it is for each risk of which it says something else.
fn workflow(name: &str, node: &Node<'_>, all: &mut Vec<Workflow>, errors: &mut Errors) {
    if name.contains('@') {
        errors.push(node.error("no `@` in the name of a workflow: it stands before a risk"));
    }
    let Some(mut fields) = node.fields(errors) else { return };
    let risks = fields.take("risk");
    let mut base = Workflow::new(name);
    read(&mut base, fields, errors);
    for (risk, node) in risks.map(|node| node.entries(errors)).unwrap_or_default() {
        let Some(known) = Risk::ALL.into_iter().find(|known| known.as_str() == risk) else {
            errors
                .push(node.error(format!("unknown risk `{risk}`")).with_hint("expected low, medium, high or critical"));
            continue;
        };
        if let Some(fields) = node.fields(errors) {
            let mut special = Workflow { name: Workflow::name_at(name, known), ..base.clone() };
            read(&mut special, fields, errors);
            all.push(special);
        }
    }
    all.push(base);
}

/// Puts what is written in place of what `workflow` says. Mistakes leave it as it was: a policy that has any is refused.
fn read(workflow: &mut Workflow, mut fields: Fields<'_>, errors: &mut Errors) {
    fn put<T>(place: &mut T, found: Option<T>) {
        if let Some(found) = found {
            *place = found;
        }
    }
    put(&mut workflow.reviewers, fields.take("reviewers").and_then(|node| reviewers(&node, errors)));
    put(&mut workflow.quorum, fields.take("quorum").and_then(|node| quorum(&node, errors)));
    put(&mut workflow.require_reason, fields.take("require_reason").and_then(|node| node.flag(errors)));
    put(&mut workflow.check_ticket, fields.take("check_ticket").and_then(|node| node.flag(errors)));
    let deadline = fields.take("deadline").and_then(|node| node.parsed(units::duration, errors));
    put(&mut workflow.deadline, deadline.map(Some));
    put(&mut workflow.grants, fields.take("grants").and_then(|node| grants(&node, errors)).map(Some));
    fields.finish(errors);
}

fn quorum(node: &Node<'_>, errors: &mut Errors) -> Option<Quorum> {
    if !node.value.is_object() {
        return people(node, errors).map(Quorum::People);
    }
    let entries = node.entries(errors);
    if !(1..=MAX_GROUPS).contains(&entries.len()) {
        errors.push(node.error(format!("a quorum is a number, or of 1 to {MAX_GROUPS} groups")));
    }
    let mut groups = Vec::new();
    for (group, node) in entries {
        groups.push((group.to_owned(), people(&node, errors)?));
    }
    Some(Quorum::Groups(groups))
}

fn people(node: &Node<'_>, errors: &mut Errors) -> Option<u32> {
    bounded(node, MAX_QUORUM, "a quorum is between 1 and 20 people", errors)
}

/// A whole number from 1 to `max`.
fn bounded(node: &Node<'_>, max: u32, expected: &str, errors: &mut Errors) -> Option<u32> {
    let number = u32::try_from(node.number(errors)?).unwrap_or(u32::MAX);
    if !(1..=max).contains(&number) {
        errors.push(node.error(expected));
        return None;
    }
    Some(number)
}

fn reviewers(node: &Node<'_>, errors: &mut Errors) -> Option<Reviewers> {
    let mut fields = node.fields(errors)?;
    let mut names = |name| {
        let nodes = fields.take(name).map(|node| node.one_or_many(errors)).unwrap_or_default();
        nodes.iter().filter_map(|node| node.text(errors).map(str::to_owned)).collect::<Vec<_>>()
    };
    let (people, groups) = (names("people"), names("groups"));
    fields.finish(errors);
    if people.is_empty() && groups.is_empty() {
        let error = node.error("nobody may decide");
        errors.push(error.with_hint("name `people` or `groups`, or leave `reviewers` out: then everyone may"));
    }
    Some(Reviewers::Named { people, groups })
}

fn grants(node: &Node<'_>, errors: &mut Errors) -> Option<Grants> {
    let mut fields = node.fields(errors)?;
    let duration = fields.require("max_duration", "how long an approval may count for the same, as `1h`", errors);
    let duration = duration.and_then(|node| node.parsed(units::duration, errors));
    let uses = fields.require("max_uses", "how often the same may run without another decision", errors);
    let uses = uses.and_then(|node| bounded(&node, MAX_USES, "a grant is for 1 to 1000 uses", errors));
    let hint = "what of a JSON body must be the same, as `[/account]`; `[]` if the body may be any";
    let pointers = fields.require("pointers", hint, errors).map(|node| node.items(errors)).unwrap_or_default();
    let pointer =
        |text: &str| Pointer::parse(text).map(|_| text.to_owned()).ok_or("expected a JSON pointer, as `/a/b`");
    let pointers = pointers.iter().filter_map(|node| node.parsed(pointer, errors)).collect();
    fields.finish(errors);
    Some(Grants { max_duration: duration?, max_uses: uses?, pointers })
}
