//! Tokens and the `jwt_authn` filter that verifies them: the verified source of principals.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &[u8] = b"a secret of the tests, known to nobody else";
pub const ISSUER: &str = "https://issuer.example";

/// A token with these claims, besides issuer and expiry.
pub fn token(claims: &Value) -> String {
    let mut payload = json!({ "iss": ISSUER, "exp": 4_102_444_800_u64 });
    for (name, value) in claims.as_object().into_iter().flatten() {
        payload[name] = value.clone();
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "test" })), part(&payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The keys that verify [`token`]s.
pub fn jwks() -> Value {
    json!({ "keys": [{ "kty": "oct", "alg": "HS256", "kid": "test", "k": URL_SAFE_NO_PAD.encode(SECRET) }] })
}

/// The native filter, to stand before ours.
pub fn filter() -> Value {
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "issuer": {
                "issuer": ISSUER,
                "local_jwks": { "inline_string": jwks().to_string() },
                "payload_in_metadata": "payload",
                "forward": true,
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "requires_any": { "requirements": [
                { "provider_name": "issuer" }, { "allow_missing": {} },
            ] } } }],
        },
    })
}
