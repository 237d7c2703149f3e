//! Any path: no panic, and what is read stands in the path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privyseal_engine::protocol::kubernetes::Call;

fuzz_target!(|input: (&str, &str, bool)| {
    let (method, path, watch) = input;
    let Some(call) = Call::read(method, path, watch) else { return };
    let parts: Vec<&str> = path.split('/').collect();
    let named = call.resource.split('/').chain(call.namespace.as_deref()).chain(call.name.as_deref());
    for part in named.chain([call.version.as_str()]) {
        assert!(parts.contains(&part), "{call:?}");
    }
});
