//! Redaction profiles, and the traffic that they are for.
//!
//! Must not go here: what a profile says (`redact`).

use serde::Deserialize;
use serde_json::json;

use super::{Context, condition};
use crate::policy::error::Error;
use crate::policy::reader::{Errors, Node};
use crate::policy::{ProfileId, Redaction};
use crate::redact::{Chosen, Parameters, Profile, ProfileSource};

/// The profile that is there without being written: people's data and keys. A policy may write its own.
const DEFAULT_PROFILE: &str = "default";

/// Compiled profiles, and which name stands for which.
#[derive(Debug)]
pub struct Profiles<'k> {
    /// Makes pseudonyms.
    key: &'k [u8],
    names: Vec<(String, ProfileId)>,
    compiled: Vec<Profile>,
}

impl<'k> Profiles<'k> {
    pub fn read(node: Option<Node<'_>>, key: &'k [u8], errors: &mut Errors) -> Self {
        let mut profiles = Profiles { key, names: Vec::new(), compiled: Vec::new() };
        for (name, node) in node.map(|node| node.entries(errors)).unwrap_or_default() {
            let id = profiles.add(&node, errors);
            profiles.names.push((name.to_owned(), id));
        }
        profiles
    }

    /// With mistakes the policy is refused, and the id is used no more.
    fn add(&mut self, node: &Node<'_>, errors: &mut Errors) -> ProfileId {
        let id = ProfileId(self.compiled.len());
        match ProfileSource::deserialize(node.value) {
            Ok(source) => match Profile::compile(&source, self.key) {
                Ok(profile) => self.compiled.push(profile),
                Err(wrong) => errors
                    .extend(wrong.into_iter().map(|(at, message)| Error::new(format!("{}.{at}", node.path), message))),
            },
            Err(error) => errors.push(node.error(error.to_string())),
        }
        id
    }

    /// A profile by its name, or one written in place.
    fn named(&mut self, node: &Node<'_>, errors: &mut Errors) -> Option<ProfileId> {
        if node.value.is_object() {
            return Some(self.add(node, errors));
        }
        let name = node.text(errors)?;
        let id = self.names.iter().find(|(known, _)| known == name).map(|(_, id)| *id);
        if id.is_none() && name == DEFAULT_PROFILE {
            let built_in = json!({ "entities": ["pii", "credentials"] });
            let id = self.add(&Node { value: &built_in, path: node.path.clone() }, errors);
            self.names.push((DEFAULT_PROFILE.to_owned(), id));
            return Some(id);
        }
        if id.is_none() {
            let hint = "write `default`, name one of `profiles`, or write it here: `{entities: [pii]}`";
            errors.push(node.error(format!("no profile is named `{name}`")).with_hint(hint));
        }
        id
    }
}

pub fn redactions(
    node: Option<Node<'_>>,
    mut profiles: Profiles<'_>,
    context: &mut Context,
) -> (Vec<Redaction>, Vec<Profile>) {
    let nodes = node.map(|node| node.items(&mut context.errors)).unwrap_or_default();
    let redactions = nodes.iter().filter_map(|node| redaction(node, &mut profiles, context)).collect();
    (redactions, profiles.compiled)
}

const DIRECTIONS: [(&str, (bool, bool)); 3] =
    [("request", (true, false)), ("response", (false, true)), ("both", (true, true))];

fn redaction(node: &Node<'_>, profiles: &mut Profiles<'_>, context: &mut Context) -> Option<Redaction> {
    let mut fields = node.fields(&mut context.errors)?;
    let matched = fields.require("match", "`match: {path: /**}` matches everything", &mut context.errors);
    let matcher = matched.as_ref().and_then(|node| condition::condition(node, context));
    let errors = &mut context.errors;
    if let (Some(node), true) = (&matched, matcher.as_ref().is_some_and(|matcher| matcher.reads_body())) {
        let hint = "match the method, host, path, a header or the principal";
        errors.push(node.error("what is masked cannot depend on the body").with_hint(hint));
    }
    let direction = fields.require("direction", "write `request`, `response` or `both`", errors);
    let direction = direction.and_then(|node| node.word(&DIRECTIONS, errors));
    let profile = fields.require("profile", "write `default`, or name one of `profiles`", errors);
    let profile = profile.and_then(|node| profiles.named(&node, errors));
    let headers = fields.take("headers").map(|node| headers(&node, errors)).unwrap_or_default();
    let query = fields.take("query");
    if let (Some(node), Some((false, _))) = (&query, direction) {
        errors.push(node.error("a response has no query").with_hint("leave it out, or mask requests too"));
    }
    let query = query.map(|node| parameters(&node, errors)).unwrap_or_default();
    fields.finish(errors);
    let (request, response) = direction?;
    Some(Redaction {
        matcher: matcher?,
        request,
        response,
        profile: profile?,
        response_head: Chosen { headers: headers.clone(), query: Parameters::None },
        request_head: Chosen { headers, query },
    })
}

/// Headers that say how a message is read, or by whom: to change them is to send another message.
const FIXED: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

fn headers(node: &Node<'_>, errors: &mut Errors) -> Vec<String> {
    let mut names = Vec::new();
    for node in node.one_or_many(errors) {
        let Some(name) = node.text(errors).map(str::to_ascii_lowercase) else { continue };
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(letter) {
            errors.push(
                node.error(format!("`{name}` is no header's name")).with_hint("write one such as `x-user-email`"),
            );
        } else if FIXED.contains(&name.as_str()) || name.starts_with("x-envoy-") || name.starts_with("x-privyseal-") {
            let hint = "choose headers that carry data";
            errors
                .push(node.error(format!("`{name}` says how a message is read; it cannot be masked")).with_hint(hint));
        } else if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `true`, or the names of parameters.
fn parameters(node: &Node<'_>, errors: &mut Errors) -> Parameters {
    if node.value.is_boolean() {
        return if node.flag(errors) == Some(true) { Parameters::All } else { Parameters::None };
    }
    let nodes = node.one_or_many(errors);
    Parameters::Named(nodes.iter().filter_map(|node| node.text(errors)).map(str::to_owned).collect())
}
