//! Merges sorted runs while it emits.

use super::order::Order;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::ops::flat_map::emit;
use crate::runtime::Place;
use crate::runtime::task::TaskRef;
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::vec;

/// The merging stage as the plan holds it.
pub(super) struct MergeRuns<T, O> {
    order: Arc<O>,
    few: Option<usize>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<T, O> MergeRuns<T, O> {
    pub(super) fn new(order: Arc<O>, few: Option<usize>, site: Site) -> Self {
        MergeRuns { order, few, site, types: PhantomData }
    }
}

impl<T: Send, O: Order<T>> Spec for MergeRuns<T, O> {
    type Operator = Merge<T, O>;

    fn start(&self, place: &Place) -> Merge<T, O> {
        Merge {
            runs: Runs {
                heads: Vec::new(),
                order: Arc::clone(&self.order),
                left: self.few.unwrap_or(usize::MAX),
            },
            in_heap: false,
            site: self.site,
            task: place.task.clone(),
        }
    }
}

/// The one instance that merges: takes all runs, then emits.
pub(super) struct Merge<T, O> {
    runs: Runs<T, O>,
    in_heap: bool,
    site: Site,
    task: TaskRef,
}

impl<T, O> fmt::Debug for Merge<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Merge({} runs)", self.runs.heads.len())
    }
}

impl<T: Send, O: Order<T>> Operator for Merge<T, O> {
    type In = Vec<T>;
    type Out = T;

    fn push<K: Push<T>>(&mut self, run: Vec<T>, _next: &mut K) {
        let mut rest = run.into_iter();
        if let Some(event) = rest.next() {
            self.runs.heads.push(Head { event, rest });
        }
    }

    fn end<K: Push<T>>(&mut self, finish: Finish, next: &mut K) -> bool {
        if finish == Finish::Stopped {
            return true;
        }
        if !self.in_heap {
            self.in_heap = true;
            guarded(&self.site, || self.runs.make_heap());
        }
        emit(&self.site, &self.task, &mut self.runs, next) || next.closed()
    }
}

/// The first event of a run, and the others.
struct Head<T> {
    event: T,
    rest: vec::IntoIter<T>,
}

/// Runs as a binary heap by their heads (Knuth, The Art of Computer Programming, vol. 3, 5.4.1): an
/// event costs at most two comparisons for every doubling of the number of runs.
struct Runs<T, O> {
    heads: Vec<Head<T>>,
    order: Arc<O>,
    /// How many events are still wanted.
    left: usize,
}

impl<T, O: Order<T>> Runs<T, O> {
    fn make_heap(&mut self) {
        for at in (0..self.heads.len() / 2).rev() {
            self.sift_down(at);
        }
    }

    fn before(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.heads[one].event, &self.heads[other].event);
        self.order.compare(one, other) == Ordering::Less
    }

    #[inline]
    fn sift_down(&mut self, mut at: usize) {
        let len = self.heads.len();
        loop {
            let mut child = 2 * at + 1;
            if child >= len {
                return;
            }
            if child + 1 < len && self.before(child + 1, child) {
                child += 1;
            }
            if !self.before(child, at) {
                return;
            }
            self.heads.swap(child, at);
            at = child;
        }
    }
}

impl<T, O: Order<T>> Iterator for Runs<T, O> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.left == 0 {
            self.heads.clear();
        }
        let head = self.heads.first_mut()?;
        let event = match head.rest.next() {
            Some(event) => std::mem::replace(&mut head.event, event),
            None => self.heads.swap_remove(0).event,
        };
        self.left -= 1;
        self.sift_down(0);
        Some(event)
    }
}
