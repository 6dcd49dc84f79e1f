//! Timers in the order in which they are due, of which most are given up before.
//!
//! A timer is put down in the bucket of its time, and a bucket is sorted when its time has come: the one
//! that stands open. So a timer costs a look into a small tree and its share of sorting one bucket, and
//! years without timers cost nothing.
//! (A calendar queue, R. Brown, CACM 31, 1988, whose days are as many as are needed.)
//!
//! **Invariant.** What is in `buckets` is later than `opened`; what is not later has come to `open` with
//! its bucket or is in `behind`. Giving a timer up costs nothing: whoever set it knows which one holds.
//! What does not hold any more is dropped when its turn comes, or when the others have become fewer than
//! half.

use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::mem;

/// Below it nobody tidies up.
const SMALLEST: usize = if cfg!(test) { 4 } else { 64 };

/// What is due at a time. The order goes by that time first.
pub(crate) trait Timer: Ord + Copy {
    fn at(&self) -> Timestamp;
}

#[derive(Debug)]
pub(crate) struct Timers<T> {
    /// By time, in units of `1 << shift` ticks.
    buckets: BTreeMap<i64, Vec<T>>,
    shift: u32,
    /// The bucket that stands open, the first timer last.
    open: Vec<T>,
    /// What came for a bucket that was open by then.
    behind: BinaryHeap<Reverse<T>>,
    /// The bucket that was opened last.
    opened: i64,
    len: usize,
    /// At how many it is time to drop what does not hold.
    limit: usize,
}

impl<T: Timer> Timers<T> {
    /// None yet. A bucket is for `width` ticks, rounded down to a power of two.
    pub(crate) fn new(width: i64) -> Self {
        Timers {
            buckets: BTreeMap::new(),
            shift: width.max(1).ilog2(),
            open: Vec::new(),
            behind: BinaryHeap::new(),
            opened: i64::MIN,
            len: 0,
            limit: SMALLEST,
        }
    }

    fn bucket(&self, at: Timestamp) -> i64 {
        at.0 >> self.shift
    }

    /// When the first one that holds is due, rounded down to its bucket if that is closed. Drops what
    /// comes before and does not hold.
    pub(crate) fn next(&mut self, holds: impl Fn(&T) -> bool) -> Option<Timestamp> {
        while self.open.pop_if(|timer| !holds(timer)).is_some() {
            self.len -= 1;
        }
        while self.behind.peek().is_some_and(|Reverse(timer)| !holds(timer)) {
            self.behind.pop();
            self.len -= 1;
        }
        let behind = self.behind.peek().map(|Reverse(timer)| timer);
        if let Some(first) = self.open.last().into_iter().chain(behind).min() {
            return Some(first.at());
        }
        while let Some(mut first) = self.buckets.first_entry() {
            while first.get_mut().pop_if(|timer| !holds(timer)).is_some() {
                self.len -= 1;
            }
            if !first.get().is_empty() {
                return Some(Timestamp(*first.key() << self.shift));
            }
            first.remove();
        }
        None
    }

    /// Takes out the first one that holds and is due by then.
    pub(crate) fn pop(&mut self, by: Timestamp, holds: impl Fn(&T) -> bool) -> Option<T> {
        loop {
            let behind = self.behind.peek().map(|Reverse(timer)| timer);
            let (timer, is_behind) = match (self.open.last(), behind) {
                (Some(open), Some(behind)) if behind < open => (*behind, true),
                (Some(open), _) => (*open, false),
                (None, Some(behind)) => (*behind, true),
                (None, None) => {
                    if !self.unlock(by, &holds) {
                        return None;
                    }
                    continue;
                }
            };
            if timer.at() > by {
                return None;
            }
            if is_behind {
                self.behind.pop();
            } else {
                self.open.pop();
            }
            self.len -= 1;
            if holds(&timer) {
                return Some(timer);
            }
        }
    }

    /// Opens the first bucket, where none stands open; false if what is in it is due later.
    ///
    /// Asking for all of them whether they hold brings what they are about into the cache, without one
    /// waiting for the other.
    fn unlock(&mut self, by: Timestamp, holds: impl Fn(&T) -> bool) -> bool {
        let by = self.bucket(by);
        let Some(first) = self.buckets.first_entry().filter(|first| *first.key() <= by) else {
            self.opened = i64::MIN;
            return false;
        };
        self.opened = *first.key();
        let mut open = first.remove();
        self.len -= open.len();
        open.retain(holds);
        self.len += open.len();
        self.open = open;
        self.open.sort_unstable_by(|one, other| other.cmp(one));
        true
    }

    /// Puts one in. Cost: see above, and what tidying up costs, which is constant on average.
    pub(crate) fn push(&mut self, timer: T, holds: impl Fn(&T) -> bool) {
        if self.len >= self.limit {
            self.tidy_up(holds);
        }
        self.len += 1;
        let bucket = self.bucket(timer.at());
        if bucket <= self.opened {
            self.behind.push(Reverse(timer));
        } else {
            self.buckets.entry(bucket).or_default().push(timer);
        }
    }

    #[cold]
    #[inline(never)]
    fn tidy_up(&mut self, holds: impl Fn(&T) -> bool) {
        let tidy = |timers: &mut Vec<T>| {
            timers.retain(&holds);
            timers.sort_unstable_by(|one, other| other.cmp(one));
            timers.dedup();
            timers.shrink_to(2 * timers.len());
            timers.len()
        };
        self.open.extend(mem::take(&mut self.behind).into_iter().map(|Reverse(timer)| timer));
        self.len = tidy(&mut self.open);
        self.buckets.retain(|_, timers| {
            let left = tidy(timers);
            self.len += left;
            left > 0
        });
        self.limit = (self.len * 2).max(SMALLEST);
    }

    pub(crate) fn clear(&mut self) {
        *self = Timers { shift: self.shift, ..Timers::new(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Timer for i64 {
        fn at(&self) -> Timestamp {
            Timestamp(*self)
        }
    }

    #[test]
    fn what_does_not_hold_is_dropped_in_time() {
        for width in [1, 16] {
            let mut timers = Timers::new(width);
            let holds = |timer: &i64| timer % 100 == 0;
            for at in 0..10_000 {
                timers.push(at, holds);
                timers.push(0, holds);
                assert!(timers.len <= SMALLEST.max(at as usize / 25 + 4));
            }
            let holds = |timer: &i64| holds(timer) && *timer > 0;
            let came: Vec<_> = std::iter::from_fn(|| timers.pop(Timestamp::MAX, holds)).collect();
            assert_eq!(came, (1..100).map(|nth| nth * 100).collect::<Vec<_>>());
            assert_eq!((timers.len, timers.next(holds)), (0, None));
        }
    }

    proptest! {
        /// As a heap has it, for any width, also where timers come for times that have passed.
        #[test]
        fn they_come_in_order(
            steps in prop::collection::vec((any::<bool>(), -40..40_i64, 0..20_usize), 0..200),
            width in prop::sample::select(vec![1, 2, 7, 64]),
            end in prop::sample::select(vec![0, i64::MIN, i64::MAX]),
        ) {
            let (mut timers, mut heap) = (Timers::new(width), BinaryHeap::new());
            let holds = |timer: &i64| timer % 3 != 0;
            for (pops, at, often) in steps {
                let at = end.saturating_add(at);
                for nth in 0..often as i64 {
                    let timer = at.saturating_add(nth);
                    if pops {
                        while heap.peek().is_some_and(|Reverse(due)| *due <= at && !holds(due)) {
                            heap.pop();
                        }
                        let due = heap.peek().is_some_and(|Reverse(due)| *due <= at);
                        let due = if due { heap.pop().map(|Reverse(due)| due) } else { None };
                        prop_assert_eq!(timers.pop(Timestamp(at), holds), due);
                        if due.is_none() {
                            prop_assert!(timers.next(holds).is_none_or(|next| next.0 > at));
                        }
                    } else if heap.iter().all(|Reverse(due)| *due != timer) {
                        timers.push(timer, holds);
                        heap.push(Reverse(timer));
                    }
                    let first = heap.iter().map(|Reverse(due)| *due).filter(holds).min();
                    match (timers.next(holds), first) {
                        (Some(next), Some(first)) => prop_assert!(next.0 <= first),
                        (next, first) => prop_assert_eq!(next.map(|next| next.0), first),
                    }
                }
            }
        }
    }
}
