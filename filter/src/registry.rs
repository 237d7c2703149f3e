//! Which streams of this worker want to be woken when, and whose the answer of a call is that was made for them then.
//!
//! The SDK's dispatcher credits a call to the context whose callback made it. A call made for a stream from the root's tick
//! comes back to the root, which finds the stream here. Streams that never wait never come here.
//!
//! Must not go here: what a stream does when it is woken.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::stream::Stream;

pub type Shared = Rc<RefCell<Stream>>;

#[derive(Default)]
struct Registry {
    /// By time, then context.
    timers: BTreeMap<(u64, u32), Shared>,
    /// The time of each context's one timer.
    times: HashMap<u32, u64>,
    calls: HashMap<u32, (u32, Shared)>,
    /// The token of each context's one call.
    tokens: HashMap<u32, u32>,
}

thread_local! {
    static REGISTRY: RefCell<Registry> = RefCell::default();
}

/// Sets the stream's timer, in place of an earlier one.
pub fn wake_at(context: u32, stream: &Shared, at_ms: u64) {
    REGISTRY.with_borrow_mut(|registry| {
        if let Some(earlier) = registry.times.insert(context, at_ms) {
            registry.timers.remove(&(earlier, context));
        }
        registry.timers.insert((at_ms, context), Rc::clone(stream));
    });
}

/// Takes a stream whose time has come.
pub fn due(now_ms: u64) -> Option<(u32, Shared)> {
    REGISTRY.with_borrow_mut(|registry| {
        let first = registry.timers.first_entry()?;
        if first.key().0 > now_ms {
            return None;
        }
        let ((_, context), stream) = first.remove_entry();
        registry.times.remove(&context);
        Some((context, stream))
    })
}

/// Remembers that the root made call `token` for a stream.
pub fn expect(token: u32, context: u32, stream: &Shared) {
    REGISTRY.with_borrow_mut(|registry| {
        if let Some(earlier) = registry.tokens.insert(context, token) {
            registry.calls.remove(&earlier);
        }
        registry.calls.insert(token, (context, Rc::clone(stream)));
    });
}

/// The stream, if it still lives, that the root made call `token` for.
pub fn caller(token: u32) -> Option<(u32, Shared)> {
    REGISTRY.with_borrow_mut(|registry| {
        let (context, stream) = registry.calls.remove(&token)?;
        registry.tokens.remove(&context);
        Some((context, stream))
    })
}

/// The stream is gone: its context must not be used any more.
pub fn remove(context: u32) {
    REGISTRY.with_borrow_mut(|registry| {
        if let Some(at) = registry.times.remove(&context) {
            registry.timers.remove(&(at, context));
        }
        if let Some(token) = registry.tokens.remove(&context) {
            registry.calls.remove(&token);
        }
    });
}
