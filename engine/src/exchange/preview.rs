//! What the approver sees: the request, masked, made from the same bytes as the digest.
//!
//! Must not go here: what is found (`detect`), how labels look (`redact`).

mod allowlist;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::Gateway;
use super::inbound::Inbound;
use super::received::Received;
use crate::binding::credential::is_credential;
use crate::binding::volatile::is_left_out;
use crate::binding::{Volatile, volatile_pieces};
use crate::classify::Decision;
use crate::hold::Preview;
use crate::keys::Keys;
use crate::policy::Preview as Shown;
use crate::redact::{self, Labels, Profile, ProfileSource, Redacted};

/// Groups of entities that no approver needs to read.
const HIDDEN: [&str; 4] = ["pii", "financial", "health", "credentials"];

/// Hides them as numbered labels, whatever the policy masks for the upstream.
pub(super) fn profile(keys: &Keys) -> Option<Profile> {
    let source = ProfileSource { entities: HIDDEN.map(str::to_owned).to_vec(), ..ProfileSource::default() };
    Profile::compile(&source, &keys.pseudonym).ok().map(|profile| profile.for_preview())
}

/// The preview of one request. What cannot be masked is not shown; what the approval does not bind (`correlated`: the
/// fields of JSON-RPC that only correlate messages) has no value here. What the agent had to say stands by itself.
pub(super) fn of(gateway: &Gateway, inbound: &Inbound, decision: &Decision, received: &Received<'_>) -> Preview {
    let (head, body) = (&inbound.head, received.shown());
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut masker = Masker { profile: gateway.preview.as_ref(), labels: Labels::default(), findings: BTreeMap::new() };
    let content_type = head.headers.only("content-type");
    let mut preview = Preview {
        method: masker.text("", &lossy(&head.method)),
        scheme: masker.text("", &lossy(&head.scheme)),
        authority: masker.text("", &lossy(&head.authority)),
        path: masker.text("", &head.canonical_target()),
        content_type: content_type.map(|value| masker.text("", &lossy(value))),
        body_bytes: received.bytes.len() as u64,
        stated: masker.texts(decision.stated.iter().map(|(what, text)| (what.as_str(), "", text.as_str()))),
        captures: masker
            .texts(decision.captures.iter().map(|(name, text)| (name.as_str(), name.as_str(), text.as_str()))),
        ..Preview::default()
    };
    let headers = head.headers.iter().map(|(name, value)| ("", name, value));
    let trailers = inbound.trailers.iter().map(|(name, value)| ("trailer ", name, value));
    for (kind, name, value) in headers.chain(trailers) {
        let name = lossy(name);
        if kind.is_empty() && is_left_out(&head.headers, &name, &gateway.policy.settings().hold.volatile_headers) {
            continue;
        }
        if preview.headers.len() == Preview::MAX_HEADERS {
            preview.truncated = true;
            break;
        }
        let value = if is_credential(&name) { "<CREDENTIAL>".to_owned() } else { masker.text(&name, &lossy(value)) };
        preview.headers.push((format!("{kind}{}", masker.text("", &name)), value));
    }
    let bound = match volatile_pieces(&head.headers, inbound.selection.json_rpc, body) {
        Volatile::Correlation(ranges) => Cow::Owned(without(body, &ranges)),
        Volatile::Boundaries(_) | Volatile::Nothing => Cow::Borrowed(body),
    };
    let (text, whole) = masker.body(content_type, &bound, &gateway.policy.settings().preview);
    preview.truncated |= !whole;
    preview.body = text;
    preview.findings = masker.findings;
    preview
}

/// A JSON text with a place holder for each of the values at `ranges`.
fn without(body: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(body.len());
    let mut from = 0;
    for range in ranges {
        shown.extend_from_slice(body.get(from..range.start).unwrap_or_default());
        shown.extend_from_slice(br#""<any>""#);
        from = range.end;
    }
    shown.extend_from_slice(body.get(from..).unwrap_or_default());
    shown
}

/// A text on its own, masked the same way; `None` where it cannot be.
pub(super) fn text(gateway: &Gateway, text: &str) -> Option<String> {
    let profile = gateway.preview.as_ref()?;
    let mut masker = Masker { profile: Some(profile), labels: Labels::default(), findings: BTreeMap::new() };
    Some(masker.text("", text))
}

struct Masker<'a> {
    profile: Option<&'a Profile>,
    labels: Labels,
    findings: BTreeMap<String, u32>,
}

impl Masker<'_> {
    fn text(&mut self, key: &str, text: &str) -> String {
        let Some(profile) = self.profile else { return String::new() };
        let redacted = redact::text(key, text, profile, &mut self.labels);
        self.count(&redacted);
        redacted.body.map_or_else(|| text.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Texts by name, each with the key that it goes by.
    fn texts<'t>(&mut self, texts: impl Iterator<Item = (&'t str, &'t str, &'t str)>) -> BTreeMap<String, String> {
        let mut masked = BTreeMap::new();
        for (name, key, text) in texts {
            masked.insert(name.to_owned(), self.text(key, text));
        }
        masked
    }

    /// Masked text, and whether it shows all.
    fn body(&mut self, content_type: Option<&[u8]>, body: &[u8], shown: &Shown) -> (String, bool) {
        let masked = self.profile.map(|profile| redact::body(content_type, body, profile, &mut self.labels));
        let Some(Ok(redacted)) = masked else { return (String::new(), body.is_empty()) };
        self.count(&redacted);
        let bytes = redacted.body.as_deref().unwrap_or(body);
        let text = match shown {
            Shown::Masked => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Shown::Allowlist(_) if body.is_empty() => Some(Cow::Borrowed("")),
            Shown::Allowlist(pointers) => allowlist::apply(bytes, pointers).ok().map(Cow::Owned),
        };
        let Some(text) = text else { return (String::new(), false) };
        let mut end = text.len().min(Preview::MAX_BODY);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        (text.get(..end).unwrap_or_default().to_owned(), end == text.len())
    }

    fn count(&mut self, redacted: &Redacted) {
        for finding in &redacted.findings {
            *self.findings.entry(finding.entity.to_string()).or_default() += 1;
        }
    }
}
