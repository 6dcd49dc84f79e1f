//! What fallible operators count: locally per event, and now and then into their stage's counters.

use super::stage::{Place, Stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One instance's counts. What is left of them is published when it is dropped.
#[derive(Debug)]
pub struct Tally {
    stage: Arc<Stage>,
    pub(crate) skipped: u64,
    pub(crate) diverted: u64,
    pub(crate) dropped: u64,
    pub(crate) retried: u64,
    pub(crate) late_for_window: u64,
    /// How many events are held now, and how many were when it was said last.
    pub(crate) held: u64,
    held_said: u64,
}

impl Tally {
    pub(crate) fn new(place: &Place) -> Self {
        let stage = Arc::clone(&place.stage);
        Tally {
            stage,
            skipped: 0,
            diverted: 0,
            dropped: 0,
            retried: 0,
            late_for_window: 0,
            held: 0,
            held_said: 0,
        }
    }

    /// Adds what was counted since to the stage's counters. Nothing is written where nothing was.
    pub(crate) fn publish(&mut self) {
        let counters = &self.stage.counters;
        add(&counters.skipped, &mut self.skipped);
        add(&counters.diverted, &mut self.diverted);
        add(&counters.dropped, &mut self.dropped);
        add(&counters.retried, &mut self.retried);
        add(&counters.late_for_window, &mut self.late_for_window);
        // The difference may be negative: adding it wraps to the right sum.
        add(&counters.held, &mut self.held.wrapping_sub(self.held_said));
        self.held_said = self.held;
    }
}

fn add(counter: &AtomicU64, count: &mut u64) {
    if *count != 0 {
        counter.fetch_add(std::mem::take(count), Ordering::Relaxed);
    }
}

impl Drop for Tally {
    /// What is held by an instance that is dropped goes with it.
    fn drop(&mut self) {
        self.dropped += std::mem::take(&mut self.held);
        self.publish();
    }
}
