//! Envoy's header map → [`Head`].
//!
//! Must not go here: who sent it (`identity`).

use super::{Head, Headers, TargetError, canonical_target};

impl Head {
    /// Splits pseudo-headers from the rest and makes the target canonical. Where that cannot be done the path stays empty
    /// and the error says why: who relies on the path must refuse.
    pub fn from_fields(fields: Vec<(Vec<u8>, Vec<u8>)>) -> (Head, Option<TargetError>) {
        let mut head = Head::default();
        let mut rest = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            match name.as_slice() {
                b":method" => head.method = value,
                b":scheme" => head.scheme = value,
                b":authority" => head.authority = value,
                b":path" => head.target = value,
                _ => rest.push((name, value)),
            }
        }
        head.headers = Headers::new(rest);
        let error = match canonical_target(&head.target) {
            Ok(canonical) => {
                head.path = canonical.path;
                head.query = canonical.query;
                None
            }
            Err(error) => Some(error),
        };
        (head, error)
    }

    /// Path and query as they are forwarded.
    pub fn canonical_target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// CONNECT, WebSocket and other streams whose end is not the end of a message.
    pub fn is_upgrade(&self) -> bool {
        self.method == b"CONNECT" || self.headers.all("upgrade").next().is_some()
    }
}
