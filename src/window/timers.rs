//! Timers in the order in which they are due, of which most are given up before.
//!
//! **Invariant.** Giving a timer up costs nothing: whoever set it knows which one holds. What does not
//! hold any more is dropped when its turn comes, or when the others have become fewer than half.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

/// Below it nobody tidies up.
const SMALLEST: usize = if cfg!(test) { 4 } else { 64 };

#[derive(Debug)]
pub(super) struct Timers<T> {
    heap: BinaryHeap<Reverse<T>>,
    /// At how many it is time to drop what does not hold.
    limit: usize,
}

impl<T: Ord + Copy> Timers<T> {
    pub(super) fn new() -> Self {
        Timers { heap: BinaryHeap::new(), limit: SMALLEST }
    }

    /// The first one that holds.
    pub(super) fn first(&mut self, holds: impl Fn(&T) -> bool) -> Option<T> {
        while let Some(Reverse(timer)) = self.heap.peek() {
            if holds(timer) {
                return Some(*timer);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the first one out.
    pub(super) fn pop(&mut self) {
        self.heap.pop();
    }

    /// Puts one in. Cost: logarithmic, and what tidying up costs, which is constant on average.
    pub(super) fn push(&mut self, timer: T, holds: impl Fn(&T) -> bool) {
        if self.heap.len() >= self.limit {
            let mut timers = mem::take(&mut self.heap).into_vec();
            timers.retain(|Reverse(timer)| holds(timer));
            timers.sort_unstable();
            timers.dedup();
            self.limit = (timers.len() * 2).max(SMALLEST);
            self.heap = timers.into();
        }
        self.heap.push(Reverse(timer));
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_dropped_in_time() {
        let mut timers = Timers::new();
        for at in 0..10_000 {
            timers.push(at, |timer| timer % 100 == 0);
            timers.push(0, |timer| timer % 100 == 0);
            assert!(timers.len() <= SMALLEST.max(at / 25 + 4));
        }
        let holds = |timer: &usize| timer.is_multiple_of(100) && *timer > 0;
        let mut came = Vec::new();
        while let Some(timer) = timers.first(holds) {
            came.push(timer);
            timers.pop();
        }
        assert_eq!(came, (1..100).map(|nth| nth * 100).collect::<Vec<_>>());
    }
}
