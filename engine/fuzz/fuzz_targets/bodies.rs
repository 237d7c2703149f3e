//! Any bytes of any type: no panic, findings inside of the body, and JSON that stays JSON.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use privyseal_engine::redact::{Labels, Profile, ProfileSource, StyleSource, body, query};

static PROFILES: LazyLock<[Profile; 3]> = LazyLock::new(|| {
    [StyleSource::Label, StyleSource::Numbered, StyleSource::Drop].map(|style| {
        let entities = vec!["pii".into(), "credentials".into()];
        Profile::compile(&ProfileSource { entities, style, ..Default::default() }, b"key").unwrap()
    })
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
    let profile = &PROFILES[usize::from(*pick) / TYPES.len() % PROFILES.len()];
    if let Ok(done) = body(content_type, data, profile, &mut Labels::new()) {
        for finding in &done.findings {
            assert!(finding.range.start <= finding.range.end && finding.range.end <= data.len(), "{finding:?}");
        }
        let changed = done.body.as_deref().unwrap_or(data);
        assert!(std::str::from_utf8(changed).is_ok() || std::str::from_utf8(data).is_err());
        if serde_json::from_slice::<serde_json::Value>(data).is_ok() && content_type == TYPES[1] {
            serde_json::from_slice::<serde_json::Value>(changed).unwrap();
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        query(text, profile, &mut Labels::new());
    }
});
