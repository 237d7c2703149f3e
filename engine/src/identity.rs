//! Who acts, and for whom: from sources that the policy trusts, and no others.
//!
//! Must not go here: reading a token's claims; Envoy's `jwt_authn` has verified them, and the host hands them over.

use crate::classify::Doubt;
use crate::exchange::Claims;
use crate::policy::{Identity, IdentitySource};
use crate::request::Head;

/// Longest name of a principal, in bytes.
const MAX: usize = 256;

/// Fills in `head` from the first source that has a value. A value that two readers could take differently is a doubt.
pub fn identify(identity: &Identity, head: &mut Head, claims: &Claims) -> Result<(), Doubt> {
    head.peer.clone_from(&claims.peer);
    head.attributes.clone_from(&claims.attributes);
    head.principal = first(&identity.principal, head, &claims.principal)?;
    head.on_behalf_of = first(&identity.on_behalf_of, head, &claims.on_behalf_of)?;
    Ok(())
}

/// The attributes that the host must read for `sources`, in their order; empty paths for sources that are headers.
pub fn properties(sources: &[IdentitySource]) -> Vec<Vec<&str>> {
    sources
        .iter()
        .map(|source| match source {
            IdentitySource::JwtClaim { metadata_key, claim } => {
                let fixed = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", metadata_key];
                fixed.into_iter().chain(claim.iter().map(String::as_str)).collect()
            }
            IdentitySource::TrustedHeader(_) => Vec::new(),
        })
        .collect()
}

/// The header and the claim that the principal of `head` came from, if it came from a token and not from another source
/// before it. `jwt_authn` reads `authorization` unless told otherwise.
pub fn principal_token<'a>(identity: &'a Identity, head: &Head, claims: &Claims) -> Option<(&'a str, &'a [String])> {
    let claims = claims.principal.iter().map(Option::is_some).chain(std::iter::repeat(false));
    identity
        .principal
        .iter()
        .zip(claims)
        .find_map(|(source, claimed)| match source {
            IdentitySource::JwtClaim { claim, .. } => claimed.then_some(Some(("authorization", claim.as_slice()))),
            IdentitySource::TrustedHeader(name) => head.headers.all(name).next().map(|_| None),
        })
        .flatten()
}

fn first(sources: &[IdentitySource], head: &Head, claims: &[Option<Vec<u8>>]) -> Result<Option<String>, Doubt> {
    for (source, claim) in sources.iter().zip(claims.iter().map(Option::as_deref).chain(std::iter::repeat(None))) {
        let value = match source {
            IdentitySource::JwtClaim { .. } => claim,
            IdentitySource::TrustedHeader(name) => {
                if head.headers.all(name).nth(1).is_some() {
                    return Err(Doubt::new(
                        400,
                        "duplicate_identity",
                        format!("the identity header `{name}` stands more than once"),
                    ));
                }
                head.headers.only(name)
            }
        };
        if let Some(value) = value {
            return name(value).map(Some);
        }
    }
    Ok(None)
}

fn name(value: &[u8]) -> Result<String, Doubt> {
    let doubt = || Doubt::new(400, "invalid_identity", "the sender's identity is empty, too long or not plain text");
    let name = std::str::from_utf8(value).map_err(|_| doubt())?;
    // One reader would trim it, another would not, and the name might be somebody else's.
    let plain = !name.is_empty() && name.trim() == name && name.len() <= MAX && !name.chars().any(char::is_control);
    if plain { Ok(name.to_owned()) } else { Err(doubt()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Headers;
    use crate::testing::test;

    fn identity() -> Identity {
        Identity {
            principal: vec![
                IdentitySource::JwtClaim { metadata_key: "payload".into(), claim: vec!["sub".into()] },
                IdentitySource::TrustedHeader("x-agent-id".into()),
            ],
            on_behalf_of: vec![IdentitySource::TrustedHeader("x-user".into())],
        }
    }

    fn identified(
        claim: Option<&[u8]>,
        fields: &[(&str, &[u8])],
    ) -> Result<(Option<String>, Option<String>), &'static str> {
        let headers = Headers::new(fields.iter().copied());
        let mut head = Head { headers, ..Head::default() };
        let claims = Claims { principal: vec![claim.map(<[u8]>::to_vec), None], ..Claims::default() };
        identify(&identity(), &mut head, &claims).map_err(|doubt| doubt.code)?;
        Ok((head.principal, head.on_behalf_of))
    }

    #[test]
    fn the_first_source_with_a_value_wins() {
        assert_eq!(identified(Some(b"agent:7"), &[("x-agent-id", b"other")]), Ok((Some("agent:7".into()), None)));
        assert_eq!(
            identified(None, &[("x-agent-id", b"agent:8"), ("x-user", b"alice")]),
            Ok((Some("agent:8".into()), Some("alice".into())))
        );
        assert_eq!(identified(None, &[("x-other", b"agent:8")]), Ok((None, None)));
    }

    #[test]
    fn only_the_source_that_named_the_principal_has_its_token() {
        let claims = |claim: Option<&[u8]>| Claims { principal: vec![claim.map(<[u8]>::to_vec)], ..Claims::default() };
        let header = Headers::new(vec![(b"x-agent-id".to_vec(), b"agent:7".to_vec())]);
        let head = Head { headers: header, ..Head::default() };
        let path = ["sub".to_owned()];
        assert_eq!(principal_token(&identity(), &head, &claims(Some(b"a"))), Some(("authorization", &path[..])));
        assert_eq!(principal_token(&identity(), &head, &claims(None)), None);
    }

    #[test]
    fn doubtful_identities_are_refused() {
        assert_eq!(identified(None, &[("x-agent-id", b"a"), ("x-agent-id", b"b")]), Err("duplicate_identity"));
        for value in [&b""[..], b"  ", b" a", b"a ", b"\xff\xfe", b"a\x00b", &[b'a'; 257]] {
            assert_eq!(identified(None, &[("x-agent-id", value)]), Err("invalid_identity"), "{value:?}");
        }
    }
}
