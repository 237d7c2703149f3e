//! People whom an identity provider knows, and the humans behind tokens.

use privyseal_engine::hold::{Intake, State};

use super::{Bench, intake};
use crate::auth::oidc::Identity;
use crate::auth::{Directory, Services};
use crate::store::Error;
use crate::store::intake::Asked;
use crate::store::login::{DECIDE_MS, READ_MS};
use crate::workflow;

on_both_databases! {
    the_owner_of_a_token_decides_nothing_that_is_asked_for_with_it,
    groups_of_a_login_review_and_only_a_fresh_login_decides,
    every_name_that_the_provider_gives_is_the_same_human,
}

async fn the_owner_of_a_token_decides_nothing_that_is_asked_for_with_it() {
    let bench = Bench::new().await;
    let bob = bench.session("bob").await;
    let asked = |n| Asked { owner: Some("BOB@example.com".into()), ..Asked::from(intake(n)) };
    let hold = bench.store.intake(asked(1)).await.unwrap();
    assert!(matches!(bench.approve(&hold.id, &bob).await, Err(Error::OwnRequest)));
    // Nor where a stream of theirs joined what others had asked for.
    let another = |n| Intake { digest: "2".repeat(64), ..intake(n) };
    let hold = bench.create(another(2)).await;
    let joined = Asked { intake: another(3), ..asked(3) };
    assert_eq!(bench.store.intake(joined).await.unwrap().id, hold.id);
    assert!(matches!(bench.approve(&hold.id, &bob).await, Err(Error::OwnRequest)));
}

fn dora(groups: &[&str], proven_ms: Option<i64>) -> Identity {
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    Identity { tenant: None, name: "dora".into(), identities: vec!["dora@idp.example".into()], groups, proven_ms }
}

async fn groups_of_a_login_review_and_only_a_fresh_login_decides() {
    let bench = Bench::new().await;
    let mut default = workflow::resolve(&[], &Directory::default()).unwrap().remove(0);
    default.groups = ["finance".to_owned()].into();
    bench.store.set_workflows(&[default]).await.unwrap();
    let hold = bench.create(intake(1)).await;
    let approve = async |identity: Identity| {
        let (session, _) = bench.store.log_in_as(&identity, READ_MS).await.unwrap();
        bench.approve(&hold.id, &session).await
    };
    let now = Some(bench.store.now());
    for groups in [&["ops"][..], &["*"], &[]] {
        assert!(matches!(approve(dora(groups, now)).await, Err(Error::NotReviewer)), "{groups:?}");
    }
    for proven_ms in [None, now.map(|now| now - DECIDE_MS)] {
        let old = approve(dora(&["finance"], proven_ms)).await;
        assert!(matches!(old, Err(Error::LoginRequired)), "{proven_ms:?}");
    }
    // The settings are read again at a start: whom the provider knows stays.
    bench.store.set_people(&[]).await.unwrap();
    let ahead = now.map(|now| now + 10 * DECIDE_MS);
    let (session, _) = bench.store.log_in_as(&dora(&["ops", "finance"], ahead), READ_MS).await.unwrap();
    bench.pass(DECIDE_MS);
    assert!(matches!(bench.approve(&hold.id, &session).await, Err(Error::LoginRequired)), "whose clock is ahead");
    approve(dora(&["ops", "finance"], Some(bench.store.now()))).await.unwrap();
    assert_eq!(bench.state(&hold.id).await, State::Approved);
    assert!(bench.store.challenge("dora").await.unwrap().is_none(), "no code for whom only the provider knows");
}

async fn every_name_that_the_provider_gives_is_the_same_human() {
    let bench = Bench::new().await;
    let everyone = Directory { services: Services { provider: true, tickets: false }, ..Directory::default() };
    bench.store.set_workflows(&workflow::resolve(&[], &everyone).unwrap()).await.unwrap();
    let (session, _) = bench.store.log_in_as(&dora(&[], Some(bench.store.now())), READ_MS).await.unwrap();
    let own = Intake { on_behalf_of: Some("Dora+agents@idp.example".into()), ..intake(1) };
    let hold = bench.create(own).await;
    assert!(matches!(bench.approve(&hold.id, &session).await, Err(Error::OwnRequest)));
    let other = bench.create(Intake { digest: "2".repeat(64), ..intake(2) }).await;
    bench.approve(&other.id, &session).await.unwrap();
}
