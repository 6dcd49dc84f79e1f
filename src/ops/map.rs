//! `map`, `filter`, `filter_map`, `inspect`, `map_init`: one event in, at most one out.

use super::Flow;
use super::each::{Call, Each, each};
use super::node::{KeepsOrder, Node, Then};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Operator, Push, Spec};
use crate::runtime::Place;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Turns every event into another.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let squares: Vec<u64> = Flow::from_range(0..4u64).map(|x| x * x).collect()?;
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map<U, F>(self, f: F) -> Flow<Each<N, MapWith<F>, U>>
    where
        U: Send,
        F: Fn(N::Item) -> U + Send + Sync,
    {
        each!(self, MapWith { f, site: Site::here("map") })
    }

    /// Keeps the events for which `f` is true.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let even: Vec<u64> = Flow::from_range(0..6u64).filter(|x| x % 2 == 0).collect()?;
    /// assert_eq!(even, [0, 2, 4]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn filter<F>(self, f: F) -> Flow<Each<N, FilterWith<F>, N::Item>>
    where
        F: Fn(&N::Item) -> bool + Send + Sync,
    {
        each!(self, FilterWith { f, site: Site::here("filter") })
    }

    /// Turns every event into another, or drops it.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let numbers: Vec<i32> = Flow::from_vec(vec!["1", "x", "3"]).filter_map(|s| s.parse().ok()).collect()?;
    /// assert_eq!(numbers, [1, 3]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn filter_map<U, F>(self, f: F) -> Flow<Each<N, FilterMapWith<F>, U>>
    where
        U: Send,
        F: Fn(N::Item) -> Option<U> + Send + Sync,
    {
        each!(self, FilterMapWith { f, site: Site::here("filter_map") })
    }

    /// Looks at every event as it passes.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sum = Flow::from_range(0..4u64).inspect(|x| println!("{x}")).sum::<u64>()?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn inspect<F>(self, f: F) -> Flow<Each<N, InspectWith<F>, N::Item>>
    where
        F: Fn(&N::Item) + Send + Sync,
    {
        each!(self, InspectWith { f, site: Site::here("inspect") })
    }

    /// Turns every event into another with a value that each instance of the stage makes once: a
    /// buffer, a connection, a random generator. How many there are depends on the workers, so
    /// results must not depend on what is in it.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let lengths: Vec<usize> = Flow::from_range(8..12u32)
    ///     .map_init(String::new, |buffer, x| {
    ///         buffer.clear();
    ///         buffer.push_str(&x.to_string());
    ///         buffer.len()
    ///     })
    ///     .collect()?;
    /// assert_eq!(lengths, [1, 1, 2, 2]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map_init<S, U, I, F>(self, init: I, f: F) -> Flow<Then<N, MapInit<I, F, N::Item, U>>>
    where
        S: Send,
        U: Send,
        I: Fn() -> S + Send + Sync,
        F: Fn(&mut S, N::Item) -> U + Send + Sync,
    {
        let site = Site::here("map_init");
        self.then(site, MapInit::new(site, init, f))
    }
}

/// `map`'s closure.
#[derive(Clone, Debug)]
pub struct MapWith<F> {
    pub(crate) f: F,
    pub(crate) site: Site,
}

impl<T, U, F: Fn(T) -> U + Send + Sync> Call<T> for MapWith<F> {
    type Out = U;
    const ONE_TO_ONE: bool = true;

    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn call(&self, event: T) -> Option<U> {
        Some(guarded(&self.site, || (self.f)(event)))
    }
}

/// `filter`'s closure.
#[derive(Clone, Debug)]
pub struct FilterWith<F> {
    pub(crate) f: F,
    pub(crate) site: Site,
}

impl<T, F: Fn(&T) -> bool + Send + Sync> Call<T> for FilterWith<F> {
    type Out = T;

    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn call(&self, event: T) -> Option<T> {
        guarded(&self.site, || {
            // An event that is dropped here may panic in the operator's name, too.
            if (self.f)(&event) { Some(event) } else { None }
        })
    }
}

/// `filter_map`'s closure.
#[derive(Clone, Debug)]
pub struct FilterMapWith<F> {
    pub(crate) f: F,
    pub(crate) site: Site,
}

impl<T, U, F: Fn(T) -> Option<U> + Send + Sync> Call<T> for FilterMapWith<F> {
    type Out = U;

    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn call(&self, event: T) -> Option<U> {
        guarded(&self.site, || (self.f)(event))
    }
}

/// `inspect`'s closure.
#[derive(Clone, Debug)]
pub struct InspectWith<F> {
    pub(crate) f: F,
    pub(crate) site: Site,
}

impl<T, F: Fn(&T) + Send + Sync> Call<T> for InspectWith<F> {
    type Out = T;
    const ONE_TO_ONE: bool = true;

    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn call(&self, event: T) -> Option<T> {
        guarded(&self.site, || (self.f)(&event));
        Some(event)
    }
}

/// `map_init` as the plan holds it.
pub struct MapInit<I, F, T, U> {
    shared: Arc<(I, F)>,
    site: Site,
    types: PhantomData<fn(T) -> U>,
}

impl<I, F, T, U> MapInit<I, F, T, U> {
    pub(super) fn new(site: Site, init: I, f: F) -> Self {
        MapInit { shared: Arc::new((init, f)), site, types: PhantomData }
    }
}

impl<I, F, T, U> Clone for MapInit<I, F, T, U> {
    fn clone(&self) -> Self {
        MapInit { shared: Arc::clone(&self.shared), site: self.site, types: PhantomData }
    }
}

impl<I, F, T, U> fmt::Debug for MapInit<I, F, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("map_init")
    }
}

impl<I, F, T, U> KeepsOrder for MapInit<I, F, T, U> {}

/// One instance of `map_init`, with its value.
pub struct MapInitInstance<S, I, F, T, U> {
    state: S,
    spec: MapInit<I, F, T, U>,
}

impl<S, I, F, T, U> fmt::Debug for MapInitInstance<S, I, F, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("map_init")
    }
}

impl<S, I, F, T, U> Spec for MapInit<I, F, T, U>
where
    S: Send,
    I: Fn() -> S + Send + Sync,
    F: Fn(&mut S, T) -> U + Send + Sync,
{
    type Operator = MapInitInstance<S, I, F, T, U>;

    fn start(&self, _place: &Place) -> Self::Operator {
        let state = guarded(&self.site, || (self.shared.0)());
        MapInitInstance { state, spec: self.clone() }
    }
}

impl<S, I, F, T, U> Operator for MapInitInstance<S, I, F, T, U>
where
    S: Send,
    I: Send + Sync,
    F: Fn(&mut S, T) -> U + Send + Sync,
{
    type In = T;
    type Out = U;
    const ONE_TO_ONE: bool = true;

    #[inline(always)]
    fn push<K: Push<U>>(&mut self, event: T, next: &mut K) {
        let (state, shared) = (&mut self.state, &self.spec.shared);
        next.push(guarded(&self.spec.site, || (shared.1)(state, event)));
    }
}
