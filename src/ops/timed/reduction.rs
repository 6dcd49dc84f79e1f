//! `reduce` of windows over whole partitions: one accumulator per partition and window.

use super::carry::Carry;
use super::closing::Closing;
use super::folds::Folded;
use super::late::{HasLate, IntoSide, Late, LateEvent, LateSide, LateTo, side};
use super::number::Number;
use super::open::{OpenPlain, Opening};
use super::triggered::{ByTrigger, Triggered};
use super::whole::{OpenWhole, Partitions};
use super::window::refuse_without_mode;
use super::windowed::Windowed;
use super::{Stamped, Timed, TimedFlow};
use crate::error::Site;
use crate::ops::flat_map::FlatMap;
use crate::ops::node::{Node, Then};
use crate::ops::reduce::Emits;
use crate::ops::{Delivery, Flow, PaneInfo};
use crate::window::{Folding, Mode, Once, Pane, Triggering, WindowKind, needs_mode};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N, T, X, W, R, M> Windowed<N, X, W, R, M>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    X: OfPartitions,
{
    /// Folds the events of each window of a partition into one accumulator, in the order of arrival:
    /// `init()` makes it, `f(&mut acc, event)` folds. What is emitted of it is said next:
    /// [`emit_state`](TimedReduction::emit_state), [`emit_items`](TimedReduction::emit_items),
    /// [`on_trigger`](TimedReduction::on_trigger) or
    /// [`merge_partitions`](TimedReduction::merge_partitions).
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
    pub fn reduce<A, I, F>(self, init: I, f: F) -> TimedReduction<N, X, W, I, F, A, R, M>
    where
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, T) + Send + Sync,
        M: Mode<Folded<I, F, A>>,
    {
        let site = Site::here("reduce");
        let closures = Arc::new((init, f));
        let (options, late) = (Flow::of(()), ());
        TimedReduction { windowed: self, closures, late, options, site, types: PhantomData }
    }
}

/// Whole partitions, which have no keys.
pub trait OfPartitions {}

/// One accumulator per partition and window. It becomes a flow by saying what is emitted when a
/// window fires.
#[must_use = "a reduction needs `emit_items`, `emit_state` or `on_trigger`, and then a terminal"]
pub struct TimedReduction<N, X, W, I, F, A, R, M, L = ()> {
    pub(super) windowed: Windowed<N, X, W, R, M>,
    closures: Arc<(I, F)>,
    /// What becomes of late events.
    late: L,
    /// Of the stage of the partitions.
    pub(super) options: Flow<()>,
    site: Site,
    types: PhantomData<fn() -> A>,
}

impl<N, X, W, I, F, A, R, M, L> fmt::Debug for TimedReduction<N, X, W, I, F, A, R, M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimedReduction")
    }
}

/// The windows of partitions, opened with a fold.
type OpenFold<W, G, R, M> = OpenWhole<W, G, Closing<R>, M>;
/// The same with `reduce`'s closures.
pub(super) type OpenFolded<W, I, F, A, R, M> = OpenFold<W, Folded<I, F, A>, R, M>;
/// The same with what `on_trigger` gives.
type OpenTriggered<W, I, F, A, G, E, R> = OpenFold<W, Triggered<I, F, A, G, E>, R, ByTrigger>;
/// The panes of partitions, with their numbers.
type Numbered<P, G> = Then<P, Number<G>>;
/// Gives the items of a pane.
type PaneItems<V> = Carry<FlatMap<fn(Pane<usize, V>) -> V, Pane<usize, V>, V>>;

/// The panes of partitions whose windows `O` opens.
type PanesOf<N, X, O, L> = <<X as Partitions<N, O>>::Panes as HasLate>::With<L>;
/// The panes that `reduce` gives.
pub(super) type Panes<N, X, W, I, F, A, R, M, L> =
    Numbered<PanesOf<N, X, OpenFolded<W, I, F, A, R, M>, L>, Folded<I, F, A>>;
/// The panes that `on_trigger` gives.
type TriggeredPanes<N, X, W, I, F, A, G, E, R, L> =
    Numbered<PanesOf<N, X, OpenTriggered<W, I, F, A, G, E, R>, L>, Triggered<I, F, A, G, E>>;

impl<N, T, X, W, I, F, A, R, M> TimedReduction<N, X, W, I, F, A, R, M>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// As [`TimedFlow::late_to`].
    #[track_caller]
    pub fn late_to<D, G>(self, to: G) -> TimedReduction<N, X, W, I, F, A, R, M, LateTo<G>>
    where
        D: Delivery,
        G: Fn(LateEvent<(), T>) -> D + Send + Sync,
    {
        self.late(LateTo::new(to, Site::here("late_to")))
    }

    /// As [`TimedFlow::split_late`].
    #[track_caller]
    pub fn split_late(
        self,
    ) -> (TimedReduction<N, X, W, I, F, A, R, M, IntoSide<(), T>>, Flow<LateSide<(), T>>) {
        let Flow { node: Timed(node), stage, run } = &self.windowed.keyed.flow;
        let (into, late) = side(Site::here("split_late"), node, stage, run);
        (self.late(into), late)
    }

    fn late<L>(self, late: L) -> TimedReduction<N, X, W, I, F, A, R, M, L> {
        let TimedReduction { windowed, closures, options, site, types, .. } = self;
        TimedReduction { windowed, closures, late, options, site, types }
    }
}

impl<N, X, W, I, F, A, R, M, L> TimedReduction<N, X, W, I, F, A, R, M, L>
where
    W: WindowKind,
    R: Triggering,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
{
    /// Emits every accumulator as a pane, whose key is the number of the partition.
    pub fn emit_state(mut self) -> TimedFlow<Panes<N, X, W, I, F, A, R, M, L>>
    where
        X: Partitions<N, OpenFolded<W, I, F, A, R, M>, Out = A>,
        L: Late<(), X::Event>,
        M: 'static,
    {
        let Windowed { trigger, lateness, site, .. } = &self.windowed;
        let (needs, site) = (needs_mode(trigger, *lateness), *site);
        refuse_without_mode::<M>(&mut self.windowed.keyed.flow.run, needs, site);
        let fold = Folded { closures: Arc::clone(&self.closures), acc: PhantomData };
        self.folded(fold)
    }

    /// Emits the items of every accumulator, one by one and as there is demand, each with the last
    /// timestamp of its window as its time. What takes values back (`retracting`) is told from what
    /// gives them by [`emit_state`](Self::emit_state) only.
    #[track_caller]
    pub fn emit_items(self) -> TimedFlow<Then<Panes<N, X, W, I, F, A, R, M, L>, PaneItems<A>>>
    where
        X: Partitions<N, OpenFolded<W, I, F, A, R, M>, Out = A>,
        L: Late<(), X::Event>,
        M: 'static,
        A: Emits,
    {
        items_of(self.emit_state(), Site::here("emit_items"))
    }

    fn folded<G, M2>(
        self,
        fold: G,
    ) -> TimedFlow<Numbered<PanesOf<N, X, OpenFold<W, G, R, M2>, L>, G>>
    where
        G: Folding<Out = X::Out> + Clone,
        X: Partitions<N, OpenFold<W, G, R, M2>>,
        L: Late<(), X::Event>,
    {
        let TimedReduction { windowed, late, options, site, .. } = self;
        let Windowed { keyed, window, trigger, lateness, .. } = windowed;
        let trigger = Closing { trigger, always: W::WHOLE };
        let (in_parts, mode) = (false, PhantomData);
        let spec = Number { fold: W::WHOLE.then(|| fold.clone()), site };
        let open = OpenPlain(Opening { window, fold, trigger, lateness, in_parts, mode });
        let mut panes = X::panes(keyed, OpenWhole(open), site);
        panes.0.stage = panes.0.stage.absorb(options.stage);
        panes.0.run = panes.0.run.or(options.run);
        panes.within(|panes| Then { up: panes.with_late(late), spec, site })
    }
}

impl<N, X, W, I, F, A, R, L> TimedReduction<N, X, W, I, F, A, R, Once, L>
where
    W: WindowKind,
    R: Triggering,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
{
    /// Emits what `f` makes of an accumulator whenever its window fires: an `Option`, an array, any
    /// collection, with the last timestamp of the window as their time.
    ///
    /// `f` has full control: what it leaves of the accumulator is what later events of the window are
    /// folded into. So it keeps, resets or trims the state as it likes, and no mode (`accumulating`,
    /// `discarding`) is named. [`PaneInfo`] says which partition, window and firing it is, and what
    /// fired it. When the window fires for the last time, what is left of the state is dropped.
    /// What one call emits is emitted one by one, as there is demand.
    ///
    /// ```
    /// use flow::{Flow, Trigger, Window};
    ///
    /// // The last two of what came, at every third event.
    /// let last_two: Vec<(&str, Vec<u64>)> = Flow::from_range(1..8u64)
    ///     .stages(1)
    ///     .partition()
    ///     .stages(1)
    ///     .window(Window::global())
    ///     .trigger(Trigger::every(3))
    ///     .reduce(Vec::new, |list, x| list.push(x))
    ///     .on_trigger(|list, pane| {
    ///         list.drain(..list.len() - 2);
    ///         Some((pane.trigger(), list.clone()))
    ///     })
    ///     .collect()?;
    /// assert_eq!(last_two, [("every", vec![2, 3]), ("every", vec![5, 6]), ("close", vec![6, 7])]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn on_trigger<E, G>(
        self,
        f: G,
    ) -> TimedFlow<Then<TriggeredPanes<N, X, W, I, F, A, G, E, R, L>, PaneItems<E::Items>>>
    where
        E: Emits,
        G: Fn(&mut A, &PaneInfo) -> E + Send + Sync,
        X: Partitions<N, OpenTriggered<W, I, F, A, G, E, R>, Out = E::Items>,
        L: Late<(), X::Event>,
    {
        let site = Site::here("on_trigger");
        let fold = Triggered::new(Arc::clone(&self.closures), f, site);
        items_of(self.folded::<_, ByTrigger>(fold), site)
    }
}

fn items_of<N, V>(panes: TimedFlow<N>, site: Site) -> TimedFlow<Then<N, PaneItems<V>>>
where
    N: Node<Item = Stamped<Pane<usize, V>>>,
    V: IntoIterator<Item: Send, IntoIter: Send> + Send,
{
    let items: fn(Pane<usize, V>) -> V = |pane| pane.value;
    panes.carry(site, FlatMap::new(site, items))
}
