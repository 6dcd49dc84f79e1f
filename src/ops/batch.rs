//! `map_batch`, and what it shares with `for_each_batch`: as many events at a time as are at hand.

use super::Flow;
use super::flat_map::emit;
use super::node::{KeepsOrder, Node, Then};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Mark, Operator, Push, Spec};
use crate::runtime::Place;
use crate::runtime::task::TaskRef;
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Turns the events that are at hand into any number of events, a whole batch at a time: for what
    /// is cheaper for many than for one, as a request or a transaction.
    ///
    /// A batch has at least one event and at most as many as a batch of the stage's edge (1,024,
    /// unless [`max_demand`](Flow::max_demand) and [`min_demand`](Flow::min_demand) say otherwise).
    /// It is handled when it is full, when nothing more is at hand, and at the end of what the source
    /// gave out at once, so no event waits for another. How events fall into batches differs from run
    /// to run; [`chunks`](Flow::chunks) is exact. The order is kept. What `f` gives is suspended
    /// where a consumer has no demand, as in [`flat_map`](Flow::flat_map). One allocation per batch.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let doubled: Vec<u64> = Flow::from_range(0..1000u64)
    ///     .map_batch(|batch| batch.into_iter().map(|x| 2 * x))
    ///     .collect()?;
    /// assert_eq!(doubled[..3], [0, 2, 4]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "map_partitions")]
    #[track_caller]
    pub fn map_batch<I, F>(self, f: F) -> Flow<Then<N, Batches<MapBatch<F>, N::Item>>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send>,
        F: Fn(Vec<N::Item>) -> I + Send + Sync,
    {
        let site = Site::here("map_batch");
        self.then(site, Batches::new(MapBatch(f), site))
    }
}

/// What is done with a batch.
pub trait OnBatch<T>: Send + Sync {
    /// What comes of it.
    type Out: Iterator<Item: Send> + Send;

    /// Calls the user's closure, and leaves the vector empty.
    fn call(&self, batch: &mut Vec<T>) -> Self::Out;
}

/// `map_batch`'s closure, which gets the vector.
#[derive(Debug)]
pub struct MapBatch<F>(F);

impl<T, I, F> OnBatch<T> for MapBatch<F>
where
    I: IntoIterator<Item: Send, IntoIter: Send>,
    F: Fn(Vec<T>) -> I + Send + Sync,
{
    type Out = I::IntoIter;

    fn call(&self, batch: &mut Vec<T>) -> I::IntoIter {
        let empty = Vec::with_capacity(batch.len());
        (self.0)(mem::replace(batch, empty)).into_iter()
    }
}

/// `for_each_batch`'s closure, which is lent the vector.
#[derive(Debug)]
pub(crate) struct EachBatch<F>(pub(crate) F);

impl<T, F: Fn(&mut Vec<T>) + Send + Sync> OnBatch<T> for EachBatch<F> {
    type Out = iter::Empty<()>;

    fn call(&self, batch: &mut Vec<T>) -> iter::Empty<()> {
        (self.0)(batch);
        batch.clear();
        iter::empty()
    }
}

/// An operator on batches as the plan holds it.
pub struct Batches<F, T> {
    f: Arc<F>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<F, T> Batches<F, T> {
    pub(crate) fn new(f: F, site: Site) -> Self {
        Batches { f: Arc::new(f), site, types: PhantomData }
    }
}

impl<F, T> Clone for Batches<F, T> {
    fn clone(&self) -> Self {
        Batches { f: Arc::clone(&self.f), site: self.site, types: PhantomData }
    }
}

impl<F, T> fmt::Debug for Batches<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<F, T> KeepsOrder for Batches<F, T> {}

impl<F: OnBatch<T>, T: Send> Spec for Batches<F, T> {
    type Operator = BatchesInstance<F, T>;

    fn start(&self, place: &Place) -> Self::Operator {
        BatchesInstance {
            spec: self.clone(),
            task: place.task.clone(),
            most: place.stage.batch,
            staged: Vec::new(),
            held: None,
            marks: Vec::new(),
        }
    }
}

/// One instance of an operator on batches.
///
/// A claim's last batch is handled before the mark that ends the claim goes on. Where there is no
/// room for all that comes of it, what is left is held, then the marks that came since, then the
/// events that came since: those of one pull at most, since there is no room while anything is held.
pub struct BatchesInstance<F: OnBatch<T>, T> {
    spec: Batches<F, T>,
    task: TaskRef,
    most: usize,
    staged: Vec<T>,
    held: Option<F::Out>,
    marks: Vec<Mark>,
}

impl<F: OnBatch<T>, T> fmt::Debug for BatchesInstance<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} events staged", self.spec, self.staged.len())
    }
}

impl<F: OnBatch<T>, T> BatchesInstance<F, T> {
    fn handle<K: Push<<F::Out as Iterator>::Item>>(&mut self, next: &mut K) {
        let Batches { f, site, .. } = &self.spec;
        let mut out = guarded(site, || f.call(&mut self.staged));
        if !emit(site, &self.task, &mut out, next) {
            self.held = Some(out);
        }
    }

    #[inline(always)]
    fn handle_full<K: Push<<F::Out as Iterator>::Item>>(&mut self, next: &mut K) {
        if self.staged.len() >= self.most && self.held.is_none() {
            self.handle(next);
        }
    }
}

impl<F: OnBatch<T>, T: Send> Operator for BatchesInstance<F, T> {
    type In = T;
    type Out = <F::Out as Iterator>::Item;

    #[inline(always)]
    fn push<K: Push<Self::Out>>(&mut self, event: T, next: &mut K) {
        self.staged.push(event);
        self.handle_full(next);
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, events: I, next: &mut K)
    where
        I: Iterator<Item = T>,
        K: Push<Self::Out>,
    {
        // No more than there was room for.
        self.staged.extend(events);
        self.handle_full(next);
    }

    fn push_batch<K: Push<Self::Out>>(&mut self, batch: &mut Vec<T>, next: &mut K) {
        if self.staged.is_empty() {
            // The producer gets our spent vector for its own.
            mem::swap(&mut self.staged, batch);
        } else {
            self.staged.append(batch);
        }
        self.handle_full(next);
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn resume<K: Push<Self::Out>>(&mut self, next: &mut K) {
        while let Some(out) = &mut self.held {
            if next.closed() {
                self.held = None;
                self.marks.clear();
                return self.staged.clear();
            }
            if !emit(&self.spec.site, &self.task, out, next) {
                return;
            }
            self.held = None;
            self.marks.drain(..).for_each(|mark| next.mark(mark));
            self.handle_full(next);
        }
    }

    fn room(&mut self, next: usize) -> usize {
        if next == 0 { 0 } else { self.most.saturating_sub(self.staged.len()) }
    }

    fn mark<K: Push<Self::Out>>(&mut self, mark: Mark, next: &mut K) {
        self.flush(next);
        if self.held.is_some() {
            self.marks.push(mark);
        } else {
            next.mark(mark);
        }
    }

    fn flush<K: Push<Self::Out>>(&mut self, next: &mut K) {
        if !self.staged.is_empty() && self.held.is_none() {
            self.handle(next);
        }
    }

    fn end<K: Push<Self::Out>>(&mut self, _finish: Finish, next: &mut K) -> bool {
        self.flush(next);
        self.held.is_none() || next.closed()
    }
}
