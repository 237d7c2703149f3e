//! The numbers of one exchange: the same value has the same number, in the request, its preview and its response.
//!
//! Values are kept as truncated hashes, never as text. Must not go here: how a label looks (`style`).

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::style::canonical;

/// Values remembered; later ones get no number.
const MOST: usize = 4096;

#[derive(Clone, Debug, Default)]
pub struct Labels {
    seen: BTreeMap<[u8; 16], u32>,
    counts: BTreeMap<String, u32>,
}

impl Labels {
    pub fn new() -> Self {
        Labels::default()
    }

    /// The number of `value` among those called `name`, counted from 1.
    pub(super) fn number(&mut self, name: &str, value: &str) -> Option<u32> {
        let hash = Sha256::new().chain_update(name).chain_update([0]).chain_update(canonical(value)).finalize();
        let id = *hash.first_chunk::<16>()?;
        if let Some(number) = self.seen.get(&id) {
            return Some(*number);
        }
        if self.seen.len() >= MOST {
            return None;
        }
        let count = self.counts.entry(name.to_owned()).or_default();
        *count += 1;
        self.seen.insert(id, *count);
        Some(*count)
    }
}
