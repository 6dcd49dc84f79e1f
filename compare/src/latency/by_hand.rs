//! What one keeps by hand for a system that moves events and says how far time has come.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::schedule::{Event, Latencies, WINDOW};

/// The state of some keys.
pub(super) trait State: Clone + Default + Send + 'static {
    /// Folds an event.
    fn event(&mut self, event: Event, latencies: &mut Latencies);

    /// Nothing before this time comes any more.
    fn passed(&mut self, _: i64, _: &mut Latencies) {}
}

/// Counts by key, of each window that is open.
#[derive(Clone, Default)]
pub(super) struct Windows(BTreeMap<i64, HashMap<u32, u64, RandomState>>);

impl State for Windows {
    fn event(&mut self, event: Event, _: &mut Latencies) {
        *self.0.entry(event.at / WINDOW).or_default().entry(event.key).or_default() += 1;
    }

    fn passed(&mut self, time: i64, latencies: &mut Latencies) {
        while let Some(entry) = self.0.first_entry()
            && (entry.key() + 1) * WINDOW <= time
        {
            let (window, counts) = entry.remove_entry();
            counts.into_values().for_each(|_| latencies.window((window + 1) * WINDOW));
        }
    }
}

/// The greatest value of each key.
#[derive(Clone, Default)]
pub(super) struct Greatest(HashMap<u32, u64, RandomState>);

impl State for Greatest {
    fn event(&mut self, event: Event, latencies: &mut Latencies) {
        let value = self.0.entry(event.key).or_default();
        *value = event.index.max(*value);
        latencies.event(*value);
    }
}
