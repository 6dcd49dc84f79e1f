//! Aggregators and closures as folds of windows.

use crate::state::Aggregator;
use crate::window::{Fold, Folding, Merge};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// An aggregator as a fold of windows.
pub struct Aggregated<A, T>(pub(super) Arc<A>, pub(super) PhantomData<fn(T)>);

impl<A, T> Clone for Aggregated<A, T> {
    fn clone(&self) -> Self {
        Aggregated(Arc::clone(&self.0), PhantomData)
    }
}

impl<A, T> fmt::Debug for Aggregated<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aggregated")
    }
}

impl<A: Aggregator<T>, T> Folding for Aggregated<A, T>
where
    A::Output: Send,
{
    type Acc = A::Acc;
    type Out = A::Output;

    fn finish(&self, acc: A::Acc) -> A::Output {
        self.0.finish(acc)
    }

    fn empty(&self) -> Option<A::Output> {
        self.0.empty()
    }
}

impl<A: Aggregator<T>, T> Fold<&T> for Aggregated<A, T>
where
    A::Output: Send,
{
    #[inline]
    fn first(&self, event: &T) -> A::Acc {
        self.0.first(event)
    }

    #[inline]
    fn add(&self, acc: &mut A::Acc, event: &T) {
        self.0.add(acc, event);
    }
}

impl<A: Aggregator<T>, T> Merge for Aggregated<A, T>
where
    A::Output: Send,
{
    #[inline]
    fn merge(&self, into: &mut A::Acc, from: A::Acc) {
        self.0.merge(into, from);
    }
}

/// Two closures as a fold of windows.
pub struct Folded<I, F, A> {
    pub(super) closures: Arc<(I, F)>,
    pub(super) acc: PhantomData<fn() -> A>,
}

impl<I, F, A> Clone for Folded<I, F, A> {
    fn clone(&self) -> Self {
        Folded { closures: Arc::clone(&self.closures), acc: PhantomData }
    }
}

impl<I, F, A> fmt::Debug for Folded<I, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Folded")
    }
}

impl<I, F, A> Folding for Folded<I, F, A>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
{
    type Acc = A;
    type Out = A;

    fn finish(&self, acc: A) -> A {
        acc
    }

    fn empty(&self) -> Option<A> {
        Some((self.closures.0)())
    }
}

impl<T, I, F, A> Fold<T> for Folded<I, F, A>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T) + Send + Sync,
{
    #[inline]
    fn first(&self, event: T) -> A {
        let mut acc = (self.closures.0)();
        (self.closures.1)(&mut acc, event);
        acc
    }

    #[inline]
    fn add(&self, acc: &mut A, event: T) {
        (self.closures.1)(acc, event);
    }
}
