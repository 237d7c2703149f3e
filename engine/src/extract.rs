//! Bodies as documents: scanners that say what stands where, in the bytes as received.
//!
//! Must not go here: what a value means (`classify`, `detect`), changing bytes (`redact`).

pub mod json;
