//! `workflows:`, and whether rules name what stands there.
//!
//! Must not go here: what a workflow is (`policy::workflow`).

use std::collections::BTreeMap;

use super::Context;
use crate::classify::{DEFAULT_WORKFLOW, Rule};
use crate::hold::Risk;
use crate::policy::error::Error;
use crate::policy::reader::{Errors, Fields, Node};
use crate::policy::units;
use crate::policy::workflow::{Grants, Quorum, Reviewers, Workflow};
use crate::redact::pointer::Pointer;

/// More people than this never agree in time.
const MAX_QUORUM: u64 = 20;
/// Of each set of groups it is counted how many have approved: with more there are too many sets.
const MAX_GROUPS: usize = 5;
/// More than this is no longer the same request again.
const MAX_USES: u64 = 1000;

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
    let read: Vec<_> = entries.into_iter().map(|(name, node)| workflow(name, &node, errors)).collect();
    let read: Option<Vec<Vec<Workflow>>> = read.into_iter().collect();
    Some(read?.into_iter().flatten().collect())
}

/// The workflow, and what it is for each risk of which it says something else.
fn workflow(name: &str, node: &Node<'_>, errors: &mut Errors) -> Option<Vec<Workflow>> {
    if name.contains('@') {
        errors.push(node.error("no `@` in the name of a workflow: it stands before a risk"));
    }
    let mut fields = node.fields(errors)?;
    let risks = fields.take("risk");
    let base = parts(Workflow::new(name), fields, errors)?;
    let mut all = vec![base.clone()];
    for (risk, node) in risks.map(|node| node.entries(errors)).unwrap_or_default() {
        let Some(known) = Risk::ALL.into_iter().find(|known| known.as_str() == risk) else {
            errors
                .push(node.error(format!("unknown risk `{risk}`")).with_hint("expected low, medium, high or critical"));
            continue;
        };
        let fields = node.fields(errors)?;
        all.push(parts(Workflow { name: Workflow::name_at(name, known), ..base.clone() }, fields, errors)?);
    }
    Some(all)
}

/// `base` with what is written instead.
fn parts(base: Workflow, mut fields: Fields<'_>, errors: &mut Errors) -> Option<Workflow> {
    let Workflow { name, reviewers, quorum, require_reason, check_ticket, deadline, grants } = base;
    let new_reviewers = fields.take("reviewers").map_or(Some(reviewers), |node| read_reviewers(&node, errors));
    let new_quorum = fields.take("quorum").map_or(Some(quorum), |node| read_quorum(&node, errors));
    let require_reason = fields.take("require_reason").map_or(Some(require_reason), |node| node.flag(errors));
    let check_ticket = fields.take("check_ticket").map_or(Some(check_ticket), |node| node.flag(errors));
    let deadline =
        fields.take("deadline").map_or(Some(deadline), |node| node.parsed(units::duration, errors).map(Some));
    let grants = fields.take("grants").map_or(Some(grants), |node| read_grants(&node, errors).map(Some));
    fields.finish(errors);
    Some(Workflow {
        name,
        reviewers: new_reviewers?,
        quorum: new_quorum?,
        require_reason: require_reason?,
        check_ticket: check_ticket?,
        deadline: deadline?,
        grants: grants?,
    })
}

fn read_quorum(node: &Node<'_>, errors: &mut Errors) -> Option<Quorum> {
    if !node.value.is_object() {
        return people(node, errors).map(Quorum::People);
    }
    let entries = node.entries(errors);
    if !(1..=MAX_GROUPS).contains(&entries.len()) {
        errors.push(node.error(format!("a quorum is a number, or of 1 to {MAX_GROUPS} groups")));
    }
    let groups: Option<BTreeMap<_, _>> =
        entries.into_iter().map(|(group, node)| Some((group.to_owned(), people(&node, errors)?))).collect();
    groups.map(Quorum::Groups)
}

fn people(node: &Node<'_>, errors: &mut Errors) -> Option<u32> {
    bounded(node, MAX_QUORUM, errors).or_else(|| {
        errors.push(node.error(format!("a quorum is between 1 and {MAX_QUORUM} people")));
        None
    })
}

/// A whole number from 1 to `max`; another number is no mistake yet.
fn bounded(node: &Node<'_>, max: u64, errors: &mut Errors) -> Option<u32> {
    let number = node.number(errors)?;
    if (1..=max).contains(&number) { u32::try_from(number).ok() } else { None }
}

fn read_reviewers(node: &Node<'_>, errors: &mut Errors) -> Option<Reviewers> {
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

fn read_grants(node: &Node<'_>, errors: &mut Errors) -> Option<Grants> {
    let mut fields = node.fields(errors)?;
    let duration = fields.require("max_duration", "how long an approval may count for the same, as `1h`", errors);
    let duration = duration.and_then(|node| node.parsed(units::duration, errors));
    let uses = fields.require("max_uses", "how often the same may run without another decision", errors);
    let uses = uses.and_then(|node| {
        bounded(&node, MAX_USES, errors).or_else(|| {
            errors.push(node.error(format!("a grant is for 1 to {MAX_USES} uses")));
            None
        })
    });
    let hint = "what of a JSON body must be the same, as `[/account]`; `[]` if the body may be any";
    let pointers = fields.require("pointers", hint, errors).map(|node| node.items(errors)).unwrap_or_default();
    let pointer =
        |text: &str| Pointer::parse(text).map(|_| text.to_owned()).ok_or("expected a JSON pointer, as `/a/b`");
    let pointers = pointers.iter().filter_map(|node| node.parsed(pointer, errors)).collect();
    fields.finish(errors);
    Some(Grants { max_duration: duration?, max_uses: uses?, pointers })
}
