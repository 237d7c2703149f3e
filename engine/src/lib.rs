//! Privyseal's pure logic. No host, no I/O, no clock of its own: bytes and times come in, verdicts and effects go out.
//!
//! ```text
//! request ─► request ─► policy::select ─► extract ─► classify ─► redact ─► digest ─► hold ─► decision ─► reply
//!             head       what is needed    bodies     verdict     masks     binding   wire     verified   answers
//!            └───────────────────────────── exchange: the one state machine that drives them ────────────────────┘
//! ```
//! Must not go here: host calls (`filter`), databases and HTTP (`approver-service`).

#![forbid(unsafe_code)]

pub mod binding;
mod blocks;
pub mod classify;
pub mod control;
pub mod decision;
pub mod detect;
pub mod digest;
pub mod exchange;
pub mod extract;
mod grant;
pub mod hold;
pub mod identity;
pub mod keys;
pub mod observation;
pub mod policy;
pub mod protocol;
pub mod redact;
pub mod reply;
pub mod request;
mod sorting;
pub mod sse;

#[cfg(test)]
mod testing;
