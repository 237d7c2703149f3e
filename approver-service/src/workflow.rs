//! Who must decide: the workflows of a policy file, with people in place of groups.
//!
//! Must not go here: whether a person may decide a hold (a predicate of the database's own update).

pub mod watch;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use privyseal_engine::classify::DEFAULT_WORKFLOW;
use privyseal_engine::policy::{Reviewers, Workflow as Written};

use crate::auth::Directory;
use crate::policy::check::{Report, Severity};

/// A workflow that can be enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    pub name: String,
    pub quorum: u32,
    pub require_reason: bool,
    /// Instead of the gateway's.
    pub deadline_ms: Option<i64>,
    pub reviewers: BTreeSet<String>,
    /// Groups of the identity provider whose members review too; [`EVERYONE`] stands for whoever logs in.
    pub groups: BTreeSet<String>,
}

/// The group that everyone is in whom the provider lets in.
pub const EVERYONE: &str = "*";

/// The workflows of the policy file at `path`.
pub fn read(path: &Path, directory: &Directory) -> Result<Vec<Workflow>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let report = Report::of(&text);
    let Some(policy) = report.policy else {
        let mistakes = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let mistakes: Vec<_> = mistakes.map(|m| format!("line {}: {}", m.line.unwrap_or(1), m.message)).collect();
        bail!("`{}` is no policy: {}; see `privyseal policy check`", path.display(), mistakes.join("; "));
    };
    resolve(policy.workflows(), directory).with_context(|| format!("`{}`", path.display()))
}

/// `written`, and `default` where it is not among them: everyone, one of them.
pub fn resolve(written: &[Written], directory: &Directory) -> Result<Vec<Workflow>> {
    let mut workflows = vec![];
    for workflow in written {
        let reviewers = reviewers(workflow, directory)?;
        let groups = provider_groups(&workflow.reviewers, directory);
        // Who is in a group of the provider, nobody knows before they log in.
        if groups.is_empty() && reviewers.len() < workflow.quorum as usize {
            bail!(
                "workflow `{}` needs {} people and has {}: name more with `--person`, `--group` or `reviewers`",
                workflow.name,
                workflow.quorum,
                reviewers.len()
            );
        }
        workflows.push(enforced(workflow, reviewers, groups));
    }
    if written.iter().all(|workflow| workflow.name != DEFAULT_WORKFLOW) {
        let default = Written::new(DEFAULT_WORKFLOW);
        let groups = provider_groups(&default.reviewers, directory);
        workflows.push(enforced(&default, reviewers(&default, directory)?, groups));
    }
    Ok(workflows)
}

fn reviewers(workflow: &Written, directory: &Directory) -> Result<BTreeSet<String>> {
    let Reviewers::Named { people, groups } = &workflow.reviewers else {
        return Ok(directory.people.iter().map(|person| person.name.clone()).collect());
    };
    let mut reviewers = BTreeSet::new();
    for name in people {
        if directory.people.iter().all(|person| person.name != *name) {
            bail!("workflow `{}` names `{name}`, whom nobody knows here: add `--person {name}`", workflow.name);
        }
        reviewers.insert(name.clone());
    }
    for group in groups {
        let Some(members) = directory.groups.get(group) else {
            if directory.has_provider && group != EVERYONE {
                continue;
            }
            bail!("workflow `{}` names the group `{group}`: add `--group {group}=PERSON,…`", workflow.name);
        };
        reviewers.extend(members.iter().cloned());
    }
    Ok(reviewers)
}

/// The groups that the provider is asked about.
fn provider_groups(reviewers: &Reviewers, directory: &Directory) -> BTreeSet<String> {
    match reviewers {
        _ if !directory.has_provider => BTreeSet::new(),
        Reviewers::Named { groups, .. } => groups.iter().cloned().collect(),
        Reviewers::Everyone => [EVERYONE.to_owned()].into(),
    }
}

fn enforced(workflow: &Written, reviewers: BTreeSet<String>, groups: BTreeSet<String>) -> Workflow {
    Workflow {
        name: workflow.name.clone(),
        quorum: workflow.quorum,
        require_reason: workflow.require_reason,
        deadline_ms: workflow.deadline.map(|d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
        reviewers,
        groups,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Person;

    fn directory() -> Directory {
        let person = |name: &str| Person { name: name.into(), identities: vec![] };
        Directory {
            people: ["alice", "bob", "carol"].map(person).into(),
            groups: [("finance".to_owned(), vec!["bob".to_owned(), "carol".to_owned()])].into(),
            has_provider: false,
        }
    }

    fn resolved(workflows: &str) -> Result<Vec<Workflow>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("policy.yaml");
        std::fs::write(&path, format!("version: 1\ndefault: deny\nworkflows:\n{workflows}"))?;
        read(&path, &directory())
    }

    #[test]
    fn groups_become_people_and_default_is_everyone() {
        let found =
            resolved("  pay: {reviewers: {people: alice, groups: finance}, quorum: 2, deadline: 30m}\n").unwrap();
        let everyone: BTreeSet<_> = ["alice", "bob", "carol"].map(str::to_owned).into();
        let pay = Workflow {
            name: "pay".into(),
            quorum: 2,
            require_reason: false,
            deadline_ms: Some(1_800_000),
            reviewers: everyone.clone(),
            groups: BTreeSet::new(),
        };
        let default =
            Workflow { name: "default".into(), quorum: 1, deadline_ms: None, reviewers: everyone, ..pay.clone() };
        assert_eq!(found, [pay, default]);
        let own = resolved("  default: {reviewers: {groups: finance}}\n").unwrap();
        assert_eq!((own.len(), own[0].reviewers.len()), (1, 2), "a default that is written counts");
    }

    #[test]
    fn a_provider_says_who_is_in_a_group_and_who_everyone_is() {
        let directory = Directory { has_provider: true, ..directory() };
        let named = |groups: &[&str]| Written {
            reviewers: Reviewers::Named { people: vec![], groups: groups.iter().map(|&g| g.to_owned()).collect() },
            quorum: 3,
            ..Written::new("pay")
        };
        let found = resolve(&[named(&["finance", "night"])], &directory).unwrap();
        let groups = |i: usize| found[i].groups.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((groups(0), found[0].reviewers.len()), (vec!["finance", "night"], 2));
        assert_eq!(groups(1), [EVERYONE], "default");
        assert!(resolve(&[named(&[EVERYONE])], &directory).is_err(), "no policy writes that");
    }

    #[test]
    fn what_could_never_be_decided_is_refused() {
        for (workflows, expected) in [
            ("  w: {reviewers: {people: mallory}}\n", "names `mallory`, whom nobody knows here"),
            ("  w: {reviewers: {groups: night}}\n", "names the group `night`"),
            ("  w: {reviewers: {groups: finance}, quorum: 3}\n", "needs 3 people and has 2"),
            ("  w: {quorum: 0}\n", "line 4: a quorum is between 1 and 20 people"),
            ("  w: {\n", "the file is not YAML"),
        ] {
            let said = format!("{:#}", resolved(workflows).unwrap_err());
            assert!(said.contains(expected), "{workflows}: {said}");
        }
    }
}
