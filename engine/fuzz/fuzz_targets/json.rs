//! What the scanner accepts, serde_json accepts too, up to numbers that fit no float.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privyseal_engine::extract::json::{Limits, Scanner};

fuzz_target!(|data: &[u8]| {
    let mut scanner = Scanner::new(data, Limits { refuse_key_case: true, ..Limits::default() });
    let accepted = loop {
        match scanner.next() {
            Ok(Some(token)) => assert!(token.text().len() <= token.range.len()),
            Ok(None) => break true,
            Err(error) => {
                assert!(error.at <= data.len());
                break false;
            }
        }
    };
    if let (true, Err(error)) = (accepted, serde_json::from_slice::<serde_json::Value>(data)) {
        assert!(error.to_string().contains("out of range"), "{error}");
    }
});
