//! Certificates of a test's own authority, as PEM files.
//!
//! Must not go here: who checks them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;

/// Issues certificates; its files end with it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Default for Authority {
    fn default() -> Authority {
        let folder = TempDir::new().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Where subject and issuer are the same, Envoy takes a certificate for its own authority.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let root = params.self_signed(&key).expect("a certificate");
        fs::write(folder.path().join("ca.pem"), root.pem()).expect("the folder can be written");
        Authority { issuer: Issuer::new(params, key), folder }
    }
}

impl Authority {
    /// Its own certificate.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// For whoever is reached on this machine.
    pub fn server(&self) -> Certificate {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let params = CertificateParams::new(names).expect("names");
        self.issue("server", params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a client with a URI as its name.
    pub fn client(&self, uri: &str) -> Certificate {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
        self.issue(&format!("client {}", uri.replace('/', " ")), params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, name: &str, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Certificate {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let issued = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let certificate = Certificate { cert: file("pem"), key: file("key") };
        write_privately(&certificate.key, &key.serialize_pem());
        fs::write(&certificate.cert, issued.pem()).expect("the folder can be written");
        certificate
    }
}

fn write_privately(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder can be written");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("it is ours");
}
