//! `find_any`, `find_first`, `any`, `all`: sinks that have enough with one event.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Flow, Node, Sequenced};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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

    /// The first event of the source's order for which `f` is true, or `None` if there is none.
    ///
    /// Looks in parallel, and nothing is put in order: every instance keeps one event at most, and
    /// stops when one before all that it has to come is found. Everything upstream stops then.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let found = Flow::from_iter(1u64..).find_first(|x| x % 7 == 0 && x % 5 == 0)?;
    /// assert_eq!(found, Some(35));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn find_first<F>(self, f: F) -> Result<Option<N::Item>, FlowError>
    where
        N: Sequenced,
        F: Fn(&N::Item) -> bool + Send + Sync,
    {
        let sink = SearchFirst { f, least: AtomicU64::new(u64::MAX) };
        self.into_sink(Site::here("find_first"), sink).run()
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

/// Looks for the first event that `f` is true for.
struct SearchFirst<F> {
    f: F,
    /// The least position of a claim in which there is one: instances claim in the source's order, so
    /// what is before it is in the hands of one by now.
    least: AtomicU64,
}

/// One instance's find, and the position of the claim at hand.
struct FindFirst<F, T> {
    search: Arc<SearchFirst<F>>,
    at: u64,
    found: Option<(u64, T)>,
}

impl<T, F> Sink<T> for SearchFirst<F>
where
    T: Send,
    F: Fn(&T) -> bool + Send + Sync,
{
    type Part = FindFirst<F, T>;
    type Output = Option<T>;

    fn part(self: &Arc<Self>, _instance: usize) -> FindFirst<F, T> {
        FindFirst { search: Arc::clone(self), at: 0, found: None }
    }

    fn commit(self: Arc<Self>, parts: Vec<FindFirst<F, T>>) -> Result<Option<T>, BoxError> {
        let found = parts.into_iter().filter_map(|part| part.found);
        Ok(found.min_by_key(|(at, _)| *at).map(|(_, event)| event))
    }
}

impl<T, F> Part<T> for FindFirst<F, T>
where
    T: Send,
    F: Fn(&T) -> bool + Send + Sync,
{
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.write_all(std::iter::once(event))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, mut events: I) -> Result<(), BoxError> {
        if self.found.is_none()
            && let Some(event) = events.find(&self.search.f)
        {
            self.found = Some((self.at, event));
            self.search.least.fetch_min(self.at, Ordering::Relaxed);
        }
        Ok(())
    }

    fn position(&mut self, start: u64) {
        self.at = start;
    }

    fn is_full(&self) -> bool {
        self.found.is_some() || self.search.least.load(Ordering::Relaxed) < self.at
    }
}
