//! Envoy counters `privyseal.NAME`, defined when first used. Names come from a fixed set: they cannot grow with traffic.
//!
//! Must not go here: labels taken from requests.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::host;

thread_local! {
    static COUNTERS: RefCell<HashMap<String, u32>> = RefCell::new(HashMap::new());
}

/// Adds to a counter. One that cannot be had is not worth a request.
pub fn add(name: &str, count: u64) {
    COUNTERS.with_borrow_mut(|counters| {
        if let Some(id) = counters.get(name) {
            let _ = host::increment(*id, count);
        } else if let Ok(id) = host::define_counter(&format!("privyseal.{name}")) {
            counters.insert(name.to_owned(), id);
            let _ = host::increment(id, count);
        }
    });
}
