//! Two tenants on one database: neither sees the other's.

use std::time::Duration;

use privyseal_engine::hold::{Detach, Intake, Kill, Outcome, Report, State, StatusQuery};
use privyseal_engine::observation::Batch;
use serde_json::json;
use sqlx::any::install_default_drivers;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Bench, intake, no_receipt, nonce, release};
use crate::audit::{Actor, Entry, Fact, GENESIS, hash};
use crate::auth::{Directory, Person, Role};
use crate::store::access::NewToken;
use crate::store::decide::{Decider, Verdict};
use crate::store::login::{DECIDE_MS, Proof};
use crate::store::migrations::migrator;
use crate::store::{Error, Scope};
use crate::workflow;

on_both_databases! {
    what_is_another_tenants_is_as_what_is_not_there,
    people_and_workflows_of_one_name_are_two,
    each_tenant_has_its_own_kill_switch,
    a_policy_of_another_tenant_is_refused,
    a_nonce_of_another_tenant_is_of_another_request,
    a_database_from_before_tenants_is_that_of_its_only_one,
}

/// Another tenant with a bob of its own.
async fn globex(bench: &Bench) -> Scope {
    let store = bench.store.of(&"globex".parse().unwrap());
    let people = vec![Person { name: "bob".into(), identities: vec![] }];
    let directory = Directory { people, ..Directory::default() };
    store.set_people(&directory.people).await.unwrap();
    store.set_workflows(&workflow::resolve(&[], &directory).unwrap()).await.unwrap();
    store
}

fn of_globex(n: u32) -> Intake {
    Intake { tenant: "globex".into(), ..intake(n) }
}

async fn what_is_another_tenants_is_as_what_is_not_there() {
    let bench = Bench::new().await;
    let globex = globex(&bench).await;
    let hold = bench.create(intake(1)).await;
    let (code, stop) = (globex.challenge("bob").await.unwrap().unwrap().code, CancellationToken::new());
    let (bob, _) = globex.log_in(Proof::Code(&code), DECIDE_MS).await.unwrap();
    let by = Decider { person: &bob.person, session: &bob.hash, ticket: None, grant: None };
    let asker = StatusQuery { v: 1, tenant: "acme".into(), environment: "test".into(), principal: "agent-7".into() };
    let report = Report { v: 1, nonce: nonce(1), outcome: Outcome::Succeeded, status: None };
    let mut said = vec![];
    for id in [hold.id.as_str(), "0199aaaa-0000-7000-8000-000000000000"] {
        let until = Instant::now() + Duration::from_secs(60);
        let reason = || Some("no".to_owned());
        let answers = [
            globex.hold(id).await.map(drop),
            globex.wait(id, 9, until, &stop).await.map(drop),
            globex.decide(id, Verdict::Approve, None, by).await.map(drop),
            globex.decide(id, Verdict::Deny, reason(), by).await.map(drop),
            globex.decide(id, Verdict::Ask, reason(), by).await.map(drop),
            globex.decide(id, Verdict::Revoke, reason(), by).await.map(drop),
            globex.release(id, &release(1), no_receipt).await.map(drop),
            globex.detach(id, &Detach { v: 1, nonce: nonce(1) }).await,
            globex.report(id, &report).await,
            globex.own_hold(id, &asker).await.map(drop),
            globex.answer(id, &asker, "x".into()).await.map(drop),
            globex.withdraw(id, &asker).await.map(drop),
        ];
        said.push(answers.map(|answer| answer.unwrap_err().to_string()));
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].iter().all(|said| *said == Error::Unknown.to_string()), "{said:?}");
    assert_eq!(globex.standing(&hold.id, &bob.hash).await.unwrap(), None);
    assert!(globex.0.wake.heard_within(Duration::from_secs(60)).is_empty(), "nobody is heard to wait for it");
    assert_eq!(bench.state(&hold.id).await, State::Pending);

    // The statement itself refuses a session of another tenant, wherever it comes from.
    assert!(matches!(bench.approve(&hold.id, &bob).await, Err(Error::LoginRequired)));

    assert!(globex.holds(None, None, 10).await.unwrap().is_empty());
    assert!(globex.open_holds(10).await.unwrap().is_empty() && globex.closed_holds(10).await.unwrap().is_empty());
    assert_eq!(globex.gauges().await.unwrap().oldest_pending_ms, 0);
    assert!(globex.gauges().await.unwrap().live.iter().all(|(_, many)| *many == 0));
    let kinds: Vec<_> = globex.audit(0, 100).await.unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["workflows", "login"]);
    let own: Vec<_> = bench.store.audit(0, 100).await.unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(own, ["workflows", "created"]);
    assert_eq!(bench.store.verify_audit().await.unwrap().unwrap(), 4, "one log for all");
}

async fn people_and_workflows_of_one_name_are_two() {
    let bench = Bench::new().await;
    let globex = globex(&bench).await;
    assert!(globex.challenge("alice").await.unwrap().is_none());
    let mut two = workflow::resolve(&[], &Directory::default()).unwrap();
    two[0].quorum = 2;
    globex.set_workflows(&two).await.unwrap();
    assert_eq!(bench.approved(intake(1)).await.state, State::Approved, "one is enough here");
    globex.set_people(&[]).await.unwrap();
    bench.session("bob").await;
    assert_eq!(bench.store.tenants().await.unwrap().len(), 1);

    // The same request, word for word, is another hold.
    let there = globex.intake(Intake { nonce: nonce(2), ..of_globex(1) }).await.unwrap();
    assert!(!there.joined);
    assert_eq!(globex.hold(&there.id).await.unwrap().quorum, 2);
}

async fn each_tenant_has_its_own_kill_switch() {
    let bench = Bench::new().await;
    let globex = globex(&bench).await;
    let hold = bench.create(intake(1)).await;
    globex.set_kill(Kill::Deny, None, Actor::person("bob")).await.unwrap();
    assert_eq!((globex.control().kill, bench.store.control().kill), (Kill::Deny, Kill::Off));
    assert_eq!(bench.state(&hold.id).await, State::Pending);
    bench.store.intake(Intake { digest: "2".repeat(64), ..intake(2) }).await.unwrap();
    assert!(matches!(globex.intake(of_globex(3)).await, Err(Error::KillSwitch)));
    let after = bench.reopened().await;
    assert_eq!((after.of(&globex.tenant).control(), after.control()), (globex.control(), bench.store.control()));
}

async fn a_policy_of_another_tenant_is_refused() {
    let bench = Bench::new().await;
    let refused = bench.store.intake(of_globex(1)).await.unwrap_err();
    assert!(matches!(refused, Error::WrongTenant { .. }) && refused.to_string().contains("--tenant globex"));
    let batch = json!({ "v": 1, "tenant": "globex", "environment": "test", "gateway": "edge-1", "counts": [] });
    let batch: Batch = serde_json::from_value(batch).unwrap();
    assert!(matches!(bench.store.observe(&batch).await, Err(Error::WrongTenant { .. })));
}

async fn a_nonce_of_another_tenant_is_of_another_request() {
    let bench = Bench::new().await;
    let globex = globex(&bench).await;
    bench.create(intake(1)).await;
    assert!(matches!(globex.intake(of_globex(1)).await, Err(Error::WrongNonce)));
}

async fn a_database_from_before_tenants_is_that_of_its_only_one() {
    let (address, _folder) = Bench::unopened();
    let before: Vec<_> = migrator(address.backend).migrations.iter().filter(|step| step.version < 8).cloned().collect();
    install_default_drivers();
    let mut conn = AnyConnection::connect_with(&address.with_mode("rwc")).await.unwrap();
    Migrator::with_migrations(before).run(&mut conn).await.unwrap();
    let fact = |kind, details: &[(&'static str, &str)]| Fact {
        tenant: "acme".into(),
        kind,
        actor: Actor::operator(),
        hold: None,
        details: details.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    let mut bodies = vec![];
    let mut head = (0, GENESIS.to_owned());
    for (kind, has_tenant) in [("login", false), ("created", true)] {
        let mut entry = Entry::next(fact(kind, &[]), 5, head.0, &head.1);
        if !has_tenant {
            entry.details.clear();
        }
        bodies.push(entry.canonical().unwrap());
        head = (entry.seq, hash(bodies.last().unwrap()));
        let append = sqlx::query("INSERT INTO audit (seq, hash, body) VALUES ($1, $2, $3)");
        append.bind(head.0).bind(&head.1).bind(bodies.last().unwrap()).execute(&mut conn).await.unwrap();
    }
    sqlx::query("UPDATE audit_head SET seq = $1, hash = $2")
        .bind(head.0)
        .bind(&head.1)
        .execute(&mut conn)
        .await
        .unwrap();
    let rows = "
        UPDATE control SET kill = 'hold', epoch = 7;
        INSERT INTO tokens (id, name, role, hash, created_ms) VALUES ('t', 'gateway', 'filter', 'h', 1);
        INSERT INTO people (name, source) VALUES ('dora', 'provider');
        INSERT INTO person_identities (person, identity, source) VALUES ('dora', 'dora@x', 'provider');
        INSERT INTO holds (id, tenant, environment, gateway, rules, risk, workflow, why, digest_mac, terms, fields, preview,
            created_ms, deadline_ms, approval_ttl_ms, rejoin_ms, state, revision)
            VALUES ('a', 'acme', 'test', 'edge-1', '[]', 'high', 'default', '', 'm', 't', '{}', '{}', 1, 2, 3, 4, 'denied', 1)";
    sqlx::raw_sql(rows).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    let bench = Bench::at(address).await;
    assert_eq!(bench.store.tokens().await.unwrap()[0].tenant.as_str(), "acme");
    assert_eq!((bench.store.control().kill, bench.store.control().epoch), (Kill::Hold, 7));
    assert_eq!(bench.store.audit(0, 9).await.unwrap()[0].kind, "created");
    let main = bench.store.of(&Default::default());
    assert_eq!(main.audit(0, 9).await.unwrap()[0].kind, "login");
    assert!(bench.store.verify_audit().await.unwrap().is_ok());
    let new = NewToken { name: "x", role: Role::Filter, scopes: &Role::Filter.scopes(), owner: None, expires_ms: None };
    assert_eq!(main.create_token(new).await.unwrap().0.tenant.as_str(), "default");
}
