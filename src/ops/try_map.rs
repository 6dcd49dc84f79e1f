//! `try_map`, `try_filter_map`, `try_flat_map`: closures that may fail, and fail the run.

use super::checked::{Check, Checked, Fail};
use super::flat_map::FlatMap;
use super::letter::EventError;
use super::node::{ByReference, Node, Single, Then};
use super::{Flow, Partitioned, Sequenced};
use crate::error::Site;
use crate::kernel::Push;
use crate::plan::{Builder, Outline, StageOptions};
use std::fmt;

impl<N: Node> Flow<N> {
    /// Turns every event into another; the first error fails the run with [`ErrorKind::Event`].
    ///
    /// The first in time: of several instances any may be the first. The error that the terminal
    /// gives names this operator, the caller's line, the stage and, where every event so far has come
    /// from one position of the source, this position; its `source()` is what `f` returned and can be
    /// downcast. Costs about 1 ns per event more than
    /// [`map`](Flow::map) while nothing fails: a loop that may end early is not vectorised.
    ///
    /// To skip what fails, to branch or to try again see [`skip_errors`](Flow::skip_errors),
    /// [`errors_to`](Flow::errors_to) and [`attempt`](Flow::attempt).
    ///
    /// ```
    /// use flow::{ErrorKind, Flow};
    /// use std::{error::Error, num::ParseIntError};
    ///
    /// let error = Flow::from_vec(vec!["1", "x"]).try_map(str::parse::<i32>).sum::<i32>().unwrap_err();
    /// assert_eq!((error.kind(), error.operator()), (ErrorKind::Event, Some("try_map")));
    /// assert!(error.source().unwrap().is::<ParseIntError>());
    /// assert!(error.to_string().starts_with("an event failed at position 1 of the source: invalid digit"));
    /// ```
    ///
    /// [`ErrorKind::Event`]: crate::ErrorKind::Event
    #[track_caller]
    pub fn try_map<U, E, F>(self, f: F) -> Flow<Then<N, Checked<TryMap<F>, Fail, N::Item>>>
    where
        U: Send,
        E: EventError,
        F: Fn(N::Item) -> Result<U, E> + Send + Sync,
    {
        let site = Site::here("try_map");
        self.then(site, Checked::new(site, N::POSITIONED, TryMap(f), Fail))
    }

    /// Turns every event into another, or drops it; the first error fails the run, as in
    /// [`try_map`](Flow::try_map).
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let numbers: Vec<i32> = Flow::from_vec(vec!["1", "", "3"])
    ///     .try_filter_map(|s| if s.is_empty() { Ok(None) } else { s.parse().map(Some) })
    ///     .collect()?;
    /// assert_eq!(numbers, [1, 3]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn try_filter_map<U, E, F>(
        self,
        f: F,
    ) -> Flow<Then<N, Checked<TryFilterMap<F>, Fail, N::Item>>>
    where
        U: Send,
        E: EventError,
        F: Fn(N::Item) -> Result<Option<U>, E> + Send + Sync,
    {
        let site = Site::here("try_filter_map");
        self.then(site, Checked::new(site, N::POSITIONED, TryFilterMap(f), Fail))
    }

    /// Turns every event into any number of events, suspended where a consumer has no demand as in
    /// [`flat_map`](Flow::flat_map); the first error fails the run, as in
    /// [`try_map`](Flow::try_map). Where the items may fail one by one, `flat_map(f).ok_or_fail()`
    /// does it.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let all: Vec<u32> = Flow::from_vec(vec!["2", "3"])
    ///     .try_flat_map(|s| s.parse::<u32>().map(|n| 0..n))
    ///     .collect()?;
    /// assert_eq!(all, [0, 1, 0, 1, 2]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn try_flat_map<I, E, F>(self, f: F) -> Flow<TryFlatMap<N, F, N::Item, I>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send> + Send,
        E: EventError,
        F: Fn(N::Item) -> Result<I, E> + Send + Sync,
    {
        let site = Site::here("try_flat_map");
        let checked = Checked::new(site, N::POSITIONED, TryMap(f), Fail);
        self.within(|up| {
            let up = Then { up, spec: checked, site };
            TryFlatMap(Then { up, spec: FlatMap::of_items(site), site })
        })
    }
}

/// `try_map`'s closure.
#[derive(Debug)]
pub struct TryMap<F>(pub(super) F);

impl<T, U, E, F: Fn(T) -> Result<U, E> + Send + Sync> Check<T> for TryMap<F> {
    type Out = U;
    type Error = E;
    const ONE_TO_ONE: bool = true;

    #[inline(always)]
    fn check(&self, event: T) -> Result<Option<U>, E> {
        (self.0)(event).map(Some)
    }
}

/// `try_filter_map`'s closure.
#[derive(Debug)]
pub struct TryFilterMap<F>(pub(super) F);

impl<T, U, E, F: Fn(T) -> Result<Option<U>, E> + Send + Sync> Check<T> for TryFilterMap<F> {
    type Out = U;
    type Error = E;
    const ONE_TO_ONE: bool = false;

    #[inline(always)]
    fn check(&self, event: T) -> Result<Option<U>, E> {
        (self.0)(event)
    }
}

/// `try_flat_map` behind a node: `try_map` and `flatten` under one name.
pub struct TryFlatMap<N, F, T, I>(Inner<N, F, T, I>);

type Inner<N, F, T, I> = Then<Then<N, Checked<TryMap<F>, Fail, T>>, FlatMap<fn(I) -> I, I, I>>;

impl<N: Clone, F, T, I> Clone for TryFlatMap<N, F, T, I> {
    fn clone(&self) -> Self {
        TryFlatMap(self.0.clone())
    }
}

impl<N, F, T, I> fmt::Debug for TryFlatMap<N, F, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.site.operator)
    }
}

impl<N, F, I, E> Node for TryFlatMap<N, F, N::Item, I>
where
    N: Node,
    I: IntoIterator<Item: Send, IntoIter: Send> + Send,
    E: EventError,
    F: Fn(N::Item) -> Result<I, E> + Send + Sync,
{
    type Item = I::Item;
    type Lending = ByReference;
    const SINGLE: bool = N::SINGLE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.0.site);
        self.0.up.up.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: crate::kernel::Make<Kernel: Push<I::Item>> + 'env,
    {
        self.0.build(stage, builder, make);
    }
}

#[diagnostic::do_not_recommend]
impl<N: Sequenced, F, I> Sequenced for TryFlatMap<N, F, N::Item, I> where Self: Node {}

#[diagnostic::do_not_recommend]
impl<N: Single, F, I> Single for TryFlatMap<N, F, N::Item, I> where Self: Sequenced {}

#[diagnostic::do_not_recommend]
impl<N: Partitioned, F, I> Partitioned for TryFlatMap<N, F, N::Item, I> where Self: Node {}
