//! The producer's end of an edge: what is staged until it is a batch.

use super::Sender;
use std::sync::atomic::Ordering;

/// A sender with the batch that it is filling.
#[derive(Debug)]
pub(crate) struct Outlet<T> {
    sender: Sender<T>,
    staged: Vec<T>,
    batch: usize,
    /// At how many staged events a batch is sent: never, while there is no credit for one.
    send_at: usize,
    /// As how many more events they count than they are.
    extra: usize,
    weigh: fn(&T) -> usize,
    /// When what is staged began to wait, in the run's time.
    since: Option<u64>,
}

impl<T> Outlet<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        Outlet::weighing(sender, |_| 1)
    }

    /// For what may count as several events.
    pub(crate) fn weighing(sender: Sender<T>, weigh: fn(&T) -> usize) -> Self {
        let batch = sender.inbox.options.batch;
        let staged = Vec::with_capacity(batch);
        Outlet { sender, staged, batch, send_at: batch, extra: 0, weigh, since: None }
    }

    /// Stages what counts as several events, as [`push`](Self::push) does.
    pub(crate) fn push_heavy(&mut self, moment: T, weight: usize) -> bool {
        self.extra += weight.saturating_sub(1);
        self.staged.push(moment);
        self.send_at == usize::MAX || self.weight() < self.batch || self.flush_full()
    }

    /// As how many events what is staged counts.
    #[inline]
    fn weight(&self) -> usize {
        self.staged.len() + self.extra
    }

    /// Sends as much as there is credit for, up to one batch. False: there is none.
    fn send(&mut self) -> bool {
        if self.extra == 0 {
            return self.sender.send(&mut self.staged) > 0;
        }
        let before = self.staged.len();
        let sent = self.sender.send_heavy(&mut self.staged, self.weigh);
        self.extra -= sent.saturating_sub(before - self.staged.len());
        sent > 0
    }

    /// Stages an event and sends the batch when it is full. False: it is full and there is no
    /// credit; the stage must take no more input until [`flush_full`](Self::flush_full) succeeds.
    #[inline(always)]
    pub(crate) fn push(&mut self, event: T) -> bool {
        self.staged.push(event);
        self.staged.len() < self.send_at || self.flush_full()
    }

    /// Stages as many events as an iterator gives. False: as with [`push`](Self::push).
    #[inline(always)]
    pub(crate) fn push_all(&mut self, events: impl Iterator<Item = T>) -> bool {
        // One copy where the iterator knows its length; what is more than a batch is moved once more.
        self.staged.extend(events);
        self.staged.len() < self.send_at || self.flush_full()
    }

    /// Sends full batches. False: one is left for which there is no credit.
    #[inline(never)]
    pub(crate) fn flush_full(&mut self) -> bool {
        while self.weight() >= self.batch {
            if !self.send() {
                self.send_at = usize::MAX;
                return false;
            }
            self.since = None;
        }
        self.send_at = self.batch;
        true
    }

    /// Sends everything. False: something is left for which there is no credit.
    pub(crate) fn flush(&mut self) -> bool {
        while !self.staged.is_empty() {
            if !self.send() {
                return false;
            }
        }
        self.since = None;
        self.send_at = self.batch;
        true
    }

    /// Sends a partial batch if its consumer waits for it, or has waited long enough. Returns when
    /// what is left must go.
    pub(crate) fn quiet(&mut self, now: u64) -> Option<u64> {
        if self.staged.is_empty() {
            return None;
        }
        let due = self.since.get_or_insert(now).saturating_add(self.sender.inbox.options.linger);
        if now < due && !self.sender.inbox.hungry.load(Ordering::Relaxed) {
            return Some(due);
        }
        // Without credit nothing has to be timed: credit wakes the task.
        self.flush();
        None
    }

    pub(crate) fn closed(&self) -> bool {
        self.sender.closed()
    }

    pub(crate) fn end(&self) {
        self.sender.end();
    }
}
