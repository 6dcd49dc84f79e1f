//! What the closure of `aggregate` is given: makes the usual aggregators without type annotations.

use super::{
    BottomK, CollectVec, Count, CountDistinct, Distinct, First, Last, Max, MaxBy, Mean, Min, MinBy,
    ReduceWith, Sum, TopK,
};
use crate::state::{Number, TotalOrd};
use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::AddAssign;

/// Makes aggregators for events of type `T`; what the closure of `aggregate` is given.
///
/// It exists so that closures need no type annotations. Combine aggregators by a tuple:
///
/// ```
/// # use std::collections::HashMap;
/// # struct Event { device: u32, celsius: f64 }
/// # let events = [(7, 20.0), (8, 4.5), (7, 21.0)].map(|(device, celsius)| Event { device, celsius });
/// let devices = flow::Flow::from_slice(&events)
///     .key_by(|e| e.device)
///     .aggregate(|a| (a.count(), a.mean(|e| e.celsius), a.max(|e| e.celsius)))
///     .collect::<HashMap<_, _>>()?;
/// assert_eq!(devices[&7], (2, 20.5, 21.0));
/// # Ok::<(), flow::FlowError>(())
/// ```
pub struct Aggregates<T>(PhantomData<fn(T)>);

impl<T> Aggregates<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    /// The number of events, as `u64`.
    #[must_use]
    pub fn count(&self) -> Count {
        Count
    }

    /// The sum of a value: of integers, floats, durations, or any type whose default is its zero.
    ///
    /// It is kept in the type that the closure returns, and overflows as `+` does: it panics in
    /// debug builds, which fails the run, and wraps in release builds. So widen small values:
    /// `a.sum(|e| u64::from(e.bytes))`. Sums of floats may differ in their last digits from run to
    /// run, because the order of events does.
    #[must_use]
    pub fn sum<V, F>(&self, value: F) -> Sum<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Default + AddAssign + Send,
    {
        Sum(value)
    }

    /// The smallest value. Floats are ordered by `total_cmp`: a positive NaN is above infinity, a
    /// negative one below all. Among equal values any one is kept.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # struct Event { device: u32, celsius: f64, at: u64 }
    /// # let events = [(7, 9.5, 1), (7, -2.0, 2)].map(|(device, celsius, at)| Event { device, celsius, at });
    /// let coldest_and_when = flow::Flow::from_slice(&events)
    ///     .key_by(|e| e.device)
    ///     .aggregate(|a| a.min(|e| (e.celsius, e.at)))
    ///     .collect::<HashMap<_, _>>()?;
    /// assert_eq!(coldest_and_when[&7], (-2.0, 2));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn min<V, F>(&self, value: F) -> Min<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: TotalOrd + Send,
    {
        Min(value)
    }

    /// The largest value; the order is that of [`min`](Aggregates::min).
    #[must_use]
    pub fn max<V, F>(&self, value: F) -> Max<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: TotalOrd + Send,
    {
        Max(value)
    }

    /// The arithmetic mean of a number, as `f64`.
    ///
    /// Values are converted one by one and summed as `f64`, so integers beyond 2⁵³ are rounded, and
    /// the last digits may differ from run to run where sums are not exact.
    #[must_use]
    pub fn mean<V, F>(&self, value: F) -> Mean<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Number,
    {
        Mean(value)
    }

    /// The smallest value by a comparison of your own: of values that have no order that
    /// [`min`](Aggregates::min) knows, or another one. Among equal values any one is kept.
    ///
    /// ```
    /// let words = [("a", "Zebra"), ("a", "apple")];
    /// let (_, word) = flow::Flow::from_slice(&words)
    ///     .key_by(|w| w.0)
    ///     .aggregate(|a| a.min_by(|w| w.1, |x, y| x.to_lowercase().cmp(&y.to_lowercase())))
    ///     .collect::<Vec<_>>()?[0];
    /// assert_eq!(word, "apple");
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn min_by<V, F, C>(&self, value: F, compare: C) -> MinBy<F, C>
    where
        F: Fn(&T) -> V + Send + Sync,
        C: Fn(&V, &V) -> Ordering + Send + Sync,
        V: Send,
    {
        MinBy(value, compare)
    }

    /// The largest value by a comparison of your own; see [`min_by`](Aggregates::min_by).
    ///
    /// ```
    /// let events = [("a", -2i32), ("a", 3), ("a", -5)];
    /// let all: Vec<_> = flow::Flow::from_slice(&events)
    ///     .stages(1)
    ///     .key_by(|e| e.0)
    ///     .aggregate(|a| a.max_by(|e| e.1, |x, y| x.abs().cmp(&y.abs())))
    ///     .collect()?;
    /// assert_eq!(all, [("a", -5)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn max_by<V, F, C>(&self, value: F, compare: C) -> MaxBy<F, C>
    where
        F: Fn(&T) -> V + Send + Sync,
        C: Fn(&V, &V) -> Ordering + Send + Sync,
        V: Send,
    {
        MaxBy(value, compare)
    }

    /// The `k` largest values, the largest first; all of them where there are fewer. The order is
    /// that of [`min`](Aggregates::min); among equal values any are kept, each as often as it came.
    /// Keeps at most `2 k` values per key; 0 keeps none.
    ///
    /// ```
    /// let scores = [("ann", 3), ("bob", 9), ("ann", 7), ("ann", 5)];
    /// let best: std::collections::HashMap<_, _> = flow::Flow::from_slice(&scores)
    ///     .key_by(|s| s.0)
    ///     .aggregate(|a| a.top_k(2, |s| s.1))
    ///     .collect()?;
    /// assert_eq!(best["ann"], [7, 5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn top_k<V, F>(&self, k: usize, value: F) -> TopK<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: TotalOrd + Send,
    {
        TopK(k, value)
    }

    /// The `k` smallest values, the smallest first; see [`top_k`](Aggregates::top_k).
    ///
    /// ```
    /// let events = [("a", 2), ("a", 3), ("a", 1)];
    /// let all: Vec<_> = flow::Flow::from_slice(&events)
    ///     .stages(1)
    ///     .key_by(|e| e.0)
    ///     .aggregate(|a| a.bottom_k(2, |e| e.1))
    ///     .collect()?;
    /// assert_eq!(all, [("a", vec![1, 2])]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn bottom_k<V, F>(&self, k: usize, value: F) -> BottomK<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: TotalOrd + Send,
    {
        BottomK(k, value)
    }

    /// What an operation makes of the values, two at a time.
    ///
    /// The operation must be associative and commutative: values meet in no promised order.
    ///
    /// ```
    /// let flags = [("a", 0b001), ("a", 0b100), ("b", 0b010)];
    /// let all: std::collections::HashMap<_, _> = flow::Flow::from_slice(&flags)
    ///     .key_by(|f| f.0)
    ///     .aggregate(|a| a.reduce_with(|f| f.1, |x, y| x | y))
    ///     .collect()?;
    /// assert_eq!(all["a"], 0b101);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn reduce_with<V, F, O>(&self, value: F, op: O) -> ReduceWith<F, O>
    where
        F: Fn(&T) -> V + Send + Sync,
        O: Fn(V, V) -> V + Send + Sync,
        V: Send,
    {
        ReduceWith(value, op)
    }

    /// The value of the event that came first to the partition of its key: of the source's order,
    /// where the source has one instance (`stages(1)`), else of no promised one.
    ///
    /// It does not merge, so every event travels; where events carry their time,
    /// `a.min(|e| (e.at, e.value))` gives the first one of all and is folded before the exchange.
    ///
    /// ```
    /// let events = [("a", 2), ("a", 3), ("a", 1)];
    /// let all: Vec<_> = flow::Flow::from_slice(&events)
    ///     .stages(1)
    ///     .key_by(|e| e.0)
    ///     .aggregate(|a| a.first(|e| e.1))
    ///     .collect()?;
    /// assert_eq!(all, [("a", 2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn first<V, F>(&self, value: F) -> First<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Send,
    {
        First(value)
    }

    /// The value of the event that came last; see [`first`](Aggregates::first).
    ///
    /// ```
    /// let events = [("a", 2), ("a", 3), ("a", 1)];
    /// let all: Vec<_> = flow::Flow::from_slice(&events)
    ///     .stages(1)
    ///     .key_by(|e| e.0)
    ///     .aggregate(|a| (a.last(|e| e.1), a.count()))
    ///     .collect()?;
    /// assert_eq!(all, [("a", (1, 3))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn last<V, F>(&self, value: F) -> Last<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Send,
    {
        Last(value)
    }

    /// All values, in the order in which events come to the partition of their key, as with
    /// [`first`](Aggregates::first). Memory: all of them. It does not merge: every event travels.
    ///
    /// ```
    /// let events = [("a", 2), ("a", 3), ("a", 1)];
    /// let all: Vec<_> = flow::Flow::from_slice(&events)
    ///     .stages(1)
    ///     .key_by(|e| e.0)
    ///     .aggregate(|a| a.collect_vec(|e| e.1))
    ///     .collect()?;
    /// assert_eq!(all, [("a", vec![2, 3, 1])]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn collect_vec<V, F>(&self, value: F) -> CollectVec<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Send,
    {
        CollectVec(value)
    }

    /// The set of different values. Memory: each of them once per key, and once more in every source
    /// instance that has seen it.
    ///
    /// ```
    /// let visits = [("ann", "x.org"), ("ann", "y.org"), ("ann", "x.org")];
    /// let sites: std::collections::HashMap<_, _> = flow::Flow::from_slice(&visits)
    ///     .key_by(|v| v.0)
    ///     .aggregate(|a| (a.distinct(|v| v.1), a.count_distinct(|v| v.1)))
    ///     .collect()?;
    /// assert!(sites["ann"].0.contains("y.org"));
    /// assert_eq!(sites["ann"].1, 2);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn distinct<V, F>(&self, value: F) -> Distinct<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Hash + Eq + Send,
    {
        Distinct(value)
    }

    /// How many different values there are, exactly, as `u64`. Memory: as
    /// [`distinct`](Aggregates::distinct).
    ///
    /// ```
    /// let events = [("a", 2), ("a", 3), ("a", 2)];
    /// let all: Vec<_> = flow::Flow::from_slice(&events)
    ///     .stages(1)
    ///     .key_by(|e| e.0)
    ///     .aggregate(|a| a.count_distinct(|e| e.1))
    ///     .collect()?;
    /// assert_eq!(all, [("a", 2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn count_distinct<V, F>(&self, value: F) -> CountDistinct<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Hash + Eq + Send,
    {
        CountDistinct(value)
    }
}

impl<T> Clone for Aggregates<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Aggregates<T> {}

impl<T> fmt::Debug for Aggregates<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aggregates")
    }
}
