//! `workflows:`, and whether rules name what stands there.
//!
//! Must not go here: what a workflow is (`policy::workflow`).

use super::Context;
use crate::classify::{DEFAULT_WORKFLOW, Rule};
use crate::policy::error::Error;
use crate::policy::reader::{Errors, Node};
use crate::policy::units;
use crate::policy::workflow::{Reviewers, Workflow};

/// More people than this never agree in time.
const MAX_QUORUM: u64 = 20;

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
    entries.into_iter().map(|(name, node)| workflow(name, &node, errors)).collect()
}

fn workflow(name: &str, node: &Node<'_>, errors: &mut Errors) -> Option<Workflow> {
    let mut fields = node.fields(errors)?;
    let reviewers = fields.take("reviewers").map_or(Some(Reviewers::Everyone), |node| reviewers(&node, errors));
    let quorum = fields.take("quorum").map_or(Some(1), |node| quorum(&node, errors));
    let require_reason = fields.take("require_reason").map_or(Some(false), |node| node.flag(errors));
    let deadline = fields.take("deadline").map(|node| node.parsed(units::duration, errors));
    fields.finish(errors);
    Some(Workflow {
        reviewers: reviewers?,
        quorum: quorum?,
        require_reason: require_reason?,
        deadline: match deadline {
            Some(deadline) => Some(deadline?),
            None => None,
        },
        ..Workflow::new(name)
    })
}

fn quorum(node: &Node<'_>, errors: &mut Errors) -> Option<u32> {
    let quorum = node.number(errors)?;
    if !(1..=MAX_QUORUM).contains(&quorum) {
        errors.push(node.error(format!("a quorum is between 1 and {MAX_QUORUM} people")));
    }
    u32::try_from(quorum).ok()
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
