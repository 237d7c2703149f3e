//! Passwords of letters only: behind the word that announces them, with neither digit nor mark.
//!
//! Must not go here: what a password looks like (`secret`).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::scan::Scan;
use super::secret;

/// In `password`, `Passwd`, `passwort` and the like.
static PASSWORD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("assw"));

/// Where the first such word stands in a text, if there is any.
pub(super) fn first(text: &[u8]) -> Option<usize> {
    // `password is hunter-two`
    const SHORTEST: usize = 16;
    if text.len() < SHORTEST { None } else { PASSWORD.find(text) }
}

pub(super) fn judge(scan: &mut Scan<'_>, first: Option<usize>) {
    let mut next = first;
    while let Some(at) = next {
        secret::assigned::at_password(scan, at);
        next = PASSWORD.find(scan.rest(at + 4)).map(|found| at + 4 + found);
    }
}
