//! What gateways in observe mode have counted.

use privyseal_engine::observation::{Batch, Count, Seen};

use super::{Bench, MINUTE};
use crate::store::observation::Observation;

on_both_databases! {
    counts_add_up_by_the_hour_and_are_forgotten_after_a_month,
}

fn batch(gateway: &str, count: u64) -> Batch {
    let seen = Seen::Entity { entity: "EMAIL_ADDRESS".into() };
    Batch {
        v: 1,
        tenant: "acme".into(),
        environment: "test".into(),
        gateway: gateway.into(),
        counts: vec![Count { seen, count }],
    }
}

async fn counts_add_up_by_the_hour_and_are_forgotten_after_a_month() {
    let bench = Bench::new().await;
    let counts = async |since: i64| {
        let seen = bench.store.observations(since, 10).await.unwrap();
        seen.iter().map(|Observation { count, .. }| *count).collect::<Vec<_>>()
    };
    bench.store.observe(&batch("a", 2)).await.unwrap();
    bench.store.observe(&batch("a", 3)).await.unwrap();
    bench.store.observe(&batch("b", 5)).await.unwrap();
    assert_eq!(counts(0).await, [10]);
    let now = bench.store.now();
    bench.pass(120 * MINUTE);
    bench.store.observe(&batch("a", 1)).await.unwrap();
    assert_eq!(counts(0).await, [11]);
    assert_eq!(counts(now + 60 * MINUTE).await, [1]);
    bench.pass(31 * 24 * 60 * MINUTE);
    bench.store.observe(&batch("a", 1)).await.unwrap();
    assert_eq!(counts(0).await, [1]);
}
