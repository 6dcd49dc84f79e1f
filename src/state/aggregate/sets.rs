//! `max_set`, `min_set`: all that stand at one end of an order together.

use super::{Aggregates, Aggregator, debug_as_name};
use crate::state::TotalOrd;
use std::cmp::Ordering;

/// Keeps all that have the largest value; made by [`Aggregates::max_set`].
#[derive(Clone, Copy)]
pub struct MaxSet<F, K>(F, K);

/// Keeps all that have the smallest value; made by [`Aggregates::min_set`].
#[derive(Clone, Copy)]
pub struct MinSet<F, K>(F, K);

debug_as_name!(MaxSet<F, K>, MinSet<F, K>);

impl<T> Aggregates<T> {
    /// The largest value, and `keep(event)` of every event that has it, in no particular order. The
    /// order is that of [`min`](Aggregates::min). What has been kept is dropped as soon as a larger
    /// value comes, so only ties cost memory.
    ///
    /// ```
    /// let bids = [("tea", 3, "ann"), ("tea", 9, "bob"), ("tea", 9, "cleo")];
    /// let mut best: Vec<_> = flow::Flow::from_slice(&bids)
    ///     .key_by(|bid| bid.0)
    ///     .aggregate(|a| a.max_set(|bid| bid.1, |bid| bid.2))
    ///     .collect()?;
    /// best[0].1.1.sort_unstable();
    /// assert_eq!(best, [("tea", (9, vec!["bob", "cleo"]))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "max_set_by_key")]
    #[must_use]
    pub fn max_set<V, U, F, K>(&self, value: F, keep: K) -> MaxSet<F, K>
    where
        F: Fn(&T) -> V + Send + Sync,
        K: Fn(&T) -> U + Send + Sync,
        V: TotalOrd + Send,
        U: Send,
    {
        MaxSet(value, keep)
    }

    /// The smallest value, and `keep(event)` of every event that has it; see
    /// [`max_set`](Aggregates::max_set).
    ///
    /// ```
    /// let offers = [("tea", 3, "ann"), ("tea", 9, "bob")];
    /// let best: Vec<_> = flow::Flow::from_slice(&offers)
    ///     .key_by(|offer| offer.0)
    ///     .aggregate(|a| a.min_set(|offer| offer.1, |offer| offer.2))
    ///     .collect()?;
    /// assert_eq!(best, [("tea", (3, vec!["ann"]))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "min_set_by_key")]
    #[must_use]
    pub fn min_set<V, U, F, K>(&self, value: F, keep: K) -> MinSet<F, K>
    where
        F: Fn(&T) -> V + Send + Sync,
        K: Fn(&T) -> U + Send + Sync,
        V: TotalOrd + Send,
        U: Send,
    {
        MinSet(value, keep)
    }
}

macro_rules! set {
    ($name:ident, $better:ident) => {
        impl<T, V, U, F, K> Aggregator<T> for $name<F, K>
        where
            F: Fn(&T) -> V + Send + Sync,
            K: Fn(&T) -> U + Send + Sync,
            V: TotalOrd + Send,
            U: Send,
        {
            type Acc = (V, Vec<U>);
            type Output = (V, Vec<U>);

            #[inline]
            fn first(&self, event: &T) -> Self::Acc {
                ((self.0)(event), vec![(self.1)(event)])
            }

            #[inline]
            fn add(&self, (best, kept): &mut Self::Acc, event: &T) {
                let value = (self.0)(event);
                match value.total_cmp(best) {
                    Ordering::Equal => kept.push((self.1)(event)),
                    Ordering::$better => {
                        *best = value;
                        kept.clear();
                        kept.push((self.1)(event));
                    }
                    _ => {}
                }
            }

            fn merge(&self, into: &mut Self::Acc, mut from: Self::Acc) {
                match from.0.total_cmp(&into.0) {
                    Ordering::Equal => into.1.append(&mut from.1),
                    Ordering::$better => *into = from,
                    _ => {}
                }
            }

            fn finish(&self, acc: Self::Acc) -> Self::Output {
                acc
            }
        }
    };
}

set!(MaxSet, Greater);
set!(MinSet, Less);
