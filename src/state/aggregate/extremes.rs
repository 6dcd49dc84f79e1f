//! `min`, `max`, `min_by`, `max_by`, `top_k`, `bottom_k`: what stands at one end of an order.

use super::{Aggregator, debug_as_name};
use crate::state::{Best, TotalOrd};
use std::cmp::Ordering;

/// Keeps the smallest value; made by [`Aggregates::min`](super::Aggregates::min).
#[derive(Clone, Copy)]
pub struct Min<F>(pub(super) F);

/// Keeps the largest value; made by [`Aggregates::max`](super::Aggregates::max).
#[derive(Clone, Copy)]
pub struct Max<F>(pub(super) F);

/// Keeps the smallest value by an order of your own; made by
/// [`Aggregates::min_by`](super::Aggregates::min_by).
#[derive(Clone, Copy)]
pub struct MinBy<F, C>(pub(super) F, pub(super) C);

/// Keeps the largest value by an order of your own; made by
/// [`Aggregates::max_by`](super::Aggregates::max_by).
#[derive(Clone, Copy)]
pub struct MaxBy<F, C>(pub(super) F, pub(super) C);

/// Keeps some of the largest values; made by [`Aggregates::top_k`](super::Aggregates::top_k).
#[derive(Clone, Copy)]
pub struct TopK<F>(pub(super) usize, pub(super) F);

/// Keeps some of the smallest values; made by [`Aggregates::bottom_k`](super::Aggregates::bottom_k).
#[derive(Clone, Copy)]
pub struct BottomK<F>(pub(super) usize, pub(super) F);

debug_as_name!(Min<F>, Max<F>, MinBy<F, C>, MaxBy<F, C>, TopK<F>, BottomK<F>);

/// The ones that keep the value which stands on one side of all others.
macro_rules! extreme {
    ($name:ident<$($part:ident),+>, {$($bounds:tt)+}, $side:ident, $compare:expr) => {
        impl<T, V, $($part),+> Aggregator<T> for $name<$($part),+>
        where
            F: Fn(&T) -> V + Send + Sync,
            V: Send,
            $($bounds)+
        {
            type Acc = V;
            type Output = V;

            #[inline]
            fn first(&self, event: &T) -> V {
                (self.0)(event)
            }

            #[inline]
            fn add(&self, acc: &mut V, event: &T) {
                self.merge(acc, (self.0)(event));
            }

            #[inline]
            fn merge(&self, into: &mut V, from: V) {
                if $compare(self, &from, into) == Ordering::$side {
                    *into = from;
                }
            }

            #[inline]
            fn finish(&self, acc: V) -> V {
                acc
            }
        }
    };
}

extreme!(Min<F>, { V: TotalOrd }, Less, |_, one: &V, other: &V| one.total_cmp(other));
extreme!(Max<F>, { V: TotalOrd }, Greater, |_, one: &V, other: &V| one.total_cmp(other));
extreme!(
    MinBy<F, C>, { C: Fn(&V, &V) -> Ordering + Send + Sync },
    Less, |by: &Self, one: &V, other: &V| (by.1)(one, other)
);
extreme!(
    MaxBy<F, C>, { C: Fn(&V, &V) -> Ordering + Send + Sync },
    Greater, |by: &Self, one: &V, other: &V| (by.1)(one, other)
);

/// The ones that keep a few.
macro_rules! some {
    ($name:ident, $before:expr) => {
        impl<T, V, F> Aggregator<T> for $name<F>
        where
            F: Fn(&T) -> V + Send + Sync,
            V: TotalOrd + Send,
        {
            type Acc = Best<V>;
            type Output = Vec<V>;

            #[inline]
            fn first(&self, event: &T) -> Best<V> {
                let mut best = Best::new();
                self.add(&mut best, event);
                best
            }

            #[inline]
            fn add(&self, acc: &mut Best<V>, event: &T) {
                acc.offer(self.0, (self.1)(event), $before);
            }

            fn merge(&self, into: &mut Best<V>, from: Best<V>) {
                into.merge(self.0, from, $before);
            }

            fn finish(&self, acc: Best<V>) -> Vec<V> {
                acc.into_sorted(self.0, $before)
            }
        }
    };
}

some!(TopK, |one: &V, other: &V| other.total_cmp(one));
some!(BottomK, V::total_cmp);
