//! Any bytes as gzip or deflate: bounded output, and the same however they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privyseal_engine::extract::coding::{Coding, Decoder, Fault};

const LIMIT: usize = 1 << 18;

fn in_chunks(coding: Coding, data: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
    let (mut decoder, mut out) = (Decoder::new(coding), Vec::new());
    for mut chunk in data.chunks(size) {
        while !chunk.is_empty() {
            let before = out.len();
            chunk = decoder.step(chunk, &mut out)?;
            assert!(out.len() - before <= 128 * 1024);
        }
        if out.len() > LIMIT {
            return Err(Fault::TooLarge);
        }
    }
    decoder.finish(&mut out).map(|()| out)
}

fuzz_target!(|data: &[u8]| {
    let [pick, size, data @ ..] = data else { return };
    let coding = if pick % 2 == 0 { Coding::Gzip } else { Coding::Deflate };
    let whole = coding.decode(data, LIMIT);
    let cut = in_chunks(coding, data, usize::from(*size) + 1);
    if let Ok(whole) = &whole {
        assert!(whole.len() <= LIMIT && whole.len() <= (data.len() * 100).max(64 * 1024));
        assert_eq!(cut.as_ref(), Ok(whole));
    } else {
        assert!(cut.is_err());
    }
});
