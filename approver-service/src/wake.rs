//! Wakes those who wait for a hold to change, and knows which holds somebody waits for. Only a hint: the database row
//! remains the truth, and whoever is woken reads it again.
//!
//! Must not go here: state of holds.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The waiters, by hold.
#[derive(Clone, Default)]
pub struct Wake(Arc<Mutex<HashMap<String, Entry>>>);

#[derive(Default)]
struct Entry {
    notify: Arc<Notify>,
    listeners: usize,
    /// When the last listener left.
    left: Option<Instant>,
}

impl Wake {
    /// Listens to `hold`: hears every [`Wake::wake`] that comes after a call of [`Listener::heard`].
    pub fn listen(&self, hold: &str) -> Listener {
        let mut entries = self.entries();
        let entry = entries.entry(hold.to_owned()).or_default();
        entry.listeners += 1;
        Listener { notify: Arc::clone(&entry.notify), wake: self.clone(), hold: hold.to_owned() }
    }

    pub fn wake(&self, hold: &str) {
        if let Some(entry) = self.entries().get(hold) {
            entry.notify.notify_waiters();
        }
    }

    /// The holds that somebody listens to, or did not longer than `silence` ago. Forgets the others.
    pub fn heard_within(&self, silence: Duration) -> HashSet<String> {
        let mut entries = self.entries();
        entries.retain(|_, entry| entry.listeners > 0 || entry.left.is_some_and(|left| left.elapsed() < silence));
        entries.keys().cloned().collect()
    }

    #[cfg(test)]
    pub fn listeners(&self) -> usize {
        self.entries().values().map(|entry| entry.listeners).sum()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Listener {
    wake: Wake,
    hold: String,
    notify: Arc<Notify>,
}

impl Listener {
    pub fn heard(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(entry) = self.wake.entries().get_mut(&self.hold) {
            entry.listeners = entry.listeners.saturating_sub(1);
            entry.left = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_all_who_listen_and_no_others() {
        let wake = Wake::default();
        let (a, b, other) = (wake.listen("h"), wake.listen("h"), wake.listen("other"));
        let (heard_a, heard_b, heard_other) = (a.heard(), b.heard(), other.heard());
        wake.wake("h");
        heard_a.await;
        heard_b.await;
        assert!(tokio::time::timeout(Duration::ZERO, heard_other).await.is_err());
    }

    #[test]
    fn remembers_for_a_while_who_listened() {
        let wake = Wake::default();
        let (a, b) = (wake.listen("h"), wake.listen("h"));
        drop(a);
        assert_eq!(wake.heard_within(Duration::ZERO).len(), 1, "one still listens");
        drop(b);
        assert_eq!(wake.heard_within(Duration::from_secs(3600)).len(), 1, "until just now");
        assert_eq!(wake.heard_within(Duration::ZERO).len(), 0);
        assert!(wake.entries().is_empty());
    }
}
