//! Sinks that keep nothing: `for_each` and its kin, `run`, closures.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Batches, EachBatch, Flow, Node};
use std::fmt;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Calls `f` for every event, in parallel. Keeps nothing: memory stays flat over an endless
    /// source.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// let sum = AtomicU64::new(0);
    /// Flow::from_range(0..10u64).for_each(|x| {
    ///     sum.fetch_add(x, Ordering::Relaxed);
    /// })?;
    /// assert_eq!(sum.into_inner(), 45);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn for_each<F>(self, f: F) -> Result<(), FlowError>
    where
        F: Fn(N::Item) + Send + Sync,
    {
        self.into_sink(Site::here("for_each"), f).run()
    }

    /// Calls `f` with as many events as are at hand, in parallel; as
    /// [`map_batch`](Flow::map_batch) gets them. What `f` leaves in the vector is dropped, and the
    /// vector is used again.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::sync::Mutex;
    ///
    /// let rows = Mutex::new(Vec::new());
    /// Flow::from_range(0..1000u64).for_each_batch(|batch| rows.lock().unwrap().append(batch))?;
    /// assert_eq!(rows.into_inner().unwrap().len(), 1000);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn for_each_batch<F>(self, f: F) -> Result<(), FlowError>
    where
        F: Fn(&mut Vec<N::Item>) + Send + Sync,
    {
        let site = Site::here("for_each_batch");
        self.then(site, Batches::new(EachBatch(f), site)).into_sink(site, Ignore).run()
    }

    /// Calls `f` for every event, in parallel, until it fails: the first error stops everything that
    /// is upstream and all other instances.
    ///
    /// # Errors
    /// The first cause, if the run fails. An error of `f` has the kind
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink), and is its `source()`.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::{error::Error, num::ParseIntError};
    ///
    /// let failed = Flow::from_vec(vec!["1", "x"]).try_for_each(|text| text.parse::<i32>().map(drop));
    /// let error = failed.unwrap_err();
    /// assert!(error.source().unwrap().is::<ParseIntError>());
    /// ```
    #[track_caller]
    pub fn try_for_each<E, F>(self, f: F) -> Result<(), FlowError>
    where
        E: Into<BoxError>,
        F: Fn(N::Item) -> Result<(), E> + Send + Sync,
    {
        let f = TryEach(move |event| f(event).map_err(E::into));
        self.into_sink(Site::here("try_for_each"), f).run()
    }

    /// Runs the flow for its side effects and drops what comes out.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn run(self) -> Result<(), FlowError> {
        self.into_sink(Site::here("run"), Ignore).run()
    }
}

#[diagnostic::do_not_recommend]
impl<T, F: Fn(T) + Send + Sync> Sink<T> for F {
    type Part = Called<F>;
    type Output = ();

    fn part(self: &Arc<Self>, _instance: usize) -> Called<F> {
        Called(Arc::clone(self))
    }

    fn commit(self: Arc<Self>, _parts: Vec<Called<F>>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// One instance's share of a closure.
pub struct Called<F>(Arc<F>);

impl<F> fmt::Debug for Called<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Called")
    }
}

impl<T, F: Fn(T) + Send + Sync> Part<T> for Called<F> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        (self.0)(event);
        Ok(())
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        events.for_each(&*self.0);
        Ok(())
    }
}

/// A closure that may fail.
struct TryEach<F>(F);

/// One instance's share of a closure that may fail.
struct TryCalled<F>(Arc<TryEach<F>>);

impl<T, F: Fn(T) -> Result<(), BoxError> + Send + Sync> Sink<T> for TryEach<F> {
    type Part = TryCalled<F>;
    type Output = ();

    fn part(self: &Arc<Self>, _instance: usize) -> TryCalled<F> {
        TryCalled(Arc::clone(self))
    }

    fn commit(self: Arc<Self>, _parts: Vec<TryCalled<F>>) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T, F: Fn(T) -> Result<(), BoxError> + Send + Sync> Part<T> for TryCalled<F> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        (self.0.0)(event)
    }
}

/// A sink that drops every event.
#[derive(Clone, Copy, Debug)]
pub struct Ignore;

impl<T> Sink<T> for Ignore {
    type Part = Ignore;
    type Output = ();

    fn part(self: &Arc<Self>, _instance: usize) -> Ignore {
        Ignore
    }

    fn commit(self: Arc<Self>, _parts: Vec<Ignore>) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T> Part<T> for Ignore {
    #[inline(always)]
    fn write(&mut self, _event: T) -> Result<(), BoxError> {
        Ok(())
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        events.for_each(drop);
        Ok(())
    }
}
