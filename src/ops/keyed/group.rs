//! `collect_vec`, `first`, `last`, `reduce_with` per key, and `group_by`: what keeps the events
//! themselves. They need no `Clone`, so every event travels to the partition of its key.

use super::by_event::FoldEach;
use super::fold::KeyedFold;
use super::key::{ByKeyFn, Key, KeyOf, Keyed};
use crate::error::Site;
use crate::ops::{Flow, Node};
use std::fmt;

impl<N: Node> Flow<N> {
    /// Groups events by a key: `key_by(key).collect_vec()`. Gives one pair of a key and its events
    /// per key, when the input has ended, in no promised order. Memory: all events.
    ///
    /// Where only a number or a few values of a group are wanted, the verbs behind
    /// [`key_by`](Flow::key_by) fold before events travel, and keep no more than that.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::BTreeMap;
    ///
    /// let groups: BTreeMap<u64, Vec<u64>> =
    ///     Flow::from_range(0..6u64).stages(1).group_by(|x| x % 2).collect()?;
    /// assert_eq!(groups[&1], [1, 3, 5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn group_by<K, F>(self, key: F) -> Flow<KeyedFold<N, ByKeyFn<F>, CollectEvents>>
    where
        K: Key,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        let site = Site::here("group_by");
        self.keyed(site, ByKeyFn(key)).folded(site, CollectEvents)
    }
}

impl<N: Node, X: KeyOf<N::Item>> Keyed<N, X> {
    /// Collects the events of each key, in the order in which they come to the partition of the key:
    /// the source's order where the source has one instance (`stages(1)`), else no promised one.
    /// Memory: all events.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::BTreeMap;
    ///
    /// let words: BTreeMap<usize, Vec<&str>> = Flow::from_vec(vec!["a", "to", "b"])
    ///     .stages(1)
    ///     .key_by(|word| word.len())
    ///     .collect_vec()
    ///     .collect()?;
    /// assert_eq!(words[&1], ["a", "b"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn collect_vec(self) -> Flow<KeyedFold<N, X, CollectEvents>> {
        self.folded(Site::here("collect_vec"), CollectEvents)
    }

    /// The event of each key that comes first to its partition; the order is that of
    /// [`collect_vec`](Keyed::collect_vec). Where events carry their time,
    /// `aggregate(|a| a.min(|e| (e.at, e.value)))` does not depend on who comes first.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let logins = vec![("ann", 9), ("bob", 10), ("ann", 11)];
    /// let first: HashMap<&str, (&str, u32)> =
    ///     Flow::from_vec(logins).stages(1).key_by(|l| l.0).first().collect()?;
    /// assert_eq!(first["ann"], ("ann", 9));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn first(self) -> Flow<KeyedFold<N, X, FirstEvent>> {
        self.folded(Site::here("first"), FirstEvent)
    }

    /// The event of each key that comes last to its partition; see [`first`](Keyed::first).
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let logins = vec![("ann", 9), ("bob", 10), ("ann", 11)];
    /// let last: HashMap<&str, (&str, u32)> =
    ///     Flow::from_vec(logins).stages(1).key_by(|l| l.0).last().collect()?;
    /// assert_eq!(last["ann"], ("ann", 11));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn last(self) -> Flow<KeyedFold<N, X, LastEvent>> {
        self.folded(Site::here("last"), LastEvent)
    }

    /// What an operation makes of the events of each key, two at a time: the one so far, and the
    /// next. It must be associative and commutative unless the source has one instance.
    ///
    /// Every event travels to the partition of its key;
    /// [`Aggregates::reduce_with`](crate::Aggregates::reduce_with) folds a value of it before.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let longest: HashMap<char, &str> = Flow::from_vec(vec!["fig", "apple", "fennel"])
    ///     .key_by(|word| word.chars().next().unwrap_or(' '))
    ///     .reduce_with(|one, other| if one.len() >= other.len() { one } else { other })
    ///     .collect()?;
    /// assert_eq!(longest[&'f'], "fennel");
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn reduce_with<O>(self, op: O) -> Flow<KeyedFold<N, X, ReduceEvents<O>>>
    where
        O: Fn(N::Item, N::Item) -> N::Item + Send + Sync,
    {
        self.folded(Site::here("reduce_with"), ReduceEvents(op))
    }
}

/// Keeps all events.
#[derive(Clone, Copy, Debug)]
pub struct CollectEvents;

/// Keeps the event that came first.
#[derive(Clone, Copy, Debug)]
pub struct FirstEvent;

/// Keeps the event that came last.
#[derive(Clone, Copy, Debug)]
pub struct LastEvent;

/// Makes one event of two.
#[derive(Clone, Copy)]
pub struct ReduceEvents<O>(O);

impl<O> fmt::Debug for ReduceEvents<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReduceEvents")
    }
}

impl<T: Send> FoldEach<T> for CollectEvents {
    type Acc = Vec<T>;
    type Output = Vec<T>;

    fn start(&self, event: T) -> Vec<T> {
        vec![event]
    }

    #[inline(always)]
    fn add(&self, acc: &mut Vec<T>, event: T) {
        acc.push(event);
    }

    fn finish(&self, acc: Vec<T>) -> Vec<T> {
        acc
    }
}

impl<T: Send> FoldEach<T> for FirstEvent {
    type Acc = T;
    type Output = T;

    #[inline(always)]
    fn start(&self, event: T) -> T {
        event
    }

    #[inline(always)]
    fn add(&self, _acc: &mut T, _event: T) {}

    fn finish(&self, acc: T) -> T {
        acc
    }
}

impl<T: Send> FoldEach<T> for LastEvent {
    type Acc = T;
    type Output = T;

    #[inline(always)]
    fn start(&self, event: T) -> T {
        event
    }

    #[inline(always)]
    fn add(&self, acc: &mut T, event: T) {
        *acc = event;
    }

    fn finish(&self, acc: T) -> T {
        acc
    }
}

impl<T, O> FoldEach<T> for ReduceEvents<O>
where
    T: Send,
    O: Fn(T, T) -> T + Send + Sync,
{
    /// Empty only while the operation runs, and for good where it panics, which fails the run.
    type Acc = Option<T>;
    type Output = T;

    #[inline(always)]
    fn start(&self, event: T) -> Option<T> {
        Some(event)
    }

    #[inline(always)]
    fn add(&self, acc: &mut Option<T>, event: T) {
        if let Some(one) = acc.take() {
            *acc = Some((self.0)(one, event));
        }
    }

    fn finish(&self, acc: Option<T>) -> T {
        acc.expect("the accumulator of a run that did not fail has an event")
    }
}
