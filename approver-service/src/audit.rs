//! Audit records: what happened, in canonical versioned bytes, each naming the hash of the one before it.
//!
//! A record's bytes are JSON with a fixed order of members, integers and strings only, so that the same facts have the
//! same bytes everywhere. Must not go here: SQL (`store::audit`), raw values of requests.

pub mod verify;

use std::collections::BTreeMap;

use privyseal_engine::digest::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::auth::tenant::Tenant;

const VERSION: u16 = 1;
const TENANT: &str = "tenant";

/// The `prev` of the first record.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Who else may read of it; written among the details.
    pub tenant: String,
    pub kind: &'static str,
    pub actor: Actor,
    pub hold: Option<String>,
    pub details: BTreeMap<&'static str, String>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    pub kind: String,
    pub name: String,
}

impl Actor {
    fn new(kind: &str, name: &str) -> Actor {
        Actor { kind: kind.to_owned(), name: name.to_owned() }
    }

    pub fn gateway(name: &str) -> Actor {
        Actor::new("gateway", name)
    }

    /// Whoever has a shell where the data directory is.
    pub fn operator() -> Actor {
        Actor::new("operator", "local")
    }

    pub fn person(name: &str) -> Actor {
        Actor::new("person", name)
    }

    pub fn token(name: &str) -> Actor {
        Actor::new("token", name)
    }

    /// The passing of time, or the service itself.
    pub fn system() -> Actor {
        Actor::new("system", "")
    }
}

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    pub v: u16,
    pub seq: i64,
    pub at_ms: i64,
    pub kind: String,
    pub actor: Actor,
    pub hold: Option<String>,
    pub details: BTreeMap<String, String>,
    pub prev: String,
}

impl Entry {
    /// The record of `fact` after the one with `seq` and `hash`.
    pub fn next(fact: Fact, at_ms: i64, seq: i64, hash: &str) -> Entry {
        Entry {
            v: VERSION,
            seq: seq + 1,
            at_ms,
            kind: fact.kind.to_owned(),
            actor: fact.actor,
            hold: fact.hold,
            details: [(TENANT, fact.tenant)]
                .into_iter()
                .chain(fact.details)
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            prev: hash.to_owned(),
        }
    }

    /// Whose it is. Records from before tenants were written down are those of the only one.
    pub fn tenant(&self) -> &str {
        self.details.get(TENANT).map_or(Tenant::DEFAULT, String::as_str)
    }

    /// The record's bytes; serialisation of strings and integers cannot fail.
    pub fn canonical(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// The hash of a record's bytes.
pub fn hash(body: &str) -> String {
    hex(&Sha256::digest(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_record_are_golden() {
        let fact = Fact {
            tenant: "acme".into(),
            kind: "approved",
            actor: Actor::person("bob"),
            hold: Some("h".into()),
            details: [("reason", "looks \"fine\"\n".to_owned()), ("principal", "agent".to_owned())].into(),
        };
        let body = Entry::next(fact, 5, 0, GENESIS).canonical().unwrap();
        assert_eq!(
            body,
            r#"{"v":1,"seq":1,"at_ms":5,"kind":"approved","actor":{"kind":"person","name":"bob"},"hold":"h","details":{"principal":"agent","reason":"looks \"fine\"\n","tenant":"acme"},"prev":"0000000000000000000000000000000000000000000000000000000000000000"}"#
        );
        assert_eq!(hash(&body), "72eb1a74580e596c99d60d03061e5c226a5d80980484a44e2d482239c77b91d9");
    }
}
