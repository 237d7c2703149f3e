//! The keys that sign receipts: a file of the data directory, the public halves as a JWK set, rotation with overlap.
//!
//! A new key is published before it signs and an old one after it signed, so that an upstream which keeps the set for a
//! while never meets a key that it does not know. Must not go here: what is signed (`receipt`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::{Deserialize, Serialize};

use crate::jwt;
use crate::secret::DataDir;

const FILE: &str = "receipt.keys";
/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<FileKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    /// PKCS#8, base64.
    pkcs8: String,
    signs_from_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_until_ms: Option<i64>,
}

impl FileKey {
    fn new(signs_from_ms: i64) -> Result<FileKey> {
        Ok(FileKey { pkcs8: STANDARD.encode(jwt::new_ed25519()?), signs_from_ms, published_until_ms: None })
    }
}

/// One key, read.
pub struct SigningKey {
    /// Thumbprint of the public key (RFC 7638).
    pub kid: String,
    pub secret: EncodingKey,
    public: Jwk,
    signs_from_ms: i64,
    published_until_ms: Option<i64>,
}

impl SigningKey {
    fn read(key: &FileKey) -> Result<SigningKey> {
        let pkcs8 = STANDARD.decode(&key.pkcs8).context("a key is not base64")?;
        let secret = EncodingKey::from_ed_der(&pkcs8);
        let mut public = Jwk::from_encoding_key(&secret, Algorithm::EdDSA).context("a key is not Ed25519 in PKCS#8")?;
        let kid = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let FileKey { signs_from_ms, published_until_ms, .. } = *key;
        Ok(SigningKey { kid, secret, public, signs_from_ms, published_until_ms })
    }

    fn is_published(&self, now_ms: i64) -> bool {
        self.published_until_ms.is_none_or(|until| now_ms < until)
    }
}

/// The keys of one reading of the file.
pub struct KeySet(Vec<SigningKey>);

impl KeySet {
    fn read(text: &str) -> Result<KeySet> {
        jwt::install();
        // The message of serde_json may quote a key: only the place is told.
        let file: File = serde_json::from_str(text)
            .map_err(|e| anyhow!("not the file of receipt keys: line {} column {}", e.line(), e.column()))?;
        Ok(KeySet(file.keys.iter().map(SigningKey::read).collect::<Result<_>>()?))
    }

    /// The key that signs at `now_ms`: the newest whose time has come.
    pub fn signing(&self, now_ms: i64) -> Option<&SigningKey> {
        let signing = self.0.iter().filter(|key| key.signs_from_ms <= now_ms && key.is_published(now_ms));
        signing.max_by_key(|key| key.signs_from_ms)
    }

    /// What the published keys are called.
    pub fn kids(&self, now_ms: i64) -> Vec<String> {
        self.0.iter().filter(|key| key.is_published(now_ms)).map(|key| key.kid.clone()).collect()
    }

    /// The public keys that receipts may be signed with, now, a while ago or soon.
    pub fn published(&self, now_ms: i64) -> JwkSet {
        JwkSet { keys: self.0.iter().filter(|key| key.is_published(now_ms)).map(|key| key.public.clone()).collect() }
    }
}

/// The keys as the file has them; cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Follow>);

struct Follow {
    data: DataDir,
    read: Mutex<Reading>,
}

struct Reading {
    keys: Arc<KeySet>,
    stamp: Option<Stamp>,
    looked: Instant,
}

/// When the file was written and how long it is.
type Stamp = (SystemTime, u64);

impl Keys {
    /// Reads the keys, or makes the first one.
    pub fn open(data: &DataDir) -> Result<Keys> {
        let stamp = stamp(data);
        let keys = Arc::new(read(data)?);
        let read = Mutex::new(Reading { keys, stamp, looked: Instant::now() });
        Ok(Keys(Arc::new(Follow { data: data.clone(), read })))
    }

    /// The keys as they are now. A file that cannot be understood changes nothing.
    pub fn current(&self) -> Arc<KeySet> {
        let mut reading = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.looked.elapsed() >= EVERY {
            reading.looked = Instant::now();
            let stamp = stamp(&self.0.data);
            if stamp != reading.stamp {
                reading.stamp = stamp;
                match read(&self.0.data) {
                    Ok(keys) => {
                        tracing::info!("receipt keys loaded");
                        reading.keys = Arc::new(keys);
                    }
                    Err(error) => {
                        tracing::error!(error = format!("{error:#}"), "the old receipt keys stay in force");
                    }
                }
            }
        }
        Arc::clone(&reading.keys)
    }
}

/// What a rotation did.
#[derive(Serialize)]
pub struct Rotated {
    pub kid: String,
    pub signs_from_ms: i64,
}

/// Adds a key that signs after `overlap_ms`; those before are published as long again. Without overlap they are gone at
/// once, for keys that somebody else may have.
pub fn rotate(data: &DataDir, now_ms: i64, overlap_ms: i64) -> Result<Rotated> {
    let mut file: File = serde_json::from_str(&text(data, now_ms)?)
        .map_err(|e| anyhow!("not the file of receipt keys: line {} column {}", e.line(), e.column()))?;
    let signs_from_ms = now_ms.saturating_add(overlap_ms);
    let over_ms = signs_from_ms.saturating_add(overlap_ms);
    for key in &mut file.keys {
        key.published_until_ms = Some(key.published_until_ms.map_or(over_ms, |until| until.min(over_ms)));
    }
    file.keys.retain(|key| key.published_until_ms.is_none_or(|until| now_ms < until));
    file.keys.push(FileKey::new(signs_from_ms)?);
    let text = serde_json::to_string(&file)?;
    let kid = KeySet::read(&text)?.0.pop().map(|key| key.kid).unwrap_or_default();
    data.replace(FILE, &text)?;
    Ok(Rotated { kid, signs_from_ms })
}

fn read(data: &DataDir) -> Result<KeySet> {
    KeySet::read(&text(data, 0)?).with_context(|| format!("`{}`", data.path(FILE).display()))
}

/// The file's text, made with a key that signs from `now_ms` if there is none.
fn text(data: &DataDir, now_ms: i64) -> Result<String> {
    data.text_or(FILE, || Ok(serde_json::to_string(&File { keys: vec![FileKey::new(now_ms)?] })?))
}

fn stamp(data: &DataDir) -> Option<Stamp> {
    let found = std::fs::metadata(data.path(FILE)).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn kids(keys: &KeySet, now_ms: i64) -> Vec<String> {
        keys.published(now_ms).keys.into_iter().filter_map(|key| key.common.key_id).collect()
    }

    #[test]
    fn a_new_key_is_published_before_it_signs_and_an_old_one_after() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open_or_create(&folder.path().join("data")).unwrap();
        let first = read(&data).unwrap().signing(5).unwrap().kid.clone();
        let second = rotate(&data, HOUR, HOUR).unwrap();
        let keys = read(&data).unwrap();
        let signing = |now| keys.signing(now).unwrap().kid.clone();
        assert_eq!(kids(&keys, HOUR), [first.clone(), second.kid.clone()]);
        assert_eq!(signing(2 * HOUR - 1), first);
        assert_eq!(signing(2 * HOUR), second.kid);
        assert_eq!(kids(&keys, 3 * HOUR - 1).len(), 2);
        let later = kids(&keys, 3 * HOUR);
        assert_eq!(later, [second.kid.as_str()]);

        // An overlap that is not over yet is not made longer.
        let third = rotate(&data, 2 * HOUR, HOUR).unwrap();
        let keys = read(&data).unwrap();
        assert_eq!(kids(&keys, 2 * HOUR).len(), 3);
        assert_eq!(kids(&keys, 3 * HOUR), [second.kid, third.kid]);
    }

    #[test]
    fn without_overlap_the_old_keys_are_gone_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open_or_create(&folder.path().join("data")).unwrap();
        read(&data).unwrap();
        let new = rotate(&data, HOUR, 0).unwrap();
        let keys = read(&data).unwrap();
        assert_eq!((kids(&keys, HOUR), keys.signing(HOUR).unwrap().kid.clone()), (vec![new.kid.clone()], new.kid));
    }

    #[test]
    fn mistakes_name_the_place_and_never_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open_or_create(&folder.path().join("data")).unwrap();
        for (text, expected) in [
            ("{\"keys\":[{\"pkcs8\":7}]}", "line 1 column"),
            ("{\"keys\":[{\"pkcs8\":\"c2VjcmV0\",\"signs_from_ms\":0}]}", "a key is not Ed25519 in PKCS#8"),
            ("secret", "not the file of receipt keys"),
        ] {
            data.replace(FILE, text).unwrap();
            let said = format!("{:#}", read(&data).err().unwrap());
            assert!(said.contains(expected) && said.contains("receipt.keys") && !said.contains("c2VjcmV0"), "{said}");
        }
    }
}
