//! Gateways that certificates speak for: which name in a certificate is which gateway.
//!
//! Whoever comes here with a certificate has proved that it is theirs and from an authority of the settings (`tls`). Must
//! not go here: that proof, what a gateway may do (`auth`).

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::tenant::Tenants;
use super::{Role, Token};

/// What a gateway is called, `TENANT/NAME` where it is not of the main tenant, and the name in its certificate: `spiffe://…` or a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    pub name: String,
    pub san: String,
}

/// The gateways of the settings, by the names in their certificates.
#[derive(Clone, Debug, Default)]
pub struct Gateways(Arc<BTreeMap<String, String>>);

/// The names in the certificate of whoever opened the connection.
#[derive(Clone, Debug, Default)]
pub struct Peer(Arc<[String]>);

impl Gateways {
    pub fn new(gateways: Vec<Gateway>) -> Gateways {
        Gateways(Arc::new(gateways.into_iter().map(|gateway| (gateway.san, gateway.name)).collect()))
    }

    /// What they are called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// The gateway that `peer` is. A certificate with the names of two is none of them.
    pub fn identify(&self, peer: &Peer, tenants: &Tenants) -> Option<Token> {
        let mut known = peer.0.iter().filter_map(|san| self.0.get_key_value(san));
        let (san, name) = known.next()?;
        let (tenant, own_name) = tenants.qualified(name)?;
        known.all(|(_, other)| other == name).then(|| Token {
            id: san.clone(),
            tenant: tenant.clone(),
            name: own_name.to_owned(),
            role: Role::Filter,
            scopes: Role::Filter.scopes(),
            owner: None,
            created_ms: 0,
            expires_ms: None,
            revoked_ms: None,
        })
    }
}

impl Peer {
    /// The names in `certificate`: its URIs and host names, never its subject.
    pub fn of(certificate: &CertificateDer<'_>) -> Peer {
        let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Peer::default() };
        Peer(certificate.valid_uri_names().chain(certificate.valid_dns_names()).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_certificate_says_which_gateway() {
        let gateway = |name: &str, san: &str| Gateway { name: name.into(), san: san.into() };
        let gateways = Gateways::new(vec![
            gateway("edge", "spiffe://example.com/edge"),
            gateway("edge", "edge.example.com"),
            gateway("globex/batch", "spiffe://example.com/batch"),
        ]);
        let tenants = Tenants { others: ["globex".parse().unwrap()].into(), ..Tenants::default() };
        let who = |names: &[&str]| {
            let peer = Peer(names.iter().map(|&name| name.to_owned()).collect());
            gateways.identify(&peer, &tenants).map(|token| (token.tenant.to_string(), token.name, token.role))
        };
        let edge = Some(("default".to_owned(), "edge".to_owned(), Role::Filter));
        assert_eq!(who(&["spiffe://example.com/edge"]), edge);
        assert_eq!(who(&["other.example.com", "edge.example.com", "spiffe://example.com/edge"]), edge);
        let batch = Some(("globex".to_owned(), "batch".to_owned(), Role::Filter));
        assert_eq!(who(&["spiffe://example.com/batch"]), batch);
        for nobody in
            [&[][..], &["spiffe://example.com/edge/"], &["spiffe://example.com/edge", "spiffe://example.com/batch"]]
        {
            assert_eq!(who(nobody), None, "{nobody:?}");
        }
    }
}
