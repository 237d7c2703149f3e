//! A database that refuses: nothing is half done, nobody is answered with a guess, and it goes on when the database does.

use e2e::postgres::Postgres;
use privyseal_engine::hold::{Intake, ReleaseVerdict, State};
use sqlx::{AnyConnection, Connection};

use super::{Bench, intake, no_receipt, release};
use crate::store::database::{Address, Backend};
use crate::store::{Error, Result};

on_both_databases! {
    locked,
}

/// Everything that writes is refused while `broken`, and done afterwards.
async fn refuses_and_recovers(bench: &Bench, broken: impl AsyncFnOnce(), mended: impl AsyncFnOnce()) {
    let ready = refuses_records_and_recovers(bench, broken, mended).await;
    assert!(matches!(ready, Err(Error::Database(_))), "{ready:?}");
}

/// Everything that leaves a record is refused while `broken`, and done afterwards; says whether other writes went on.
async fn refuses_records_and_recovers(
    bench: &Bench,
    broken: impl AsyncFnOnce(),
    mended: impl AsyncFnOnce(),
) -> Result<()> {
    let pending = bench.create(Intake { principal: Some("agent-8".into()), ..intake(1) }).await;
    let approved = bench.approved(intake(2)).await;
    let bob = bench.session("bob").await;
    broken().await;
    let (release_of, new) = (release(2), intake(3));
    let (asked, decided, released, ready) = tokio::join!(
        bench.store.intake(Intake { digest: "3".repeat(64), ..new.clone() }),
        bench.approve(&pending.id, &bob),
        bench.store.release(&approved.id, &release_of, no_receipt),
        bench.store.check_writable(),
    );
    assert!(matches!(asked, Err(Error::Database(_))), "{asked:?}");
    assert!(matches!(decided, Err(Error::Database(_))), "{decided:?}");
    assert!(matches!(released, Err(Error::Database(_))), "{released:?}");
    for id in [&pending.id, &approved.id] {
        // Where it cannot be read either, it is looked at afterwards.
        if let Ok(hold) = bench.store.hold(id).await {
            assert!(matches!(hold.state, State::Pending | State::Approved) && hold.collected.is_none(), "{hold:?}");
        }
    }
    mended().await;
    while bench.store.check_writable().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.state(&pending.id).await, State::Pending);
    assert_eq!(bench.approve(&pending.id, &bob).await.unwrap().state, State::Approved);
    assert_eq!(bench.release(&approved.id, &release(2)).await.0, ReleaseVerdict::Released);
    assert!(!bench.store.intake(Intake { digest: "3".repeat(64), ..new }).await.unwrap().joined);
    bench.store.verify_audit().await.unwrap().unwrap();
    ready
}

async fn locked() {
    let bench = Bench::new().await;
    let mut other = AnyConnection::connect_with(&bench.address.with_mode("rw")).await.unwrap();
    let lock = match bench.address.backend {
        Backend::Postgres => "BEGIN; LOCK TABLE audit_head",
        Backend::Sqlite => "BEGIN IMMEDIATE",
    };
    let other = tokio::sync::Mutex::new(&mut other);
    refuses_and_recovers(
        &bench,
        async || {
            sqlx::raw_sql(lock).execute(&mut **other.lock().await).await.unwrap();
        },
        async || {
            sqlx::raw_sql("ROLLBACK").execute(&mut **other.lock().await).await.unwrap();
        },
    )
    .await;
}

#[test]
fn read_only() {
    for backend in [Backend::Postgres, Backend::Sqlite] {
        super::run_on_one_thread(backend, a_connection_that_only_reads());
    }
}

/// One that fails to begin is replaced by one that writes: all that is refused must be in one batch.
async fn a_connection_that_only_reads() {
    let bench = Bench::new().await;
    let (broken, mended) = match bench.address.backend {
        Backend::Postgres => ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
        Backend::Sqlite => ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    };
    let run = async |sql| bench.store.run_for_tests(sql).await;
    refuses_and_recovers(&bench, async || run(broken).await, async || run(mended).await).await;
}

/// The server is killed, and stays away for a while.
#[test]
fn gone() {
    let server = Postgres::start(&[]);
    super::run_on(Backend::Postgres, async {
        let bench = Bench::at(Address::server(&server.database(), None).unwrap()).await;
        let broken = async || {
            server.kill_and_keep_down();
            // Its processes go on until they notice.
            while bench.store.check_writable().await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        refuses_and_recovers(&bench, broken, async || server.let_up()).await;
    });
}

/// No room for another page of PostgreSQL's log: the kernel lets its files grow no further.
#[test]
fn full_disk_of_the_server() {
    // It would find room in what it has.
    let server = Postgres::start(&["autovacuum = off"]);
    super::run_on(Backend::Postgres, async {
        let bench = Bench::at(Address::server(&server.database(), None).unwrap()).await;
        // Longer than the files in which the server writes ahead, which are 16 MiB and never grow.
        let long = "ALTER TABLE audit ALTER body SET STORAGE PLAIN;
            INSERT INTO audit (seq, hash, body) SELECT -n, '', repeat('x', 8000) FROM generate_series(1, 2200) n";
        bench.store.run_for_tests(long).await;
        let fill = async || {
            let writer = &bench.store.0.writer;
            let length: i64 = sqlx::query_scalar("SELECT pg_relation_size('audit')").fetch_one(writer).await.unwrap();
            server.limit_files(Some(length.unsigned_abs()));
            let small = "INSERT INTO audit (seq, hash, body) SELECT min(seq) - 1, '', '' FROM audit";
            let full = loop {
                if let Err(error) = sqlx::query(small).execute(writer).await {
                    break error.to_string();
                }
            };
            assert!(full.contains("could not extend file"), "{full}");
        };
        let ready = refuses_records_and_recovers(&bench, fill, async || server.limit_files(None)).await;
        assert!(ready.is_ok(), "what needs no more room goes on: {ready:?}");
    });
}

/// A file that cannot grow: what needs no more room goes on, the rest is refused whole.
#[test]
fn full() {
    super::run_on(Backend::Sqlite, async {
        let bench = Bench::new().await;
        let hold = bench.create(Intake { principal: Some("agent-8".into()), ..intake(0) }).await;
        let bob = bench.session("bob").await;
        // Fewer than there are: no more are added.
        bench.store.run_for_tests("PRAGMA max_page_count = 1").await;
        let other = |n: u32| Intake { digest: format!("{n:064x}"), max_live: 1000, ..intake(n) };
        let mut made = 0;
        let refused = loop {
            match bench.store.intake(other(made + 1)).await {
                Ok(_) => made += 1,
                Err(error) => break error,
            }
        };
        assert!(format!("{refused:?}").contains("full"), "{refused:?}");
        assert_eq!(bench.store.open_holds(500).await.unwrap().len(), made as usize + 1, "nothing is half there");
        bench.store.verify_audit().await.unwrap().unwrap();
        bench.store.run_for_tests("PRAGMA max_page_count = 1000000").await;
        bench.create(other(made + 1)).await;
        assert_eq!(bench.approve(&hold.id, &bob).await.unwrap().state, State::Approved);
        bench.store.verify_audit().await.unwrap().unwrap();
    });
}
