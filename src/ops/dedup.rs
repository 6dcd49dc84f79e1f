//! `dedup`, `dedup_by_key`, `dedup_by`: one event of every run of equal ones.

use super::Flow;
use super::in_order::{Along, InOrder};
use super::node::{Node, Sequenced, Then};
use super::ordered::Ordered;
use crate::error::Site;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow::{self, Continue};

impl<N: Node> Flow<N> {
    /// Drops every event that is equal to the one before it in the source's order.
    ///
    /// The first of a run of equal events goes on at once, so a copy of it is kept to compare with;
    /// [`dedup_by_key`](Flow::dedup_by_key) needs no copy. What follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let changes: Vec<i32> = Flow::from_vec(vec![1, 1, 2, 1]).dedup().collect()?;
    /// assert_eq!(changes, [1, 2, 1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn dedup(self) -> Flow<Then<Ordered<N>, InOrder<Dedup<Equal>, N::Item>>>
    where
        N: Sequenced<Item: Clone + PartialEq>,
    {
        self.along(Site::here("dedup"), Dedup(Equal))
    }

    /// Drops every event whose key is that of the event before it in the source's order. Only the
    /// key is kept to compare with.
    ///
    /// `key` and what follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let words = Flow::from_vec(vec!["apple", "ant", "bee", "axe"]);
    /// let heads: Vec<&str> = words.dedup_by_key(|word| word.chars().next()).collect()?;
    /// assert_eq!(heads, ["apple", "bee", "axe"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn dedup_by_key<K, F>(
        self,
        key: F,
    ) -> Flow<Then<Ordered<N>, InOrder<DedupByKey<F, K>, N::Item>>>
    where
        N: Sequenced,
        K: PartialEq + Send,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.along(Site::here("dedup_by_key"), DedupByKey { key, types: PhantomData })
    }

    /// Drops every event of which `same(&kept, &event)` is true; `kept` is the last one in the
    /// source's order that was not dropped.
    ///
    /// That one goes on at once, so a copy of it is kept to compare with. `same` and what follows is
    /// one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let levels = Flow::from_vec(vec![10i32, 11, 12, 15, 14, 10]);
    /// let jumps: Vec<i32> = levels.dedup_by(|kept, x| kept.abs_diff(*x) < 3).collect()?;
    /// assert_eq!(jumps, [10, 15, 10]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn dedup_by<F>(
        self,
        same: F,
    ) -> Flow<Then<Ordered<N>, InOrder<Dedup<SameWith<F>>, N::Item>>>
    where
        N: Sequenced<Item: Clone>,
        F: Fn(&N::Item, &N::Item) -> bool + Send + Sync,
    {
        self.along(Site::here("dedup_by"), Dedup(SameWith(same)))
    }
}

/// Which events count as the same.
pub trait Same<T>: Send + Sync {
    /// Whether `event` is the same as `kept`.
    fn same(&self, kept: &T, event: &T) -> bool;
}

/// Equal ones.
#[derive(Clone, Copy, Debug)]
pub struct Equal;

impl<T: PartialEq> Same<T> for Equal {
    #[inline(always)]
    fn same(&self, kept: &T, event: &T) -> bool {
        kept == event
    }
}

/// Those of which a closure says so.
#[derive(Debug)]
pub struct SameWith<F>(F);

impl<T, F: Fn(&T, &T) -> bool + Send + Sync> Same<T> for SameWith<F> {
    #[inline(always)]
    fn same(&self, kept: &T, event: &T) -> bool {
        (self.0)(kept, event)
    }
}

/// `dedup` and `dedup_by`.
#[derive(Debug)]
pub struct Dedup<S>(S);

impl<T: Clone + Send, S: Same<T>> Along<T> for Dedup<S> {
    type Out = T;
    type State = Option<T>;

    fn start(&self) -> Option<T> {
        None
    }

    #[inline(always)]
    fn step(&self, kept: &mut Option<T>, event: T) -> ControlFlow<(), Option<T>> {
        match kept {
            Some(kept) if self.0.same(kept, &event) => return Continue(None),
            // What the one before has allocated serves again.
            Some(kept) => kept.clone_from(&event),
            None => *kept = Some(event.clone()),
        }
        Continue(Some(event))
    }
}

/// `dedup_by_key`'s closure.
pub struct DedupByKey<F, K> {
    key: F,
    types: PhantomData<fn() -> K>,
}

impl<F, K> fmt::Debug for DedupByKey<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dedup_by_key")
    }
}

impl<T, K, F> Along<T> for DedupByKey<F, K>
where
    T: Send,
    K: PartialEq + Send,
    F: Fn(&T) -> K + Send + Sync,
{
    type Out = T;
    type State = Option<K>;

    fn start(&self) -> Option<K> {
        None
    }

    #[inline(always)]
    fn step(&self, kept: &mut Option<K>, event: T) -> ControlFlow<(), Option<T>> {
        let key = (self.key)(&event);
        if kept.as_ref() == Some(&key) {
            return Continue(None);
        }
        *kept = Some(key);
        Continue(Some(event))
    }
}
