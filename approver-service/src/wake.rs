//! Wakes those who wait for a hold to change. Only a hint: the database row remains the truth, and whoever is woken reads
//! it again.
//!
//! Must not go here: state of holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The waiters, by hold. An entry lives as long as somebody listens.
#[derive(Clone, Default)]
pub struct Wake(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

impl Wake {
    /// Listens to `hold`: hears every [`Wake::wake`] that comes after a call of [`Listener::heard`] is first polled.
    pub fn listen(&self, hold: &str) -> Listener {
        let notify = Arc::clone(self.entries().entry(hold.to_owned()).or_default());
        Listener { wake: self.clone(), hold: hold.to_owned(), notify }
    }

    pub fn wake(&self, hold: &str) {
        if let Some(notify) = self.entries().get(hold) {
            notify.notify_waiters();
        }
    }

    #[cfg(test)]
    pub fn listeners(&self) -> usize {
        self.entries().values().map(|notify| Arc::strong_count(notify) - 1).sum()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Listener {
    wake: Wake,
    hold: String,
    notify: Arc<Notify>,
}

impl Listener {
    pub fn heard(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut entries = self.wake.entries();
        // Two are left: the map's and this one.
        if Arc::strong_count(&self.notify) <= 2 {
            entries.remove(&self.hold);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_all_who_listen_and_forgets_the_last() {
        let wake = Wake::default();
        let (a, b) = (wake.listen("h"), wake.listen("h"));
        let (heard_a, heard_b) = (a.heard(), b.heard());
        wake.wake("other");
        wake.wake("h");
        heard_a.await;
        heard_b.await;
        drop(a);
        assert_eq!(wake.entries().len(), 1);
        drop(b);
        assert!(wake.entries().is_empty());
    }
}
