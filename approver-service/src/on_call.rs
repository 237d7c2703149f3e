//! Groups whose members somebody else knows: who is on call, from a file or a webhook, and a group that stands in while
//! that is unknown.
//!
//! Such a group is never empty: where nobody is named, or what was heard is too old, the people of its fallback are the
//! group. Must not go here: what groups may do (`workflow`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;

use crate::auth::Directory;
use crate::auth::identity::canonical;
use crate::outbound::{self, Place};

/// How often it is asked who is on call, at least.
const EVERY: Duration = Duration::from_secs(30);
/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// As the settings say.
#[derive(Clone, Debug)]
pub struct OnCall {
    pub group: String,
    pub source: Source,
    /// How long what was heard counts. A file counts so long after it was written.
    pub ttl: Duration,
    /// The group that stands in.
    pub fallback: String,
}

/// Where a list of names is found, as YAML or JSON.
#[derive(Clone, Debug)]
pub enum Source {
    File(PathBuf),
    Webhook(Place),
}

/// Who is on call, as last heard.
pub struct Roster {
    on_call: OnCall,
    http: Client,
    heard: Option<(Vec<String>, Instant)>,
}

impl Roster {
    pub fn new(on_call: OnCall) -> Result<Roster> {
        Ok(Roster { on_call, http: outbound::client(TIMEOUT)?, heard: None })
    }

    pub fn group(&self) -> &str {
        &self.on_call.group
    }

    /// How long until it should be asked again.
    pub fn pause(&self) -> Duration {
        EVERY.min(self.on_call.ttl / 3)
    }

    /// The people of the group now.
    pub async fn members(&mut self, directory: &Directory) -> Vec<String> {
        let OnCall { group, source, ttl, fallback } = &self.on_call;
        let heard = match source {
            Source::File(path) => read(path, *ttl),
            Source::Webhook(place) => ask(&self.http, place).await,
        };
        match heard.and_then(|names| known(&names, directory)) {
            Ok(people) => self.heard = Some((people, Instant::now())),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(group, error, "it is not known who is on call");
                // A file that is too old was never true for longer than it says.
                if matches!(source, Source::File(_)) {
                    self.heard = None;
                }
            }
        }
        match &self.heard {
            Some((people, at)) if at.elapsed() < *ttl => people.clone(),
            _ => directory.groups.get(fallback).cloned().unwrap_or_default(),
        }
    }
}

fn read(path: &Path, ttl: Duration) -> Result<Vec<String>> {
    let unreadable = || format!("`{}` cannot be read", path.display());
    let written = std::fs::metadata(path).and_then(|found| found.modified()).with_context(unreadable)?;
    let age = SystemTime::now().duration_since(written).unwrap_or_default();
    ensure!(age < ttl, "`{}` was written {} s ago, and counts for {} s", path.display(), age.as_secs(), ttl.as_secs());
    list(&std::fs::read_to_string(path).with_context(unreadable)?)
}

async fn ask(http: &Client, place: &Place) -> Result<Vec<String>> {
    let answer = place.authorized(http.get(&place.url)).send().await.map_err(reqwest::Error::without_url)?;
    ensure!(answer.status().is_success(), "the answer is {}", answer.status());
    list(&answer.text().await.map_err(reqwest::Error::without_url)?)
}

fn list(text: &str) -> Result<Vec<String>> {
    serde_saphyr::from_str(text).ok().context("expected a list of names, as `[alice, bob@example.com]`")
}

/// The people behind `names`: by their name or by another that the settings know. Whom only the identity provider knows
/// goes by what it calls them.
fn known(names: &[String], directory: &Directory) -> Result<Vec<String>> {
    let mut people = BTreeSet::new();
    for name in names {
        let wanted = canonical(name);
        let is_same = |other: &String| canonical(other) == wanted;
        let mut local = directory.people.iter().filter(|p| is_same(&p.name) || p.identities.iter().any(is_same));
        match local.next() {
            Some(person) => drop(people.insert(person.name.clone())),
            None if directory.services.provider => drop(people.insert(name.clone())),
            None => tracing::warn!(name, "on call is somebody whom nobody knows here: add them with `--person`"),
        }
    }
    if people.is_empty() {
        bail!("nobody known here is on call");
    }
    Ok(people.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::auth::{Person, Services};
    use crate::secret::Key;

    fn directory() -> Directory {
        let person = |name: &str| Person { name: name.into(), identities: vec![format!("{name}@example.com")] };
        Directory {
            people: ["alice", "bob", "carol"].map(person).into(),
            groups: [("leads".to_owned(), vec!["carol".to_owned()])].into(),
            ..Directory::default()
        }
    }

    fn roster(source: Source, ttl: Duration) -> Roster {
        Roster::new(OnCall { group: "sre".into(), source, ttl, fallback: "leads".into() }).unwrap()
    }

    #[tokio::test]
    async fn a_file_says_who_and_the_fallback_stands_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("on-call.yaml");
        let mut roster = roster(Source::File(path.clone()), Duration::from_secs(3600));
        let directory = directory();
        assert_eq!(roster.members(&directory).await, ["carol"], "no file");
        for (text, expected) in [
            ("[bob, Alice@Example.com]", &["alice", "bob"][..]),
            ("- bob\n- mallory\n", &["bob"]),
            ("[mallory]", &["carol"]),
            ("[]", &["carol"]),
            ("who: bob", &["carol"]),
            ("[bob]", &["bob"]),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(roster.members(&directory).await, expected, "{text}");
        }
        let long_ago = SystemTime::now() - Duration::from_secs(3601);
        File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(roster.members(&directory).await, ["carol"], "too old");
        let provider = Directory { services: Services { provider: true, tickets: false }, ..directory };
        std::fs::write(&path, "[dan@example.com]").unwrap();
        assert_eq!(roster.members(&provider).await, ["dan@example.com"]);
    }

    #[tokio::test]
    async fn a_webhook_counts_until_its_time_is_over() {
        let (answer, answers) = tokio::sync::watch::channel((StatusCode::OK, "[\"bob\"]"));
        let say = async move |headers: HeaderMap| {
            let allowed = headers.get("authorization").is_some_and(|secret| secret == "Bearer s3cret");
            if allowed { *answers.borrow() } else { (StatusCode::UNAUTHORIZED, "") }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(say))).await });
        let place = |secret: &str| Source::Webhook(Place { url: url.clone(), secret: Some(Key::new(secret.into())) });
        let mut long = roster(place("s3cret"), Duration::from_secs(3600));
        let mut short = roster(place("s3cret"), Duration::ZERO);
        let directory = directory();
        assert_eq!(long.members(&directory).await, ["bob"]);
        assert_eq!(roster(place("wrong"), Duration::from_secs(3600)).members(&directory).await, ["carol"]);
        answer.send_replace((StatusCode::INTERNAL_SERVER_ERROR, "[\"alice\"]"));
        assert_eq!(long.members(&directory).await, ["bob"], "what was heard still counts");
        assert_eq!(short.members(&directory).await, ["carol"]);
        answer.send_replace((StatusCode::OK, "[\"alice\"]"));
        assert_eq!(long.members(&directory).await, ["alice"]);
    }
}
