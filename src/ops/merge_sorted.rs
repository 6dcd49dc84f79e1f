//! `merge_sorted`, `merge_sorted_by`: two sorted flows become one.

use super::Flow;
use super::comparable::Comparable;
use super::node::Sequenced;
use super::together::{OneByOne, Together, Way};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Push};
use crate::runtime::junction::{Junction, Wants};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

impl<N: Sequenced> Flow<N> {
    /// Merges two sorted flows into one that is sorted. Of equal events those of this flow come
    /// first. Where the flows are not sorted, the result is an interleaving of both, each in its
    /// own order.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let (odd, even) = (Flow::from_vec(vec![1, 3, 5]), Flow::from_vec(vec![2, 4]));
    /// let all: Vec<i32> = odd.merge_sorted(even).collect()?;
    /// assert_eq!(all, [1, 2, 3, 4, 5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "merge")]
    #[track_caller]
    pub fn merge_sorted<M>(self, other: Flow<M>) -> Flow<Together<N, M, Merge<Compare<N::Item>>>>
    where
        M: Sequenced<Item = N::Item>,
        N::Item: Comparable,
    {
        let site = Site::here("merge_sorted");
        let compare: Compare<N::Item> = Ord::cmp;
        self.together(other, site, Merge { compare: Arc::new(compare), site })
    }

    /// As [`merge_sorted`](Flow::merge_sorted), for flows that are sorted by `compare`, which is
    /// called once per event, with an event of this flow and one of the other.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let (a, b) = (Flow::from_vec(vec![9, 4]), Flow::from_vec(vec![7, 1]));
    /// let falling: Vec<i32> = a.merge_sorted_by(b, |a, b| b.cmp(a)).collect()?;
    /// assert_eq!(falling, [9, 7, 4, 1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn merge_sorted_by<M, F>(self, other: Flow<M>, compare: F) -> Flow<Together<N, M, Merge<F>>>
    where
        M: Sequenced<Item = N::Item>,
        F: Fn(&N::Item, &N::Item) -> Ordering + Send + Sync,
    {
        let site = Site::here("merge_sorted_by");
        self.together(other, site, Merge { compare: Arc::new(compare), site })
    }
}

impl Flow {
    /// Merges any number of flows of one type, which are sorted by `compare`, into one that is
    /// sorted; of equal events those of an earlier flow come first. Of no flow at all it is refused.
    ///
    /// They are merged in pairs, and these again: an event passes as many sequential stages as the
    /// number of flows can be halved, with one dynamic call per batch and stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let runs = (0..5u64).map(|k| Flow::from_range(0..20u64).map(move |x| 5 * x + k));
    /// let all: Vec<u64> = Flow::merge_all_sorted(runs, |a, b| a.cmp(b)).collect()?;
    /// assert!(all.into_iter().eq(0..100));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "kmerge")]
    #[track_caller]
    pub fn merge_all_sorted<'env, N, F>(
        flows: impl IntoIterator<Item = Flow<N>>,
        compare: F,
    ) -> Flow<OneByOne<'env, N::Item>>
    where
        N: Sequenced + 'env,
        N::Item: 'env,
        F: Fn(&N::Item, &N::Item) -> Ordering + Send + Sync + 'env,
    {
        let site = Site::here("merge_all_sorted");
        let merge = Merge { compare: Arc::new(compare), site };
        let mut flows: VecDeque<_> = flows.into_iter().map(|flow| flow.one_by_one(site)).collect();
        while flows.len() > 1 {
            // Neighbours meet, so that equal events stay in the order of their flows.
            let mut merged = VecDeque::new();
            while let Some(first) = flows.pop_front() {
                merged.push_back(match flows.pop_front() {
                    Some(second) => first.together(second, site, merge.clone()).one_by_one(site),
                    None => first,
                });
            }
            flows = merged;
        }
        flows.pop_front().unwrap_or_else(|| {
            let mut none = Flow::from_vec(Vec::new()).one_by_one(site);
            none.run.refuse(site, "there is nothing to merge: no flow was given".to_owned());
            none
        })
    }
}

/// How events are compared that have an order of their own.
pub(crate) type Compare<T> = fn(&T, &T) -> Ordering;

/// `merge_sorted` as the plan holds it.
pub struct Merge<F> {
    compare: Arc<F>,
    site: Site,
}

impl<F> Clone for Merge<F> {
    fn clone(&self) -> Self {
        Merge { compare: Arc::clone(&self.compare), site: self.site }
    }
}

impl<F> fmt::Debug for Merge<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<T, F> Way<T, T> for Merge<F>
where
    T: Send,
    F: Fn(&T, &T) -> Ordering + Send + Sync,
{
    type Out = T;
    type Machine = Heads<T, F>;

    fn start(&self) -> Heads<T, F> {
        Heads { left: Head::Unknown, right: Head::Unknown, merge: self.clone() }
    }
}

/// The first event of either side.
#[derive(Debug)]
pub struct Heads<T, F> {
    left: Head<T>,
    right: Head<T>,
    merge: Merge<F>,
}

#[derive(Debug)]
enum Head<T> {
    Unknown,
    Is(T),
    Ended,
}

impl<T> Head<T> {
    fn take<K: Push<T>>(&mut self, next: &mut K) -> usize {
        match std::mem::replace(self, Head::Unknown) {
            Head::Is(event) => {
                next.push(event);
                1
            }
            other => {
                *self = other;
                0
            }
        }
    }
}

impl<T, F> Junction for Heads<T, F>
where
    T: Send,
    F: Fn(&T, &T) -> Ordering + Send + Sync,
{
    type Left = T;
    type Right = T;
    type Out = T;

    #[inline(always)]
    fn wants(&self) -> Wants {
        match (&self.left, &self.right) {
            (Head::Unknown, _) => Wants::Left,
            (_, Head::Unknown) => Wants::Right,
            (Head::Ended, Head::Ended) => Wants::Nothing,
            _ => Wants::Room,
        }
    }

    #[inline(always)]
    fn left(&mut self, event: T) {
        self.left = Head::Is(event);
    }

    #[inline(always)]
    fn right(&mut self, event: T) {
        self.right = Head::Is(event);
    }

    fn left_ended(&mut self, _finish: Finish) {
        self.left = Head::Ended;
    }

    fn right_ended(&mut self, _finish: Finish) {
        self.right = Head::Ended;
    }

    #[inline(always)]
    fn emit<K: Push<T>>(&mut self, _room: usize, next: &mut K) -> usize {
        let right_first = match (&self.left, &self.right) {
            (Head::Is(left), Head::Is(right)) => {
                let Merge { compare, site } = &self.merge;
                guarded(site, || compare(left, right)) == Ordering::Greater
            }
            (left, _) => matches!(left, Head::Ended),
        };
        if right_first { self.right.take(next) } else { self.left.take(next) }
    }
}
