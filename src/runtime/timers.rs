//! Wake-ups at a time: a heap of (time, task), looked at by workers between two tasks.

use super::task::TaskRef;
use crate::sync::unpoisoned;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Timers {
    /// The earliest time in the heap, `u64::MAX` when it is empty: what a worker reads on its way.
    next: AtomicU64,
    heap: Mutex<BinaryHeap<Reverse<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    at: u64,
    task: TaskRef,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Timers { next: AtomicU64::new(u64::MAX), heap: Mutex::new(BinaryHeap::new()) }
    }

    pub(crate) fn set(&self, at: u64, task: TaskRef) {
        let mut heap = unpoisoned(self.heap.lock());
        heap.push(Reverse(Entry { at, task }));
        self.next.fetch_min(at, Ordering::SeqCst);
    }

    /// When the earliest timer is due, if there is one.
    pub(crate) fn next(&self) -> Option<u64> {
        Some(self.next.load(Ordering::SeqCst)).filter(|&at| at != u64::MAX)
    }

    /// Wakes every task that waits for a time, whatever the time: something has changed for all of
    /// them. The timers stay.
    pub(crate) fn wake_all(&self) {
        for Reverse(entry) in unpoisoned(self.heap.lock()).iter() {
            entry.task.notify();
        }
    }

    /// Drops all of them: nobody waits any more.
    pub(crate) fn forget(&self) {
        let all = std::mem::take(&mut *unpoisoned(self.heap.lock()));
        self.next.store(u64::MAX, Ordering::SeqCst);
        drop(all);
    }

    /// Wakes every task whose time has come.
    pub(crate) fn fire(&self, now: u64) {
        loop {
            let due = {
                let mut heap = unpoisoned(self.heap.lock());
                let due = match heap.peek() {
                    Some(Reverse(first)) if first.at <= now => heap.pop(),
                    _ => None,
                };
                let next = heap.peek().map_or(u64::MAX, |Reverse(first)| first.at);
                self.next.store(next, Ordering::SeqCst);
                due
            };
            match due {
                Some(Reverse(entry)) => entry.task.notify(),
                None => return,
            }
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.task.id()).cmp(&(other.at, other.task.id()))
    }
}
