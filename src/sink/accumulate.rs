//! `fold`, `reduce_with`, `try_fold`, `try_reduce`: an accumulator per instance, merged in the end.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Flow, Node};
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Folds the events into one accumulator per instance, in parallel, and merges these at the end:
    /// `init()` makes one, `f(&mut acc, event)` folds, `merge(&mut acc, other)` merges, in the order
    /// of the instances.
    ///
    /// Which instance gets which events, and how many there are, differs from run to run; so the
    /// result is the same in every run where it does not matter how events are grouped and ordered
    /// (sums, counts, sets), and `init()` adds nothing. Behind [`partition_by`](Flow::partition_by)
    /// and its kin there is an accumulator per partition, and how they are grouped is fixed. Behind
    /// [`ordered`](Flow::ordered) there is only one, which sees the events in the source's order.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let (sum, many) = Flow::from_range(0..10u64).fold(
    ///     || (0, 0),
    ///     |acc, x| *acc = (acc.0 + x, acc.1 + 1),
    ///     |acc, other| *acc = (acc.0 + other.0, acc.1 + other.1),
    /// )?;
    /// assert_eq!((sum, many), (45, 10));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "aggregate")]
    #[track_caller]
    pub fn fold<A, I, F, M>(self, init: I, f: F, merge: M) -> Result<A, FlowError>
    where
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, N::Item) + Send + Sync,
        M: Fn(&mut A, A) + Send + Sync,
    {
        let f = move |acc: &mut A, event| {
            f(acc, event);
            Ok(())
        };
        let merge = move |acc: &mut A, other| {
            merge(acc, other);
            Ok(())
        };
        self.into_sink(Site::here("fold"), Accumulate { init, f, merge }).run()
    }

    /// Makes one event of all: `op` makes one of two. `None` if there is no event.
    ///
    /// Every instance combines what it gets, and at the end they are combined; so the result is the
    /// same in every run where `op` does not mind how events are grouped and ordered. Behind
    /// [`ordered`](Flow::ordered) they are combined from the first to the last.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let product = Flow::from_range(1..6u64).reduce_with(|a, b| a * b)?;
    /// assert_eq!(product, Some(120));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn reduce_with<F>(self, op: F) -> Result<Option<N::Item>, FlowError>
    where
        F: Fn(N::Item, N::Item) -> N::Item + Send + Sync,
    {
        let f = |acc: &mut Option<N::Item>, event| {
            *acc = Some(match acc.take() {
                Some(acc) => op(acc, event),
                None => event,
            });
            Ok(())
        };
        let merge =
            |acc: &mut Option<N::Item>, other: Option<_>| other.map_or(Ok(()), |x| f(acc, x));
        self.into_sink(Site::here("reduce_with"), Accumulate { init: || None, f, merge }).run()
    }

    /// As [`fold`](Flow::fold), with closures that may fail: the first error stops everything.
    ///
    /// # Errors
    /// The first cause, if the run fails. An error of `f` or `merge` has the kind
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink), and is its `source()`.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let add = |sum: &mut u8, x: u8| -> Result<(), &str> {
    ///     *sum = sum.checked_add(x).ok_or("too much")?;
    ///     Ok(())
    /// };
    /// assert_eq!(Flow::from_vec(vec![1, 2]).try_fold(|| 0, add, add)?, 3);
    /// assert!(Flow::from_vec(vec![200, 100]).try_fold(|| 0, add, add).is_err());
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn try_fold<A, E, I, F, M>(self, init: I, f: F, merge: M) -> Result<A, FlowError>
    where
        A: Send,
        E: Into<BoxError>,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, N::Item) -> Result<(), E> + Send + Sync,
        M: Fn(&mut A, A) -> Result<(), E> + Send + Sync,
    {
        let f = move |acc: &mut A, event| f(acc, event).map_err(E::into);
        let merge = move |acc: &mut A, other| merge(acc, other).map_err(E::into);
        self.into_sink(Site::here("try_fold"), Accumulate { init, f, merge }).run()
    }

    /// Makes one event of all, beginning with `identity()` in every instance: `op` makes one of two,
    /// or fails. The first error stops everything.
    ///
    /// When the result is the same in every run, [`fold`](Flow::fold) says.
    ///
    /// # Errors
    /// The first cause, if the run fails. An error of `op` has the kind
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink), and is its `source()`.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let add = |a: u8, b: u8| a.checked_add(b).ok_or("too much");
    /// assert_eq!(Flow::from_vec(vec![1, 2]).try_reduce(|| 0, add)?, 3);
    /// assert!(Flow::from_vec(vec![200, 100]).try_reduce(|| 0, add).is_err());
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn try_reduce<E, I, F>(self, identity: I, op: F) -> Result<N::Item, FlowError>
    where
        E: Into<BoxError>,
        I: Fn() -> N::Item + Send + Sync,
        F: Fn(N::Item, N::Item) -> Result<N::Item, E> + Send + Sync,
    {
        let identity = &identity;
        let init = || Some(identity());
        let f = |acc: &mut Option<N::Item>, event| {
            let before = acc.take().unwrap_or_else(identity);
            *acc = Some(op(before, event).map_err(E::into)?);
            Ok(())
        };
        let merge =
            |acc: &mut Option<N::Item>, other: Option<_>| other.map_or(Ok(()), |x| f(acc, x));
        let reduced =
            self.into_sink(Site::here("try_reduce"), Accumulate { init, f, merge }).run()?;
        // Only an error leaves nothing.
        Ok(reduced.unwrap_or_else(identity))
    }
}

/// Keeps an accumulator per instance.
struct Accumulate<I, F, M> {
    init: I,
    f: F,
    merge: M,
}

/// One instance's accumulator.
struct Accumulated<A, I, F, M> {
    sink: Arc<Accumulate<I, F, M>>,
    /// Elsewhere only while a batch is folded.
    acc: Option<A>,
}

impl<T, A, I, F, M> Sink<T> for Accumulate<I, F, M>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T) -> Result<(), BoxError> + Send + Sync,
    M: Fn(&mut A, A) -> Result<(), BoxError> + Send + Sync,
{
    type Part = Accumulated<A, I, F, M>;
    type Output = A;

    fn part(self: &Arc<Self>, _instance: usize) -> Self::Part {
        Accumulated { acc: Some((self.init)()), sink: Arc::clone(self) }
    }

    fn commit(self: Arc<Self>, parts: Vec<Self::Part>) -> Result<A, BoxError> {
        let mut parts = parts.into_iter().filter_map(|part| part.acc);
        let mut acc = parts.next().unwrap_or_else(&self.init);
        parts.try_for_each(|other| (self.merge)(&mut acc, other))?;
        Ok(acc)
    }
}

impl<T, A, I, F, M> Part<T> for Accumulated<A, I, F, M>
where
    A: Send,
    I: Send + Sync,
    F: Fn(&mut A, T) -> Result<(), BoxError> + Send + Sync,
    M: Send + Sync,
{
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.acc.as_mut().map_or(Ok(()), |acc| (self.sink.f)(acc, event))
    }

    #[inline(always)]
    fn write_all<It: Iterator<Item = T>>(&mut self, mut events: It) -> Result<(), BoxError> {
        // A local, which can stay in registers.
        let Some(mut acc) = self.acc.take() else {
            return Ok(());
        };
        let folded = events.try_for_each(|event| (self.sink.f)(&mut acc, event));
        self.acc = Some(acc);
        folded
    }
}
