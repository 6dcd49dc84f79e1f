//! Verbs per event: their results have the time of the event that they come of.

use super::emit::EmitEach;
use super::{Carried, Stamped, TimedFlow};
use crate::error::Site;
use crate::ops::each::PerEvent;
use crate::ops::flat_map::{Emitter, FlatMap};
use crate::ops::map::{FilterMapWith, FilterWith, InspectWith, MapInit, MapWith};
use crate::ops::node::Node;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// As [`Flow::map`](crate::Flow::map); the result has the time of its event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec![1, 2]).timestamps(|x| Timestamp(*x), |w| w.ascending());
    /// let tens: Vec<(Timestamp, i64)> = timed.map(|x| 10 * x).with_times().collect()?;
    /// assert_eq!(tens, [(Timestamp(1), 10), (Timestamp(2), 20)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map<U, F>(self, f: F) -> Carried<N, PerEvent<MapWith<F>, T>>
    where
        U: Send,
        F: Fn(T) -> U + Send + Sync,
    {
        let site = Site::here("map");
        self.carry(site, PerEvent::new(MapWith { f, site }))
    }

    /// As [`Flow::filter`](crate::Flow::filter).
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_range(0..9i64).timestamps(|x| Timestamp(*x), |w| w.ascending());
    /// assert_eq!(timed.filter(|x| x % 2 == 0).count()?, 5);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn filter<F>(self, f: F) -> Carried<N, PerEvent<FilterWith<F>, T>>
    where
        F: Fn(&T) -> bool + Send + Sync,
    {
        let site = Site::here("filter");
        self.carry(site, PerEvent::new(FilterWith { f, site }))
    }

    /// As [`Flow::filter_map`](crate::Flow::filter_map); the result has the time of its event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec!["1", "x"]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let numbers: Vec<_> = timed.filter_map(|s| s.parse::<u8>().ok()).with_times().collect()?;
    /// assert_eq!(numbers, [(Timestamp(7), 1)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn filter_map<U, F>(self, f: F) -> Carried<N, PerEvent<FilterMapWith<F>, T>>
    where
        U: Send,
        F: Fn(T) -> Option<U> + Send + Sync,
    {
        let site = Site::here("filter_map");
        self.carry(site, PerEvent::new(FilterMapWith { f, site }))
    }

    /// As [`Flow::inspect`](crate::Flow::inspect).
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_range(0..9i64).timestamps(|x| Timestamp(*x), |w| w.ascending());
    /// assert_eq!(timed.inspect(|x| println!("{x}")).count()?, 9);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn inspect<F>(self, f: F) -> Carried<N, PerEvent<InspectWith<F>, T>>
    where
        F: Fn(&T) + Send + Sync,
    {
        let site = Site::here("inspect");
        self.carry(site, PerEvent::new(InspectWith { f, site }))
    }

    /// As [`Flow::flat_map`](crate::Flow::flat_map); all results have the time of their event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec![1, 2]).timestamps(|x| Timestamp(*x), |w| w.ascending());
    /// let all: Vec<_> = timed.flat_map(|x| [x, -x]).with_times().collect()?;
    /// let (one, two) = (Timestamp(1), Timestamp(2));
    /// assert_eq!(all, [(one, 1), (one, -1), (two, 2), (two, -2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn flat_map<I, F>(self, f: F) -> Carried<N, FlatMap<F, T, I>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send>,
        F: Fn(T) -> I + Send + Sync,
    {
        let site = Site::here("flat_map");
        self.carry(site, FlatMap::new(site, f))
    }

    /// As [`Flow::map_init`](crate::Flow::map_init); the result has the time of its event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec![7, 9]).timestamps(|x| Timestamp(*x), |w| w.ascending());
    /// let digits = timed.map_init(String::new, |buffer, x| {
    ///     buffer.clear();
    ///     buffer.push_str(&x.to_string());
    ///     buffer.len()
    /// });
    /// assert_eq!(digits.collect::<Vec<_>>()?, [1, 1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn map_init<S, U, I, F>(self, init: I, f: F) -> Carried<N, MapInit<I, F, T, U>>
    where
        S: Send,
        U: Send,
        I: Fn() -> S + Send + Sync,
        F: Fn(&mut S, T) -> U + Send + Sync,
    {
        let site = Site::here("map_init");
        self.carry(site, MapInit::new(site, init, f))
    }

    /// As [`Flow::flatten`](crate::Flow::flatten); all items have the time of their event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec![vec![1, 2], vec![]]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let items: Vec<_> = timed.flatten().with_times().collect()?;
    /// assert_eq!(items, [(Timestamp(7), 1), (Timestamp(7), 2)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn flatten(self) -> Carried<N, FlatMap<fn(T) -> T, T, T>>
    where
        T: IntoIterator<Item: Send, IntoIter: Send>,
    {
        let site = Site::here("flatten");
        self.carry(site, FlatMap::of_items(site))
    }

    /// As [`Flow::flat_map_emit`](crate::Flow::flat_map_emit): `f(&event, out)` pushes any number of events, which have the time of
    /// theirs. What one call pushes beyond the demand is held in this stage.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let timed = Flow::from_vec(vec!["a b", "c"]).timestamps(|_| Timestamp(7), |w| w.ascending());
    /// let words = timed.flat_map_emit(|line, out| line.split(' ').for_each(|word| out.emit(word.len())));
    /// assert_eq!(words.with_times().collect::<Vec<_>>()?.len(), 3);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn flat_map_emit<U, F>(self, f: F) -> Carried<N, EmitEach<F, T, U>>
    where
        U: Send,
        F: Fn(&T, &mut Emitter<'_, U>) + Send + Sync,
    {
        let site = Site::here("flat_map_emit");
        self.carry(site, EmitEach::new(site, f))
    }
}
