//! Events that may fail: `try_map` and its kin, and flows of `Result`s whose events have times.

use super::carry::Carry;
use super::{Carried, Stamped, TimedFlow};
use crate::error::Site;
use crate::ops::checked::{Checked, Delivery, Divert, Fail, Skip};
use crate::ops::each::PerEvent;
use crate::ops::flat_map::FlatMap;
use crate::ops::letter::EventError;
use crate::ops::node::{Node, Then};
use crate::ops::results::{FilterOk, MapErr, MapOk, Unwrapped};
use crate::ops::try_map::{TryFilterMap, TryMap};

/// A fallible verb of a flow whose events have times. What fails has no position: what it was has been
/// told in times.
type CheckedIn<N, C, P, T> = Carried<N, Checked<C, P, T>>;
/// Gives the items of its events.
type ItemsOf<I> = Carry<FlatMap<fn(I) -> I, I, I>>;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// As [`Flow::try_map`](crate::Flow::try_map): the first error fails the run. The result has the
    /// time of its event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = || Flow::from_vec(vec!["1", "x"]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let error = timed().try_map(str::parse::<u8>).run().unwrap_err();
    /// assert_eq!((error.kind(), error.operator()), (flow::ErrorKind::Event, Some("try_map")));
    /// ```
    #[track_caller]
    pub fn try_map<U, E, F>(self, f: F) -> CheckedIn<N, TryMap<F>, Fail, T>
    where
        U: Send,
        E: EventError,
        F: Fn(T) -> Result<U, E> + Send + Sync,
    {
        let site = Site::here("try_map");
        self.carry(site, Checked::new(site, false, TryMap(f), Fail))
    }

    /// As [`Flow::try_filter_map`](crate::Flow::try_filter_map): turns an event into another, or drops
    /// it; the first error fails the run.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec!["1", ""]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let numbers = timed.try_filter_map(|s| s.is_empty().then_some(Ok(None)).unwrap_or(s.parse().map(Some)));
    /// assert_eq!(numbers.collect::<Vec<u8>>()?, [1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn try_filter_map<U, E, F>(self, f: F) -> CheckedIn<N, TryFilterMap<F>, Fail, T>
    where
        U: Send,
        E: EventError,
        F: Fn(T) -> Result<Option<U>, E> + Send + Sync,
    {
        let site = Site::here("try_filter_map");
        self.carry(site, Checked::new(site, false, TryFilterMap(f), Fail))
    }

    /// As [`Flow::try_flat_map`](crate::Flow::try_flat_map): turns an event into any number of events,
    /// which have its time; the first error fails the run.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec!["2", "3"]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let all = timed.try_flat_map(|s| s.parse::<u8>().map(|n| 0..n));
    /// assert_eq!(all.collect::<Vec<u8>>()?, [0, 1, 0, 1, 2]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn try_flat_map<I, E, F>(
        self,
        f: F,
    ) -> TimedFlow<Then<Then<N, Carry<Checked<TryMap<F>, Fail, T>>>, ItemsOf<I>>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send> + Send,
        E: EventError,
        F: Fn(T) -> Result<I, E> + Send + Sync,
    {
        let site = Site::here("try_flat_map");
        let checked = self.carry(site, Checked::new(site, false, TryMap(f), Fail));
        checked.carry(site, FlatMap::of_items(site))
    }
}

impl<N, T, E> TimedFlow<N>
where
    N: Node<Item = Stamped<Result<T, E>>>,
    T: Send,
    E: Send,
{
    /// As [`Flow::ok_or_fail`](crate::Flow::ok_or_fail): the first `Err` fails the run.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let texts = Flow::from_vec(vec!["1", "2"]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// assert_eq!(texts.map(str::parse::<u8>).ok_or_fail().collect::<Vec<_>>()?, [1, 2]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn ok_or_fail(self) -> CheckedIn<N, Unwrapped, Fail, Result<T, E>>
    where
        E: EventError,
    {
        let site = Site::here("ok_or_fail");
        self.carry(site, Checked::new(site, false, Unwrapped, Fail))
    }

    /// As [`Flow::skip_errors`](crate::Flow::skip_errors): every `Err` is dropped and counted. What is
    /// dropped here has moved the watermark on before, as every event does.
    ///
    /// ```
    /// use flow::{Flow, Meter, Timestamp};
    ///
    /// let meter = Meter::new();
    /// let texts = Flow::from_vec(vec!["1", "x"]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let numbers = texts.map(str::parse::<u8>).skip_errors().observe(&meter);
    /// assert_eq!((numbers.count()?, meter.metrics().skipped()), (1, 1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn skip_errors(self) -> CheckedIn<N, Unwrapped, Skip, Result<T, E>> {
        let site = Site::here("skip_errors");
        self.carry(site, Checked::new(site, false, Unwrapped, Skip))
    }

    /// As [`Flow::errors_to`](crate::Flow::errors_to): every `Err` goes to a closure.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let texts = Flow::from_vec(vec!["1", "x"]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let (dead, letters) = std::sync::mpsc::channel();
    /// let numbers = texts.map(str::parse::<u8>).errors_to(|error| dead.send(error));
    /// assert_eq!((numbers.count()?, letters.try_iter().count()), (1, 1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn errors_to<R, F>(self, f: F) -> CheckedIn<N, Unwrapped, Divert<F>, Result<T, E>>
    where
        R: Delivery,
        F: Fn(E) -> R + Send + Sync,
    {
        let site = Site::here("errors_to");
        self.carry(site, Checked::new(site, false, Unwrapped, Divert(f)))
    }

    /// As [`Flow::map_ok`](crate::Flow::map_ok).
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec![Ok(1), Err(2)]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// assert_eq!(timed.map_ok(|x| x + 1).collect::<Vec<_>>()?, [Ok(2), Err(2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map_ok<U, F>(self, f: F) -> Carried<N, PerEvent<MapOk<F>, Result<T, E>>>
    where
        U: Send,
        F: Fn(T) -> U + Send + Sync,
    {
        let site = Site::here("map_ok");
        self.carry(site, PerEvent::new(MapOk { f, site }))
    }

    /// As [`Flow::map_err`](crate::Flow::map_err).
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec![Ok(1), Err(2)]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// assert_eq!(timed.map_err(|x| x + 1).collect::<Vec<_>>()?, [Ok(1), Err(3)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map_err<D, F>(self, f: F) -> Carried<N, PerEvent<MapErr<F>, Result<T, E>>>
    where
        D: Send,
        F: Fn(E) -> D + Send + Sync,
    {
        let site = Site::here("map_err");
        self.carry(site, PerEvent::new(MapErr { f, site }))
    }

    /// As [`Flow::filter_ok`](crate::Flow::filter_ok): every `Err` passes.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec![Ok(1), Err(2)]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// assert_eq!(timed.filter_ok(|x| *x > 1).collect::<Vec<_>>()?, [Err(2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn filter_ok<F>(self, f: F) -> Carried<N, PerEvent<FilterOk<F>, Result<T, E>>>
    where
        F: Fn(&T) -> bool + Send + Sync,
    {
        let site = Site::here("filter_ok");
        self.carry(site, PerEvent::new(FilterOk { f, site }))
    }
}
