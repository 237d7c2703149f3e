//! Who may decide, log in, call.

use privyseal_engine::hold::{Intake, State};

use sqlx::any::install_default_drivers;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection};

use super::{Bench, MINUTE, intake};
use crate::auth::{Person, Role, TOKEN_PREFIX, Token};
use crate::store::Error;
use crate::store::access::NewToken;
use crate::store::login::{DECIDE_MS, Proof, READ_MS};
use crate::store::migrations::migrator;

on_both_databases! {
    nobody_decides_their_own_request,
    deciding_needs_a_login_not_older_than_15_minutes,
    who_may_no_longer_decide_does_not_with_an_old_session,
    a_login_is_used_once_and_over_after_five_minutes,
    guessing_codes_ends_after_five,
    logins_are_asked_for_at_a_rate,
    tokens_end_and_are_revoked_and_are_not_stored,
    a_gateway_is_trusted_for_a_second,
    tokens_of_before_keep_what_their_role_allowed,
}

/// The predicate of the update is what refuses: nothing else in the code compares requester and decider.
async fn nobody_decides_their_own_request() {
    let own: [fn(&mut Intake); 8] = [
        |i| i.on_behalf_of = Some("alice@example.com".into()),
        |i| i.on_behalf_of = Some("Alice@Example.COM".into()),
        |i| i.on_behalf_of = Some("alice+night@example.com".into()),
        |i| i.on_behalf_of = Some("ａlice@example.com".into()),
        |i| i.on_behalf_of = Some("alice".into()),
        |i| i.principal = Some("agent-of-alice".into()),
        |i| i.principal = Some("ALICE".into()),
        |i| (i.principal, i.on_behalf_of) = (None, Some("alice@example.com".into())),
    ];
    let bench = Bench::new().await;
    let (alice, bob) = (bench.session("alice").await, bench.session("bob").await);
    for (change, n) in own.iter().zip(1..) {
        let mut asked = Intake { digest: format!("{n:064x}"), on_behalf_of: None, ..intake(n) };
        change(&mut asked);
        let hold = bench.create(asked).await;
        assert!(matches!(bench.approve(&hold.id, &alice).await, Err(Error::OwnRequest)), "case {n}");
        assert!(matches!(bench.deny(&hold.id, &alice).await, Err(Error::OwnRequest)), "case {n}");
        assert_eq!(bench.state(&hold.id).await, State::Pending, "case {n}");
        assert!(bench.store.standing(&hold.id, &alice.hash).await.unwrap().unwrap().is_party);
        assert!(!bench.store.standing(&hold.id, &bob.hash).await.unwrap().unwrap().is_party);
        assert_eq!(bench.approve(&hold.id, &bob).await.unwrap().state, State::Approved, "case {n}");
    }
    let stranger = bench.create(Intake { on_behalf_of: Some("carol@example.com".into()), ..intake(20) }).await;
    assert_eq!(bench.approve(&stranger.id, &alice).await.unwrap().state, State::Approved);
}

async fn deciding_needs_a_login_not_older_than_15_minutes() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let challenge = bench.store.challenge("bob").await.unwrap().unwrap();
    let (session, secret) = bench.store.log_in(Proof::Link(&challenge.link), READ_MS).await.unwrap();
    bench.pass(15 * MINUTE);
    assert!(bench.store.session(&secret).await.unwrap().is_some(), "still reads");
    assert!(matches!(bench.approve(&hold.id, &session).await, Err(Error::LoginRequired)));
    assert_eq!(bench.state(&hold.id).await, State::Pending);
    bench.pass(12 * 60 * MINUTE);
    assert!(bench.store.session(&secret).await.unwrap().is_none());
}

async fn who_may_no_longer_decide_does_not_with_an_old_session() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    bench.store.set_people(&[Person { name: "alice".into(), identities: vec![] }]).await.unwrap();
    assert!(matches!(bench.approve(&hold.id, &bob).await, Err(Error::LoginRequired)));
    bench.store.set_people(&[Person { name: "bob".into(), identities: vec![] }]).await.unwrap();
    bench.store.log_out(&bob).await.unwrap();
    assert!(matches!(bench.approve(&hold.id, &bob).await, Err(Error::LoginRequired)));
}

async fn a_login_is_used_once_and_over_after_five_minutes() {
    let bench = Bench::new().await;
    assert!(bench.store.challenge("mallory").await.unwrap().is_none());
    let challenge = bench.store.challenge("bob").await.unwrap().unwrap();
    assert_eq!(bench.store.link_owner(&challenge.link).await.unwrap(), "bob");
    assert_eq!(bench.store.link_owner(&challenge.link).await.unwrap(), "bob", "looking changes nothing");
    bench.store.log_in(Proof::Link(&challenge.link), READ_MS).await.unwrap();
    assert!(matches!(bench.store.log_in(Proof::Link(&challenge.link), READ_MS).await, Err(Error::LoginOver)));
    assert!(matches!(bench.store.log_in(Proof::Code(&challenge.code), DECIDE_MS).await, Err(Error::LoginOver)));
    assert!(matches!(bench.store.link_owner(&challenge.link).await, Err(Error::LoginOver)));

    let late = bench.store.challenge("bob").await.unwrap().unwrap();
    bench.pass(5 * MINUTE);
    assert!(matches!(bench.store.log_in(Proof::Code(&late.code), DECIDE_MS).await, Err(Error::LoginOver)));
    assert!(matches!(bench.store.log_in(Proof::Link(&late.link), READ_MS).await, Err(Error::LoginOver)));
}

async fn guessing_codes_ends_after_five() {
    let bench = Bench::new().await;
    let challenge = bench.store.challenge("bob").await.unwrap().unwrap();
    for guess in 0..5 {
        let wrong = format!("{:08}", (challenge.code.parse::<u64>().unwrap() + guess + 1) % 100_000_000);
        assert!(matches!(bench.store.log_in(Proof::Code(&wrong), DECIDE_MS).await, Err(Error::LoginOver)));
    }
    assert!(matches!(bench.store.log_in(Proof::Code(&challenge.code), DECIDE_MS).await, Err(Error::LoginOver)));
    assert!(bench.store.log_in(Proof::Link(&challenge.link), READ_MS).await.is_ok(), "the link cannot be guessed");
}

async fn logins_are_asked_for_at_a_rate() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        bench.store.challenge("bob").await.unwrap();
    }
    assert!(matches!(bench.store.challenge("bob").await, Err(Error::TooManyLogins)));
    bench.store.challenge("alice").await.unwrap();
    bench.pass(MINUTE);
    bench.store.challenge("bob").await.unwrap();
}

async fn tokens_end_and_are_revoked_and_are_not_stored() {
    let bench = Bench::new().await;
    let ends = Some(bench.store.now() + MINUTE);
    let (token, secret) = make(&bench, "siem", Role::Auditor, ends).await;
    assert!(secret.starts_with(TOKEN_PREFIX) && secret.len() == TOKEN_PREFIX.len() + 43);
    assert_eq!(bench.store.token(&secret).await.unwrap(), Some(token.clone()));
    bench.pass(MINUTE);
    assert_eq!(bench.store.token(&secret).await.unwrap(), None);

    let (token, secret) = make(&bench, "siem", Role::Auditor, None).await;
    assert!(bench.store.token(&secret).await.unwrap().is_some());
    bench.store.revoke_token(&token.id).await.unwrap();
    assert_eq!(bench.store.token(&secret).await.unwrap(), None);
    assert!(matches!(bench.store.revoke_token(&token.id).await, Err(Error::Unknown)));
}

async fn a_gateway_is_trusted_for_a_second() {
    const SECOND: i64 = 1000;
    let bench = Bench::new().await;
    let (token, secret) = make(&bench, "gateway", Role::Filter, None).await;
    let ends = Some(bench.store.now() + SECOND / 2);
    let (_, short) = make(&bench, "short", Role::Filter, ends).await;
    let is_known = async |secret: &str| bench.store.token(secret).await.unwrap().is_some();
    assert!(is_known(&secret).await && is_known(&short).await);
    bench.store.revoke_token(&token.id).await.unwrap();
    bench.pass(SECOND / 2);
    assert!(!is_known(&short).await, "it is over");
    bench.pass(SECOND / 2 - 1);
    assert!(is_known(&secret).await);
    bench.pass(-SECOND);
    assert!(!is_known(&secret).await, "nobody knows how old it is");
    bench.pass(2 * SECOND);
    assert!(!is_known(&secret).await);
}

/// Of before there were scopes, and of a service of the version before that still runs beside this one.
async fn tokens_of_before_keep_what_their_role_allowed() {
    let (address, _folder) = Bench::unopened();
    let before: Vec<_> =
        migrator(address.backend).migrations.iter().filter(|step| step.version < 13).cloned().collect();
    install_default_drivers();
    let mut conn = AnyConnection::connect_with(&address.with_mode("rwc")).await.unwrap();
    Migrator::with_migrations(before).run(&mut conn).await.unwrap();
    let roles = ["filter", "requester", "approver", "operator", "auditor", "admin"];
    for role in roles {
        add_as_before(&mut conn, "before", role).await;
    }
    let bench = Bench::at(address).await;
    for role in roles {
        add_as_before(&mut conn, "beside", role).await;
    }
    let tokens = bench.store.tokens().await.unwrap();
    assert_eq!(tokens.len(), 2 * roles.len());
    for token in tokens {
        assert_eq!(token.scopes, token.role.scopes(), "{}", token.id);
    }
}

async fn add_as_before(conn: &mut AnyConnection, when: &str, role: &str) {
    let add = "INSERT INTO tokens (id, tenant, name, role, hash, created_ms) VALUES ($1, 'acme', 'x', $2, $1, 1)";
    sqlx::query(add).bind(format!("{role} {when}")).bind(role).execute(conn).await.unwrap();
}

/// What an agent sent, and what logs people in, is in the file only as hashes.
#[tokio::test]
async fn secrets_and_digests_are_not_in_the_file() {
    let bench = Bench::new().await;
    let digest: String = (0..64).map(|i| char::from(b"0123456789abcdef"[i * 7 % 16])).collect();
    bench.create(Intake { digest: digest.clone(), ..intake(1) }).await;
    let (_, token) = make(&bench, "gateway", Role::Filter, None).await;
    let challenge = bench.store.challenge("bob").await.unwrap().unwrap();
    let (_, session) = bench.store.log_in(Proof::Code(&challenge.code), DECIDE_MS).await.unwrap();
    bench.store.close().await;
    let mut bytes = vec![];
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(holds("crm-export"), "the file is read at all");
    for secret in [&digest, &token, &challenge.link, &challenge.code, &session] {
        assert!(!holds(secret));
    }
}

async fn make(bench: &Bench, name: &str, role: Role, expires_ms: Option<i64>) -> (Token, String) {
    let new = NewToken { name, role, scopes: &role.scopes(), owner: None, expires_ms };
    bench.store.create_token(new).await.unwrap()
}
