//! Bodies as documents: how they are coded, and scanners that say what stands where, in the bytes as received.
//!
//! Must not go here: what a value means (`classify`, `detect`), changing bytes (`redact`).

pub mod coding;
pub mod json;
