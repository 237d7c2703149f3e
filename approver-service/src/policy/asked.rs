//! Requests as people have them at hand: the arguments of curl, a whole curl command as browsers copy it, a HAR file.
//!
//! Must not go here: judging them (`trial`).

mod curl;
mod har;
mod words;

pub use self::curl::Curl;
pub use self::har::read as har;
