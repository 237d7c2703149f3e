//! Settings of what is asked of other services: who is on call, whether a ticket is open.
//!
//! Must not go here: asking them (`on_call`, `ticket`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use super::duration;
use super::sign_on::is_safe;
use crate::on_call::{OnCall, Source};
use crate::outbound::Place;
use crate::secret::{Key, read_private};

/// Where tickets are looked up, on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct TicketArgs {
    /// Ask this webhook whether stated tickets are open, for workflows with `check_ticket`
    #[arg(long, value_name = "URL", env = "PRIVYSEAL_TICKET_CHECK")]
    pub ticket_check: Option<String>,

    /// File with the bearer token for it, open to nobody else
    #[arg(long, value_name = "FILE", env = "PRIVYSEAL_TICKET_CHECK_SECRET_FILE")]
    pub ticket_check_secret_file: Option<PathBuf>,
}

/// A webhook, in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileWebhook {
    url: String,
    secret_file: Option<PathBuf>,
}

/// A group that is on call, in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileOnCall {
    file: Option<PathBuf>,
    url: Option<String>,
    secret_file: Option<PathBuf>,
    ttl: Option<String>,
    fallback: String,
}

/// A webhook counts for so long where nothing else is said, a file for [`FILE_TTL`].
const WEBHOOK_TTL: Duration = Duration::from_secs(5 * 60);
const FILE_TTL: Duration = Duration::from_secs(24 * 3600);

impl TicketArgs {
    /// Joins flags and file.
    pub fn resolve(self, file: Option<FileWebhook>) -> Result<Option<Place>> {
        let (url, secret_file) = file.map_or((None, None), |file| (Some(file.url), file.secret_file));
        let url = self.ticket_check.or(url);
        url.map(|url| place(url, self.ticket_check_secret_file.or(secret_file))).transpose().context("the ticket check")
    }
}

/// The groups of a tenant that are on call; `groups` are those that the settings name.
pub fn on_call(written: BTreeMap<String, FileOnCall>, groups: &BTreeMap<String, Vec<String>>) -> Result<Vec<OnCall>> {
    let read = |(group, written): (String, FileOnCall)| {
        let said = one(group.clone(), written, groups);
        said.with_context(|| format!("`on_call`, group `{group}`"))
    };
    written.into_iter().map(read).collect()
}

fn one(group: String, written: FileOnCall, groups: &BTreeMap<String, Vec<String>>) -> Result<OnCall> {
    let FileOnCall { file, url, secret_file, ttl, fallback } = written;
    if groups.contains_key(&group) {
        bail!("the group has members already: take it out of `groups`");
    }
    if groups.get(&fallback).is_none_or(Vec::is_empty) {
        bail!("the fallback `{fallback}` is no group with members: add it under `groups`");
    }
    let (source, usual) = match (file, url) {
        (Some(file), None) => (Source::File(file), FILE_TTL),
        (None, Some(url)) => (Source::Webhook(place(url, secret_file)?), WEBHOOK_TTL),
        _ => bail!("expected either `file` or `url`"),
    };
    let ttl = ttl.map(|text| ttl_of(&text)).transpose()?.unwrap_or(usual);
    Ok(OnCall { group, source, ttl, fallback })
}

fn place(url: String, secret_file: Option<PathBuf>) -> Result<Place> {
    if !is_safe(&url) {
        bail!("`{url}`: expected `https://…`, or `http://` on this machine");
    }
    let secret = secret_file.map(|file| read_private(&file)).transpose()?;
    Ok(Place { url, secret: secret.map(|text| Key::new(text.into_bytes())) })
}

fn ttl_of(text: &str) -> Result<Duration> {
    match duration(text) {
        Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
        _ => bail!("`ttl: {text}`: expected a duration of a second or more, as `5m`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_is_refused_with_what_to_write() {
        let groups = [("leads".to_owned(), vec!["carol".to_owned()]), ("empty".to_owned(), vec![])].into();
        let read = |yaml: &str| on_call(serde_saphyr::from_str(yaml).unwrap(), &groups);
        let good =
            read("sre: {url: 'https://x/y', ttl: 10m, fallback: leads}\nops: {file: /a, fallback: leads}").unwrap();
        assert_eq!((good[0].group.as_str(), good[0].ttl), ("ops", FILE_TTL));
        assert_eq!((good[1].group.as_str(), good[1].ttl), ("sre", Duration::from_secs(600)));
        for (yaml, expected) in [
            ("leads: {file: /a, fallback: leads}", "the group has members already"),
            ("sre: {file: /a, fallback: empty}", "the fallback `empty` is no group with members"),
            ("sre: {file: /a, fallback: nobody}", "the fallback `nobody` is no group with members"),
            ("sre: {fallback: leads}", "expected either `file` or `url`"),
            ("sre: {file: /a, url: 'https://x', fallback: leads}", "expected either `file` or `url`"),
            ("sre: {url: 'http://x.example', fallback: leads}", "expected `https://…`"),
            ("sre: {file: /a, ttl: soon, fallback: leads}", "expected a duration"),
            ("sre: {file: /a, ttl: 0s, fallback: leads}", "expected a duration"),
        ] {
            let said = format!("{:#}", read(yaml).unwrap_err());
            assert!(said.contains(expected) && said.contains("`on_call`, group `"), "{yaml}: {said}");
        }
    }
}
