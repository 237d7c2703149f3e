//! Any path: no panic, and GitHub Enterprise Server's prefix changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privyseal_engine::protocol::github::Call;

fuzz_target!(|path: &str| {
    let call = Call::read(path);
    if call.is_some() && path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/api") {
        assert_eq!(Call::read(&format!("/api/v3{path}")), call);
    }
});
