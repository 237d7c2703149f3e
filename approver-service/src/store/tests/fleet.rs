//! The gateways that ask.

use super::{Bench, MINUTE};
use crate::fleet::Gateway;

on_both_databases! {
    gateways_are_noted_when_they_change_and_every_so_often,
    gateways_are_listed_page_by_page,
}

fn gateway(version: &str) -> Gateway {
    let [environment, gateway, policy, mode] = ["test", "edge-1", "abc", "enforce"].map(str::to_owned);
    Gateway { environment, gateway, version: version.to_owned(), policy, mode, seen_ms: 0 }
}

async fn gateways_are_noted_when_they_change_and_every_so_often() {
    let bench = Bench::new().await;
    let start = bench.store.now();
    let seen =
        async || bench.store.fleet().await.unwrap().into_iter().map(|g| (g.version, g.seen_ms - start)).collect();
    let expect = async |version: &str, ms: i64| {
        let seen: Vec<_> = seen().await;
        assert_eq!(seen, [(version.to_owned(), ms)]);
    };
    bench.store.note_gateway(gateway("1")).await.unwrap();
    expect("1", 0).await;
    bench.pass(10_000);
    bench.store.note_gateway(gateway("1")).await.unwrap();
    expect("1", 0).await;
    bench.store.note_gateway(gateway("2")).await.unwrap();
    expect("2", 10_000).await;
    bench.pass(15_000);
    bench.store.note_gateway(gateway("2")).await.unwrap();
    expect("2", 25_000).await;
    let other = bench.store.of(&"globex".parse().unwrap());
    assert!(other.fleet().await.unwrap().is_empty());
    bench.pass(24 * 60 * MINUTE + 1);
    assert!(bench.store.fleet().await.unwrap().is_empty(), "taken away");
    let standing = bench.store.gauges().await.unwrap();
    assert_eq!((standing.gateways, standing.alarms.iter().map(|(_, rings)| rings).sum::<i64>()), ((0, 0), 0));
}

async fn gateways_are_listed_page_by_page() {
    let bench = Bench::new().await;
    for (environment, name) in [("test", "b"), ("prod", "b"), ("test", "a"), ("Prod_2", "é")] {
        let gateway = Gateway { environment: environment.into(), gateway: name.into(), ..gateway("1") };
        bench.store.note_gateway(gateway).await.unwrap();
    }
    let all = bench.store.fleet().await.unwrap();
    assert_eq!(all.len(), 4);
    let (mut paged, mut after): (Vec<Gateway>, [String; 2]) = (vec![], Default::default());
    while let [one] = &bench.store.gateways(&after, 1).await.unwrap()[..] {
        after = [one.environment.clone(), one.gateway.clone()];
        paged.push(one.clone());
    }
    assert_eq!(paged, all);
}
