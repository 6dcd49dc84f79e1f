//! Sinks that keep nothing: `for_each`, `run`, closures.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Flow, Node};
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
