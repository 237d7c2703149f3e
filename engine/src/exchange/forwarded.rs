//! What goes on of a request where it is not what came: the masked body, and what was masked of the head.
//!
//! Must not go here: how values are found and masked (`redact`).

use super::event::{Effect, Step};
use crate::classify::Doubt;
use crate::classify::facts::readable;
use crate::protocol::aws;
use crate::redact::{self, Chosen, Labels, Masked, Profile, Refusal};
use crate::request::Head;

#[derive(Debug, Default)]
pub struct Forwarded {
    /// `None`: as it came.
    pub body: Option<Vec<u8>>,
    pub head: Masked,
}

impl Forwarded {
    /// Masks a request; `body` is decoded, `chosen` says what of the head is masked too. What cannot be read, or would be
    /// refused behind the gateway once it is masked, is refused here.
    pub fn masked(
        head: &Head,
        body: &[u8],
        chosen: &Chosen,
        profile: &Profile,
        labels: &mut Labels,
    ) -> Result<Forwarded, Doubt> {
        readable(&head.headers, body)?;
        let refused = |refusal: Refusal| Doubt::new(400, refusal.code(), refusal.to_string());
        let of_head = redact::head(chosen, head.query.as_deref(), &head.headers, profile, labels).map_err(refused)?;
        let of_body = redact::body(head.headers.only("content-type"), body, profile, labels).map_err(refused)?;
        let forwarded = Forwarded { body: of_body.body, head: of_head };
        if forwarded.breaks_signature(head) { Err(signed()) } else { Ok(forwarded) }
    }

    pub(super) fn differs(&self) -> bool {
        self.body.is_some() || !self.head.is_empty()
    }

    /// Would AWS refuse it, because a signature covers what was masked? Headers aside: few are masked, and fewer are signed.
    fn breaks_signature(&self, head: &Head) -> bool {
        let query = self.head.query.as_ref().and(head.query.as_deref());
        (self.body.is_some() && aws::signs_body(&head.headers))
            || query.is_some_and(|query| aws::signs_query(&head.headers, query))
    }

    /// The target as it is forwarded: the canonical path, with the query masked or as it came.
    pub(super) fn target(&self, head: &Head) -> String {
        match &self.head.query {
            Some(query) => format!("{}?{query}", head.path),
            None => head.canonical_target(),
        }
    }

    /// Makes the head fit.
    pub(super) fn rewrite_head(&self, head: &Head, step: &mut Step) {
        let target = self.target(head);
        if target.as_bytes() != head.target {
            step.effects.push(Effect::SetRequestHeader(":path", target.into_bytes()));
        }
        for (name, values) in &self.head.headers {
            step.effects.push(Effect::RewriteRequestHeader(name.clone(), values.clone()));
        }
        let Some(body) = &self.body else { return };
        // With trailers there is no length to correct.
        if head.headers.only("content-length").is_some() {
            step.effects.push(Effect::SetRequestHeader("content-length", body.len().to_string().into_bytes()));
        }
        // What was masked goes on as it reads: `content-encoding` is no longer true.
        for stale in ["content-encoding", "content-md5", "content-digest", "repr-digest", "digest"] {
            if head.headers.all(stale).next().is_some() {
                step.effects.push(Effect::RemoveRequestHeader(stale.to_owned()));
            }
        }
    }
}

pub(super) fn signed() -> Doubt {
    let detail = "this route masks personal data and secrets, and the request holds some that its AWS signature covers";
    Doubt::new(400, "signed_request", detail)
}
