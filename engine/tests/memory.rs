//! The most memory that is in use at once while a body is redacted, the body itself and the result included.
//!
//! An integration test, because counting replaces the allocator of the whole program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use privyseal_engine::redact::{self, Labels, Profile, ProfileSource};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Repeats `text` to a mebibyte.
fn filled(text: &str) -> Vec<u8> {
    text.repeat((1 << 20) / text.len()).into_bytes()
}

/// The peak as a multiple of the body.
fn peak(content_type: &str, body: Vec<u8>, profile: &Profile) -> f64 {
    let before = NOW.load(Ordering::Relaxed) - body.len();
    PEAK.store(NOW.load(Ordering::Relaxed), Ordering::Relaxed);
    let done = redact::body(Some(content_type.as_bytes()), &body, profile, &mut Labels::new());
    let most = PEAK.load(Ordering::Relaxed) - before;
    assert!(done.is_ok(), "{done:?}");
    drop(done);
    most as f64 / body.len() as f64
}

// One test: others beside it would count, too.
#[test]
fn three_times_the_body_at_most() {
    let entities = vec!["pii".to_owned(), "credentials".to_owned()];
    let profile = Profile::compile(&ProfileSource { entities, ..Default::default() }, b"key").unwrap();
    let row = r#"{"id":48211,"company":"Keller AG","note":"Called about the renewal; will send the offer next week, then decide.","stage":"open","owner":{"team":"north"}}"#;
    let found = row.replace("next week", "to ann@example.com");
    let list = |row: &str| {
        let rows = vec![row; (1 << 20) / row.len()].join(",");
        format!("[{rows}]").into_bytes()
    };
    for (what, content_type, body, bound) in [
        ("JSON without findings", "application/json", list(row), 1.1),
        ("JSON, one finding in 150 bytes", "application/json", list(&found), 3.0),
        ("lines of JSON", "application/x-ndjson", filled(&format!("{found}\n")), 3.0),
        (
            "text",
            "text/plain",
            filled(
                "Write to ann@example.com about the offer, and to nobody else before next week. The terms are those of the last one, as agreed with the team in March.\n",
            ),
            3.0,
        ),
        ("all digits", "text/plain", filled("7"), 3.0),
        ("all @", "text/plain", filled("@"), 3.0),
    ] {
        let peak = peak(content_type, body, &profile);
        println!("{what}: {peak:.2}");
        assert!(peak <= bound, "{what}: {peak:.2} times the body");
    }
}
