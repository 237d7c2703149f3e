//! A rule's condition, compiled: what it says of a request's facts.
//!
//! Must not go here: how conditions are written (`policy`), what follows from a match (`classify`).

use std::cmp::Ordering;
use std::net::IpAddr;

use super::attribute;
use super::body::{Found, PointerId, Values};
use super::calls::{Aws, GitHub, Kubernetes};
use super::facts::{Body, Facts, Traits, traits};
use super::findings::{Counts, Findings};
use super::glob::{Glob, TextGlob};
use super::network::Network;
use super::places::Places;
use super::predicate::{Test, Value};

use super::truth::{Reason, Truth};
use crate::extract::json::same_key;
use crate::protocol::{self, Protocol};
use crate::request::{decode_percent, query};

#[derive(Clone, Debug)]
pub enum Matcher {
    All(Vec<Matcher>),
    Any(Vec<Matcher>),
    /// An index into `Head::attributes`.
    Attribute(usize, Test),
    Aws(Aws),
    Body(PointerId, Test),
    /// The orderings that satisfy it, and bytes.
    BodySize(&'static [Ordering], usize),
    ContentType(Vec<TextGlob>),
    Findings(Findings),
    GitHub(GitHub),
    Header(String, Test),
    Host(Vec<Glob>),
    Kubernetes(Box<Kubernetes>),
    Mcp(Mcp),
    Method(Vec<String>),
    Not(Box<Matcher>),
    OnBehalfOf(Test),
    /// Globs, and tests on what they capture.
    Path(Vec<Glob>, Vec<(String, Test)>),
    Places(Places),
    Principal(Test),
    Protocol(Vec<Protocol>),
    Query(String, Test),
    Source(Vec<Network>),
}

/// MCP calls by JSON-RPC method, tool and arguments.
#[derive(Clone, Debug)]
pub struct Mcp {
    pub method: Test,
    pub tool: Test,
    /// Tests on the arguments of `tools/call`.
    pub arguments: Vec<(PointerId, Test)>,
    /// `/params/arguments`
    pub arguments_at: PointerId,
    /// `/method`
    pub method_at: PointerId,
    /// `/params/name`
    pub name_at: PointerId,
}

impl Matcher {
    pub fn truth(&self, facts: &Facts<'_>, body: &Body<'_>) -> Truth {
        match self {
            Matcher::All(parts) => Truth::all(parts.iter().map(|part| part.truth(facts, body))),
            Matcher::Any(parts) => Truth::any(parts.iter().map(|part| part.truth(facts, body))),
            Matcher::Attribute(index, test) => {
                attribute::truth(facts.head.attributes.get(*index).and_then(Option::as_deref), test)
            }
            Matcher::Aws(aws) => aws.truth(facts, body),
            Matcher::Body(pointer, test) => on_values(body, |values| values.truth(*pointer, test)),
            Matcher::BodySize(wanted, limit) => match &body.size {
                None => Truth::Later,
                Some(Ok(size)) => Truth::from(wanted.contains(&size.cmp(limit))),
                Some(Err(reason)) => Truth::Doubt(*reason),
            },
            Matcher::ContentType(globs) => content_type(facts, globs),
            Matcher::Findings(findings) => match body.counts() {
                None => Truth::Later,
                Some(Ok(counts)) => findings.on(counts),
                Some(Err(reason)) => Truth::Doubt(reason),
            },
            Matcher::GitHub(github) => github.truth(facts),
            Matcher::Header(name, test) => header(facts, name, test),
            Matcher::Host(globs) => match &facts.host {
                Ok(host) => Truth::from(globs.iter().any(|glob| glob.matches(host))),
                Err(reason) => Truth::Doubt(*reason),
            },
            Matcher::Kubernetes(kubernetes) => kubernetes.truth(facts),
            Matcher::Mcp(mcp) => on_values(body, |values| mcp.truth(facts, values)),
            Matcher::Method(wanted) => match &facts.methods {
                Ok(methods) => {
                    let wants = |method: &str| Truth::from(wanted.iter().any(|w| w == method));
                    Truth::mixed(methods.iter().map(|method| wants(method))).unwrap_or(Truth::False)
                }
                Err(reason) => Truth::Doubt(*reason),
            },
            Matcher::Not(inner) => inner.truth(facts, body).negated(),
            Matcher::OnBehalfOf(test) => test.on_optional(facts.head.on_behalf_of.as_deref()),
            Matcher::Path(globs, captures) => on_paths(facts, |path| {
                let of = |glob: &Glob| {
                    Truth::all(captures.iter().map(|(name, test)| test.on_optional(glob.captured(name, path))))
                };
                Truth::any(globs.iter().filter(|glob| glob.matches(path)).map(of))
            }),
            Matcher::Places(places) => on_values(body, |values| places.truth(values)),
            Matcher::Principal(test) => test.on_optional(facts.head.principal.as_deref()),
            // Headers are the client's own: an upstream that goes by its path does not look at them.
            Matcher::Protocol(wanted) => on_paths(facts, |path| wanted.contains(&protocol::by_path(path)).into())
                .mix(on_paths(facts, |path| wanted.contains(&protocol::by_head(&facts.head.headers, path)).into())),
            Matcher::Query(name, test) => parameter(facts, name, test),
            Matcher::Source(networks) => {
                let peer: Option<IpAddr> = facts.head.peer.as_deref().and_then(|peer| peer.parse().ok());
                peer.map_or(Truth::Either, |peer| networks.iter().any(|network| network.contains(peer)).into())
            }
        }
    }

    /// Is `wanted` true of it or of any of its parts?
    pub fn has(&self, wanted: &dyn Fn(&Matcher) -> bool) -> bool {
        match self {
            Matcher::All(parts) | Matcher::Any(parts) => parts.iter().any(|part| part.has(wanted)),
            Matcher::Not(inner) => inner.has(wanted),
            other => wanted(other),
        }
    }

    /// What a request has that it may match: without one of these it surely does not.
    pub fn needs(&self) -> Traits {
        let surely = |lacking: Truth, needed| if lacking == Truth::False { needed } else { 0 };
        match self {
            Matcher::All(parts) => parts.iter().fold(0, |needs, part| needs | part.needs()),
            Matcher::Any(parts) => parts.iter().fold(Traits::MAX, |needs, part| needs & part.needs()),
            Matcher::Aws(_) => traits::AWS,
            Matcher::Body(_, test) => surely(test.on_absent(), traits::BODY),
            Matcher::BodySize(wanted, limit) => surely(wanted.contains(&0.cmp(limit)).into(), traits::BODY),
            Matcher::Findings(findings) => surely(findings.on(&Counts::new()), traits::BODY),
            Matcher::Mcp(_) => traits::BODY,
            Matcher::Places(places) => surely(places.on_nothing(), traits::BODY),
            Matcher::Query(_, test) => surely(test.on_absent(), traits::QUERY),
            _ => 0,
        }
    }

    /// What globs of it that match `path` capture, by name.
    pub fn captured(&self, path: &str, captured: &mut Vec<(String, String)>) {
        match self {
            Matcher::All(parts) | Matcher::Any(parts) => parts.iter().for_each(|part| part.captured(path, captured)),
            Matcher::Path(globs, _) => {
                for glob in globs.iter().filter(|glob| glob.matches(path)) {
                    captured.extend(glob.all_captured(path).map(|(name, text)| (name.to_owned(), text.to_owned())));
                }
            }
            _ => {}
        }
    }

    /// Can it match requests to the host of this one?
    pub fn admits_host(&self, facts: &Facts<'_>) -> bool {
        match self {
            Matcher::All(parts) => parts.iter().all(|part| part.admits_host(facts)),
            Matcher::Any(parts) => parts.iter().any(|part| part.admits_host(facts)),
            Matcher::Host(_) => self.truth(facts, &Body::not_read()) != Truth::False,
            _ => true,
        }
    }

    /// Does any part look for requests to AWS?
    pub fn asks_aws(&self) -> bool {
        match self {
            Matcher::All(parts) | Matcher::Any(parts) => parts.iter().any(Matcher::asks_aws),
            Matcher::Aws(_) => true,
            _ => false,
        }
    }

    /// Does any part look at the body?
    pub fn reads_body(&self) -> bool {
        self.has(&|part| match part {
            Matcher::Aws(aws) => aws.action.is_some(),
            Matcher::Body(..) | Matcher::BodySize(..) | Matcher::Findings(_) | Matcher::Mcp(_) | Matcher::Places(_) => {
                true
            }
            _ => false,
        })
    }
}

fn on_values(body: &Body<'_>, truth: impl FnOnce(&Values<'_>) -> Truth) -> Truth {
    match &body.values {
        None => Truth::Later,
        Some(Ok(values)) => truth(values),
        Some(Err(reason)) => Truth::Doubt(*reason),
    }
}

/// What all readings of the path say together.
fn on_paths(facts: &Facts<'_>, wants: impl Fn(&str) -> Truth) -> Truth {
    match &facts.paths {
        Ok(paths) => {
            let others = paths.others.iter().map(|path| wants(path));
            others.fold(wants(&paths.usual), Truth::mix)
        }
        Err(reason) => Truth::Doubt(*reason),
    }
}

fn header(facts: &Facts<'_>, name: &str, test: &Test) -> Truth {
    let headers = &facts.head.headers;
    let on = |value: &[u8]| test.on_text(&String::from_utf8_lossy(value));
    let certain = Truth::mixed(headers.all(name).map(on)).unwrap_or_else(|| test.on_absent());
    headers.alike(name).map(on).fold(certain, Truth::mix)
}

fn parameter(facts: &Facts<'_>, name: &str, test: &Test) -> Truth {
    let queries = facts.queries.iter().map(|query| parameter_of(query, name, test));
    Truth::mixed(queries).unwrap_or_else(|| test.on_absent())
}

fn parameter_of(query: &str, name: &str, test: &Test) -> Truth {
    let mut truth: Option<Truth> = None;
    // Names that only some servers take for this one: by case, decoded once more, or with `;` between pairs.
    let mut certain = false;
    let mut add = |next: Truth| truth = Some(truth.map_or(next, |t| t.mix(next)));
    for (found, value) in query::readings(query) {
        let exact = found == name;
        let alike = || same_key(&found, name) || (found.contains('%') && same_key(&decode_percent(&found), name));
        if !exact && !alike() {
            continue;
        }
        certain |= exact;
        add(test.on_text(&value));
        if value.contains('%') {
            // Encoded twice: a gateway or framework behind us may decode once more.
            add(test.on_text(&decode_percent(&value)));
        }
    }
    if !certain {
        add(test.on_absent());
    }
    truth.unwrap_or_else(|| test.on_absent())
}

fn content_type(facts: &Facts<'_>, globs: &[TextGlob]) -> Truth {
    let wants = |value: &[u8]| {
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        let media = text.split(';').next().unwrap_or_default().trim();
        Truth::from(globs.iter().any(|glob| glob.matches(media)))
    };
    Truth::mixed(facts.head.headers.all("content-type").map(wants)).unwrap_or_else(|| wants(b""))
}

impl Mcp {
    fn truth(&self, facts: &Facts<'_>, values: &Values<'_>) -> Truth {
        // Without a method it is no call: a response, or not JSON-RPC at all.
        let calls = values.members_with(self.method_at).map(|member| self.on_call(facts, values, member));
        let without = (values.members_with(self.method_at).count() < values.members()).then_some(Truth::False);
        Truth::mixed(calls.chain(without)).unwrap_or(Truth::False)
    }

    fn on_call(&self, facts: &Facts<'_>, values: &Values<'_>, member: usize) -> Truth {
        let methods = values.in_member(member, self.method_at).iter().map(|found| match &found.value {
            Value::Text(method) => possibly(found, self.on_method(facts, values, member, method)),
            _ => Truth::Doubt(Reason::McpShape),
        });
        Truth::mixed(methods).unwrap_or(Truth::False)
    }

    fn on_method(&self, facts: &Facts<'_>, values: &Values<'_>, member: usize, method: &str) -> Truth {
        if !agrees(facts, "mcp-method", method) {
            return Truth::Doubt(Reason::McpHeaderMismatch);
        }
        let by_method = self.method.on_text(method);
        if self.tool.0.is_empty() && self.arguments.is_empty() {
            return by_method;
        }
        if method != "tools/call" {
            return Truth::False;
        }
        let tools = values.in_member(member, self.name_at).iter().map(|found| match &found.value {
            Value::Text(tool) if !agrees(facts, "mcp-name", tool) => Truth::Doubt(Reason::McpHeaderMismatch),
            Value::Text(tool) => possibly(found, self.tool.on_text(tool)),
            _ => Truth::Doubt(Reason::McpShape),
        });
        let by_tool = by_method.and(Truth::mixed(tools).unwrap_or(Truth::Doubt(Reason::McpShape)));
        let objects = values.in_member(member, self.arguments_at).iter().all(|found| found.value == Value::Object);
        match by_tool {
            // What cannot be read is not read as arguments that do not match.
            Truth::Doubt(_) | Truth::False => by_tool,
            _ if !objects && !self.arguments.is_empty() => Truth::Doubt(Reason::McpShape),
            _ => {
                let arguments = self.arguments.iter().map(|(at, test)| values.truth_in(member, *at, test));
                by_tool.and(Truth::all(arguments))
            }
        }
    }
}

/// What only some parsers find may also not be there.
pub fn possibly(found: &Found<'_>, truth: Truth) -> Truth {
    if found.certain { truth } else { truth.mix(Truth::False) }
}

/// A header that mirrors the body (MCP 2026-07-28) is absent or says the same, once.
fn agrees(facts: &Facts<'_>, name: &str, body: &str) -> bool {
    let mut values = facts.head.headers.all(name);
    values.next().is_none_or(|value| value == body.as_bytes()) && values.next().is_none()
}
