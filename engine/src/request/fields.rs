//! Envoy's header map → [`Head`].
//!
//! Must not go here: who sent it (`identity`).

use super::{Field, Head, Headers, TargetError, canonical_target};

impl Headers {
    /// From the form in which proxy-wasm (ABI 0.2.1) hands over a header map: count, then pairs of sizes, then names and
    /// values, each with a NUL behind it; numbers are 32 bits, little endian. `None` if it is cut short.
    pub fn from_pairs(bytes: Vec<u8>) -> Option<Headers> {
        if bytes.is_empty() {
            return Some(Headers::default());
        }
        let number = |at: usize| {
            let four = bytes.get(at..)?.first_chunk::<4>()?;
            usize::try_from(u32::from_le_bytes(*four)).ok()
        };
        let count = number(0)?;
        let mut at = count.checked_mul(8)?.checked_add(4)?;
        // As many as it says, and no more memory for them than it took to say so.
        bytes.get(..at)?;
        let mut part = |length: usize| {
            let range = at..at.checked_add(length)?;
            bytes.get(range.end)?;
            at = range.end + 1;
            Some(range)
        };
        let mut fields = Vec::with_capacity(count);
        for sizes in (4..).step_by(8).take(count) {
            let name = part(number(sizes)?)?;
            fields.push(Field { name, value: part(number(sizes + 4)?)? });
        }
        Some(Headers { bytes, fields })
    }
}

impl Head {
    /// Splits pseudo-headers from the rest and makes the target canonical. Where that cannot be done the path stays empty
    /// and the error says why: who relies on the path must refuse.
    pub fn from_fields(mut fields: Headers) -> (Head, Option<TargetError>) {
        let mut head = Head::default();
        fields.retain(|name, value| {
            if name.first() != Some(&b':') {
                return true;
            }
            let pseudo = match name {
                b":method" => &mut head.method,
                b":scheme" => &mut head.scheme,
                b":authority" => &mut head.authority,
                b":path" => &mut head.target,
                _ => return true,
            };
            *pseudo = value.to_vec();
            false
        });
        head.headers = fields;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// As a host writes it.
    fn pairs(fields: &[(&str, &[u8])]) -> Vec<u8> {
        let number = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let mut bytes = number(fields.len()).to_vec();
        fields.iter().for_each(|(name, value)| bytes.extend([number(name.len()), number(value.len())].concat()));
        fields.iter().for_each(|(name, value)| bytes.extend([name.as_bytes(), b"\0", value, b"\0"].concat()));
        bytes
    }

    const FIELDS: [(&str, &[u8]); 4] =
        [(":method", b"GET"), (":path", b"/a//b?c"), ("x-empty", b""), ("x-bytes", b"a\0\xff")];

    #[test]
    fn a_hosts_map_is_read_as_it_was_written() {
        let headers = Headers::from_pairs(pairs(&FIELDS)).unwrap();
        assert_eq!(headers, Headers::new(FIELDS));
        assert_eq!(Headers::from_pairs(pairs(&[])), Some(Headers::default()));
        assert_eq!(Headers::from_pairs(vec![]), Some(Headers::default()));
        let (head, error) = Head::from_fields(headers);
        assert_eq!((head.method.as_slice(), head.path.as_str(), error), (&b"GET"[..], "/a/b", None));
        assert_eq!(head.headers, Headers::new([("x-empty", &b""[..]), ("x-bytes", b"a\0\xff")]));
    }

    #[test]
    fn a_map_that_is_cut_short_is_none() {
        let whole = pairs(&FIELDS);
        for length in 1..whole.len() {
            assert_eq!(Headers::from_pairs(whole[..length].to_vec()), None, "{length}");
        }
        // Numbers that are too large to be true.
        for number in [u32::MAX, u32::MAX / 8, 1 << 29] {
            for at in [0, 4, 8, 12] {
                let mut lies = whole.clone();
                lies[at..at + 4].copy_from_slice(&number.to_le_bytes());
                assert_eq!(Headers::from_pairs(lies), None, "{number} at {at}");
            }
        }
    }

    #[test]
    fn headers_are_equal_by_what_they_say() {
        let one = Headers::new([("ab", "c")]);
        assert_ne!(one, Headers::new([("a", "bc")]));
        assert_eq!(one, Headers::from_pairs(pairs(&[("ab", b"c")])).unwrap());
    }
}
