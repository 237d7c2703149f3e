//! End to end on the real Envoy: one module for each behaviour.

mod harness;
