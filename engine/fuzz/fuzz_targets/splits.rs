//! However a stream is cut, the same bytes come out.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use privyseal_engine::redact::{Labels, Profile, ProfileSource, Stream, StyleSource};

static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let entities = vec!["pii".into(), "credentials".into()];
    Profile::compile(&ProfileSource { entities, style: StyleSource::Numbered, ..Default::default() }, b"key").unwrap()
});

fn run<'a>(content_type: &[u8], chunks: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, &'static str> {
    let (mut stream, mut labels, mut out) = (Stream::new(Some(content_type)), Labels::new(), Vec::new());
    for chunk in chunks {
        stream.push(chunk, &PROFILE, &mut labels, &mut out).map_err(|refusal| refusal.code())?;
    }
    stream.finish(&PROFILE, &mut labels, &mut out).map_err(|refusal| refusal.code())?;
    Ok(out)
}

fuzz_target!(|data: &[u8]| {
    let [pick, size, data @ ..] = data else { return };
    let content_type: &[u8] = [b"text/plain".as_slice(), b"text/event-stream", b"application/x-ndjson"][usize::from(*pick) % 3];
    let whole = run(content_type, std::iter::once(data));
    let cut = run(content_type, data.chunks(usize::from(*size) % 16 + 1));
    assert_eq!(whole.is_ok(), cut.is_ok());
    if let (Ok(whole), Ok(cut)) = (whole, cut) {
        assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&cut));
    }
});
