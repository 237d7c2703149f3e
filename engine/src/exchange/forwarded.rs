//! What goes on of a request where it is not what came: the masked body, and what was masked of the head.
//!
//! Must not go here: what is masked (`redact`).

use super::event::{Effect, Step};
use crate::protocol::aws;
use crate::redact::Masked;
use crate::request::Head;

#[derive(Debug, Default)]
pub(super) struct Forwarded {
    pub body: Option<Vec<u8>>,
    pub head: Masked,
}

impl Forwarded {
    pub fn differs(&self) -> bool {
        self.body.is_some() || !self.head.is_empty()
    }

    /// Would AWS refuse it, because a signature covers what was masked? Headers aside: few are masked, and fewer are signed.
    pub fn breaks_signature(&self, head: &Head) -> bool {
        let query = self.head.query.as_ref().and(head.query.as_deref());
        (self.body.is_some() && aws::signs_body(&head.headers))
            || query.is_some_and(|query| aws::signs_query(&head.headers, query))
    }

    /// The target as it is forwarded: the canonical path, with the query masked or as it came.
    pub fn target(&self, head: &Head) -> String {
        match &self.head.query {
            Some(query) => format!("{}?{query}", head.path),
            None => head.canonical_target(),
        }
    }

    /// Makes the head fit.
    pub fn rewrite_head(&self, head: &Head, step: &mut Step) {
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
