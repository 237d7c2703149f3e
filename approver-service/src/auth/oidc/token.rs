//! ID tokens: signature, issuer, audience, time and nonce are checked before a claim is believed.
//!
//! Must not go here: calls to the provider.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::{Error, Settings};

/// Signatures with public keys. With a shared secret the client itself could sign.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::EdDSA,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
];
/// How far the provider's clock may be from ours.
const SKEW_S: u64 = 60;
pub const UNKNOWN_KEY: &str = "its key is not published";
/// Claims that name the same human beside the one chosen.
const OTHER_NAMES: [&str; 4] = ["email", "preferred_username", "upn", "sub"];

/// Who somebody is, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// By the claim that names tenants, where one does.
    pub tenant: Option<String>,
    pub name: String,
    /// Other names of the same human.
    pub identities: Vec<String>,
    pub groups: Vec<String>,
    /// When they proved it; unknown if the provider does not say.
    pub proven_ms: Option<i64>,
}

/// The provider's public keys.
pub struct Keys(JwkSet);

impl Keys {
    pub fn new(keys: JwkSet) -> Keys {
        Keys(keys)
    }

    /// Whom `token` names.
    pub fn identity(&self, token: &str, settings: &Settings, nonce: Option<&str>) -> Result<Identity, Error> {
        let header = decode_header(token).map_err(|_| Error::Token("it is no JWT"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Error::Token("it is not signed with a public key"));
        }
        let key = match &header.kid {
            Some(kid) => self.0.find(kid),
            // A set of one needs no names.
            None => self.0.keys.first().filter(|_| self.0.keys.len() == 1),
        };
        let key = key.and_then(|key| DecodingKey::from_jwk(key).ok()).ok_or(Error::Token(UNKNOWN_KEY))?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.client_id]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = SKEW_S;
        let claims = decode::<Map<String, Value>>(token, &key, &validation)
            .map_err(|_| Error::Token("signature, issuer, audience or time is wrong"))?
            .claims;
        if nonce.is_some() && claims.get("nonce").and_then(Value::as_str) != nonce {
            return Err(Error::Token("it belongs to another login"));
        }
        let is_for_several = claims.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.len() > 1);
        if is_for_several && claims.get("azp").and_then(Value::as_str) != Some(&settings.client_id) {
            return Err(Error::Token("it was issued to another client"));
        }
        read(&claims, settings)
    }
}

fn read(claims: &Map<String, Value>, settings: &Settings) -> Result<Identity, Error> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name = text(&settings.name_claim).ok_or_else(|| missing(&settings.name_claim, "people here", "name_claim"))?;
    if settings.name_claim == "email" && claims.get("email_verified") == Some(&Value::Bool(false)) {
        return Err(Error::Token("its e-mail address is not verified"));
    }
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    if name.len() > 128 || !name.chars().all(is_plain) {
        return Err(Error::Token("the name in it has characters other than letters, digits and `.-_@+`"));
    }
    let groups = match claims.get(&settings.groups_claim) {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(group)) => vec![group.clone()],
        _ => vec![],
    };
    let tenant = match &settings.tenant_claim {
        Some(claim) => {
            Some(text(claim).ok_or_else(|| missing(claim, "the tenant of people", "tenant_claim"))?.to_owned())
        }
        None => None,
    };
    Ok(Identity {
        tenant,
        name: name.to_owned(),
        identities: OTHER_NAMES.iter().filter_map(|claim| text(claim)).map(str::to_owned).collect(),
        groups,
        proven_ms: claims.get("auth_time").and_then(Value::as_i64).map(|s| s.saturating_mul(1000)),
    })
}

fn missing(claim: &str, what: &'static str, setting: &'static str) -> Error {
    Error::Claim { claim: claim.to_owned(), what, setting }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        Settings {
            issuer: "https://id.example.com".into(),
            client_id: "privyseal".into(),
            client_secret: None,
            scopes: vec![],
            name_claim: "email".into(),
            groups_claim: "groups".into(),
            tenant_claim: None,
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://id.example.com", "aud": "privyseal", "sub": "u-1", "exp": 4_102_444_800_u64, "nonce": "n",
            "email": "alice@example.com", "email_verified": true, "groups": ["finance", 7], "auth_time": 1_700_000_000,
        })
    }

    struct Signer {
        secret: EncodingKey,
        keys: Keys,
    }

    impl Signer {
        fn new() -> Signer {
            crate::jwt::install();
            let secret = EncodingKey::from_ed_der(&crate::jwt::new_ed25519().unwrap());
            let public = Jwk::from_encoding_key(&secret, Algorithm::EdDSA).unwrap();
            Signer { secret, keys: Keys::new(JwkSet { keys: vec![public] }) }
        }

        fn judge(&self, claims: &Value) -> Result<Identity, Error> {
            let token = encode(&Header::new(Algorithm::EdDSA), claims, &self.secret).unwrap();
            self.keys.identity(&token, &settings(), Some("n"))
        }
    }

    #[test]
    fn a_good_token_names_a_person_with_groups_and_age() {
        let identity = Signer::new().judge(&claims()).unwrap();
        let expected = Identity {
            tenant: None,
            name: "alice@example.com".into(),
            identities: vec!["alice@example.com".into(), "u-1".into()],
            groups: vec!["finance".into()],
            proven_ms: Some(1_700_000_000_000),
        };
        assert_eq!(identity, expected);
    }

    #[test]
    fn any_other_token_names_nobody() {
        let signer = Signer::new();
        for (claim, value, expected) in [
            ("iss", json!("https://id.example.org"), "signature, issuer, audience or time"),
            ("aud", json!("another"), "signature, issuer, audience or time"),
            ("aud", json!(["privyseal", "another"]), "issued to another client"),
            ("exp", json!(1_700_000_000), "signature, issuer, audience or time"),
            ("sub", Value::Null, "signature, issuer, audience or time"),
            ("nonce", json!("m"), "another login"),
            ("nonce", Value::Null, "another login"),
            ("email", Value::Null, "no claim `email`, which names people here (`name_claim`)"),
            ("email", json!(""), "no claim `email`"),
            ("email", json!("a b@example.com"), "other than letters"),
            ("email_verified", json!(false), "not verified"),
        ] {
            let mut wrong = claims();
            wrong[claim] = value.clone();
            if value.is_null() {
                wrong.as_object_mut().unwrap().remove(claim);
            }
            let said = signer.judge(&wrong).unwrap_err().to_string();
            assert!(said.contains(expected), "{claim} {value}: {said}");
        }
        let forged = encode(&Header::new(Algorithm::EdDSA), &claims(), &Signer::new().secret).unwrap();
        assert!(signer.keys.identity(&forged, &settings(), Some("n")).is_err(), "another key");
        let unsigned = "eyJhbGciOiJub25lIn0.e30.";
        assert!(signer.keys.identity(unsigned, &settings(), None).is_err());
        let shared = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
        let said = signer.keys.identity(shared, &settings(), None).unwrap_err().to_string();
        assert!(said.contains("not signed with a public key"), "{said}");
    }
}
