//! `take` of a flow with an order, `take_any` of any.

use super::Flow;
use super::node::{KeepsOrder, Node, Sequenced, Then};
use super::ordered::Ordered;
use crate::error::Site;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::runtime::Place;
use crate::runtime::stage::Stage;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

impl<N: Node> Flow<N> {
    /// The first `n` events of the source's order. What is upstream stops as soon as they are there;
    /// it reads ahead by no more than `n` events, or two for every core where that is more, that
    /// turn out not to be wanted.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let first: Vec<u64> = Flow::from_iter(0u64..).filter(|x| x % 3 == 0).take(4).collect()?;
    /// assert_eq!(first, [0, 3, 6, 9]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn take(self, n: usize) -> Flow<Then<Ordered<N>, Take<N::Item>>>
    where
        N: Sequenced,
    {
        let site = Site::here("take");
        self.ordered_for(site, Some(n)).then(site, Take { left: n, types: PhantomData })
    }
}

impl<N: Node> Flow<N> {
    /// Any `n` events, in no order: the first that come. What is upstream stops then.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let some: Vec<u64> = Flow::from_range(0..1_000_000u64).take_any(5).collect()?;
    /// assert_eq!(some.len(), 5);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn take_any(self, n: usize) -> Flow<Then<N, TakeAny<N::Item>>> {
        let left = Arc::new(AtomicUsize::new(n));
        self.then(Site::here("take_any"), TakeAny { n, left, types: PhantomData })
    }
}

/// `take`: the plan's form and the one instance's form.
#[derive(Debug)]
pub struct Take<T> {
    left: usize,
    types: PhantomData<fn(T)>,
}

impl<T> Clone for Take<T> {
    fn clone(&self) -> Self {
        Take { left: self.left, types: PhantomData }
    }
}

impl<T> KeepsOrder for Take<T> {}

impl<T> Spec for Take<T> {
    type Operator = Take<T>;

    fn start(&self, _place: &Place) -> Take<T> {
        self.clone()
    }
}

impl<T> Operator for Take<T> {
    type In = T;
    type Out = T;

    #[inline]
    fn push<K: Push<T>>(&mut self, event: T, next: &mut K) {
        if self.left > 0 {
            self.left -= 1;
            next.push(event);
        }
    }

    fn room(&mut self, next: usize) -> usize {
        next.min(self.left)
    }

    fn closed(&self) -> bool {
        self.left == 0
    }
}

/// `take_any` as the plan holds it. Every run of a cloned flow counts for itself.
#[derive(Debug)]
pub struct TakeAny<T> {
    n: usize,
    left: Arc<AtomicUsize>,
    types: PhantomData<fn(T)>,
}

impl<T> Clone for TakeAny<T> {
    fn clone(&self) -> Self {
        TakeAny { n: self.n, left: Arc::new(AtomicUsize::new(self.n)), types: PhantomData }
    }
}

/// One instance of `take_any`. It stages what comes and takes its share of what is left once per
/// batch, so that no event costs an atomic operation and none is taken that nobody has.
#[derive(Debug)]
pub struct TakeAnyInstance<T> {
    left: Arc<AtomicUsize>,
    staged: Vec<T>,
    stage: Arc<Stage>,
}

/// How many events are staged before a share is taken.
const BATCH: usize = 256;

impl<T: Send> Spec for TakeAny<T> {
    type Operator = TakeAnyInstance<T>;

    fn start(&self, place: &Place) -> Self::Operator {
        let (left, stage) = (Arc::clone(&self.left), Arc::clone(&place.stage));
        TakeAnyInstance { left, staged: Vec::new(), stage }
    }
}

impl<T: Send> Operator for TakeAnyInstance<T> {
    type In = T;
    type Out = T;

    fn push<K: Push<T>>(&mut self, event: T, _next: &mut K) {
        self.staged.push(event);
    }

    fn holds(&self) -> bool {
        let most = self.left.load(Ordering::Relaxed).min(BATCH);
        !self.staged.is_empty() && self.staged.len() >= most
    }

    fn resume<K: Push<T>>(&mut self, next: &mut K) {
        self.flush(next);
    }

    fn room(&mut self, next: usize) -> usize {
        next.min(BATCH - self.staged.len()).min(self.left.load(Ordering::Relaxed))
    }

    fn closed(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    fn end<K: Push<T>>(&mut self, _finish: Finish, next: &mut K) -> bool {
        self.flush(next);
        self.staged.is_empty() || next.closed()
    }

    fn flush<K: Push<T>>(&mut self, next: &mut K) {
        while !self.staged.is_empty() {
            let wanted = self.staged.len().min(next.make_room());
            if wanted == 0 {
                return;
            }
            let mut share = 0;
            // The closure only computes: what it computed last is what was stored.
            let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                share = wanted.min(left);
                Some(left - share)
            });
            next.push_all(self.staged.drain(..share));
            if self.closed() {
                self.staged.clear();
                if share > 0 {
                    // The other instances may be waiting for events that nobody wants now.
                    self.stage.wake_all();
                }
            }
        }
    }
}
