//! Any bytes of any type: no panic, findings inside of the body, and JSON that stays JSON.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use privyseal_engine::redact::{Labels, Profile, ProfileSource, body, query};

static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let entities = vec!["pii".into(), "credentials".into()];
    Profile::compile(&ProfileSource { entities, ..Default::default() }, b"key").unwrap()
});

const TYPES: [Option<&[u8]>; 9] = [
    None,
    Some(b"application/json"),
    Some(b"application/x-ndjson"),
    Some(b"application/x-www-form-urlencoded"),
    Some(b"application/xml"),
    Some(b"text/csv"),
    Some(b"text/event-stream"),
    Some(b"text/plain"),
    Some(b"multipart/form-data; boundary=b"),
];

fuzz_target!(|data: &[u8]| {
    let Some((pick, data)) = data.split_first() else { return };
    let content_type = TYPES[usize::from(*pick) % TYPES.len()];
    if let Ok(done) = body(content_type, data, &PROFILE, &mut Labels::new()) {
        for finding in &done.findings {
            assert!(finding.range.start <= finding.range.end && finding.range.end <= data.len(), "{finding:?}");
        }
        let changed = done.body.as_deref().unwrap_or(data);
        assert!(std::str::from_utf8(changed).is_ok() || changed == data);
        if serde_json::from_slice::<serde_json::Value>(data).is_ok() && content_type == TYPES[1] {
            serde_json::from_slice::<serde_json::Value>(changed).unwrap();
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        query(text, &PROFILE, &mut Labels::new());
    }
});
