//! A gateway that is killed tells nobody.

use std::time::Duration;

use privyseal_engine::hold::{Intake, ReleaseVerdict, State};

use super::{Bench, intake, release};
use crate::hold::transition::Cause;

on_both_databases! {
    what_nobody_polls_has_no_client_until_somebody_polls_again,
    an_unverified_hold_ends_with_the_silence_of_its_gateway,
}

const NONE: Duration = Duration::ZERO;

async fn what_nobody_polls_has_no_client_until_somebody_polls_again() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    assert_eq!(bench.store.note_silence(Duration::from_secs(3600)).await.unwrap(), 0, "too early to tell");
    let poll = bench.store.0.wake.listen(&hold.id);
    assert_eq!(bench.store.note_silence(NONE).await.unwrap(), 0);
    drop(poll);
    assert_eq!(bench.store.note_silence(NONE).await.unwrap(), 1);
    assert!(bench.store.hold(&hold.id).await.unwrap().detached_ms.is_some());
    assert_eq!(bench.store.note_silence(NONE).await.unwrap(), 0, "once");

    let poll = bench.store.0.wake.listen(&hold.id);
    assert_eq!(bench.store.note_silence(NONE).await.unwrap(), 1);
    assert_eq!(bench.store.hold(&hold.id).await.unwrap().detached_ms, None);
    drop(poll);
    bench.store.note_silence(NONE).await.unwrap();
    let bob = bench.session("bob").await;
    bench.approve(&hold.id, &bob).await.unwrap();
    let said = bench.release(&hold.id, &release(1)).await;
    assert_eq!(said.0, ReleaseVerdict::Released, "the stream was never detached: it was only silent");
}

async fn an_unverified_hold_ends_with_the_silence_of_its_gateway() {
    let bench = Bench::new().await;
    let hold = bench.create(Intake { principal: None, ..intake(1) }).await;
    bench.store.note_silence(NONE).await.unwrap();
    let hold = bench.store.hold(&hold.id).await.unwrap();
    assert_eq!((hold.state, hold.cause), (State::Cancelled, Some(Cause::ClientGone)));
}
