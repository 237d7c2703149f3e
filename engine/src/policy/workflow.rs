//! Who must decide, and how: what a policy says of its workflows. The filter only carries their names; the approver
//! enforces them.
//!
//! Must not go here: who these people are (the approver).

use std::time::Duration;

use crate::hold::Risk;

/// One entry of `workflows:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    pub name: String,
    pub reviewers: Reviewers,
    pub quorum: Quorum,
    /// Must an approval say why?
    pub require_reason: bool,
    /// Must the ticket that the agent states be found, and open?
    pub check_ticket: bool,
    /// How long people may take, if not as long as the gateway says.
    pub deadline: Option<Duration>,
    /// May an approval be for the same again?
    pub grants: Option<Grants>,
}

/// Who must approve together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// So many distinct people.
    People(u32),
    /// So many of each group. Nobody counts for two.
    Groups(Vec<(String, u32)>),
}

impl Quorum {
    /// How many people that are at least.
    pub fn people(&self) -> u32 {
        match self {
            Quorum::People(people) => *people,
            Quorum::Groups(groups) => groups.iter().map(|(_, people)| people).sum(),
        }
    }
}

/// How far an approval may reach beyond the request that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    pub max_duration: Duration,
    pub max_uses: u32,
    /// What of a JSON body must be the same, beside method, authority, path and query.
    pub pointers: Vec<String>,
}

/// Who may decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reviewers {
    /// Whoever the approver knows.
    #[default]
    Everyone,
    /// These people, and the members of these groups.
    Named { people: Vec<String>, groups: Vec<String> },
}

impl Workflow {
    /// What a workflow is where nothing else is said.
    pub fn new(name: &str) -> Workflow {
        Workflow {
            name: name.to_owned(),
            reviewers: Reviewers::Everyone,
            quorum: Quorum::People(1),
            require_reason: false,
            check_ticket: false,
            deadline: None,
            grants: None,
        }
    }

    /// What the workflow `name` is called where it says something else of `risk`.
    pub fn name_at(name: &str, risk: Risk) -> String {
        format!("{name}@{}", risk.as_str())
    }

    /// The one that counts for `risk` among `workflows`.
    pub fn at<'a>(workflows: &'a [Workflow], name: &str, risk: Risk) -> Option<&'a Workflow> {
        let special = Workflow::name_at(name, risk);
        let named = |name: &str| workflows.iter().find(|workflow| workflow.name == name);
        named(&special).or_else(|| named(name))
    }
}
