//! Whether a log is whole: every record's bytes, number and link to the one before it.
//!
//! Must not go here: where the records come from (`store::audit`, an exported file).

use serde::Serialize;

use super::{Entry, GENESIS, VERSION, hash};

/// How far a log has been followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub seq: i64,
    /// Of the last record.
    pub hash: String,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("record {seq}: {why}")]
pub struct Broken {
    pub seq: i64,
    pub why: String,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { seq: 0, hash: GENESIS.to_owned() }
    }
}

impl Chain {
    /// Follows one record further, given its bytes.
    pub fn follow(&mut self, body: &str) -> Result<Entry, Broken> {
        let seq = self.seq + 1;
        let broken = |why: &str| Err(Broken { seq, why: why.to_owned() });
        let Ok(entry) = serde_json::from_str::<Entry>(body) else { return broken("it cannot be read") };
        if entry.v != VERSION {
            return broken(&format!("it is of version {}, this command knows {VERSION}", entry.v));
        }
        if entry.seq != seq {
            return broken(&format!("missing: record {} stands in its place", entry.seq));
        }
        if entry.canonical().ok().as_deref() != Some(body) {
            return broken("its bytes are not those that were written");
        }
        if entry.prev != self.hash {
            return broken("it does not follow from the record before it: one of the two was changed");
        }
        *self = Chain { seq, hash: hash(body) };
        Ok(entry)
    }

    /// Is this where the log says that it ends?
    pub fn ends_at(&self, seq: i64, hash: &str) -> Result<(), Broken> {
        if self.seq < seq {
            return Err(Broken { seq: self.seq + 1, why: format!("missing: the log goes on to record {seq}") });
        }
        if self.seq > seq || self.hash != hash {
            return Err(Broken { seq: self.seq, why: "it is not the last record that was written".to_owned() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An export that must verify for ever, as it was written by the first release.
    const GOLDEN: &str = include_str!("golden.jsonl");

    fn verify(log: &str) -> Result<Chain, Broken> {
        let mut chain = Chain::default();
        log.lines().try_for_each(|body| chain.follow(body).map(|_| ()))?;
        Ok(chain)
    }

    #[test]
    fn an_export_verifies_for_ever() {
        let chain = verify(GOLDEN).unwrap();
        let hash = "cf0a7465899bdbf6898a0b925d48bd895d62a0e3266d78a55cd74d63285562b6";
        assert_eq!((chain.seq, chain.hash.as_str()), (4, hash));
        chain.ends_at(4, hash).unwrap();
        assert_eq!(chain.ends_at(5, "f").unwrap_err().to_string(), "record 5: missing: the log goes on to record 5");
        assert_eq!(chain.ends_at(4, "f").unwrap_err().seq, 4);
    }

    #[test]
    fn the_first_bad_record_is_named() {
        let lines: Vec<_> = GOLDEN.lines().collect();
        let without = |n: usize| {
            lines.iter().enumerate().filter(|(i, _)| *i != n).map(|(_, l)| *l).collect::<Vec<_>>().join("\n")
        };
        for (forged, seq, why) in [
            (GOLDEN.replacen("alice", "bob", 1), 3, "does not follow"),
            (GOLDEN.replacen("\"seq\":3", "\"seq\": 3", 1), 3, "bytes"),
            (GOLDEN.replacen("\"v\":1,\"seq\":2", "\"v\":2,\"seq\":2", 1), 2, "version 2"),
            (GOLDEN.replacen("{", "", 1), 1, "cannot be read"),
            (without(0), 1, "record 2 stands in its place"),
            (without(1), 2, "record 3 stands in its place"),
            (format!("{}\n{}", lines[0], GOLDEN), 2, "record 1 stands in its place"),
        ] {
            let broken = verify(&forged).unwrap_err();
            assert!(broken.seq == seq && broken.why.contains(why), "{broken}");
        }
    }
}
