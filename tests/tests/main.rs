//! End to end on the real Envoy: one module for each behaviour.

mod approver_faults;
mod bad_input;
mod binding;
mod claims;
mod clients_leave;
mod compressed;
mod doctor;
mod examples;
mod framing;
mod harness;
mod hold;
mod justw;
mod kubernetes;
mod observing;
mod pending;
mod policies;
mod questions;
mod real_clients;
mod receipts;
mod redaction;
mod rendered;
mod sign_on;
mod splits;
mod styles;
mod upstreams;
mod verdicts;
