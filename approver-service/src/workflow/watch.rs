//! Keeps the workflows in force those of their file: read again when it changes or on SIGHUP. A file that cannot be
//! understood changes nothing.
//!
//! Must not go here: what a file means (`workflow`).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{read, resolve};
use crate::auth::Directory;
use crate::on_call::{OnCall, Roster};
use crate::store::Scope;
use crate::watched::Watched;

pub struct Watch {
    path: Option<PathBuf>,
    directory: Directory,
    rosters: Vec<Roster>,
    store: Scope,
    watched: Watched,
}

impl Watch {
    /// Puts the workflows of the file into force, or `default` alone where there is none.
    pub async fn start(
        path: Option<PathBuf>,
        directory: Directory,
        on_call: Vec<OnCall>,
        store: Scope,
    ) -> Result<Watch> {
        let watched = Watched::new(path.clone())?;
        let rosters = on_call.into_iter().map(Roster::new).collect::<Result<_>>()?;
        let mut watch = Watch { path, directory, rosters, store, watched };
        watch.call_rolls().await;
        watch.load().await?;
        Ok(watch)
    }

    /// Follows the file, and who is on call, until the service stops.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some(is_new) = stop.run_until_cancelled(self.news()).await {
            if !is_new {
                continue;
            }
            match self.load().await {
                Ok(()) => tracing::info!("workflows loaded"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "the old workflows stay in force"),
            }
        }
    }

    /// Returns when the file has changed, or when it was asked who is on call; says whether anything is new.
    async fn news(&mut self) -> bool {
        let pause = self.rosters.iter().map(Roster::pause).min();
        tokio::select! {
            () = self.watched.changed() => return true,
            () = tokio::time::sleep(pause.unwrap_or(Duration::MAX)), if pause.is_some() => {}
        }
        self.call_rolls().await
    }

    /// Asks who is on call; says whether that is new.
    async fn call_rolls(&mut self) -> bool {
        let mut is_new = false;
        for roster in &mut self.rosters {
            let members = roster.members(&self.directory).await;
            let before = self.directory.groups.insert(roster.group().to_owned(), members.clone());
            if before.as_ref() != Some(&members) {
                tracing::info!(group = roster.group(), members = members.join(" "), "who is on call");
                is_new = true;
            }
        }
        is_new
    }

    async fn load(&mut self) -> Result<()> {
        self.watched.note();
        let workflows = match &self.path {
            Some(path) => read(path, &self.directory)?,
            None => resolve(&[], &self.directory)?,
        };
        Ok(self.store.set_workflows(&workflows).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Person;
    use crate::on_call::Source;
    use crate::store::Error;
    use crate::store::tests::{Bench, intake};
    use privyseal_engine::hold::Intake;

    #[tokio::test]
    async fn a_file_that_is_not_understood_changes_nothing() {
        let bench = Bench::new().await;
        let path = bench.folder.path().join("policy.yaml");
        let write = |workflows: &str| {
            std::fs::write(&path, format!("version: 1\ndefault: deny\nworkflows: {workflows}\n")).unwrap();
        };
        let people = vec![Person { name: "bob".into(), identities: vec![] }];
        let directory = Directory { people, ..Directory::default() };
        write("{pay: {}}");
        let mut watch = Watch::start(Some(path.clone()), directory, vec![], bench.store.clone()).await.unwrap();
        let ask = |n: u32, workflow: &str| {
            bench.store.intake(Intake { digest: format!("{n:064x}"), workflow: workflow.into(), ..intake(n) })
        };
        ask(1, "pay").await.unwrap();

        write("{refund: {}, pay: {quorum: 7}}");
        assert!(watch.watched.has_changed());
        assert!(watch.load().await.is_err());
        assert!(!watch.watched.has_changed(), "said once");
        ask(2, "pay").await.unwrap();
        assert!(matches!(ask(3, "refund").await, Err(Error::UnknownWorkflow(_))));

        write("{refund: {}}");
        watch.load().await.unwrap();
        ask(4, "refund").await.unwrap();
        assert!(matches!(ask(5, "pay").await, Err(Error::UnknownWorkflow(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(watch.load().await.is_err());
        ask(6, "refund").await.unwrap();
    }

    #[tokio::test]
    async fn whoever_is_on_call_now_decides() {
        let bench = Bench::new().await;
        let (policy, roll) = (bench.folder.path().join("policy.yaml"), bench.folder.path().join("on-call"));
        std::fs::write(&policy, "version: 1\ndefault: deny\nworkflows: {default: {reviewers: {groups: sre}}}\n")
            .unwrap();
        std::fs::write(&roll, "[bob]").unwrap();
        let person = |name: &str| Person { name: name.into(), identities: vec![name.into()] };
        let directory = Directory {
            people: ["bob", "dan", "eve"].map(person).into(),
            groups: [("leads".to_owned(), vec!["eve".to_owned()])].into(),
            on_call: ["sre".to_owned()].into(),
            ..Directory::default()
        };
        let on_call = OnCall {
            group: "sre".into(),
            source: Source::File(roll.clone()),
            ttl: Duration::from_secs(3600),
            fallback: "leads".into(),
        };
        bench.store.set_people(&directory.people).await.unwrap();
        let mut watch = Watch::start(Some(policy), directory, vec![on_call], bench.store.clone()).await.unwrap();
        let hold = bench.create(intake(1)).await;
        for (roll_call, allowed) in [("[bob]", "bob"), ("[dan]", "dan"), ("[]", "eve")] {
            std::fs::write(&roll, roll_call).unwrap();
            if watch.call_rolls().await {
                watch.load().await.unwrap();
            }
            for name in ["bob", "dan", "eve"] {
                let session = bench.session(name).await;
                let standing = bench.store.standing(&hold.id, &session.hash).await.unwrap().unwrap();
                assert_eq!(standing.is_reviewer, name == allowed, "{roll_call}: {name}");
            }
        }
        assert!(!watch.call_rolls().await, "nothing new");
    }
}
