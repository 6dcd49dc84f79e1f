//! `min`, `max`, `mean`, `top_k`, `distinct`, `count_distinct` per key: thin forms of `aggregate`.

use super::aggregate::KeyedAggregate;
use super::key::{KeyOf, Keyed};
use crate::error::Site;
use crate::ops::{Flow, Node};
use crate::state::{Aggregates, CountDistinct, Distinct, Max, Mean, Min, Number, TopK, TotalOrd};
use std::hash::Hash;

impl<N: Node, X: KeyOf<N::Item>> Keyed<N, X> {
    /// The smallest value of the events of each key. Floats are ordered by `total_cmp`; of equal
    /// values any one is kept.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let readings = [("a", 2.5), ("b", 7.0), ("a", -1.5)];
    /// let coldest: HashMap<&str, f64> =
    ///     Flow::from_slice(&readings).key_by(|r| r.0).min(|r| r.1).collect()?;
    /// assert_eq!(coldest["a"], -1.5);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn min<V, F>(self, value: F) -> Flow<KeyedAggregate<N, X, Min<F>>>
    where
        V: TotalOrd + Send,
        F: Fn(&N::Item) -> V + Send + Sync,
    {
        self.aggregated(Site::here("min"), Aggregates::new().min(value))
    }

    /// The largest value of the events of each key; the order is that of [`min`](Keyed::min).
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let longest: HashMap<char, usize> = Flow::from_vec(vec!["apple", "fig", "fennel"])
    ///     .key_by(|word| word.chars().next().unwrap_or(' '))
    ///     .max(|word| word.len())
    ///     .collect()?;
    /// assert_eq!(longest[&'f'], 6);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn max<V, F>(self, value: F) -> Flow<KeyedAggregate<N, X, Max<F>>>
    where
        V: TotalOrd + Send,
        F: Fn(&N::Item) -> V + Send + Sync,
    {
        self.aggregated(Site::here("max"), Aggregates::new().max(value))
    }

    /// The arithmetic mean of a number of the events of each key, as `f64`; rounding is that of
    /// [`Aggregates::mean`].
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let means: HashMap<u32, f64> =
    ///     Flow::from_range(0..10u32).key_by(|x| x % 2).mean(|x| *x).collect()?;
    /// assert_eq!(means[&1], 5.0);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn mean<V, F>(self, value: F) -> Flow<KeyedAggregate<N, X, Mean<F>>>
    where
        V: Number,
        F: Fn(&N::Item) -> V + Send + Sync,
    {
        self.aggregated(Site::here("mean"), Aggregates::new().mean(value))
    }

    /// The `k` largest values of the events of each key, the largest first; all of them where there
    /// are fewer. Keeps at most `2 k` values per key.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let best: HashMap<u32, Vec<u32>> =
    ///     Flow::from_range(0..100u32).key_by(|x| x % 2).top_k(3, |x| *x).collect()?;
    /// assert_eq!(best[&0], [98, 96, 94]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn top_k<V, F>(self, k: usize, value: F) -> Flow<KeyedAggregate<N, X, TopK<F>>>
    where
        V: TotalOrd + Send,
        F: Fn(&N::Item) -> V + Send + Sync,
    {
        self.aggregated(Site::here("top_k"), Aggregates::new().top_k(k, value))
    }

    /// The set of different values of the events of each key, as a `HashSet`. Memory: each value once
    /// per key, and once more in every source instance that has seen it.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::{HashMap, HashSet};
    ///
    /// let lengths: HashMap<char, HashSet<usize>> = Flow::from_vec(vec!["fig", "far", "fennel"])
    ///     .key_by(|word| word.chars().next().unwrap_or(' '))
    ///     .distinct(|word| word.len())
    ///     .collect()?;
    /// assert_eq!(lengths[&'f'], HashSet::from([3, 6]));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn distinct<V, F>(self, value: F) -> Flow<KeyedAggregate<N, X, Distinct<F>>>
    where
        V: Hash + Eq + Send,
        F: Fn(&N::Item) -> V + Send + Sync,
    {
        self.aggregated(Site::here("distinct"), Aggregates::new().distinct(value))
    }

    /// How many different values the events of each key have, exactly. Memory: as
    /// [`distinct`](Keyed::distinct).
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let visits = [("ann", "x.org"), ("ann", "y.org"), ("ann", "x.org")];
    /// let sites: HashMap<&str, u64> =
    ///     Flow::from_slice(&visits).key_by(|v| v.0).count_distinct(|v| v.1).collect()?;
    /// assert_eq!(sites["ann"], 2);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn count_distinct<V, F>(self, value: F) -> Flow<KeyedAggregate<N, X, CountDistinct<F>>>
    where
        V: Hash + Eq + Send,
        F: Fn(&N::Item) -> V + Send + Sync,
    {
        self.aggregated(Site::here("count_distinct"), Aggregates::new().count_distinct(value))
    }
}
