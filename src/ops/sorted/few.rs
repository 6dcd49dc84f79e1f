//! `k_smallest`, `k_largest` and their kin: the first few in an order of the values.

use super::Sorted;
use super::order::{By, ByKey, Natural, Reversed};
use crate::error::Site;
use crate::ops::Comparable;
use crate::ops::{Flow, Node};
use std::cmp::Ordering;

impl<N: Node> Flow<N> {
    /// The `k` smallest events, the smallest first, when the input has ended; all of them where there
    /// are fewer.
    ///
    /// Every instance keeps the smallest of its events, and one merges them: what follows is one
    /// sequential stage. Of equal events any are kept. Memory: at most `2 k` events per instance. 0
    /// gives none, but reads the input all the same.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let few: Vec<u64> = Flow::from_range(0..1000u64).map(|x| x * 7 % 1000).k_smallest(3).collect()?;
    /// assert_eq!(few, [0, 1, 2]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn k_smallest(self, k: usize) -> Flow<Sorted<N, Natural>>
    where
        N::Item: Comparable,
    {
        self.sort(Site::here("k_smallest"), Natural, Some(k))
    }

    /// The `k` largest events, the largest first; else as [`k_smallest`](Flow::k_smallest).
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let few: Vec<u64> = Flow::from_range(0..1000u64).k_largest(3).collect()?;
    /// assert_eq!(few, [999, 998, 997]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn k_largest(self, k: usize) -> Flow<Sorted<N, Reversed<Natural>>>
    where
        N::Item: Comparable,
    {
        self.sort(Site::here("k_largest"), Reversed(Natural), Some(k))
    }

    /// The `k` first events in an order of your own, a total one; else as
    /// [`k_smallest`](Flow::k_smallest).
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let coldest: Vec<f64> =
    ///     Flow::from_vec(vec![2.5, -1.0, 0.5]).k_smallest_by(2, f64::total_cmp).collect()?;
    /// assert_eq!(coldest, [-1.0, 0.5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn k_smallest_by<C>(self, k: usize, compare: C) -> Flow<Sorted<N, By<C>>>
    where
        C: Fn(&N::Item, &N::Item) -> Ordering + Send + Sync,
    {
        self.sort(Site::here("k_smallest_by"), By(compare), Some(k))
    }

    /// The `k` last events in an order of your own, the last one first; else as
    /// [`k_smallest`](Flow::k_smallest).
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let hottest: Vec<f64> =
    ///     Flow::from_vec(vec![2.5, -1.0, 0.5]).k_largest_by(2, f64::total_cmp).collect()?;
    /// assert_eq!(hottest, [2.5, 0.5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn k_largest_by<C>(self, k: usize, compare: C) -> Flow<Sorted<N, Reversed<By<C>>>>
    where
        C: Fn(&N::Item, &N::Item) -> Ordering + Send + Sync,
    {
        self.sort(Site::here("k_largest_by"), Reversed(By(compare)), Some(k))
    }

    /// The `k` events with the smallest keys, the smallest first; else as
    /// [`k_smallest`](Flow::k_smallest). The key is computed for every comparison.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let short = Flow::from_vec(vec!["ccc", "a", "bb"]).k_smallest_by_key(2, |word| word.len());
    /// assert_eq!(short.collect::<Vec<_>>()?, ["a", "bb"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn k_smallest_by_key<K, F>(self, k: usize, key: F) -> Flow<Sorted<N, ByKey<F>>>
    where
        K: Ord,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.sort(Site::here("k_smallest_by_key"), ByKey(key), Some(k))
    }

    /// The `k` events with the largest keys, the largest first; else as
    /// [`k_smallest`](Flow::k_smallest). The key is computed for every comparison.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let text = "to be or not to be to";
    /// let frequent: Vec<(&str, u64)> = Flow::from_text(text)
    ///     .flat_map(|line| line.split(' '))
    ///     .key_by(|word| *word)
    ///     .count()
    ///     .k_largest_by_key(2, |(_, count)| *count)
    ///     .collect()?;
    /// assert_eq!(frequent, [("to", 3), ("be", 2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn k_largest_by_key<K, F>(self, k: usize, key: F) -> Flow<Sorted<N, Reversed<ByKey<F>>>>
    where
        K: Ord,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.sort(Site::here("k_largest_by_key"), Reversed(ByKey(key)), Some(k))
    }
}
