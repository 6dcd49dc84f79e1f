//! What `on_trigger` of windows does: a closure is given the accumulator at every firing.

use super::folds::Folded;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::ops::PaneInfo;
use crate::ops::reduce::Emits;
use crate::window::{Fired, Fold, Folding, Head, Kept, Mode};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Folds as `reduce`'s closures do; what a pane carries is what `on_trigger`'s gives.
pub struct Triggered<I, F, A, G, E> {
    fold: Folded<I, F, A>,
    emit: Arc<G>,
    /// Which of how many partitions it is in.
    partition: (usize, usize),
    site: Site,
    types: PhantomData<fn() -> E>,
}

impl<I, F, A, G, E> Triggered<I, F, A, G, E> {
    pub(super) fn new(closures: Arc<(I, F)>, emit: G, site: Site) -> Self {
        let fold = Folded { closures, acc: PhantomData };
        Triggered { fold, emit: Arc::new(emit), partition: (0, 1), site, types: PhantomData }
    }
}

impl<I, F, A, G, E> Clone for Triggered<I, F, A, G, E> {
    fn clone(&self) -> Self {
        let (fold, emit) = (self.fold.clone(), Arc::clone(&self.emit));
        Triggered { fold, emit, partition: self.partition, site: self.site, types: PhantomData }
    }
}

impl<I, F, A, G, E> fmt::Debug for Triggered<I, F, A, G, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Triggered")
    }
}

impl<I, F, A, G, E> Triggered<I, F, A, G, E>
where
    E: Emits,
    G: Fn(&mut A, &PaneInfo) -> E,
{
    fn emit(&self, acc: &mut A, head: &Head, index: u32, last: bool) -> E::Items {
        let pane = PaneInfo::new(self.partition, head, index, last);
        guarded(&self.site, || (self.emit)(acc, &pane).items())
    }
}

impl<I, F, A, G, E> Folding for Triggered<I, F, A, G, E>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
    G: Fn(&mut A, &PaneInfo) -> E + Send + Sync,
    E: Emits,
{
    type Acc = A;
    type Out = E::Items;

    fn finish(&self, mut acc: A) -> E::Items {
        self.emit(&mut acc, &Head::CLOSE, 0, true)
    }

    fn empty(&self) -> Option<E::Items> {
        self.fold.empty().map(|acc| self.finish(acc))
    }

    fn in_partition(self, partition: usize, partitions: usize) -> Self {
        Triggered { partition: (partition, partitions), ..self }
    }
}

impl<T, I, F, A, G, E> Fold<T> for Triggered<I, F, A, G, E>
where
    Self: Folding<Acc = A>,
    Folded<I, F, A>: Fold<T> + Folding<Acc = A>,
{
    #[inline]
    fn first(&self, event: T) -> A {
        self.fold.first(event)
    }

    #[inline]
    fn add(&self, acc: &mut A, event: T) {
        self.fold.add(acc, event);
    }
}

/// What is kept of a window that has fired is what the closure leaves.
#[derive(Clone, Copy, Debug)]
pub struct ByTrigger;

impl<I, F, A, G, E> Mode<Triggered<I, F, A, G, E>> for ByTrigger
where
    A: Send,
    G: Fn(&mut A, &PaneInfo) -> E,
    E: Emits,
    Triggered<I, F, A, G, E>: Folding<Acc = A, Out = E::Items>,
{
    type Held = Kept<A>;

    fn fire(
        fold: &Triggered<I, F, A, G, E>,
        held: &mut Kept<A>,
        head: &Head,
        index: u32,
    ) -> Fired<E::Items> {
        Fired { retract: None, insert: Some(fold.emit(&mut held.0, head, index, false)) }
    }

    fn last(
        fold: &Triggered<I, F, A, G, E>,
        mut held: Kept<A>,
        head: &Head,
        index: u32,
    ) -> Fired<E::Items> {
        Fired { retract: None, insert: Some(fold.emit(&mut held.0, head, index, true)) }
    }
}
