//! Receipts: the signed proof, for the upstream, that people approved exactly this request and that it runs once.
//!
//! A receipt is a JWT (RFC 7519), signed with EdDSA under a key of the published set, and bound to method, authority, path
//! and the SHA-256 of the body as forwarded. The upstream compares these with what it got. Must not go here: keys and
//! their rotation (`receipt::keys`), whether a hold is released (`store::release`).

pub mod keys;

use anyhow::{Context, Result, bail};
use jsonwebtoken::{Algorithm, Header, encode};
use privyseal_engine::binding::is_bound_target;
use privyseal_engine::hold::Forwarded;
use serde::Serialize;

use self::keys::Keys;
use crate::hold::Hold;
use crate::secret::{Key, sha256};

/// The `typ` of the header: no other token of this issuer is one.
pub const TYPE: &str = "privyseal-receipt+jwt";
/// How long after the release a receipt is good. The request is on its way already.
const LIFETIME_S: i64 = 300;

/// How receipts name the people who approved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approvers {
    #[default]
    Names,
    /// The same person has the same name in every receipt, and only this service knows whose it is.
    Pseudonyms,
}

/// What a receipt says.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    /// The authority that the request goes to.
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
    hold: &'a str,
    tenant: &'a str,
    environment: &'a str,
    method: &'a str,
    authority: &'a str,
    path: &'a str,
    body_sha256: &'a str,
    rules: &'a [String],
    workflow: &'a str,
    approvers: Vec<String>,
}

/// Writes receipts; cheap to clone.
#[derive(Clone)]
pub struct Receipts {
    pub keys: Keys,
    /// `iss`: where people and upstreams reach this service.
    pub issuer: String,
    pub approvers: Approvers,
    /// Makes pseudonyms.
    pub storage_key: Key,
    /// Under which gateways hide the parts of a request: [`privyseal_engine::keys::Keys::field`].
    pub field_key: Key,
}

impl Receipts {
    /// The receipt of `hold`, released at `at_ms` to the stream `nonce`. The same release always gets the same receipt, as
    /// long as its key signs.
    pub fn write(&self, hold: &Hold, forwarded: &Forwarded, nonce: &str, at_ms: i64) -> Result<String> {
        // The gateway is believed that it forwards what it says; what was approved, the hold knows better.
        if !is_bound_target(&hold.request.fields, forwarded, self.field_key.bytes()) {
            bail!("the gateway names another target than the one that was approved");
        }
        let iat = at_ms.div_euclid(1000);
        let mut jti = sha256(&format!("privyseal/receipt/v1\n{}\n{nonce}", hold.id));
        jti.truncate(32);
        let request = &hold.request;
        let claims = Claims {
            iss: &self.issuer,
            aud: &forwarded.authority,
            jti,
            iat,
            exp: iat + LIFETIME_S,
            hold: &hold.id,
            tenant: &request.tenant,
            environment: &request.environment,
            method: &forwarded.method,
            authority: &forwarded.authority,
            path: &forwarded.path,
            body_sha256: &forwarded.body_sha256,
            rules: &request.rules,
            workflow: &request.workflow,
            approvers: hold.approvers().into_iter().map(|person| self.name(person)).collect(),
        };
        let keys = self.keys.current();
        let key = keys.signing(at_ms).context("no key signs receipts now; see `privyseal key rotate-receipts`")?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.kid.clone());
        encode(&header, &claims, &key.secret).context("the receipt cannot be signed")
    }

    fn name(&self, person: &str) -> String {
        match self.approvers {
            Approvers::Names => person.to_owned(),
            Approvers::Pseudonyms => {
                let mut pseudonym = self.storage_key.mac("receipt-approver", person);
                pseudonym.truncate(16);
                format!("approver-{pseudonym}")
            }
        }
    }
}
