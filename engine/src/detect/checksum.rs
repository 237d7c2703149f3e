//! Checksums over digits, shared by the entity families as functions and weights.
//!
//! Must not go here: which entity uses which.

mod luhn;

pub(super) use luhn::luhn;
