//! What `scan` and `redact` share: which files, and what to look for in them.
//!
//! Must not go here: what is done with the findings.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use privyseal_engine::redact::{Profile, ProfileSource, StyleSource};

use crate::policy::source::Source;

#[derive(Args)]
pub struct LookFor {
    /// Entities and groups, such as `pii`, `credentials`, `EMAIL_ADDRESS`; a leading `-` takes one out
    #[arg(long, value_delimiter = ',', default_value = "pii,credentials", allow_hyphen_values = true)]
    entities: Vec<String>,
    /// Lowest confidence that counts, from 0 to 1
    #[arg(long)]
    min_score: Option<f64>,
    /// Take what to look for from a profile of this policy instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["entities", "min_score"])]
    policy: Option<PathBuf>,
    /// Which profile of the policy; not needed if it has one
    #[arg(long, requires = "policy")]
    profile: Option<String>,
}

impl LookFor {
    /// `style` is used unless the policy says another.
    pub fn profile(&self, style: StyleSource) -> Result<Profile> {
        let source = match &self.policy {
            Some(file) => self.of_policy(file)?,
            None => ProfileSource {
                entities: self.entities.clone(),
                min_score: self.min_score.iter().map(|score| ("default".to_owned(), *score)).collect(),
                style,
                ..ProfileSource::default()
            },
        };
        // Pseudonyms made here are for looking at: nobody else has this key.
        Profile::compile(&source, b"privyseal command line").map_err(|errors| {
            let lines: Vec<String> = errors.into_iter().map(|(path, message)| format!("{path}: {message}")).collect();
            anyhow!(lines.join("; "))
        })
    }

    fn of_policy(&self, file: &Path) -> Result<ProfileSource> {
        let text = read(file)?;
        let text = std::str::from_utf8(&text).with_context(|| format!("`{}` is not UTF-8", file.display()))?;
        let source = Source::parse(text).map_err(|error| anyhow!("`{}`: {}", file.display(), error.message))?;
        let policy: serde_json::Value = serde_json::from_str(&source.to_json())?;
        let profiles = policy.get("profiles").and_then(|p| p.as_object()).cloned().unwrap_or_default();
        let names = || profiles.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let profile = match &self.profile {
            Some(name) => profiles
                .get(name)
                .ok_or_else(|| anyhow!("no profile is called `{name}`: expected one of {}", names()))?,
            None if profiles.len() == 1 => profiles.values().next().context("no profile")?,
            None if profiles.is_empty() => bail!("`{}` has no `profiles`", file.display()),
            None => bail!("`{}` has several profiles: choose one of {} with `--profile`", file.display(), names()),
        };
        Ok(serde_json::from_value(profile.clone())?)
    }
}

/// The bytes of a file; `-` is standard input.
pub fn read(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    }
    Ok(bytes)
}

/// Bytes, for people.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// The content type that a file's name tells.
pub fn content_type(file: &Path) -> Option<&'static [u8]> {
    Some(match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => b"application/json",
        "jsonl" | "ndjson" => b"application/x-ndjson",
        "csv" => b"text/csv",
        "xml" => b"application/xml",
        "html" | "htm" => b"text/html",
        _ => return None,
    })
}
