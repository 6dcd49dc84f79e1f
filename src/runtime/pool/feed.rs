//! The feeding end of a pool: the kernel of the stage before it.

use super::Pool;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::runtime::credit::Credits;
use crate::runtime::stage::Place;
use crate::runtime::task::TaskRef;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The feeder's end, as the kernel of the stage that feeds.
#[derive(Debug)]
pub struct IntoPool<T> {
    pool: Arc<Pool<T>>,
    task: TaskRef,
    feeder: usize,
    credits: Arc<Credits<TaskRef>>,
    /// Credit that was taken, and not yet used by what has been handed over.
    allowance: usize,
    staged: Vec<T>,
    batch: usize,
    /// Whether the feeder may block: then nothing is staged, since nobody could send it on.
    at_once: bool,
    /// What came when nobody claimed any more.
    unwanted: usize,
    /// Whether this is the only instance that feeds this pool.
    alone: bool,
}

impl<T> IntoPool<T> {
    #[inline(never)]
    fn hand_over(&mut self) {
        if !self.staged.is_empty() {
            self.allowance -= self.staged.len();
            self.pool.feed(self.feeder, &mut self.staged);
        }
        if self.unwanted > 0 {
            self.pool.counters.dropped_unsent(std::mem::take(&mut self.unwanted));
        }
    }
}

impl<T: Send> IntoPool<T> {
    /// Takes an event also where it has no room because nobody claims any more: it is dropped then,
    /// and counted.
    #[inline]
    pub(crate) fn offer(&mut self, event: T) {
        if self.allowance == self.staged.len() {
            self.unwanted += 1;
        } else {
            self.push(event);
        }
    }
}

impl<T: Send> Kernel for IntoPool<T> {
    fn room(&mut self) -> usize {
        if !self.at_once && self.task.home().is_some() {
            // What was staged on a worker goes before what comes now.
            self.hand_over();
            self.at_once = true;
        }
        // All that has been asked for by now, also where some of it was left before.
        self.allowance += if self.allowance == self.staged.len() {
            self.credits.take_or_wait(usize::MAX, || self.task.clone())
        } else {
            self.credits.take_up_to(usize::MAX)
        };
        self.allowance - self.staged.len()
    }

    fn closed(&self) -> bool {
        self.pool.closed.load(Ordering::Relaxed)
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        self.hand_over();
        None
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.hand_over();
        true
    }

    fn close(self, last: bool) {
        if last || self.alone {
            self.pool.end();
        }
    }
}

impl<T: Send> Push<T> for IntoPool<T> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        if self.at_once {
            self.allowance -= 1;
            self.pool.feed_one(self.feeder, event);
        } else {
            self.staged.push(event);
            if self.staged.len() >= self.batch {
                self.hand_over();
            }
        }
    }

    #[inline(always)]
    fn push_all<I: Iterator<Item = T>>(&mut self, events: I) {
        if self.at_once {
            return events.for_each(|event| self.push(event));
        }
        self.staged.extend(events);
        if self.staged.len() >= self.batch {
            self.hand_over();
        }
    }
}

/// Makes feeders.
#[derive(Debug)]
pub(crate) struct IntoPoolMake<T>(pub(crate) Arc<Pool<T>>);

impl<T: Send> Make for IntoPoolMake<T> {
    type Kernel = IntoPool<T>;

    fn make(&self, place: &Place) -> IntoPool<T> {
        let (feeder, credits) = self.0.attach(&place.task);
        IntoPool {
            pool: Arc::clone(&self.0),
            task: place.task.clone(),
            feeder,
            credits,
            allowance: 0,
            staged: Vec::new(),
            batch: self.0.options.batch,
            at_once: false,
            unwanted: 0,
            alone: false,
        }
    }
}

/// Makes feeders of which each has a pool of its own.
#[derive(Debug)]
pub(crate) struct IntoPoolsMake<T>(pub(crate) Arc<[Arc<Pool<T>>]>);

impl<T: Send> Make for IntoPoolsMake<T> {
    type Kernel = IntoPool<T>;

    fn make(&self, place: &Place) -> IntoPool<T> {
        let alone = IntoPoolMake(Arc::clone(&self.0[place.instance])).make(place);
        IntoPool { alone: true, ..alone }
    }
}
