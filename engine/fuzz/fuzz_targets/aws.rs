//! Any head for AWS: no panic, and an action that is named is among the readings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privyseal_engine::classify::facts::Facts;
use privyseal_engine::protocol::aws;
use privyseal_engine::request::{Head, Headers};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |b| *b == b'\n');
    let mut next = || parts.next().unwrap_or_default().to_vec();
    let fields = vec![
        (b":method".to_vec(), next()),
        (b":authority".to_vec(), [next().as_slice(), b".amazonaws.com"].concat()),
        (b":path".to_vec(), [b"/".as_slice(), &next()].concat()),
        (b"authorization".to_vec(), next()),
        (b"x-amz-target".to_vec(), b"Some.DeleteThing".to_vec()),
    ];
    let (head, _) = Head::from_fields(Headers::new(fields));
    let facts = Facts::of(&head);
    if let Ok(calls) = facts.aws() {
        assert!(!calls.is_empty());
        for call in calls.known.iter().filter(|call| call.service.as_deref().is_some_and(|name| !aws::by_path(name))) {
            let named = |other: &&aws::Call| {
                other.service == call.service && other.action.as_deref() == Some("deletething")
            };
            assert!(calls.known.iter().any(|other| named(&other)), "{calls:?}");
        }
    }
});
