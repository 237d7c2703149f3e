//! The proxy-wasm adapter: Envoy's callbacks in, the engine's effects out.
//!
//! ```text
//! root    one per worker and configuration: policy, keys, kill switch, timers
//! stream  one per HTTP stream: an `Exchange` of the engine, driven by the callbacks
//! registry  which streams live, their timers and the calls they wait for
//! host    every host call, as a Result
//! ```
//! Must not go here, or anywhere in this crate: a decision.

mod host;
mod registry;
mod root;
mod stats;
mod stream;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    // A panic text can hold bytes of a request: the log gets its place only.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        host::log(LogLevel::Critical, &format!("privyseal: panic at {place}"));
    }));
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
