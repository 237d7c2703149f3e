//! The approver service: where a human decision becomes a fact. One process, one database, two kinds of callers.
//!
//! ```text
//! filter ─► api::filter ─┐                    ┌─► hold::transition   what may follow from what
//! person ─► api::people ─┼─► store (one tx) ──┼─► store::row         compare-and-set, separation of duties
//!        └► ui ──────────┘        │           └─► store::audit       the record, in the same transaction
//!                                 └─► wake    those who wait read the row again
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decision;
pub mod doctor;
pub mod fleet;
pub mod grant;
pub mod hold;
pub mod jwt;
pub mod mask;
pub mod on_call;
pub mod outbound;
pub mod policy;
pub mod receipt;
pub mod secret;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod ticket;
pub mod tls;
pub mod ui;
pub mod wake;
pub mod watched;
pub mod workflow;

#[cfg(test)]
mod testing;
