//! Everything but rules and redaction: tenant, mode, approver, identity, hold, limits, preview.
//!
//! Must not go here: what the values are for (`policy::settings`).

use std::time::Duration;

use super::Context;
use crate::binding::credential::is_credential;
use crate::policy::reader::{Errors, Fields, Node};
use crate::policy::settings::{Approver, Credential, Hold, Identity, IdentitySource, Preview, Settings, Wait};
use crate::policy::units;

/// The modes of a policy, and of a rule: is it observed only?
pub const MODES: [(&str, bool); 2] = [("enforce", false), ("observe", true)];

pub fn settings(fields: &mut Fields<'_>, context: &mut Context) -> Option<Settings> {
    let errors = &mut context.errors;
    let name = |node: Option<Node<'_>>, errors: &mut Errors, default: &str| {
        node.map_or(Some(default.to_owned()), |node| node.text(errors).map(str::to_owned))
    };
    let tenant = name(fields.take("tenant"), errors, "default");
    let environment = name(fields.take("environment"), errors, "production");
    let observe = fields.take("mode").map_or(Some(false), |node| node.word(&MODES, errors));
    let approver = fields.take("approver").map(|node| approver(&node, errors));
    let identity = fields.take("identity").map(|node| identity(&node, errors)).unwrap_or_default();
    let hold = fields.take("hold").map_or(Some(Hold::default()), |node| hold(&node, errors));
    let body_limit = fields.take("body_limit").map_or(Some(Settings::BODY_LIMIT), |node| body_limit(&node, errors));
    let preview = fields.take("preview").map_or(Some(Preview::Masked), |node| preview(&node, context));

    Some(Settings {
        tenant: tenant?,
        environment: environment?,
        observe: observe?,
        approver: match approver {
            Some(approver) => Some(approver?),
            None => None,
        },
        identity,
        hold: hold?,
        body_limit: body_limit?,
        preview: preview?,
        asks_sender: context.asks_names || context.reads_source || !context.attributes.is_empty(),
        reads_source: context.reads_source,
        attributes: std::mem::take(&mut context.attributes),
    })
}

pub fn body_limit(node: &Node<'_>, errors: &mut Errors) -> Option<usize> {
    let limit = node.parsed(units::size, errors)?;
    if limit == 0 || limit > MAX_BODY_LIMIT {
        errors.push(node.error("a body limit is between 1 B and 64 MiB"));
        return None;
    }
    Some(limit)
}

/// A held request stays in Envoy's memory with its body.
const MAX_BODY_LIMIT: usize = 64 << 20;

const CREDENTIALS: [(&str, Credential); 2] = [("token", Credential::Token), ("mtls", Credential::Certificate)];

fn approver(node: &Node<'_>, errors: &mut Errors) -> Option<Approver> {
    let mut fields = node.fields(errors)?;
    let cluster = fields.require("cluster", "name the approver's Envoy cluster", errors);
    let cluster = cluster.and_then(|node| node.text(errors).map(str::to_owned));
    let authority = fields.take("authority").map(|node| node.text(errors).map(str::to_owned));
    let credential = fields.take("auth").map_or(Some(Credential::Token), |node| node.word(&CREDENTIALS, errors));
    fields.finish(errors);
    let cluster = cluster?;
    let authority = authority.unwrap_or_else(|| Some(cluster.clone()))?;
    Some(Approver { cluster, authority, credential: credential? })
}

fn identity(node: &Node<'_>, errors: &mut Errors) -> Identity {
    let Some(mut fields) = node.fields(errors) else { return Identity::default() };
    let mut sources = |name| {
        let nodes: Vec<Node<'_>> = fields.take(name).map(|node| node.one_or_many(errors)).unwrap_or_default();
        nodes.iter().filter_map(|node| source(node, errors)).collect()
    };
    let (principal, on_behalf_of) = (sources("principal"), sources("on_behalf_of"));
    fields.finish(errors);
    Identity { principal, on_behalf_of }
}

fn source(node: &Node<'_>, errors: &mut Errors) -> Option<IdentitySource> {
    let mut fields = node.fields(errors)?;
    let jwt = fields.take("jwt");
    let header = fields.take("trusted_header");
    fields.finish(errors);
    match (jwt, header) {
        (Some(jwt), None) => jwt_claim(&jwt, errors),
        (None, Some(header)) => header_name(&header, errors).map(IdentitySource::TrustedHeader),
        _ => {
            let hint = "write `{jwt: sub}` for a claim that Envoy's jwt_authn verified, or `{trusted_header: x-user}` \
                        for a header that clients cannot set";
            errors.push(node.error("expected one source of identity").with_hint(hint));
            None
        }
    }
}

/// `sub`, `act.sub`, `[https://example.com/agent]`, or `{claim: …, payload: …}`.
fn jwt_claim(node: &Node<'_>, errors: &mut Errors) -> Option<IdentitySource> {
    let (claim, metadata_key) = if node.value.is_object() {
        let mut fields = node.fields(errors)?;
        let claim = fields.require("claim", "name a claim, such as `sub`", errors);
        let key = fields.take("payload").map_or(Some("payload"), |node| node.text(errors));
        fields.finish(errors);
        (claim?, key?)
    } else {
        (node.clone(), "payload")
    };
    let claim = match claim.value.as_str() {
        Some(dotted) if dotted.split('.').all(|part| !part.is_empty()) => {
            dotted.split('.').map(str::to_owned).collect()
        }
        Some(_) => {
            errors.push(claim.error("a claim's path has no empty part").with_hint("for a name with dots write a list"));
            return None;
        }
        None => claim.items(errors).iter().filter_map(|part| part.text(errors).map(str::to_owned)).collect::<Vec<_>>(),
    };
    (!claim.is_empty()).then(|| IdentitySource::JwtClaim { metadata_key: metadata_key.to_owned(), claim })
}

fn hold(node: &Node<'_>, errors: &mut Errors) -> Option<Hold> {
    let mut fields = node.fields(errors)?;
    let mut hold = Hold::default();
    if let Some(node) = fields.take("wait") {
        hold.wait = wait(&node, errors)?;
    }
    let mut time = |name, default, errors: &mut Errors| {
        fields.take(name).map_or(Some(default), |node| node.parsed(units::duration, errors))
    };
    let deadline = time("deadline", hold.deadline, errors);
    let approval_ttl = time("approval_ttl", hold.approval_ttl, errors);
    let rejoin = time("rejoin", hold.rejoin, errors);
    let max_live = fields.take("max_live").map_or(Some(u64::from(hold.max_live)), |node| node.number(errors));
    if let Some(node) = fields.take("volatile_headers") {
        hold.volatile_headers = node.items(errors).iter().filter_map(|node| volatile_header(node, errors)).collect();
    }
    fields.finish(errors);
    hold.max_live = u32::try_from(max_live?).unwrap_or(u32::MAX);
    (hold.deadline, hold.approval_ttl, hold.rejoin) = (deadline?, approval_ttl?, rejoin?);
    Some(hold)
}

/// `50s` for all, or by protocol.
fn wait(node: &Node<'_>, errors: &mut Errors) -> Option<Wait> {
    if !node.value.is_object() {
        let all = node.parsed(units::duration, errors)?;
        return Some(Wait { http: all, mcp: all, llm: all });
    }
    let mut fields = node.fields(errors)?;
    let default = Wait::default();
    let mut time =
        |name, default: Duration| fields.take(name).map_or(Some(default), |node| node.parsed(units::duration, errors));
    let (http, mcp, llm) = (time("http", default.http), time("mcp", default.mcp), time("llm", default.llm));
    fields.finish(errors);
    Some(Wait { http: http?, mcp: mcp?, llm: llm? })
}

/// `masked`, or `{allowlist: [/amount]}`.
fn preview(node: &Node<'_>, context: &mut Context) -> Option<Preview> {
    let errors = &mut context.errors;
    if !node.value.is_object() {
        node.word(&[("masked", ())], errors)?;
        return Some(Preview::Masked);
    }
    let mut fields = node.fields(errors)?;
    let allowlist = fields.require("allowlist", "list the JSON pointers that approvers see", errors);
    fields.finish(errors);
    let mut pointers = Vec::new();
    for node in allowlist?.items(errors) {
        // Checked by the rules for pointers of conditions, kept as text.
        let check = |text: &str| crate::classify::body::Pointers::default().add(text).map(|_| text.to_owned());
        pointers.extend(node.text(errors).and_then(|text| {
            check(text).map_err(|why| errors.push(node.error(format!("bad JSON pointer `{text}`")).with_hint(why))).ok()
        }));
    }
    Some(Preview::Allowlist(pointers))
}

/// A header that approvals are not bound to. A credential must be: what was approved for one would run with another.
fn volatile_header(node: &Node<'_>, errors: &mut Errors) -> Option<String> {
    let name = header_name(node, errors)?;
    if is_credential(&name) {
        let hint = "approvals are bound to credentials; leave it out";
        errors.push(node.error(format!("`{name}` carries a credential")).with_hint(hint));
        return None;
    }
    Some(name)
}

/// A header's name in lower case.
pub fn header_name(node: &Node<'_>, errors: &mut Errors) -> Option<String> {
    let name = node.text(errors)?;
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.bytes().all(token) {
        errors.push(node.error(format!("`{name}` is not a header name")));
        return None;
    }
    Some(name.to_ascii_lowercase())
}
