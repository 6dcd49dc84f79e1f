//! `find_any`, `any`, `all`: sinks that have enough with one event, whichever comes first.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Flow, Node};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl<N: Node> Flow<N> {
    /// Any event for which `f` is true: the first that is come upon, in parallel. `None` if there is
    /// none. Everything upstream stops when one is found; other instances finish what they have at
    /// hand. [`find_first`](Flow::find_first) looks for the first of an order.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let found = Flow::from_range(0..1_000_000u64).find_any(|x| x * x == 1_522_756)?;
    /// assert_eq!(found, Some(1_234));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn find_any<F>(self, f: F) -> Result<Option<N::Item>, FlowError>
    where
        F: Fn(&N::Item) -> bool + Send + Sync,
    {
        let site = Site::here("find_any");
        self.into_sink(site, Search::new(move |event| f(&event).then_some(event))).run()
    }

    /// Whether `f` is true for any event. Everything upstream stops when it is for one.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert!(Flow::from_iter(0u64..).any(|x| x > 1_000)?);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn any<F>(self, f: F) -> Result<bool, FlowError>
    where
        F: Fn(N::Item) -> bool + Send + Sync,
    {
        let site = Site::here("any");
        let found = self.into_sink(site, Search::new(move |event| f(event).then_some(()))).run()?;
        Ok(found.is_some())
    }

    /// Whether `f` is true for all events. Everything upstream stops when it is not for one.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert!(!Flow::from_iter(0u64..).all(|x| x < 1_000)?);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn all<F>(self, f: F) -> Result<bool, FlowError>
    where
        F: Fn(N::Item) -> bool + Send + Sync,
    {
        let site = Site::here("all");
        let failed =
            self.into_sink(site, Search::new(move |event| (!f(event)).then_some(()))).run()?;
        Ok(failed.is_none())
    }
}

/// Looks for any event of which `f` makes something.
struct Search<F> {
    f: F,
    found: AtomicBool,
}

impl<F> Search<F> {
    /// A closure that is called with an event.
    fn new<T, U>(f: F) -> Self
    where
        F: Fn(T) -> Option<U>,
    {
        Search { f, found: AtomicBool::new(false) }
    }
}

/// One instance's find.
struct Find<F, U> {
    search: Arc<Search<F>>,
    found: Option<U>,
}

impl<T, U, F> Sink<T> for Search<F>
where
    U: Send,
    F: Fn(T) -> Option<U> + Send + Sync,
{
    type Part = Find<F, U>;
    type Output = Option<U>;

    fn part(self: &Arc<Self>, _instance: usize) -> Find<F, U> {
        Find { search: Arc::clone(self), found: None }
    }

    fn commit(self: Arc<Self>, parts: Vec<Find<F, U>>) -> Result<Option<U>, BoxError> {
        Ok(parts.into_iter().find_map(|part| part.found))
    }
}

impl<T, U, F> Part<T> for Find<F, U>
where
    U: Send,
    F: Fn(T) -> Option<U> + Send + Sync,
{
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.write_all(std::iter::once(event))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, mut events: I) -> Result<(), BoxError> {
        if self.found.is_none() {
            self.found = events.find_map(&self.search.f);
            if self.found.is_some() {
                self.search.found.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.search.found.load(Ordering::Relaxed)
    }
}
