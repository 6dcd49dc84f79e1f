//! `first`, `nth`, `position`, `last`: one event of an order.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Each, Flow, MapWith, Node, Sequenced, each};
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// The first event of the source's order, or `None` if there is none. What is upstream stops
    /// then; it reads ahead by no more than two events for every core.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert_eq!(Flow::from_iter(10u64..).first()?, Some(10));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn first(self) -> Result<Option<N::Item>, FlowError>
    where
        N: Sequenced,
    {
        let site = Site::here("first");
        self.ordered_to(site, Some(1)).nth_here(site, 0)
    }

    /// The event that has `n` others before it in the source's order, or `None` if there are not so
    /// many. What is upstream stops then; it reads ahead by no more than `n` events, or two for every
    /// core where that is more.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert_eq!(Flow::from_iter(10u64..).filter(|x| x % 2 == 1).nth(2)?, Some(15));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn nth(self, n: usize) -> Result<Option<N::Item>, FlowError>
    where
        N: Sequenced,
    {
        let site = Site::here("nth");
        self.ordered_to(site, Some(n.saturating_add(1))).nth_here(site, n)
    }

    /// How many events are before the first one, in the source's order, for which `f` is true;
    /// `None` if there is none. `f` is called in parallel. What is upstream stops then; it is never
    /// more than [`in_flight`](Flow::in_flight) events ahead.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let at = Flow::from_text("a\n\nb").position(|line| line.is_empty())?;
    /// assert_eq!(at, Some(1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn position<F>(self, f: F) -> Result<Option<u64>, FlowError>
    where
        N: Sequenced,
        F: Fn(N::Item) -> bool + Send + Sync,
    {
        let site = Site::here("position");
        each!(self, MapWith { f, site }).ordered_to(site, None).into_sink(site, Position).run()
    }

    /// The last event of the source's order, or `None` if there is none. In parallel: every instance
    /// keeps one event.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert_eq!(Flow::from_range(0..100u64).filter(|x| x % 7 == 0).last()?, Some(98));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn last(self) -> Result<Option<N::Item>, FlowError>
    where
        N: Sequenced,
    {
        self.into_sink(Site::here("last"), Last).run()
    }

    /// The event with `n` before it, of a flow that is in order in one instance.
    fn nth_here(self, site: Site, n: usize) -> Result<Option<N::Item>, FlowError> {
        self.into_sink(site, Nth(n)).run()
    }
}

/// Takes one event, behind so many others.
struct Nth(usize);

/// What is left to be dropped, and the event.
struct NthPart<T> {
    left: usize,
    event: Option<T>,
}

impl<T: Send> Sink<T> for Nth {
    type Part = NthPart<T>;
    type Output = Option<T>;

    fn part(self: &Arc<Self>, _instance: usize) -> NthPart<T> {
        NthPart { left: self.0, event: None }
    }

    fn commit(self: Arc<Self>, parts: Vec<NthPart<T>>) -> Result<Option<T>, BoxError> {
        Ok(parts.into_iter().find_map(|part| part.event))
    }
}

impl<T: Send> Part<T> for NthPart<T> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.write_all(std::iter::once(event))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, mut events: I) -> Result<(), BoxError> {
        while self.event.is_none()
            && let Some(event) = events.next()
        {
            match self.left.checked_sub(1) {
                Some(left) => self.left = left,
                None => self.event = Some(event),
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.event.is_some()
    }
}

/// Counts what is false before the first that is true.
struct Position;

/// How many there were, and whether the first that is true was there.
struct PositionPart {
    before: u64,
    found: bool,
}

impl Sink<bool> for Position {
    type Part = PositionPart;
    type Output = Option<u64>;

    fn part(self: &Arc<Self>, _instance: usize) -> PositionPart {
        PositionPart { before: 0, found: false }
    }

    fn commit(self: Arc<Self>, parts: Vec<PositionPart>) -> Result<Option<u64>, BoxError> {
        Ok(parts.into_iter().find_map(|part| part.found.then_some(part.before)))
    }
}

impl Part<bool> for PositionPart {
    #[inline(always)]
    fn write(&mut self, found: bool) -> Result<(), BoxError> {
        self.write_all(std::iter::once(found))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = bool>>(&mut self, mut events: I) -> Result<(), BoxError> {
        while !self.found
            && let Some(found) = events.next()
        {
            self.found = found;
            self.before += u64::from(!found);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.found
    }
}

/// Keeps the last event.
struct Last;

/// One instance's last event, and the source's position from which its claim was.
struct LastPart<T> {
    at: u64,
    event: Option<(u64, T)>,
}

impl<T: Send> Sink<T> for Last {
    type Part = LastPart<T>;
    type Output = Option<T>;

    fn part(self: &Arc<Self>, _instance: usize) -> LastPart<T> {
        LastPart { at: 0, event: None }
    }

    fn commit(self: Arc<Self>, parts: Vec<LastPart<T>>) -> Result<Option<T>, BoxError> {
        let events = parts.into_iter().filter_map(|part| part.event);
        Ok(events.max_by_key(|(at, _)| *at).map(|(_, event)| event))
    }
}

impl<T: Send> Part<T> for LastPart<T> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.write_all(std::iter::once(event))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        if let Some(last) = events.last() {
            self.event = Some((self.at, last));
        }
        Ok(())
    }

    fn position(&mut self, start: u64) {
        self.at = start;
    }
}
