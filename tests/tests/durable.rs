//! Nobody hears what is not on disk. Killing a process proves little of that: the kernel keeps what was written. So what
//! the approver asks of the kernel is looked at.

use e2e::approver::Approver;
use e2e::envoy::Envoy;
use e2e::policy;
use e2e::scene::{PEOPLE, export, gateway};
use e2e::syscalls::{Call, Syscalls};
use e2e::upstream::Upstream;

/// The record is written, then the disk has it, then somebody is told.
fn assert_on_disk_before_told(calls: &[Call], wal: &std::path::Path, kind: &str, told: &str) {
    let record = format!(r#"\"kind\":\"{kind}\""#);
    let told = calls.iter().find(|call| call.has_told(told)).unwrap_or_else(|| panic!("nobody is told: {kind}"));
    let written = calls.iter().find(|call| call.has_written(wal, &record));
    let written = written.unwrap_or_else(|| panic!("{record} is not written to {}", wal.display()));
    let synced =
        calls.iter().any(|call| call.began > written.answered && call.answered < told.began && call.has_synced(wal));
    assert!(synced, "{kind}: written at line {}, told at line {}, and no sync between", written.answered, told.began);
}

#[tokio::test]
async fn what_anybody_is_told_was_on_disk_before() {
    let dir = tempfile::TempDir::new().unwrap();
    let syscalls = Syscalls::into_file(dir.path().join("syscalls")).unwrap();
    let upstream = Upstream::ok().await;
    let mut approver = Approver::start_watched(&syscalls, PEOPLE).await.unwrap();
    let config =
        gateway(upstream.addr(), approver.addr(), approver.gateway_token(), approver.key(), &policy::crm_waiting("1s"));
    let envoy = Envoy::start(&config).await.unwrap();
    let alice = approver.login("alice").await.unwrap();

    let pending = export().send(envoy.addr()).await.unwrap();
    let hold = pending.json()["hold"].as_str().unwrap().to_owned();
    assert_eq!(alice.approve(&hold).await.unwrap().status, 200);
    assert_eq!(export().send(envoy.addr()).await.unwrap().status, 200);
    assert_eq!(upstream.seen().len(), 1);

    approver.kill();
    let calls = syscalls.until_end(approver.process().pid()).await;
    let wal = approver.data().canonicalize().unwrap().join("privyseal.db-wal");
    assert_on_disk_before_told(&calls, &wal, "created", &hold);
    assert_on_disk_before_told(&calls, &wal, "approved", r#":\"approved\""#);
    assert_on_disk_before_told(&calls, &wal, "released", r#":\"released\""#);
}
