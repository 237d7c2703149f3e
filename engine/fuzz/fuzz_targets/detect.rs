//! Any text under any key: no panic, and every match is a part of the text, on whole characters and in order once resolved.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privyseal_engine::detect::{Entity, Hints, Set, Wanted, field, resolve, settled};

const KEYS: [&str; 6] = ["", "phone", "passport", "password", "api_key", "dateOfBirth"];

fuzz_target!(|data: &[u8]| {
    let Some((pick, data)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(data) else { return };
    let key = Hints::of(KEYS[usize::from(*pick) % KEYS.len()]);
    // Everything counts, so that every recogniser runs to its end.
    let wanted = Wanted { entities: Set::ALL, min_score: [0; Entity::ALL.len()] };
    let mut matches = Vec::new();
    field(text, key, Hints::NONE, &wanted, &mut matches);
    for found in &matches {
        assert!(text.get(found.start..found.end).is_some_and(|value| !value.is_empty()), "{found:?}");
    }
    resolve(&mut matches);
    assert!(matches.windows(2).all(|two| two[0].end <= two[1].start));
    assert!(settled(text) <= text.len());
});
