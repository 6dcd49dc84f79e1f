//! `first`, `last`, `reduce_with`: what events give one after the other.

use super::{Aggregator, debug_as_name};

/// Keeps the value that comes first; made by [`Aggregates::first`](super::Aggregates::first).
#[derive(Clone, Copy)]
pub struct First<F>(pub(super) F);

/// Keeps the value that comes last; made by [`Aggregates::last`](super::Aggregates::last).
#[derive(Clone, Copy)]
pub struct Last<F>(pub(super) F);

/// Makes one value of two; made by [`Aggregates::reduce_with`](super::Aggregates::reduce_with).
#[derive(Clone, Copy)]
pub struct ReduceWith<F, O>(pub(super) F, pub(super) O);

debug_as_name!(First<F>, Last<F>, ReduceWith<F, O>);

impl<T, V, F> Aggregator<T> for First<F>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Send,
{
    type Acc = V;
    type Output = V;
    const MERGES: bool = false;

    #[inline]
    fn first(&self, event: &T) -> V {
        (self.0)(event)
    }

    #[inline]
    fn add(&self, _acc: &mut V, _event: &T) {}

    #[inline]
    fn finish(&self, acc: V) -> V {
        acc
    }
}

impl<T, V, F> Aggregator<T> for Last<F>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Send,
{
    type Acc = V;
    type Output = V;
    const MERGES: bool = false;

    #[inline]
    fn first(&self, event: &T) -> V {
        (self.0)(event)
    }

    #[inline]
    fn add(&self, acc: &mut V, event: &T) {
        *acc = (self.0)(event);
    }

    #[inline]
    fn finish(&self, acc: V) -> V {
        acc
    }
}

impl<T, V, F, O> Aggregator<T> for ReduceWith<F, O>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Send,
    O: Fn(V, V) -> V + Send + Sync,
{
    /// Empty only while the operation runs, and for good where it panics, which fails the run.
    type Acc = Option<V>;
    type Output = V;

    #[inline]
    fn first(&self, event: &T) -> Option<V> {
        Some((self.0)(event))
    }

    #[inline]
    fn add(&self, acc: &mut Option<V>, event: &T) {
        if let Some(value) = acc.take() {
            *acc = Some((self.1)(value, (self.0)(event)));
        }
    }

    #[inline]
    fn merge(&self, into: &mut Option<V>, from: Option<V>) {
        if let (Some(one), Some(other)) = (into.take(), from) {
            *into = Some((self.1)(one, other));
        }
    }

    #[inline]
    fn finish(&self, acc: Option<V>) -> V {
        acc.expect("the accumulator of a run that did not fail has a value")
    }
}
