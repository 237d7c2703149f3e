//! Who must decide: the workflows of a policy file, with people in place of groups.
//!
//! Must not go here: whether a person may decide a hold (a predicate of the database's own update).

pub mod watch;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use privyseal_engine::classify::DEFAULT_WORKFLOW;
use privyseal_engine::policy::{Quorum, Reviewers, Workflow as Written};

use crate::auth::Directory;
use crate::grant::Terms;
use crate::policy::check::{Report, Severity};

/// A workflow that can be enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    pub name: String,
    /// Distinct people who must approve, at least.
    pub quorum: u32,
    /// How many of each group, where the workflow says that.
    pub seats: Vec<Seat>,
    pub require_reason: bool,
    /// Must the stated ticket be found open?
    pub check_ticket: bool,
    /// Instead of the gateway's.
    pub deadline_ms: Option<i64>,
    /// How far an approval may reach, if it may.
    pub grants: Option<Terms>,
    pub reviewers: BTreeSet<String>,
    /// Groups of the identity provider whose members review too; [`EVERYONE`] stands for whoever logs in.
    pub groups: BTreeSet<String>,
}

/// So many of one group must approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub group: String,
    pub needed: u32,
    /// Those of the settings; the identity provider may know others.
    pub members: BTreeSet<String>,
}

impl Workflow {
    /// Every set of seats.
    pub fn sets(&self) -> impl Iterator<Item = Vec<&Seat>> {
        let picks = 1_u32..1 << self.seats.len();
        picks.map(|pick| (0..).zip(&self.seats).filter(|(i, _)| pick >> i & 1 == 1).map(|(_, seat)| seat).collect())
    }

    /// A set of seats for which there are too few people.
    fn lacking(&self) -> Option<Vec<&Seat>> {
        self.sets().find(|set| {
            let members: BTreeSet<_> = set.iter().flat_map(|seat| &seat.members).collect();
            members.len() < set.iter().map(|seat| seat.needed as usize).sum()
        })
    }
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
        let workflow = enforced(workflow, directory)?;
        // Who is in a group of the provider, nobody knows before they log in; who is on call, only until the next is.
        if workflow.groups.is_empty() && directory.on_call.is_empty() {
            could_be_decided(&workflow)?;
        }
        if workflow.check_ticket && !directory.services.tickets {
            bail!("workflow `{}` wants tickets looked up: say where with `--ticket-check URL`", workflow.name);
        }
        workflows.push(workflow);
    }
    if written.iter().all(|workflow| workflow.name != DEFAULT_WORKFLOW) {
        workflows.push(enforced(&Written::new(DEFAULT_WORKFLOW), directory)?);
    }
    Ok(workflows)
}

fn enforced(written: &Written, directory: &Directory) -> Result<Workflow> {
    let mut workflow = Workflow {
        name: written.name.clone(),
        quorum: written.quorum.people(),
        seats: vec![],
        require_reason: written.require_reason,
        check_ticket: written.check_ticket,
        deadline_ms: written.deadline.map(millis),
        grants: written
            .grants
            .as_ref()
            .map(|grants| Terms { duration_ms: millis(grants.max_duration), uses: grants.max_uses }),
        reviewers: BTreeSet::new(),
        groups: BTreeSet::new(),
    };
    if let Quorum::Groups(seats) = &written.quorum {
        for (group, needed) in seats {
            let members = members(&written.name, group, directory)?;
            workflow.reviewers.extend(members.iter().cloned());
            workflow.groups.extend(directory.services.provider.then(|| group.clone()));
            workflow.seats.push(Seat { group: group.clone(), needed: *needed, members });
        }
    }
    match &written.reviewers {
        // Who must approve together is named already.
        Reviewers::Everyone if !workflow.seats.is_empty() => {}
        Reviewers::Everyone => {
            workflow.reviewers.extend(directory.people.iter().map(|person| person.name.clone()));
            workflow.groups.extend(directory.services.provider.then(|| EVERYONE.to_owned()));
        }
        Reviewers::Named { people, groups } => {
            for name in people {
                if directory.people.iter().all(|person| person.name != *name) {
                    bail!("workflow `{}` names `{name}`, whom nobody knows here: add `--person {name}`", written.name);
                }
                workflow.reviewers.insert(name.clone());
            }
            for group in groups {
                workflow.reviewers.extend(members(&written.name, group, directory)?);
                workflow.groups.extend(directory.services.provider.then(|| group.clone()));
            }
        }
    }
    Ok(workflow)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Those of a group whom the settings name. A group that they do not know may be one of the provider's.
fn members(workflow: &str, group: &str, directory: &Directory) -> Result<BTreeSet<String>> {
    match directory.groups.get(group) {
        Some(members) => Ok(members.iter().cloned().collect()),
        None if directory.services.provider && group != EVERYONE => Ok(BTreeSet::new()),
        None => bail!("workflow `{workflow}` names the group `{group}`: add `--group {group}=PERSON,…`"),
    }
}

fn could_be_decided(workflow: &Workflow) -> Result<()> {
    let Workflow { name, quorum, reviewers, .. } = workflow;
    if reviewers.len() < *quorum as usize {
        bail!(
            "workflow `{name}` needs {quorum} people and has {}: name more with `--person`, `--group` or `reviewers`",
            reviewers.len()
        );
    }
    if let Some(set) = workflow.lacking() {
        let groups: Vec<_> = set.iter().map(|seat| format!("{} of `{}`", seat.needed, seat.group)).collect();
        bail!("workflow `{name}` needs {}, and there are too few people: nobody counts for two", groups.join(" and "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Person, Services};

    fn directory() -> Directory {
        let person = |name: &str| Person { name: name.into(), identities: vec![] };
        Directory {
            people: ["alice", "bob", "carol"].map(person).into(),
            groups: [("finance", vec!["bob", "carol"]), ("bob-alone", vec!["bob"])]
                .map(|(group, members)| (group.to_owned(), members.into_iter().map(str::to_owned).collect()))
                .into(),
            ..Directory::default()
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
            seats: vec![],
            require_reason: false,
            check_ticket: false,
            deadline_ms: Some(1_800_000),
            grants: None,
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
        let directory = Directory { services: Services { provider: true, tickets: false }, ..directory() };
        let named = |groups: &[&str]| Written {
            reviewers: Reviewers::Named { people: vec![], groups: groups.iter().map(|&g| g.to_owned()).collect() },
            quorum: Quorum::People(3),
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
            ("  w: {quorum: {finance: 3}}\n", "needs 3 people and has 2"),
            (
                "  w: {reviewers: {people: alice}, quorum: {finance: 3}}\n",
                "needs 3 of `finance`, and there are too few",
            ),
            ("  w: {quorum: {finance: 2, bob-alone: 1}}\n", "needs 3 people and has 2"),
            (
                "  w: {reviewers: {people: alice}, quorum: {bob-alone: 1, finance: 2}}\n",
                "needs 1 of `bob-alone` and 2 of `finance`, and there are too few",
            ),
            ("  w: {quorum: {night: 1}}\n", "names the group `night`"),
            ("  w: {check_ticket: true}\n", "say where with `--ticket-check URL`"),
            ("  w: {quorum: 0}\n", "line 4: a quorum is between 1 and 20 people"),
            ("  w: {\n", "the file is not YAML"),
        ] {
            let said = format!("{:#}", resolved(workflows).unwrap_err());
            assert!(said.contains(expected), "{workflows}: {said}");
        }
    }
}
