//! Keeps the workflows in force those of their file: read again when it changes or on SIGHUP. A file that cannot be
//! understood changes nothing.
//!
//! Must not go here: what a file means (`workflow`).

use std::path::PathBuf;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{read, resolve};
use crate::auth::Directory;
use crate::store::Scope;
use crate::watched::Watched;

pub struct Watch {
    path: Option<PathBuf>,
    directory: Directory,
    store: Scope,
    watched: Watched,
}

impl Watch {
    /// Puts the workflows of the file into force, or `default` alone where there is none.
    pub async fn start(path: Option<PathBuf>, directory: Directory, store: Scope) -> Result<Watch> {
        let watched = Watched::new(path.clone())?;
        let mut watch = Watch { path, directory, store, watched };
        watch.load().await?;
        Ok(watch)
    }

    /// Follows the file until the service stops.
    pub async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.watched.changed()).await.is_some() {
            match self.load().await {
                Ok(()) => tracing::info!("workflows loaded"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "the old workflows stay in force"),
            }
        }
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
        let mut watch = Watch::start(Some(path.clone()), directory, bench.store.clone()).await.unwrap();
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
}
