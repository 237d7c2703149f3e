//! A request's body: the bytes that came, and what they say once decoded.
//!
//! Rules, masking and previews read what is said; a hold is bound to the bytes. Must not go here: decoding (`extract::coding`).

use std::borrow::Cow;

use crate::classify::Doubt;
use crate::extract::coding::{self, Fault};
use crate::request::Headers;

#[derive(Debug)]
pub(super) struct Received<'a> {
    pub bytes: &'a [u8],
    decoded: Result<Cow<'a, [u8]>, Fault>,
}

impl<'a> Received<'a> {
    pub fn of(headers: &Headers, bytes: &'a [u8], limit: usize) -> Received<'a> {
        Received { bytes, decoded: coding::decoded(headers, bytes, limit) }
    }

    /// What it says, or why that cannot be told.
    pub fn read(&self) -> Result<&[u8], Doubt> {
        self.decoded.as_deref().map_err(|fault| Doubt::from(*fault))
    }

    /// What can be shown of it.
    pub fn shown(&self) -> &[u8] {
        self.decoded.as_deref().unwrap_or(self.bytes)
    }
}

impl From<Fault> for Doubt {
    fn from(fault: Fault) -> Doubt {
        Doubt::new(fault.status(), fault.code(), fault.to_string())
    }
}
