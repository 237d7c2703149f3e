//! A body that arrives in chunks: what is decided goes out at once, what may still become a finding is kept back.
//!
//! Must not go here: what is found and written (`detect`, `value`).

use super::{Labels, Profile, Redacted, Refusal, body};

/// Bytes kept at most.
const MOST: usize = 1 << 20;

/// The state of one body.
#[derive(Clone, Debug)]
pub struct Stream {
    content_type: Option<Vec<u8>>,
    kept: Vec<u8>,
}

impl Stream {
    pub fn new(content_type: Option<&[u8]>) -> Self {
        Stream { content_type: content_type.map(<[u8]>::to_vec), kept: Vec::new() }
    }

    /// Takes the next bytes; appends what may go out to `out`.
    pub fn push(
        &mut self,
        chunk: &[u8],
        _profile: &Profile,
        _labels: &mut Labels,
        _out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if self.kept.len() + chunk.len() > MOST {
            return Err(Refusal::TooLarge { limit: MOST });
        }
        self.kept.extend_from_slice(chunk);
        Ok(())
    }

    /// The body is complete: the rest goes out.
    pub fn finish(mut self, profile: &Profile, labels: &mut Labels, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let kept = std::mem::take(&mut self.kept);
        match body(self.content_type.as_deref(), &kept, profile, labels)? {
            Redacted { body: Some(changed), .. } => out.extend_from_slice(&changed),
            Redacted { body: None, .. } => out.extend_from_slice(&kept),
        }
        Ok(())
    }
}
