//! Who must decide, and how: what a policy says of its workflows. The filter only carries their names; the approver
//! enforces them.
//!
//! Must not go here: who these people are (the approver).

use std::time::Duration;

/// One entry of `workflows:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    pub name: String,
    pub reviewers: Reviewers,
    /// Distinct people who must approve.
    pub quorum: u32,
    /// Must an approval say why?
    pub require_reason: bool,
    /// How long people may take, if not as long as the gateway says.
    pub deadline: Option<Duration>,
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
        let name = name.to_owned();
        Workflow { name, reviewers: Reviewers::Everyone, quorum: 1, require_reason: false, deadline: None }
    }
}
