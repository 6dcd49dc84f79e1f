//! `chunks`: so many events of an order at a time.

use super::Flow;
use super::node::{KeepsOrder, Node, Sequenced, Then};
use super::ordered::Ordered;
use crate::error::Site;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::runtime::Place;
use std::marker::PhantomData;

impl<N: Node> Flow<N> {
    /// Vectors of `n` consecutive events of the source's order; the last one has what is left. 0 is
    /// refused.
    ///
    /// A chunk goes on when it is full: on a source that pauses, its events wait. The rest goes on at
    /// the end of the input, also where the run is drained; a run that is stopped drops it.
    /// [`map_batch`](Flow::map_batch) waits for nothing. What follows is one sequential stage. One
    /// allocation per chunk.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let chunks: Vec<Vec<u64>> = Flow::from_range(0..5u64).chunks(2).collect()?;
    /// assert_eq!(chunks, [vec![0, 1], vec![2, 3], vec![4]]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn chunks(mut self, n: usize) -> Flow<Then<Ordered<N>, Chunks<N::Item>>>
    where
        N: Sequenced,
    {
        let site = Site::here("chunks");
        if n == 0 {
            self.run.refuse(site, "a chunk must have at least 1 event".to_owned());
        }
        self.ordered_for(site, None).then(site, Chunks { n, types: PhantomData })
    }
}

/// `chunks` as the plan holds it.
#[derive(Debug)]
pub struct Chunks<T> {
    n: usize,
    types: PhantomData<fn(T)>,
}

impl<T> Clone for Chunks<T> {
    fn clone(&self) -> Self {
        Chunks { n: self.n, types: PhantomData }
    }
}

impl<T> KeepsOrder for Chunks<T> {}

impl<T: Send> Spec for Chunks<T> {
    type Operator = ChunksInstance<T>;

    fn start(&self, _place: &Place) -> ChunksInstance<T> {
        ChunksInstance { n: self.n, chunk: Vec::new() }
    }
}

/// The one instance of `chunks`, with the chunk that is not full.
#[derive(Debug)]
pub struct ChunksInstance<T> {
    n: usize,
    chunk: Vec<T>,
}

/// For how many events there is room from the beginning; a longer chunk grows.
const AT_FIRST: usize = 1024;

impl<T> ChunksInstance<T> {
    #[inline(always)]
    fn hand_on<K: Push<Vec<T>>>(&mut self, next: &mut K) {
        if self.chunk.len() == self.n {
            let empty = Vec::with_capacity(self.n.min(AT_FIRST));
            next.push(std::mem::replace(&mut self.chunk, empty));
        }
    }
}

impl<T: Send> Operator for ChunksInstance<T> {
    type In = T;
    type Out = Vec<T>;

    #[inline(always)]
    fn push<K: Push<Vec<T>>>(&mut self, event: T, next: &mut K) {
        self.chunk.push(event);
        self.hand_on(next);
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, mut events: I, next: &mut K)
    where
        I: Iterator<Item = T>,
        K: Push<Vec<T>>,
    {
        loop {
            let lacking = self.n - self.chunk.len();
            self.chunk.extend(events.by_ref().take(lacking));
            if self.chunk.len() < self.n {
                return;
            }
            self.hand_on(next);
        }
    }

    fn room(&mut self, next: usize) -> usize {
        // As many as fill what `next` takes: at least one, where it takes any.
        next.saturating_mul(self.n).saturating_sub(self.chunk.len())
    }

    fn end<K: Push<Vec<T>>>(&mut self, finish: Finish, next: &mut K) -> bool {
        if finish == Finish::Stopped || self.chunk.is_empty() {
            return true;
        }
        if next.make_room() == 0 {
            return next.closed();
        }
        next.push(std::mem::take(&mut self.chunk));
        true
    }
}
