//! Conditions on what a request asks of one API: AWS, GitHub, Kubernetes. A name that is not known may be any.
//!
//! Must not go here: reading requests (`protocol`), MCP, whose calls stand in bodies alone (`matcher`).

use super::body::PointerId;
use super::facts::{Body, Facts};
use super::glob::{Glob, TextGlob};
use super::matcher::possibly;
use super::predicate::Value;
use super::truth::Truth;
use crate::protocol::{aws, github, kubernetes};

/// Names are compared in lower case.
#[derive(Clone, Debug)]
pub struct Aws {
    pub service: Option<Vec<TextGlob>>,
    pub action: Option<Vec<Action>>,
    /// `/Action`
    pub action_at: PointerId,
}

/// `Action`, or `service:Action` as IAM's policies write it.
#[derive(Clone, Debug)]
pub struct Action {
    pub service: Option<TextGlob>,
    pub action: TextGlob,
}

impl Aws {
    pub fn truth(&self, facts: &Facts<'_>, body: &Body<'_>) -> Truth {
        let calls = match facts.aws() {
            Ok(calls) => calls,
            Err(reason) => return Truth::Doubt(reason),
        };
        let in_head = calls.known.iter().map(|call| self.on(call));
        let in_body = calls.in_body.iter().filter_map(|service| self.on_form(service, body, calls.known.is_empty()));
        Truth::mixed(in_head.chain(in_body)).unwrap_or(Truth::False)
    }

    fn on(&self, call: &aws::Call) -> Truth {
        let by_service = possible(self.service.as_deref(), call.service.as_deref());
        let by_action = self.action.as_ref().map_or(Truth::True, |actions| {
            Truth::any(actions.iter().map(|wanted| {
                let service = wanted.service.as_ref().map(std::slice::from_ref);
                let action = Some(std::slice::from_ref(&wanted.action));
                possible(service, call.service.as_deref()).and(possible(action, call.action.as_deref()))
            }))
        });
        by_service.and(by_action)
    }

    /// The action may stand in a form. `None`: it does not, and unless this is the only place it need not. A body in which it
    /// is not found where it must be may name any.
    fn on_form(&self, service: &str, body: &Body<'_>, only: bool) -> Option<Truth> {
        let call = |action| aws::Call { service: Some(service.to_owned()), action };
        // Where the action does not matter the body does not either.
        let whatever = self.on(&call(None));
        if whatever != Truth::Either {
            return Some(whatever);
        }
        let values = match &body.values {
            None => return Some(Truth::Later),
            Some(Err(reason)) => return Some(Truth::Doubt(*reason)),
            Some(Ok(values)) => values,
        };
        let named = values.all(self.action_at).iter().map(|found| match &found.value {
            Value::Text(action) => possibly(found, self.on(&call(Some(action.trim().to_ascii_lowercase())))),
            _ => Truth::Either,
        });
        let empty = matches!(body.size, Some(Ok(0)));
        Truth::mixed(named).or(only.then_some(if empty { Truth::False } else { whatever }))
    }
}

#[derive(Clone, Debug)]
pub struct GitHub {
    pub scope: Option<Vec<github::Scope>>,
    /// In lower case, as the next.
    pub owner: Option<Vec<TextGlob>>,
    pub repo: Option<Vec<TextGlob>>,
    pub resource: Option<Vec<Glob>>,
}

impl GitHub {
    pub fn truth(&self, facts: &Facts<'_>) -> Truth {
        match facts.github() {
            Ok(calls) => on_readings(calls, |call| self.on(call)),
            Err(reason) => Truth::Doubt(reason),
        }
    }

    fn on(&self, call: &github::Call) -> Truth {
        let by_scope = self.scope.as_ref().is_none_or(|scopes| scopes.contains(&call.scope));
        let by_resource =
            self.resource.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(&call.resource)));
        let name = |globs: &Option<Vec<TextGlob>>, name: &Option<String>| match (globs, name) {
            (Some(_), None) if !call.by_id => Truth::False,
            (globs, name) => possible(globs.as_deref(), name.as_deref()),
        };
        Truth::from(by_scope && by_resource).and(name(&self.owner, &call.owner)).and(name(&self.repo, &call.repo))
    }
}

#[derive(Clone, Debug, Default)]
pub struct Kubernetes {
    pub verb: Option<Vec<TextGlob>>,
    pub group: Option<Vec<TextGlob>>,
    pub version: Option<Vec<TextGlob>>,
    pub resource: Option<Vec<TextGlob>>,
    pub namespace: Option<Vec<TextGlob>>,
    pub name: Option<Vec<TextGlob>>,
    pub impersonates: Option<bool>,
}

impl Kubernetes {
    pub fn truth(&self, facts: &Facts<'_>) -> Truth {
        let calls = match facts.kubernetes() {
            Ok(calls) => calls,
            Err(reason) => return Truth::Doubt(reason),
        };
        let by_call = on_readings(calls, |call| self.on(call));
        let by_headers = self.impersonates.is_none_or(|wanted| {
            let names = |(name, _): (&[u8], &[u8])| name.starts_with(b"impersonate-");
            facts.head.headers.iter().any(names) == wanted
        });
        by_call.and(by_headers.into())
    }

    fn on(&self, call: &kubernetes::Call) -> Truth {
        let fits = |globs: &Option<Vec<TextGlob>>, text: &str| possible(globs.as_deref(), Some(text));
        // A call about many concerns each of them; a new object's name stands in its body.
        let covers = |globs: &Option<Vec<TextGlob>>, text: &Option<String>, open: bool| match (globs, text) {
            (Some(_), None) if !open => Truth::False,
            (globs, text) => possible(globs.as_deref(), text.as_deref()),
        };
        Truth::all([
            fits(&self.verb, &call.verb),
            fits(&self.group, if call.group.is_empty() { CORE } else { &call.group }),
            fits(&self.version, &call.version),
            fits(&self.resource, &call.resource),
            covers(&self.namespace, &call.namespace, call.is_of_many() && call.name.is_none()),
            covers(&self.name, &call.name, true),
        ])
    }
}

/// What rules call the group without a name.
const CORE: &str = "core";

/// What all readings say together; one that is no call says no.
fn on_readings<C>(calls: &[Option<C>], on: impl Fn(&C) -> Truth) -> Truth {
    Truth::mixed(calls.iter().map(|call| call.as_ref().map_or(Truth::False, &on))).unwrap_or(Truth::False)
}

/// Does one of `globs` fit? They all may if the text is not known.
fn possible(globs: Option<&[TextGlob]>, text: Option<&str>) -> Truth {
    match (globs, text) {
        (None, _) => Truth::True,
        (Some(_), None) => Truth::Either,
        (Some(globs), Some(text)) => Truth::from(globs.iter().any(|glob| glob.matches(text))),
    }
}
