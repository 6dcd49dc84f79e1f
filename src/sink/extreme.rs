//! `min`, `max` and their kin: sinks that keep one event per instance.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Comparable, Flow, Node};
use std::cmp::Ordering;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// The smallest event; of equal ones the first, where the flow has one order, else any. `None` if
    /// there is none.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert_eq!(Flow::from_vec(vec![3, 1, 2]).min()?, Some(1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn min(self) -> Result<Option<N::Item>, FlowError>
    where
        N::Item: Comparable,
    {
        self.into_sink(Site::here("min"), Extreme::<_, false>(Natural)).run()
    }

    /// The largest event; of equal ones the last, where the flow has one order, else any. `None` if
    /// there is none.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert_eq!(Flow::from_vec(vec![3, 1, 2]).max()?, Some(3));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn max(self) -> Result<Option<N::Item>, FlowError>
    where
        N::Item: Comparable,
    {
        self.into_sink(Site::here("max"), Extreme::<_, true>(Natural)).run()
    }

    /// The smallest event as `compare` says; of equal ones the first, where the flow has one order,
    /// else any. `None` if there is none.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let smallest = Flow::from_vec(vec![0.5, -1.5, 1.0]).min_by(f64::total_cmp)?;
    /// assert_eq!(smallest, Some(-1.5));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn min_by<F>(self, compare: F) -> Result<Option<N::Item>, FlowError>
    where
        F: Fn(&N::Item, &N::Item) -> Ordering + Send + Sync,
    {
        self.into_sink(Site::here("min_by"), Extreme::<_, false>(By(compare))).run()
    }

    /// The largest event as `compare` says; of equal ones the last, where the flow has one order,
    /// else any. `None` if there is none.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let largest = Flow::from_vec(vec![0.5, -1.5, 1.0]).max_by(f64::total_cmp)?;
    /// assert_eq!(largest, Some(1.0));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn max_by<F>(self, compare: F) -> Result<Option<N::Item>, FlowError>
    where
        F: Fn(&N::Item, &N::Item) -> Ordering + Send + Sync,
    {
        self.into_sink(Site::here("max_by"), Extreme::<_, true>(By(compare))).run()
    }

    /// The event with the smallest key; of equal ones the first, where the flow has one order, else
    /// any. `None` if there is none. `key` is called once per event.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let shortest = Flow::from_vec(vec!["long", "me", "us"]).min_by_key(|word| word.len())?;
    /// assert_eq!(shortest, Some("me"));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn min_by_key<K, F>(self, key: F) -> Result<Option<N::Item>, FlowError>
    where
        K: Ord + Send,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.into_sink(Site::here("min_by_key"), Extreme::<_, false>(ByKey(key))).run()
    }

    /// The event with the largest key; of equal ones the last, where the flow has one order, else
    /// any. `None` if there is none. `key` is called once per event.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let longest = Flow::from_vec(vec!["me", "long", "word"]).max_by_key(|word| word.len())?;
    /// assert_eq!(longest, Some("word"));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn max_by_key<K, F>(self, key: F) -> Result<Option<N::Item>, FlowError>
    where
        K: Ord + Send,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.into_sink(Site::here("max_by_key"), Extreme::<_, true>(ByKey(key))).run()
    }
}

/// How events are compared.
trait Compare<T>: Send + Sync {
    /// What is kept of an event.
    type Kept: Send;

    fn keep(&self, event: T) -> Self::Kept;

    fn compare(&self, a: &Self::Kept, b: &Self::Kept) -> Ordering;

    fn event(kept: Self::Kept) -> T;
}

/// As they are.
struct Natural;

impl<T: Ord + Send> Compare<T> for Natural {
    type Kept = T;

    #[inline(always)]
    fn keep(&self, event: T) -> T {
        event
    }

    #[inline(always)]
    fn compare(&self, a: &T, b: &T) -> Ordering {
        a.cmp(b)
    }

    fn event(kept: T) -> T {
        kept
    }
}

/// As a closure says.
struct By<F>(F);

impl<T: Send, F: Fn(&T, &T) -> Ordering + Send + Sync> Compare<T> for By<F> {
    type Kept = T;

    #[inline(always)]
    fn keep(&self, event: T) -> T {
        event
    }

    #[inline(always)]
    fn compare(&self, a: &T, b: &T) -> Ordering {
        (self.0)(a, b)
    }

    fn event(kept: T) -> T {
        kept
    }
}

/// By a key.
struct ByKey<F>(F);

impl<T: Send, K: Ord + Send, F: Fn(&T) -> K + Send + Sync> Compare<T> for ByKey<F> {
    type Kept = (K, T);

    #[inline(always)]
    fn keep(&self, event: T) -> (K, T) {
        ((self.0)(&event), event)
    }

    #[inline(always)]
    fn compare(&self, a: &(K, T), b: &(K, T)) -> Ordering {
        a.0.cmp(&b.0)
    }

    fn event(kept: (K, T)) -> T {
        kept.1
    }
}

/// Keeps the largest event, or the smallest.
struct Extreme<C, const LARGEST: bool>(C);

impl<C, const LARGEST: bool> Extreme<C, LARGEST> {
    /// Whether an event takes the place of one that was before it.
    #[inline(always)]
    fn wins<T>(&self, event: &C::Kept, before: &C::Kept) -> bool
    where
        C: Compare<T>,
    {
        match self.0.compare(before, event) {
            Ordering::Greater => !LARGEST,
            Ordering::Equal | Ordering::Less => LARGEST,
        }
    }
}

/// One instance's event, and the source's position from which its claim was.
struct Best<T, C: Compare<T>, const LARGEST: bool> {
    sink: Arc<Extreme<C, LARGEST>>,
    at: u64,
    best: Option<(u64, C::Kept)>,
}

impl<T: Send, C: Compare<T>, const LARGEST: bool> Sink<T> for Extreme<C, LARGEST> {
    type Part = Best<T, C, LARGEST>;
    type Output = Option<T>;

    fn part(self: &Arc<Self>, _instance: usize) -> Self::Part {
        Best { sink: Arc::clone(self), at: 0, best: None }
    }

    fn commit(self: Arc<Self>, parts: Vec<Self::Part>) -> Result<Option<T>, BoxError> {
        let mut bests: Vec<_> = parts.into_iter().filter_map(|part| part.best).collect();
        // Stable: without positions the instances keep their order.
        bests.sort_by_key(|(at, _)| *at);
        let bests = bests.into_iter().map(|(_, best)| best);
        let best = bests.reduce(|best, other| if self.wins(&other, &best) { other } else { best });
        Ok(best.map(C::event))
    }
}

impl<T: Send, C: Compare<T>, const LARGEST: bool> Part<T> for Best<T, C, LARGEST> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.write_all(std::iter::once(event))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, mut events: I) -> Result<(), BoxError> {
        let Best { sink, at, best } = self;
        let first = || events.next().map(|event| (*at, sink.0.keep(event)));
        let Some((best_at, local)) = best.take().or_else(first) else {
            return Ok(());
        };
        // A value that is handed from step to step can stay in registers.
        let mut changed = false;
        let local = events.fold(local, |local, event| {
            let event = sink.0.keep(event);
            let wins = sink.wins(&event, &local);
            changed |= wins;
            if wins { event } else { local }
        });
        *best = Some((if changed { *at } else { best_at }, local));
        Ok(())
    }

    fn position(&mut self, start: u64) {
        self.at = start;
    }
}
