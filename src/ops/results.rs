//! Flows of `Result`s: `ok_or_fail`, `skip_errors`, `errors_to`, `map_ok`, `map_err`, `filter_ok`.

use super::Flow;
use super::checked::{Check, Checked, Delivery, Divert, Fail, Skip};
use super::each::{Call, Each, each};
use super::letter::EventError;
use super::node::{Node, Then};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use std::marker::PhantomData;

impl<T: Send, E: Send, N: Node<Item = Result<T, E>>> Flow<N> {
    /// Unwraps every `Ok`; the first `Err` fails the run with [`ErrorKind::Event`].
    ///
    /// The first in time, as in [`try_map`](Flow::try_map), of which this is the half that fails.
    /// Where the error is a [`DeadLetter`], the run's error names the operator in which the event
    /// failed, how many attempts were made and the event's position.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sum = Flow::from_vec(vec!["1", "2"]).map(str::parse::<i32>).ok_or_fail().sum::<i32>()?;
    /// assert_eq!(sum, 3);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    ///
    /// [`DeadLetter`]: crate::DeadLetter
    /// [`ErrorKind::Event`]: crate::ErrorKind::Event
    #[track_caller]
    pub fn ok_or_fail(self) -> Flow<Then<N, Checked<Unwrapped, Fail, Result<T, E>>>>
    where
        E: EventError,
    {
        let site = Site::here("ok_or_fail");
        self.then(site, Checked::new(site, N::POSITIONED, Unwrapped, Fail))
    }

    /// Unwraps every `Ok` and drops every `Err`. Those are counted:
    /// [`Metrics::skipped`](crate::Metrics::skipped) says how many there were.
    ///
    /// ```
    /// use flow::{Flow, Meter};
    ///
    /// let meter = Meter::new();
    /// let texts = Flow::from_vec(vec!["1", "x", "3"]).observe(&meter);
    /// let numbers: Vec<i32> = texts.map(str::parse).skip_errors().collect()?;
    /// assert_eq!((numbers, meter.metrics().skipped()), (vec![1, 3], 1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn skip_errors(self) -> Flow<Then<N, Checked<Unwrapped, Skip, Result<T, E>>>> {
        let site = Site::here("skip_errors");
        self.then(site, Checked::new(site, N::POSITIONED, Unwrapped, Skip))
    }

    /// Unwraps every `Ok` and hands every `Err` to a closure, which may log it, send it into a
    /// channel or keep it. How many there were is in [`StageMetrics::diverted`].
    ///
    /// The closure gives nothing, or a `Result`: where it cannot deliver an error the run fails with
    /// [`ErrorKind::Sink`], since the error would be lost. It is called on a worker, by several at
    /// once, and should not wait.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::sync::mpsc;
    ///
    /// let (dead, letters) = mpsc::channel();
    /// let texts = Flow::from_vec(vec!["1", "x", "3"]).attempt(|s| s.parse::<i32>());
    /// let sum = texts.errors_to(|letter| dead.send(letter)).sum::<i32>()?;
    /// let letter = letters.try_recv().unwrap();
    /// assert_eq!((sum, letter.event, letter.position), (4, "x", Some(1)));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    ///
    /// [`StageMetrics::diverted`]: crate::StageMetrics::diverted
    /// [`ErrorKind::Sink`]: crate::ErrorKind::Sink
    #[track_caller]
    pub fn errors_to<R, F>(self, f: F) -> Flow<Then<N, Checked<Unwrapped, Divert<F>, Result<T, E>>>>
    where
        R: Delivery,
        F: Fn(E) -> R + Send + Sync,
    {
        let site = Site::here("errors_to");
        self.then(site, Checked::new(site, N::POSITIONED, Unwrapped, Divert(f)))
    }

    /// Turns what is `Ok` into something else.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let texts = Flow::from_vec(vec!["1", "x"]).map(str::parse::<i32>);
    /// let doubled: Vec<_> = texts.map_ok(|x| x * 2).map_err(|_| "bad").collect()?;
    /// assert_eq!(doubled, [Ok(2), Err("bad")]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map_ok<U, F>(self, f: F) -> Flow<Each<N, MapOk<F>, Result<U, E>>>
    where
        U: Send,
        F: Fn(T) -> U + Send + Sync,
    {
        each!(self, MapOk { f, site: Site::here("map_ok") })
    }

    /// Turns what is `Err` into another error.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let failed = Flow::from_vec(vec![Ok(1), Err(2)]).map_err(|e| format!("no {e}")).ok_or_fail();
    /// assert!(failed.count().unwrap_err().to_string().contains("no 2"));
    /// ```
    #[track_caller]
    pub fn map_err<X, F>(self, f: F) -> Flow<Each<N, MapErr<F>, Result<T, X>>>
    where
        X: Send,
        F: Fn(E) -> X + Send + Sync,
    {
        each!(self, MapErr { f, site: Site::here("map_err") })
    }

    /// Drops what is `Ok` and for which `f` is false. Every `Err` passes.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let odd: Vec<_> = Flow::from_vec(vec![Ok(1), Ok(2), Err("x")]).filter_ok(|x| x % 2 == 1).collect()?;
    /// assert_eq!(odd, [Ok(1), Err("x")]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn filter_ok<F>(self, f: F) -> Flow<Each<N, FilterOk<F>, Result<T, E>>>
    where
        F: Fn(&T) -> bool + Send + Sync,
    {
        each!(self, FilterOk { f, site: Site::here("filter_ok") })
    }
}

/// Results as they come.
#[derive(Clone, Copy, Debug)]
pub struct Unwrapped;

impl<T, E> Check<Result<T, E>> for Unwrapped {
    type Out = T;
    type Error = E;
    const ONE_TO_ONE: bool = true;

    #[inline(always)]
    fn check(&self, event: Result<T, E>) -> Result<Option<T>, E> {
        event.map(Some)
    }
}

/// `map_ok`'s closure.
#[derive(Clone, Debug)]
pub struct MapOk<F> {
    pub(super) f: F,
    pub(super) site: Site,
}

impl<T, U, E, F: Fn(T) -> U + Send + Sync> Call<Result<T, E>> for MapOk<F> {
    type Out = Result<U, E>;
    const ONE_TO_ONE: bool = true;

    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn call(&self, event: Result<T, E>) -> Option<Result<U, E>> {
        Some(event.map(|event| guarded(&self.site, || (self.f)(event))))
    }
}

/// `map_err`'s closure.
#[derive(Clone, Debug)]
pub struct MapErr<F> {
    pub(super) f: F,
    pub(super) site: Site,
}

impl<T, E, X, F: Fn(E) -> X + Send + Sync> Call<Result<T, E>> for MapErr<F> {
    type Out = Result<T, X>;
    const ONE_TO_ONE: bool = true;

    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn call(&self, event: Result<T, E>) -> Option<Result<T, X>> {
        Some(event.map_err(|error| guarded(&self.site, || (self.f)(error))))
    }
}

/// `filter_ok`'s closure.
#[derive(Clone, Debug)]
pub struct FilterOk<F> {
    pub(super) f: F,
    pub(super) site: Site,
}

impl<T, E, F: Fn(&T) -> bool + Send + Sync> Call<Result<T, E>> for FilterOk<F> {
    type Out = Result<T, E>;

    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn call(&self, event: Result<T, E>) -> Option<Result<T, E>> {
        guarded(&self.site, || match event {
            Ok(event) => (self.f)(&event).then_some(Ok(event)),
            Err(error) => Some(Err(error)),
        })
    }
}
