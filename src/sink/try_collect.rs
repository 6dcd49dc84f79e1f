//! `try_collect`: collects what is `Ok` and stops at the first `Err`.

use super::Collect;
use crate::error::{FlowError, Site};
use crate::kernel::{Mark, Operator, Push, Spec};
use crate::ops::{Flow, KeepsOrder, Node};
use crate::runtime::Place;
use crate::runtime::stage::Stage;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

impl<T: Send, E: Send, N: Node<Item = Result<T, E>>> Flow<N> {
    /// Collects every `Ok` into any collection, up to the first `Err`, which is given instead: what
    /// is upstream stops, so an endless source ends.
    ///
    /// Where the flow has one order, it is the first `Err` of this order, whatever the workers do:
    /// the result is that of the iterator. Else it is one of the first in time. The outer error is
    /// the run's, the inner one that of an event, which has not failed the run; to let it, use
    /// [`ok_or_fail`](Flow::ok_or_fail). `collect::<Result<_, _>>()` gives the same and reads its
    /// source to the end.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let small = |x: u64| if x < 1000 { Ok(x) } else { Err(format!("{x} is large")) };
    /// let endless: Result<Vec<u64>, _> = Flow::from_iter(0u64..).map(small).try_collect()?;
    /// assert_eq!(endless, Err("1000 is large".to_owned()));
    /// let all: Result<Vec<u64>, _> = Flow::from_iter(0..3).map(small).try_collect()?;
    /// assert_eq!(all, Ok(vec![0, 1, 2]));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn try_collect<C: FromIterator<T>>(self) -> Result<Result<C, E>, FlowError> {
        let site = Site::here("try_collect");
        let first = Arc::new(AtomicU64::new(NONE));
        let until = self.then(site, UntilError { first, types: PhantomData });
        until.into_sink(site, Collect::new()).run()
    }
}

/// No position.
const NONE: u64 = u64::MAX;

/// Lets everything pass up to the first `Err`, as the plan holds it.
struct UntilError<T> {
    /// Where the claim begins in which the first `Err` was, of those that were seen.
    first: Arc<AtomicU64>,
    types: PhantomData<fn(T)>,
}

impl<T> fmt::Debug for UntilError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("try_collect")
    }
}

impl<T> KeepsOrder for UntilError<T> {}

/// One instance of it. One that is at a claim before the first `Err` still goes on: there may be one
/// that comes first. Nobody claims anew, since every new claim would be behind it.
struct UntilErrorInstance<T> {
    first: Arc<AtomicU64>,
    /// Where the claim at hand begins: behind all others, where there is none.
    claim: u64,
    failed: bool,
    stage: Arc<Stage>,
    types: PhantomData<fn(T)>,
}

impl<T, E> Spec for UntilError<Result<T, E>> {
    type Operator = UntilErrorInstance<Result<T, E>>;

    fn start(&self, place: &Place) -> Self::Operator {
        let (first, stage) = (Arc::clone(&self.first), Arc::clone(&place.stage));
        UntilErrorInstance { first, claim: NONE, failed: false, stage, types: PhantomData }
    }
}

impl<T> UntilErrorInstance<T> {
    #[cold]
    fn fails(&mut self) {
        self.failed = true;
        self.first.fetch_min(self.claim.min(NONE - 1), Ordering::SeqCst);
        // The other instances may be waiting for events that nobody wants now.
        self.stage.wake_all();
    }
}

impl<T, E> Operator for UntilErrorInstance<Result<T, E>> {
    type In = Result<T, E>;
    type Out = Result<T, E>;

    #[inline(always)]
    fn push<K: Push<Result<T, E>>>(&mut self, event: Result<T, E>, next: &mut K) {
        if !self.failed {
            if event.is_err() {
                self.fails();
            }
            next.push(event);
        }
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, mut events: I, next: &mut K)
    where
        I: Iterator<Item = Result<T, E>>,
        K: Push<Result<T, E>>,
    {
        next.push_all(std::iter::from_fn(|| {
            if self.failed {
                return None;
            }
            let event = events.next()?;
            if event.is_err() {
                self.fails();
            }
            Some(event)
        }));
    }

    fn room(&mut self, next: usize) -> usize {
        if self.closed() { 0 } else { next }
    }

    fn closed(&self) -> bool {
        self.failed || self.first.load(Ordering::SeqCst) < self.claim
    }

    fn mark<K: Push<Result<T, E>>>(&mut self, mark: Mark, next: &mut K) {
        self.claim = match mark {
            Mark::Claimed { start, .. } => start,
            Mark::Settled => NONE,
            Mark::Watermark(_) | Mark::Idle => self.claim,
        };
        next.mark(mark);
    }
}
