//! Counters of stages and edges, and the meter through which a user reads them.
//!
//! Counted per batch, never per event; times are measured only where a meter is attached.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counters of one stage, summed over its instances.
#[derive(Debug, Default)]
pub(crate) struct StageCounters {
    pub(crate) events_in: AtomicU64,
    pub(crate) runs: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) instances: AtomicUsize,
    pub(crate) skipped: AtomicU64,
    pub(crate) diverted: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) held: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) late_for_window: AtomicU64,
}

impl StageCounters {
    /// One run of a task: so many events came in, in so many nanoseconds.
    pub(crate) fn ran(&self, events: u64, nanos: u64) {
        self.busy.fetch_add(nanos, Ordering::Relaxed);
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.events_in.fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn started(&self, instances: usize) {
        self.instances.fetch_add(instances, Ordering::Relaxed);
    }
}

/// Counters of one edge: what producers sent, what consumers took, what was dropped, what is held.
#[derive(Debug, Default)]
pub(crate) struct EdgeCounters {
    pub(crate) sent: AtomicU64,
    pub(crate) batches_sent: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) batches_received: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) held: AtomicU64,
    pub(crate) credit: AtomicU64,
}

impl EdgeCounters {
    pub(crate) fn sent(&self, events: usize) {
        self.sent_in(events, 1);
    }

    /// So many events were sent in so many batches.
    pub(crate) fn sent_in(&self, events: usize, batches: usize) {
        self.sent.fetch_add(events as u64, Ordering::Relaxed);
        self.batches_sent.fetch_add(batches as u64, Ordering::Relaxed);
        self.held.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// A producer has used credit that was given on this edge.
    pub(crate) fn spent(&self, events: usize) {
        self.credit.fetch_sub(events as u64, Ordering::Relaxed);
    }

    /// A consumer has asked for more.
    pub(crate) fn asked(&self, events: usize) {
        self.credit.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, events: usize) {
        self.received.fetch_add(events as u64, Ordering::Relaxed);
        self.batches_received.fetch_add(1, Ordering::Relaxed);
        self.held.fetch_sub(events as u64, Ordering::Relaxed);
    }

    /// Events that were received and then dropped with an instance of a failed run.
    pub(crate) fn dropped_after_receipt(&self, events: usize) {
        self.received.fetch_sub(events as u64, Ordering::Relaxed);
        self.dropped.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// Events that a routing dropped instead of sending them.
    pub(crate) fn dropped_unsent(&self, events: usize) {
        self.sent.fetch_add(events as u64, Ordering::Relaxed);
        self.dropped.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// Events that were held and will not be received.
    pub(crate) fn dropped_held(&self, events: usize) {
        self.dropped.fetch_add(events as u64, Ordering::Relaxed);
        self.held.fetch_sub(events as u64, Ordering::Relaxed);
    }
}
