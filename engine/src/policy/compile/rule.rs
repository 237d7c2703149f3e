//! One rule: its condition with its exceptions, and what follows from it.
//!
//! Must not go here: conditions themselves (`condition`).

use serde_json::Value;

use super::settings::{MODES, body_limit};
use super::{Context, VERDICTS, condition};
use crate::classify::matcher::Matcher;
use crate::classify::stated::Stated;
use crate::classify::{DEFAULT_RULE, DEFAULT_WORKFLOW, Rule, Verdict};
use crate::hold::Risk;
use crate::policy::reader::Node;

const RISKS: [(&str, Risk); 4] =
    [("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High), ("critical", Risk::Critical)];

/// Texts that travel with every hold.
const MAX_TEXT: usize = 500;

const STATED: [(&str, Stated); 2] = [("purpose", Stated::Purpose), ("ticket", Stated::Ticket)];

/// `prefix` stands before the id as written.
pub fn rule(node: &Node<'_>, prefix: &str, ids: &mut Vec<String>, context: &mut Context) -> Option<Rule> {
    let mut fields = node.fields(&mut context.errors)?;
    let id = fields.require("id", "each rule has a name of its own, such as `bulk-export`", &mut context.errors);
    let id = id.and_then(|node| rule_id(&node, prefix, ids, context));
    let hint = "say what the rule is about; `match: {path: /**}` matches everything";
    let condition = fields.require("match", hint, &mut context.errors);
    let condition = condition.and_then(|node| condition::condition(&node, context));
    let except = match fields.take("except") {
        Some(node) => {
            let nodes = node.one_or_many(&mut context.errors);
            nodes.iter().map(|node| condition::condition(node, context)).collect::<Option<Vec<_>>>()
        }
        None => Some(Vec::new()),
    };
    let errors = &mut context.errors;
    let verdict = fields.require("verdict", "write `verdict: allow`, `deny` or `hold`", errors);
    let verdict = verdict.and_then(|node| node.word(&VERDICTS, errors));
    let observe = fields.take("mode").map_or(Some(false), |node| node.word(&MODES, errors));
    let risk = fields.take("risk").map_or(Some(Risk::default()), |node| node.word(&RISKS, errors));
    let mut text = |name| {
        let node = fields.take(name)?;
        let text = node.text(errors)?;
        if text.len() > MAX_TEXT {
            errors.push(node.error(format!("longer than {MAX_TEXT} bytes")));
        }
        Some(text.to_owned())
    };
    let (category, workflow) = (text("category"), text("workflow"));
    let (why, reason) = (text("why"), text("reason"));
    let limit = fields.take("body_limit").map(|node| body_limit(&node, errors));
    let require = match fields.take("require") {
        Some(node) => {
            if verdict == Some(Verdict::Deny) {
                let hint = "nothing that the agent says lets a denied request pass; leave `require` out";
                errors.push(node.error("a rule that denies requires nothing").with_hint(hint));
            }
            let nodes = node.one_or_many(errors);
            nodes.iter().map(|node| node.word(&STATED, errors)).collect::<Option<Vec<_>>>()
        }
        None => Some(Vec::new()),
    };
    fields.finish(errors);
    Some(Rule {
        id: id?,
        matcher: without(condition?, except?),
        verdict: verdict?,
        observe: observe?,
        category,
        risk: risk?,
        workflow: workflow.unwrap_or_else(|| DEFAULT_WORKFLOW.to_owned()),
        why,
        reason,
        body_limit: limit.flatten(),
        require: require?,
    })
}

fn rule_id(node: &Node<'_>, prefix: &str, ids: &mut Vec<String>, context: &mut Context) -> Option<String> {
    let value = Value::from(format!("{prefix}{}", node.text(&mut context.errors)?));
    name(&Node { value: &value, path: node.path.clone() }, ids, context)
}

/// A name that stands in `ids` only once.
pub fn name(node: &Node<'_>, ids: &mut Vec<String>, context: &mut Context) -> Option<String> {
    let id = node.text(&mut context.errors)?;
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    if id.len() > 80 || !id.bytes().all(letter) || id == DEFAULT_RULE {
        let error = node.error(format!("`{id}` cannot be a name"));
        context.errors.push(error.with_hint("use letters, digits, `-`, `_`, `.`, `/`, at most 80; `default` is taken"));
        return None;
    }
    if ids.iter().any(|other| other == id) {
        context.errors.push(node.error(format!("`{id}` stands twice as a name")).with_hint("names are unique"));
        return None;
    }
    ids.push(id.to_owned());
    Some(id.to_owned())
}

/// What `condition` takes, but for what one of `except` does.
pub fn without(condition: Matcher, except: Vec<Matcher>) -> Matcher {
    if except.is_empty() {
        return condition;
    }
    Matcher::All(vec![condition, Matcher::Not(Box::new(Matcher::Any(except)))])
}
