//! The API over real HTTP.

mod contract;
mod filter;
mod fleet;
mod health;
mod limits;
mod observations;
mod openapi;
mod people;
mod requests;
mod scopes;
mod tenants;
mod tickets;
mod waiting;
mod watching;

use crate::store::decide::{Decider, Verdict};
use crate::store::login::{DECIDE_MS, Proof};
use crate::testing::Service;

/// As bob.
async fn approve(service: &Service, id: &str) {
    let code = service.store.challenge("bob").await.unwrap().unwrap().code;
    let (bob, _) = service.store.log_in(Proof::Code(&code), DECIDE_MS).await.unwrap();
    let by = Decider { person: &bob.person, session: &bob.hash, ticket: None, grant: None };
    service.store.decide(id, Verdict::Approve, None, by).await.unwrap();
}
