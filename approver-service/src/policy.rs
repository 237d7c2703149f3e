//! Policies as files: read from YAML, checked, rendered for Envoy, tested. Nothing here serves requests.
//!
//! Must not go here: what a policy means (the engine), arguments of commands (`cli::policy`).

pub mod asked;
pub mod check;
pub mod explain;
pub mod needs;
pub mod packs;
pub mod reach;
pub mod render;
pub mod schema;
pub mod source;
pub mod tools;
pub mod trial;
