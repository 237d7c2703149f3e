//! Values of Envoy's attributes (claims, metadata of earlier filters) as its wasm host serialises them.
//!
//! A text is its bytes, a boolean one byte, a number eight, a list the host's encoding of pairs with empty values. The
//! bytes do not say which of these they are: what could be a list is one, and fits if one of its members does.
//! Must not go here: which attributes are read (`policy`).

use std::borrow::Cow;

use super::predicate::{Test, Value};
use super::truth::Truth;

/// What `test` says of an attribute; `None` if it is not there.
pub fn truth(bytes: Option<&[u8]>, test: &Test) -> Truth {
    let Some(bytes) = bytes else { return test.on_absent() };
    match members(bytes) {
        // Groups and scopes: verified, so one that fits is enough, for exceptions too.
        Some(members) if !members.is_empty() => Truth::any(members.iter().map(|member| on_scalar(member, test))),
        Some(_) => test.on_absent(),
        None => on_scalar(bytes, test),
    }
}

fn on_scalar(bytes: &[u8], test: &Test) -> Truth {
    match bytes {
        [flag @ (0 | 1)] => test.on(&Value::Bool(*flag == 1)),
        // Text of eight letters is text: no double that people write looks like it.
        _ => match (bytes.first_chunk::<8>(), std::str::from_utf8(bytes)) {
            (_, Ok(text)) if !text.contains(char::is_control) => test.on(&Value::Text(Cow::Borrowed(text))),
            (Some(number), _) if bytes.len() == 8 => test.on(&Value::Number(&f64::from_le_bytes(*number).to_string())),
            _ => test.on(&Value::Text(String::from_utf8_lossy(bytes))),
        },
    }
}

/// The keys of serialised pairs whose values are empty; `None` unless the bytes are exactly that.
fn members(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (count, mut sizes) = number(bytes)?;
    let mut rest = sizes.get(count.checked_mul(8)?..)?;
    let mut members = Vec::new();
    for _ in 0..count {
        let (len, after) = number(sizes)?;
        let (empty, after) = number(after)?;
        sizes = after;
        let (member, after) = rest.split_at_checked(len)?;
        rest = after.strip_prefix(b"\0\0").filter(|_| empty == 0)?;
        members.push(member);
    }
    rest.is_empty().then_some(members)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::predicate::{Check, Literal};
    use crate::testing::test;

    fn list(members: &[&str]) -> Vec<u8> {
        let number = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let mut bytes = number(members.len()).to_vec();
        members.iter().for_each(|m| bytes.extend([number(m.len()), number(0)].concat()));
        members.iter().for_each(|m| bytes.extend([m.as_bytes(), b"\0\0"].concat()));
        bytes
    }

    fn equals(bytes: Option<&[u8]>, literal: Literal) -> Truth {
        truth(bytes, &Test(vec![Check::Equals(vec![literal])]))
    }

    #[test]
    fn values_are_read_as_the_host_writes_them() {
        let admin = || Literal::text("admin");
        assert_eq!(equals(Some(b"admin"), admin()), Truth::True);
        assert_eq!(equals(Some(b"user"), admin()), Truth::False);
        assert_eq!(equals(None, admin()), Truth::False);
        assert_eq!(equals(Some(&[1]), Literal::Bool(true)), Truth::True);
        assert_eq!(equals(Some(&7f64.to_le_bytes()), Literal::text("7")), Truth::True);
        assert_eq!(equals(Some(&list(&["admin"])), admin()), Truth::True);
        assert_eq!(equals(Some(&list(&["user", "admin"])), admin()), Truth::True);
        assert_eq!(equals(Some(&list(&["user"])), admin()), Truth::False);
        assert_eq!(equals(Some(&list(&[])), admin()), Truth::False);
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let _ = equals(Some(&bytes), Literal::text("x"));
        }
    }
}
