//! What gateways in observe mode have counted.

use privyseal_engine::observation::{Batch, Count, Seen};

use super::{Bench, MINUTE};
use crate::store::observation::Observation;

on_both_databases! {
    counts_add_up_by_the_hour_and_are_forgotten_after_a_month,
    lines_are_listed_page_by_page,
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

async fn lines_are_listed_page_by_page() {
    let bench = Bench::new().await;
    let rule = |rule: &str, category: Option<&str>, outcome: &str| Seen::Rule {
        rule: rule.into(),
        category: category.map(str::to_owned),
        outcome: outcome.into(),
    };
    let seen = [
        rule("a", None, "deny"),
        rule("a", None, "hold"),
        rule("a", Some("bulk"), "deny"),
        rule("Ä_b", None, "hold"),
        Seen::Entity { entity: "EMAIL_ADDRESS".into() },
        Seen::Dropped,
    ];
    let counts: Vec<_> = seen.into_iter().zip(1..).map(|(seen, count)| Count { seen, count }).collect();
    bench.store.observe(&Batch { counts, ..batch("g", 0) }).await.unwrap();
    let page = async |after: &[String; 5], limit| bench.store.observed(0, after, limit).await.unwrap();
    let first = Default::default();
    let all = page(&first, 10).await;
    assert_eq!(all.len(), 6);
    let (mut paged, mut after) = (vec![], first);
    while let [one] = &page(&after, 1).await[..] {
        after = [&one.environment, &one.kind, &one.name, &one.category, &one.outcome].map(String::clone);
        paged.push(one.clone());
    }
    assert_eq!(paged, all);
}
