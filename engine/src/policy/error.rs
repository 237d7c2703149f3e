//! What is wrong with a policy: where, what, and what to do about it.
//!
//! Must not go here: requests that cannot be judged (`classify`).

use std::fmt;

/// One mistake. A policy's mistakes are all reported at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Such as `rules[2].match.path`; empty for the whole.
    pub path: String,
    pub message: String,
    pub hint: Option<String>,
}

impl Error {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Error { path: path.into(), message: message.into(), hint: None }
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Error {}
