//! Secrets: where they lie, who may read the files, how random names are made.
//!
//! Must not go here: what the keys are used for.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use privyseal_engine::digest::{hex, mac, unhex};
use privyseal_engine::keys;
use sha2::{Digest, Sha256};

/// SQLite's file in the data directory.
const DATABASE: &str = "privyseal.db";

/// A key. Never printed, not even by `{:?}`.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn new(bytes: Vec<u8>) -> Key {
        Key(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// HMAC of `message` for one `purpose`, as hex.
    pub fn mac(&self, purpose: &str, message: &str) -> String {
        hex(&mac(&self.0, &labelled(purpose, message)).finalize().into_bytes())
    }

    /// Is `hex` what [`Key::mac`] gives? Compared in constant time.
    pub fn is_mac(&self, purpose: &str, message: &str, hex: &str) -> bool {
        unhex(hex).is_some_and(|bytes| mac(&self.0, &labelled(purpose, message)).verify_slice(&bytes).is_ok())
    }
}

fn labelled(purpose: &str, message: &str) -> Vec<u8> {
    format!("privyseal/{purpose}/v1\n{message}").into_bytes()
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The directory of the database and the keys.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Opens the directory, which must not be open to everybody.
    pub fn open(path: &Path) -> Result<DataDir> {
        let found = fs::metadata(path).with_context(|| {
            format!("data directory `{}` cannot be read; `privyseal serve` makes it", path.display())
        })?;
        private(path, &found)?;
        Ok(DataDir(path.to_owned()))
    }

    /// Opens the directory, or makes it for this user alone.
    pub fn open_or_create(path: &Path) -> Result<DataDir> {
        if !path.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .with_context(|| format!("data directory `{}` cannot be made", path.display()))?;
        }
        DataDir::open(path)
    }

    pub fn has_database(&self) -> bool {
        self.0.join(DATABASE).exists()
    }

    /// The database's file, made for this user alone if it is not there.
    pub fn database(&self) -> Result<PathBuf> {
        let path = self.0.join(DATABASE);
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("database `{}` cannot be opened for writing", path.display()))?;
        private(&path, &fs::metadata(&path)?)?;
        Ok(path)
    }

    /// Keeps a second service away for as long as the file is open: one would not hear what the other decides.
    pub fn lock(&self) -> Result<File> {
        let path = self.0.join("serve.lock");
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("`{}` cannot be made", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => bail!("another `privyseal serve` runs on `{}`", self.0.display()),
            Err(TryLockError::Error(e)) => Err(e).with_context(|| format!("`{}` cannot be locked", path.display())),
        }
    }

    /// The key under which digests are stored: from the environment, where replicas share it, else from here.
    pub fn storage_key(&self) -> Result<Key> {
        match std::env::var("PRIVYSEAL_STORAGE_KEY") {
            Ok(text) => parse_key(&text).context("PRIVYSEAL_STORAGE_KEY"),
            Err(_) => self.key("storage.key"),
        }
    }

    /// The key shared with the gateway, as the text that goes into its environment.
    pub fn gateway_key(&self) -> Result<String> {
        self.text("gateway.key")
    }

    fn key(&self, name: &str) -> Result<Key> {
        let text = self.text(name)?;
        parse_key(&text).with_context(|| format!("`{}`", self.0.join(name).display()))
    }

    /// Reads the file, made with 32 random bytes as hex if it is not there.
    fn text(&self, name: &str) -> Result<String> {
        self.text_or(name, || Ok(hex(&random::<32>()?)))
    }

    /// Where the file `name` lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes the file anew, for this user alone; who reads it meanwhile reads the old one whole.
    pub fn replace(&self, name: &str, text: &str) -> Result<()> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        let written =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                fs::rename(&new, &path)
            });
        written.with_context(|| format!("`{}` cannot be written", path.display()))
    }

    /// Reads the file, made with what `make` says if it is not there.
    pub fn text_or(&self, name: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
        let path = self.path(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                let text = make()?;
                file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
                Ok(text)
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => read_private(&path),
            Err(e) => Err(e).with_context(|| format!("`{}` cannot be made", path.display())),
        }
    }
}

/// A key written as hex or base64, at least 32 bytes.
pub fn parse_key(text: &str) -> Result<Key> {
    keys::decode(text).map(Key).map_err(|expected| anyhow::anyhow!("not a key: {expected}"))
}

/// What stands in a file that must not be open to everybody, without white space around it.
pub fn read_private(path: &Path) -> Result<String> {
    let unreadable = || format!("`{}` cannot be read", path.display());
    private(path, &fs::metadata(path).with_context(unreadable)?)?;
    Ok(fs::read_to_string(path).with_context(unreadable)?.trim().to_owned())
}

fn private(path: &Path, found: &fs::Metadata) -> Result<()> {
    if found.permissions().mode() & 0o007 != 0 {
        bail!("`{0}` is open to every user of this machine: run `chmod o-rwx {0}`", path.display());
    }
    Ok(())
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// 256 random bits behind a prefix by which scanners find a leaked one.
pub fn bearer(prefix: &str) -> Result<String, getrandom::Error> {
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// SHA-256 as hex: enough for stored secrets of 256 random bits.
pub fn sha256(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}
