//! Credits: how many events a consumer has asked for and not yet been sent.
//!
//! Demand flows up as credits. A consumer gives them, a producer takes them before it sends, and
//! nothing else bounds an edge, so events in flight never exceed what was asked for. A producer
//! that finds too few registers its waker, *then looks once more*, and only then waits; a consumer
//! first adds, then looks for registered wakers. Both sides are sequentially consistent, so one of
//! the two always sees the other and no wake-up is lost.
//!
//! Several producers may take from one object (the tokens of an ordered region); none is served
//! more than was given.

#[cfg(all(test, not(loom)))]
use super::fault_tests::Fault;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, unpoisoned};

/// Something that can be told that credit arrived.
pub(crate) trait Wake {
    fn wake(&self);
}

#[derive(Debug)]
pub(crate) struct Credits<W> {
    available: AtomicUsize,
    waited_for: AtomicBool,
    waiting: Mutex<Vec<W>>,
}

impl<W: Wake + PartialEq> Credits<W> {
    pub(crate) fn new(available: usize) -> Self {
        Credits {
            available: AtomicUsize::new(available),
            waited_for: AtomicBool::new(false),
            waiting: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn available(&self) -> usize {
        self.available.load(Ordering::SeqCst)
    }

    /// Takes as many as there are, up to `most`.
    pub(crate) fn take_up_to(&self, most: usize) -> usize {
        self.take(1, most)
    }

    /// Takes as many as there are, up to `most`; none if there are fewer than `least`.
    fn take(&self, least: usize, most: usize) -> usize {
        let mut available = self.available.load(Ordering::SeqCst);
        loop {
            let taken = available.min(most);
            if taken < least.max(1) {
                return 0;
            }
            match self.available.compare_exchange(
                available,
                available - taken,
                Ordering::SeqCst,
                Ordering::SeqCst,
            ) {
                Ok(_) => return taken,
                Err(now) => available = now,
            }
        }
    }

    /// As [`take_up_to`](Self::take_up_to); where there are none, `waker` is told when there are.
    pub(crate) fn take_or_wait(&self, most: usize, waker: impl FnOnce() -> W) -> usize {
        self.take_or_wait_for(1, most, waker)
    }

    /// As [`take_or_wait`](Self::take_or_wait), but at least so many: where there are fewer, `waker` is
    /// told when there are more.
    pub(crate) fn take_or_wait_for(
        &self,
        least: usize,
        most: usize,
        waker: impl FnOnce() -> W,
    ) -> usize {
        match self.take(least, most) {
            0 => {
                let mut waiting = unpoisoned(self.waiting.lock());
                let waker = waker();
                if !waiting.contains(&waker) {
                    waiting.push(waker);
                }
                self.waited_for.store(true, Ordering::SeqCst);
                drop(waiting);
                self.take(least, most)
            }
            taken => taken,
        }
    }

    /// Adds credits and wakes whoever waits for them.
    pub(crate) fn give(&self, credits: usize) {
        #[cfg(all(test, not(loom)))]
        let credits = Fault::misgive(credits);
        self.available.fetch_add(credits, Ordering::SeqCst);
        if self.waited_for.load(Ordering::SeqCst) {
            self.wake_all();
        }
    }

    /// Wakes whoever waits, without credit: the edge has changed in another way.
    pub(crate) fn wake_all(&self) {
        let woken = {
            let mut waiting = unpoisoned(self.waiting.lock());
            self.waited_for.store(false, Ordering::SeqCst);
            std::mem::take(&mut *waiting)
        };
        for waker in woken {
            waker.wake();
        }
    }
}

/// The consumer's side of one edge: when to ask again, and for how much.
///
/// The rule is GenStage's: ask for `max` at first; whenever what is still pending has fallen to
/// `min` or below, ask for the difference to `max`.
#[derive(Debug)]
pub(crate) struct Demand {
    max: usize,
    min: usize,
    pending: usize,
}

impl Demand {
    pub(crate) fn new(max: usize, min: usize) -> Self {
        Demand { max, min, pending: max }
    }

    /// Records handled events; returns how many more to ask for now, perhaps none.
    pub(crate) fn handled(&mut self, events: usize) -> usize {
        self.pending = self.pending.saturating_sub(events);
        if self.pending > self.min {
            return 0;
        }
        let ask = self.max - self.pending;
        self.pending = self.max;
        ask
    }
}
