//! `boxed`: a flow whose type says only what it gives, for signatures, structs and loops.

use super::Flow;
use super::node::{ByReference, Node};
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use std::fmt;

impl<N: Node> Flow<N> {
    /// Erases the type of the flow. What follows is called once per batch instead of being fused;
    /// the order of the flow is given up.
    ///
    /// ```
    /// use flow::{BoxFlow, Flow};
    ///
    /// fn numbers(doubled: bool) -> BoxFlow<'static, u64> {
    ///     let flow = Flow::from_range(0..10u64);
    ///     if doubled { flow.map(|x| 2 * x).boxed() } else { flow.boxed() }
    /// }
    /// assert_eq!(numbers(true).sum::<u64>()?, 90);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn boxed<'env>(self) -> BoxFlow<'env, N::Item>
    where
        N: 'env,
    {
        self.within(Boxed::of)
    }
}

/// A flow of `T` that may borrow for `'env`.
pub type BoxFlow<'env, T> = Flow<Boxed<'env, T>>;

/// A node of which only the item type is known.
pub struct Boxed<'env, T> {
    up: Box<dyn Erased<T> + 'env>,
}

impl<'env, T> Boxed<'env, T> {
    pub(super) fn of<N: Node<Item = T> + 'env>(node: N) -> Self {
        Boxed { up: Box::new(node) }
    }
}

impl<T> fmt::Debug for Boxed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Boxed")
    }
}

trait Erased<T>: Send {
    fn describe(&self, stage: &StageOptions, outline: &mut Outline);

    fn build<'e>(
        self: Box<Self>,
        stage: StageOptions,
        builder: &mut Builder<'e>,
        make: Box<dyn ErasedMake<T> + 'e>,
    ) where
        Self: 'e;
}

impl<N: Node> Erased<N::Item> for N {
    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        Node::describe(self, stage, outline);
    }

    fn build<'e>(
        self: Box<Self>,
        stage: StageOptions,
        builder: &mut Builder<'e>,
        make: Box<dyn ErasedMake<N::Item> + 'e>,
    ) where
        Self: 'e,
    {
        Node::build(*self, stage, builder, BatchMake(make));
    }
}

impl<'env, T: Send> Node for Boxed<'env, T> {
    type Item = T;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        self.up.describe(stage, outline);
    }

    fn build<'e, M>(self, stage: StageOptions, builder: &mut Builder<'e>, make: M)
    where
        Self: 'e,
        M: Make<Kernel: Push<T>> + 'e,
    {
        self.up.build(stage, builder, Box::new(make));
    }
}

/// A kernel that takes batches: what is called dynamically.
trait BatchKernel<T>: Kernel {
    fn take_batch(&mut self, batch: &mut Vec<T>);

    fn close_boxed(self: Box<Self>, last: bool);
}

impl<T, K: Push<T>> BatchKernel<T> for K {
    fn take_batch(&mut self, batch: &mut Vec<T>) {
        self.push_batch(batch);
    }

    fn close_boxed(self: Box<Self>, last: bool) {
        self.close(last);
    }
}

trait ErasedMake<T>: Send + Sync {
    fn make<'e>(&self, place: &Place) -> Box<dyn BatchKernel<T> + 'e>
    where
        Self: 'e;

    fn planned(&self, instances: usize);
}

impl<T, M: Make<Kernel: Push<T>>> ErasedMake<T> for M {
    fn make<'e>(&self, place: &Place) -> Box<dyn BatchKernel<T> + 'e>
    where
        Self: 'e,
    {
        Box::new(Make::make(self, place))
    }

    fn planned(&self, instances: usize) {
        Make::planned(self, instances);
    }
}

struct BatchMake<'e, T: 'e>(Box<dyn ErasedMake<T> + 'e>);

impl<'e, T: Send + 'e> Make for BatchMake<'e, T> {
    type Kernel = Batch<'e, T>;

    fn make(&self, place: &Place) -> Batch<'e, T> {
        Batch { next: self.0.make(place), staged: Vec::new(), room: 0 }
    }

    fn planned(&self, instances: usize) {
        self.0.planned(instances);
    }
}

/// Collects a batch within the room that is behind, and hands it over in one call.
pub(crate) struct Batch<'e, T> {
    next: Box<dyn BatchKernel<T> + 'e>,
    staged: Vec<T>,
    room: usize,
}

/// The largest batch.
const BATCH: usize = 1024;

impl<T> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch of {}", self.staged.len())
    }
}

impl<T> Batch<'_, T> {
    fn hand_over(&mut self) {
        if !self.staged.is_empty() {
            self.next.take_batch(&mut self.staged);
        }
    }
}

impl<T: Send> Kernel for Batch<'_, T> {
    fn room(&mut self) -> usize {
        if self.staged.len() >= self.room {
            self.hand_over();
            self.room = self.next.room().min(BATCH);
        }
        self.room - self.staged.len()
    }

    fn resume(&mut self) {
        self.hand_over();
        self.next.resume();
        self.room = 0;
    }

    fn closed(&self) -> bool {
        self.next.closed()
    }

    fn mark(&mut self, mark: Mark) {
        self.hand_over();
        self.room = 0;
        self.next.mark(mark);
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.hand_over();
        self.room = 0;
        self.next.quiet(now)
    }

    fn end(&mut self, finish: Finish) -> bool {
        self.hand_over();
        self.room = 0;
        self.next.end(finish)
    }

    fn close(self, last: bool) {
        self.next.close_boxed(last);
    }
}

impl<T: Send> Push<T> for Batch<'_, T> {
    #[inline]
    fn push(&mut self, event: T) {
        self.staged.push(event);
    }
}
