//! Windows over whole partitions: one accumulator per partition and window.

use super::reduction::OfPartitions;
use super::whole::Here;
use super::windowed::Windowed;
use super::{Stamped, TimedFlow};
use crate::error::Site;
use crate::ops::Node;
use crate::ops::exchange::Routable;
use crate::ops::keyed::{KeyOf, Keyed, Visit};
use crate::state::{Hashing, RoutingHash};
use crate::window::{
    self, Assigned, ByClock, Fixed, Global, Sliding, SlidingCount, Trigger, WindowKind,
};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// As [`Flow::partition`](crate::Flow::partition), for windows over whole partitions: equal
    /// events meet in the same partition.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let events = Flow::from_vec(vec![(100, "a"), (900, "b"), (1200, "a")]);
    /// let timed = events.timestamps(|(at, _)| Timestamp(*at), |w| w.ascending());
    /// let lists = timed
    ///     .map(|(_, name)| name)
    ///     .partition()
    ///     .window(Window::fixed(Duration::from_secs(1)))
    ///     .reduce(Vec::new, |names, name| names.push(name));
    /// // One pane per window and partition that had events.
    /// let panes: Vec<_> = lists.emit_state().stages(1).collect()?;
    /// assert_eq!((panes[0].key, &panes[0].value), (0, &vec!["a", "b"]));
    /// assert_eq!((panes[1].window.start(), &panes[1].value), (Timestamp(1000), &vec!["a"]));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn partition(self) -> TimedPartitions<N, Itself>
    where
        T: Routable,
    {
        TimedPartitions { flow: self, by: Itself, site: Site::here("partition") }
    }

    /// As [`Flow::partition_by`](crate::Flow::partition_by), for windows over whole partitions.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::collections::HashMap;
    /// use std::time::Duration;
    ///
    /// let events = Flow::from_vec(vec![(100, "a"), (900, "b"), (950, "a"), (1200, "a")]);
    /// let counts: Vec<(&str, u32)> = events
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending())
    ///     .partition_by(|(_, name)| *name)
    ///     .window(Window::fixed(Duration::from_secs(1)))
    ///     .reduce(HashMap::new, |counts, (_, name)| *counts.entry(name).or_insert(0) += 1)
    ///     .emit_items()
    ///     .collect()?;
    /// assert_eq!(counts.len(), 3);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn partition_by<K, F>(self, key: F) -> TimedPartitions<N, By<F>>
    where
        K: Routable,
        F: Fn(&T) -> K + Send + Sync,
    {
        TimedPartitions { flow: self, by: By(key), site: Site::here("partition_by") }
    }
}

/// A flow whose events have times and are to be spread over partitions:
/// [`window`](TimedPartitions::window) says what is folded together there. How many partitions there
/// are is set behind `reduce`, with [`stages`](super::TimedReduction::stages).
#[must_use = "partitions need a `window`, a `reduce`, and then a terminal"]
pub struct TimedPartitions<N, P> {
    flow: TimedFlow<N>,
    by: P,
    site: Site,
}

impl<N, P> fmt::Debug for TimedPartitions<N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimedPartitions")
    }
}

impl<N, P> TimedPartitions<N, P> {
    /// Chooses the windows that the events of a partition are folded in: global, fixed, sliding, of a
    /// number of events, your own, or any of these by the clock. Then as with windows per key:
    /// [`trigger`](Windowed::trigger), modes, [`allowed_lateness`](Windowed::allowed_lateness), and
    /// [`reduce`](Windowed::reduce).
    #[track_caller]
    pub fn window<W: OverPartitions>(self, window: W) -> Windowed<N, Whole<P>, W> {
        let TimedPartitions { flow, by, site } = self;
        let (key, hash) = (Arc::new(Whole(by)), RoutingHash::default());
        let mut keyed = Keyed { flow: flow.0, key, hash, site };
        let site = Site::here("window");
        if let Some(why) = window.invalid() {
            keyed.flow.run.refuse(site, why);
        }
        let trigger = Trigger::at_watermark();
        Windowed { keyed, window, trigger, lateness: 0, site, mode: PhantomData }
    }
}

/// Windows that a whole partition can be folded in.
#[diagnostic::on_unimplemented(
    message = "windows of the kind `{Self}` cannot be over whole partitions",
    label = "where a session ends would depend on how many partitions there are",
    note = "fold sessions per key: `key_by(..).window(Window::session(..))`"
)]
pub trait OverPartitions: WindowKind {}

impl OverPartitions for Global {}
impl OverPartitions for Fixed {}
impl OverPartitions for Sliding {}
impl OverPartitions for window::Count {}
impl OverPartitions for SlidingCount {}
impl<A> OverPartitions for Assigned<A> where Assigned<A>: WindowKind {}
impl<W: OverPartitions> OverPartitions for ByClock<W> where ByClock<W>: WindowKind {}

/// Partitions by the events themselves.
#[derive(Clone, Copy, Debug)]
pub struct Itself;

/// Partitions by a key.
#[derive(Clone, Copy, Debug)]
pub struct By<F>(F);

/// How an event finds its partition.
pub trait Finds<T>: Send + Sync {
    /// The hash that chooses it.
    fn hash<H: Hashing>(&self, event: &T, hash: H) -> u64;
}

impl<T: Routable> Finds<T> for Itself {
    #[inline(always)]
    fn hash<H: Hashing>(&self, event: &T, hash: H) -> u64 {
        hash.hash(event)
    }
}

impl<T, K: Routable, F: Fn(&T) -> K + Send + Sync> Finds<T> for By<F> {
    #[inline(always)]
    fn hash<H: Hashing>(&self, event: &T, hash: H) -> u64 {
        hash.hash(&(self.0)(event))
    }
}

/// Whole partitions, which have one accumulator per window: no keys, so the verbs per key are not
/// there.
#[derive(Debug)]
pub struct Whole<P>(P);

impl<P> OfPartitions for Whole<P> {}

impl OfPartitions for Here {}

/// Whole partitions as the exchange and the windows see them: every event has the same key, and a
/// hash that only chooses the partition.
#[derive(Debug)]
pub struct NoKey<P>(pub(super) Arc<Whole<P>>);

impl<T, P: Finds<T>> KeyOf<T> for NoKey<P> {
    type Stored = ();
    type Out = ();
    type Lent = ();

    #[inline(always)]
    fn visit<V: Visit<()>, H: Hashing>(&self, event: &T, hash: H, visit: V) -> V::Out {
        visit.key(self.0.0.hash(event, hash), (), |(), ()| true, |()| ())
    }

    fn out((): ()) {}

    fn lent((): &()) -> &() {
        &()
    }
}
