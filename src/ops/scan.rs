//! `scan`, `enumerate`, `map_while`, `take_while`: along one order, with what was before.

use super::Flow;
use super::in_order::{Along, InOrder};
use super::node::{Node, Sequenced, Then};
use super::ordered::Ordered;
use crate::error::Site;
use std::fmt;
use std::ops::ControlFlow::{self, Break, Continue};

impl<N: Node> Flow<N> {
    /// Turns every event into another with a state that goes along the source's order: `init()`
    /// makes it once per run, `f(&mut state, event)` gives an event, or `None` to end the flow. What
    /// is upstream stops then.
    ///
    /// What is before works in parallel; `f` and what follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sums: Vec<u64> = Flow::from_iter(1u64..)
    ///     .scan(|| 0, |sum, x| {
    ///         *sum += x;
    ///         (*sum < 20).then_some(*sum)
    ///     })
    ///     .collect()?;
    /// assert_eq!(sums, [1, 3, 6, 10, 15]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn scan<S, U, I, F>(
        self,
        init: I,
        f: F,
    ) -> Flow<Then<Ordered<N>, InOrder<Scan<I, F>, N::Item>>>
    where
        N: Sequenced,
        S: Send,
        U: Send,
        I: Fn() -> S + Send + Sync,
        F: Fn(&mut S, N::Item) -> Option<U> + Send + Sync,
    {
        self.along(Site::here("scan"), Scan { init, f })
    }

    /// Numbers the events along the source's order: `(0, first)`, `(1, second)`, …
    ///
    /// What follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let even = Flow::from_range(0..100u64).filter(|x| x % 2 == 0);
    /// let numbered: Vec<(u64, u64)> = even.enumerate().take(2).collect()?;
    /// assert_eq!(numbered, [(0, 0), (1, 2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn enumerate(self) -> Flow<Then<Ordered<N>, InOrder<Enumerate, N::Item>>>
    where
        N: Sequenced,
    {
        self.along(Site::here("enumerate"), Enumerate)
    }

    /// The events before the first one, in the source's order, for which `f` gives `None`: as what
    /// `f` gives. What is upstream stops there.
    ///
    /// `f` and what follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let texts = Flow::from_vec(vec!["1", "2", "end", "3"]);
    /// let numbers: Vec<i32> = texts.map_while(|text| text.parse().ok()).collect()?;
    /// assert_eq!(numbers, [1, 2]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map_while<U, F>(self, f: F) -> Flow<Then<Ordered<N>, InOrder<MapWhile<F>, N::Item>>>
    where
        N: Sequenced,
        U: Send,
        F: Fn(N::Item) -> Option<U> + Send + Sync,
    {
        self.along(Site::here("map_while"), MapWhile(f))
    }

    /// The events before the first one, in the source's order, for which `f` is false. What is
    /// upstream stops there.
    ///
    /// `f` and what follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let small: Vec<u64> = Flow::from_iter(0u64..).map(|x| x * x).take_while(|x| *x < 10).collect()?;
    /// assert_eq!(small, [0, 1, 4, 9]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn take_while<F>(self, f: F) -> Flow<Then<Ordered<N>, InOrder<TakeWhile<F>, N::Item>>>
    where
        N: Sequenced,
        F: Fn(&N::Item) -> bool + Send + Sync,
    {
        self.along(Site::here("take_while"), TakeWhile(f))
    }
}

/// `scan`'s closures.
pub struct Scan<I, F> {
    init: I,
    f: F,
}

impl<I, F> fmt::Debug for Scan<I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scan")
    }
}

impl<T, S, U, I, F> Along<T> for Scan<I, F>
where
    S: Send,
    U: Send,
    I: Fn() -> S + Send + Sync,
    F: Fn(&mut S, T) -> Option<U> + Send + Sync,
{
    type Out = U;
    type State = S;

    fn start(&self) -> S {
        (self.init)()
    }

    #[inline(always)]
    fn step(&self, state: &mut S, event: T) -> ControlFlow<(), Option<U>> {
        match (self.f)(state, event) {
            None => Break(()),
            some => Continue(some),
        }
    }
}

/// `enumerate`.
#[derive(Clone, Copy, Debug)]
pub struct Enumerate;

impl<T: Send> Along<T> for Enumerate {
    type Out = (u64, T);
    type State = u64;

    fn start(&self) -> u64 {
        0
    }

    #[inline(always)]
    fn step(&self, next: &mut u64, event: T) -> ControlFlow<(), Option<(u64, T)>> {
        let number = *next;
        *next += 1;
        Continue(Some((number, event)))
    }
}

/// `map_while`'s closure.
#[derive(Debug)]
pub struct MapWhile<F>(F);

impl<T, U: Send, F: Fn(T) -> Option<U> + Send + Sync> Along<T> for MapWhile<F> {
    type Out = U;
    type State = ();

    fn start(&self) {}

    #[inline(always)]
    fn step(&self, (): &mut (), event: T) -> ControlFlow<(), Option<U>> {
        match (self.0)(event) {
            None => Break(()),
            some => Continue(some),
        }
    }
}

/// `take_while`'s closure.
#[derive(Debug)]
pub struct TakeWhile<F>(F);

impl<T: Send, F: Fn(&T) -> bool + Send + Sync> Along<T> for TakeWhile<F> {
    type Out = T;
    type State = ();

    fn start(&self) {}

    #[inline(always)]
    fn step(&self, (): &mut (), event: T) -> ControlFlow<(), Option<T>> {
        if (self.0)(&event) { Continue(Some(event)) } else { Break(()) }
    }
}
