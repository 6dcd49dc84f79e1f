//! Windows over whole partitions: one accumulator per partition and window.

use super::carry::Carry;
use super::closing::Closing;
use super::folds::Folded;
use super::inputs::One;
use super::late::Late;
use super::open::{ByValue, Open, OpenPlain, Opening};
use super::window::{Windowed, windows};
use super::windows::KeyedWindows;
use super::{Stamped, TimedFlow};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Mark, Operator, Push, Spec};
use crate::ops::Node;
use crate::ops::exchange::Routable;
use crate::ops::flat_map::FlatMap;
use crate::ops::keyed::{KeyOf, Keyed, Visit};
use crate::ops::node::{KeepsOrder, Then};
use crate::runtime::Place;
use crate::state::RoutingHash;
use crate::time::Timestamp;
use crate::window::{
    self, Assigned, ByClock, Fixed, Folding, Global, Mode, Pane, Sliding, SlidingCount, Span, Take,
    Timing, Trigger, Triggering, WindowKind, Windowing, needs_mode,
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
/// are is set behind the windows, with [`stages`](TimedFlow::stages).
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
    /// [`trigger`](Windowed::trigger), modes, [`allowed_lateness`](Windowed::allowed_lateness),
    /// [`late_to`](Windowed::late_to), and [`reduce`](Windowed::reduce).
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
        Windowed { keyed, window, trigger, lateness: 0, late: (), site, mode: PhantomData }
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
    fn hash(&self, event: &T, hash: RoutingHash) -> u64;
}

impl<T: Routable> Finds<T> for Itself {
    #[inline(always)]
    fn hash(&self, event: &T, hash: RoutingHash) -> u64 {
        hash.hash(event)
    }
}

impl<T, K: Routable, F: Fn(&T) -> K + Send + Sync> Finds<T> for By<F> {
    #[inline(always)]
    fn hash(&self, event: &T, hash: RoutingHash) -> u64 {
        hash.hash(&(self.0)(event))
    }
}

/// Whole partitions, which have one accumulator per window: no keys, so the verbs per key are not
/// there.
#[derive(Debug)]
pub struct Whole<P>(P);

/// Whole partitions as the exchange and the windows see them: every event has the same key, and a
/// hash that only chooses the partition.
#[derive(Debug)]
pub struct NoKey<P>(Arc<Whole<P>>);

impl<T, P: Finds<T>> KeyOf<T> for NoKey<P> {
    type Stored = ();
    type Out = ();
    type Lent = ();

    #[inline(always)]
    fn visit<V: Visit<()>>(&self, event: &T, hash: RoutingHash, visit: V) -> V::Out {
        visit.key(self.0.0.hash(event, hash), (), |(), ()| true, |()| ())
    }

    fn out((): ()) {}

    fn lent((): &()) -> &() {
        &()
    }
}

/// Opens windows without keys.
#[derive(Debug)]
pub struct OpenWhole<W, F, R, M>(OpenPlain<W, F, R, M>);

impl<T, P, W, F, R, M> Open<NoKey<P>, T, ByValue> for OpenWhole<W, F, R, M>
where
    P: Finds<T>,
    F: Folding + Clone,
    R: Triggering + Clone,
    M: Mode<F>,
    W: Windowing<(), F, R, M> + Clone,
    W::Machine: Take<(), F::Out, T, T>,
{
    type Out = F::Out;
    type Machine = W::Machine;
    type Part = ();
    const CLOCKED: bool = W::BY_CLOCK || R::CLOCKED;

    fn open(&self) -> W::Machine {
        Open::<NoKey<P>, T, ByValue>::open(&self.0)
    }

    #[inline(always)]
    fn event(windows: &mut W::Machine, _hash: u64, key: (), at: Timestamp, event: T) -> Option<T> {
        // The hash of an event chose the partition; in it there is one key.
        windows.event(0, key, at, event).err().map(|((), event)| event)
    }

    fn granularity(&self) -> i64 {
        Open::<NoKey<P>, T, ByValue>::granularity(&self.0)
    }

    fn part(&self, _at: Timestamp) -> Option<Span> {
        None
    }

    fn first(&self, _event: &T) {}

    fn add(&self, _acc: &mut (), _event: &T) {}

    fn take_part(_: &mut W::Machine, _: Span, _: (u64, (), (u32, ()))) -> bool {
        false
    }
}

/// The windows of partitions, opened.
type OpenFolded<W, I, F, A, R, M> = OpenWhole<W, Folded<I, F, A>, Closing<R>, M>;
/// The windows of partitions in the plan.
type Partitions<N, P, W, I, F, A, R, M, L> =
    KeyedWindows<One<N, NoKey<P>>, OpenFolded<W, I, F, A, R, M>, ByValue, L>;
/// The panes of partitions.
type Numbered<N, P, W, I, F, A, R, M, L> =
    Then<Partitions<N, P, W, I, F, A, R, M, L>, Number<I, F, A>>;

impl<N, T, P, W, R, M, L> Windowed<N, Whole<P>, W, R, M, L>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    P: Finds<T>,
    W: WindowKind + Clone,
    R: Triggering + Clone,
    M: 'static,
    L: Late<T>,
{
    /// Folds the events of each window of a partition into one accumulator, in the order of arrival:
    /// `init()` makes it, `f(&mut acc, event)` folds. What is emitted of it is said next:
    /// [`emit_state`](TimedReduction::emit_state) or [`emit_items`](TimedReduction::emit_items).
    ///
    /// Windows without events emit nothing, except the global one: at the end of the input every
    /// partition gives its last pane exactly once, also one that saw no event. (A retracting one does
    /// not repeat a last value that it has given.)
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Trigger, Window};
    ///
    /// let numbers = Flow::from_vec(vec![1, 2, 3, 4, 5]);
    /// let sums = numbers
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .partition_by(|_| ())
    ///     .window(Window::global())
    ///     .trigger(Trigger::every(2))
    ///     .accumulating()
    ///     .reduce(|| 0, |sum, x| *sum += x)
    ///     .emit_state()
    ///     .stages(1);
    /// let sums: Vec<i64> = sums.map(|pane| pane.value).collect()?;
    /// assert_eq!(sums, [3, 10, 15]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn reduce<A, I, F>(self, init: I, f: F) -> TimedReduction<N, P, W, I, F, A, R, M, L>
    where
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, T) + Send + Sync,
        OpenFolded<W, I, F, A, R, M>: Open<NoKey<P>, T, ByValue, Out = A>,
    {
        let site = Site::here("reduce");
        let closures = Arc::new((init, f));
        let fold = Folded { closures: Arc::clone(&closures), acc: PhantomData };
        let Windowed { keyed, window, trigger, lateness, late, site: at, .. } = self;
        let needs = needs_mode(&trigger, lateness);
        let (in_parts, mode) = (false, PhantomData);
        let trigger = Closing { trigger, always: W::WHOLE };
        let open = OpenPlain(Opening { window, fold, trigger, lateness, in_parts, mode });
        let Keyed { flow, key, hash, site: key_site } = keyed;
        let keyed = Keyed { flow, key: Arc::new(NoKey(key)), hash, site: key_site };
        let panes = windows::<_, _, _, _, M, _>(keyed, OpenWhole(open), late, needs, site, at);
        let spec = Number { init: W::WHOLE.then_some(closures), site, types: PhantomData };
        TimedReduction { panes: panes.within(|up| Then { up, spec, site }) }
    }
}

/// One accumulator per partition and window. It becomes a flow by saying what is emitted when a
/// window fires.
#[must_use = "a reduction needs `emit_items` or `emit_state`, and then a terminal"]
pub struct TimedReduction<N, P, W, I, F, A, R, M, L> {
    panes: TimedFlow<Numbered<N, P, W, I, F, A, R, M, L>>,
}

impl<N, P, W, I, F, A, R, M, L> fmt::Debug for TimedReduction<N, P, W, I, F, A, R, M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimedReduction")
    }
}

/// Gives the items of a pane.
type PaneItems<A> = Carry<FlatMap<fn(Pane<usize, A>) -> A, Pane<usize, A>, A>>;

impl<N, T, P, W, I, F, A, R, M, L> TimedReduction<N, P, W, I, F, A, R, M, L>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    P: Finds<T>,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
    L: Late<T>,
    OpenFolded<W, I, F, A, R, M>: Open<NoKey<P>, T, ByValue, Out = A>,
{
    /// Emits every accumulator as a pane, whose key is the number of the partition.
    pub fn emit_state(self) -> TimedFlow<Numbered<N, P, W, I, F, A, R, M, L>> {
        self.panes
    }

    /// Emits the items of every accumulator, one by one and as there is demand, each with the last
    /// timestamp of its window as its time. What takes values back (`retracting`) is told from what
    /// gives them by [`emit_state`](Self::emit_state) only.
    #[track_caller]
    pub fn emit_items(self) -> TimedFlow<Then<Numbered<N, P, W, I, F, A, R, M, L>, PaneItems<A>>>
    where
        A: IntoIterator<Item: Send, IntoIter: Send>,
    {
        let site = Site::here("emit_items");
        let items: fn(Pane<usize, A>) -> A = |pane| pane.value;
        self.panes.carry(site, FlatMap::new(site, items))
    }
}

/// Puts the number of the partition into its panes.
pub struct Number<I, F, A> {
    /// Where there is one window, which every partition has: what begins it.
    init: Option<Arc<(I, F)>>,
    site: Site,
    types: PhantomData<fn(A)>,
}

impl<I, F, A> Clone for Number<I, F, A> {
    fn clone(&self) -> Self {
        Number { init: self.init.clone(), site: self.site, types: PhantomData }
    }
}

impl<I, F, A> fmt::Debug for Number<I, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number")
    }
}

impl<I, F, A> KeepsOrder for Number<I, F, A> {}

impl<I, F, A> Spec for Number<I, F, A>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
{
    type Operator = NumberPartition<I, F, A>;

    fn start(&self, place: &Place) -> Self::Operator {
        NumberPartition { spec: self.clone(), partition: place.instance, seen: false, held: None }
    }
}

/// One partition.
pub struct NumberPartition<I, F, A> {
    spec: Number<I, F, A>,
    partition: usize,
    /// Whether a pane has come.
    seen: bool,
    /// The watermark that waits until there is room for a last pane without events.
    held: Option<Mark>,
}

impl<I, F, A> fmt::Debug for NumberPartition<I, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.partition)
    }
}

impl<I, F, A> Operator for NumberPartition<I, F, A>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
{
    type In = Stamped<Pane<(), A>>;
    type Out = Stamped<Pane<usize, A>>;

    fn push<K: Push<Self::Out>>(&mut self, event: Self::In, next: &mut K) {
        let Stamped { at, value: pane } = event;
        self.seen = true;
        let Pane { window, value, timing, index, last, retraction, replaces, trigger, .. } = pane;
        let key = self.partition;
        let value = Pane { key, window, value, timing, index, last, retraction, replaces, trigger };
        next.push(Stamped { at, value });
    }

    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn resume<K: Push<Self::Out>>(&mut self, next: &mut K) {
        let Some(mark) = self.held else { return };
        if next.make_room() == 0 && !next.closed() {
            return;
        }
        self.held = None;
        if let Some(closures) = self.spec.init.as_ref().filter(|_| !self.seen) {
            self.seen = true;
            let value = guarded(&self.spec.site, || (closures.0)());
            let (key, window, timing) = (self.partition, Span::ALL, Timing::OnTime);
            let (index, last, retraction, replaces) = (0, true, false, Vec::new());
            let trigger = "close";
            let pane =
                Pane { key, window, value, timing, index, last, retraction, replaces, trigger };
            next.push(Stamped { at: pane.timestamp(), value: pane });
        }
        next.mark(mark);
    }

    fn mark<K: Push<Self::Out>>(&mut self, mark: Mark, next: &mut K) {
        let ends = matches!(mark, Mark::Watermark(Timestamp::MAX));
        if ends && self.spec.init.is_some() && !self.seen {
            self.held = Some(mark);
            self.resume(next);
        } else {
            next.mark(mark);
        }
    }
}
