//! Orders of events.

use std::cmp::Ordering;
use std::fmt;

/// A total order of events.
pub trait Order<T>: Send + Sync {
    /// Compares two events.
    fn compare(&self, one: &T, other: &T) -> Ordering;
}

/// That of `Ord`.
#[derive(Clone, Copy, Debug)]
pub struct Natural;

impl<T: Ord> Order<T> for Natural {
    #[inline(always)]
    fn compare(&self, one: &T, other: &T) -> Ordering {
        one.cmp(other)
    }
}

/// That of a closure.
pub struct By<C>(pub(super) C);

impl<T, C> Order<T> for By<C>
where
    C: Fn(&T, &T) -> Ordering + Send + Sync,
{
    #[inline(always)]
    fn compare(&self, one: &T, other: &T) -> Ordering {
        (self.0)(one, other)
    }
}

/// That of a key.
pub struct ByKey<F>(pub(super) F);

impl<T, K, F> Order<T> for ByKey<F>
where
    K: Ord,
    F: Fn(&T) -> K + Send + Sync,
{
    #[inline(always)]
    fn compare(&self, one: &T, other: &T) -> Ordering {
        (self.0)(one).cmp(&(self.0)(other))
    }
}

/// The other way round.
#[derive(Clone, Copy, Debug)]
pub struct Reversed<O>(pub(super) O);

impl<T, O: Order<T>> Order<T> for Reversed<O> {
    #[inline(always)]
    fn compare(&self, one: &T, other: &T) -> Ordering {
        self.0.compare(other, one)
    }
}

impl<C> fmt::Debug for By<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("By")
    }
}

impl<F> fmt::Debug for ByKey<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByKey")
    }
}
