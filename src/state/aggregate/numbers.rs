//! `count`, `sum`, `mean`: aggregates that are numbers.

use super::{Aggregator, debug_as_name};
use crate::state::Number;
use std::ops::AddAssign;

/// Counts events; made by [`Aggregates::count`](super::Aggregates::count).
#[derive(Clone, Copy, Debug)]
pub struct Count;

/// Sums a value; made by [`Aggregates::sum`](super::Aggregates::sum).
#[derive(Clone, Copy)]
pub struct Sum<F>(pub(super) F);

/// Takes the mean of a number; made by [`Aggregates::mean`](super::Aggregates::mean).
#[derive(Clone, Copy)]
pub struct Mean<F>(pub(super) F);

debug_as_name!(Sum<F>, Mean<F>);

impl<T> Aggregator<T> for Count {
    type Acc = u64;
    type Output = u64;

    #[inline]
    fn first(&self, _: &T) -> u64 {
        1
    }

    #[inline]
    fn add(&self, acc: &mut u64, _: &T) {
        *acc += 1;
    }

    #[inline]
    fn merge(&self, into: &mut u64, from: u64) {
        *into += from;
    }

    #[inline]
    fn finish(&self, acc: u64) -> u64 {
        acc
    }

    fn empty(&self) -> Option<u64> {
        Some(0)
    }
}

impl<T, V, F> Aggregator<T> for Sum<F>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Default + AddAssign + Send,
{
    type Acc = V;
    type Output = V;

    #[inline]
    fn first(&self, event: &T) -> V {
        let mut sum = V::default();
        sum += (self.0)(event);
        sum
    }

    #[inline]
    fn add(&self, acc: &mut V, event: &T) {
        *acc += (self.0)(event);
    }

    #[inline]
    fn merge(&self, into: &mut V, from: V) {
        *into += from;
    }

    #[inline]
    fn finish(&self, acc: V) -> V {
        acc
    }

    fn empty(&self) -> Option<V> {
        Some(V::default())
    }
}

impl<T, V, F> Aggregator<T> for Mean<F>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Number,
{
    type Acc = (f64, u64);
    type Output = f64;

    #[inline]
    fn first(&self, event: &T) -> (f64, u64) {
        ((self.0)(event).to_f64(), 1)
    }

    #[inline]
    fn add(&self, (sum, count): &mut (f64, u64), event: &T) {
        *sum += (self.0)(event).to_f64();
        *count += 1;
    }

    #[inline]
    fn merge(&self, into: &mut (f64, u64), from: (f64, u64)) {
        into.0 += from.0;
        into.1 += from.1;
    }

    #[inline]
    fn finish(&self, (sum, count): (f64, u64)) -> f64 {
        sum / count as f64
    }
}
