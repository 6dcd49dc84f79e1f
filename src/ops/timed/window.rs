//! Keyed windows: the verbs that choose them, say when they fire, and what is folded in them.

use super::carry::Timeless;
use super::folds::{Aggregated, Folded};
use super::inputs::One;
use super::open::{ByRef, ByValue, Open, OpenMerging, OpenPlain, Opening};
use super::partition::OverPartitions;
use super::whole::Here;
use super::windowed::Windowed;
use super::windows::KeyedWindows;
use super::{Stamped, Timed, TimedFlow};
use crate::error::Site;
use crate::ops::Flow;
use crate::ops::keyed::{ByKeyFn, Key, KeyOf, Keyed};
use crate::ops::node::{Node, Partitioned, Then};
use crate::plan::RunOptions;
use crate::state::{Aggregator, RoutingHash};
use crate::window::{
    self, ByClock, Global, Once, SlidingCount, Trigger, Triggering, WindowKind, needs_mode,
};
use std::marker::PhantomData;
use std::sync::Arc;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// As [`Flow::key_by`](crate::Flow::key_by), for windows per key: [`window`](Keyed::window) comes
    /// next, where there is an example, or a join.
    #[track_caller]
    pub fn key_by<K, F>(self, key: F) -> Keyed<Timed<N>, ByKeyFn<F>>
    where
        K: Key,
        F: Fn(&T) -> K + Send + Sync,
    {
        Keyed {
            flow: self.0,
            key: Arc::new(ByKeyFn(key)),
            hash: RoutingHash::default(),
            site: Site::here("key_by"),
        }
    }
}

impl<N, X> Keyed<Timed<N>, X> {
    /// Chooses the windows that events of a key are folded in, see [`Window`](crate::Window).
    ///
    /// A window fires when the watermark passes its end, and is forgotten then, unless
    /// [`trigger`](Windowed::trigger) and [`allowed_lateness`](Windowed::allowed_lateness) say
    /// otherwise. What is kept is one accumulator for each key and window that has events and is open.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let clicks = Flow::from_vec(vec![(5, "ann"), (800, "bob"), (400, "ann"), (1700, "ann")]);
    /// let counts: Vec<(&str, i64, u64)> = clicks
    ///     .timestamps(|(ms, _)| Timestamp(*ms), |w| w.bounded(Duration::from_millis(500)))
    ///     .key_by(|(_, user)| *user)
    ///     .window(Window::fixed(Duration::from_secs(1)))
    ///     .count()
    ///     .sorted_panes()
    ///     .map(|pane| (pane.key, pane.window.start().0, pane.value))
    ///     .stages(1)
    ///     .collect()?;
    /// assert_eq!(counts, [("ann", 0, 2), ("bob", 0, 1), ("ann", 1000, 1)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn window<W: WindowKind>(mut self, window: W) -> Windowed<N, X, W> {
        let site = Site::here("window");
        if let Some(why) = window.invalid() {
            self.flow.run.refuse(site, why);
        }
        let trigger = Trigger::at_watermark();
        Windowed { keyed: self, window, trigger, lateness: 0, site, mode: PhantomData }
    }
}

impl<N: Node, X> Keyed<N, X> {
    /// Chooses windows for which events need no times: of a number of events
    /// ([`Window::count`](crate::Window::count)), of all ([`Window::global`](crate::Window::global)),
    /// or by the clock of the run ([`Window::by_clock`](crate::Window::by_clock)).
    ///
    /// ```
    /// use flow::{Flow, Window};
    ///
    /// let pairs = Flow::from_range(0..10u64)
    ///     .stages(1)
    ///     .key_by(|x| x % 2)
    ///     .window(Window::count(2))
    ///     .sum(|x| *x)
    ///     .map(|pane| pane.value);
    /// let mut sums: Vec<u64> = pairs.collect()?;
    /// sums.sort_unstable();
    /// assert_eq!(sums, [2, 4, 8, 9, 10, 12]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn window<W: WithoutTimes>(self, window: W) -> Windowed<Then<N, Timeless<N::Item>>, X, W> {
        let Keyed { flow, key, hash, site } = self;
        let spec = Timeless::default();
        let flow = flow.within(|up| Timed(Then { up, spec, site }));
        Keyed::<Timed<_>, X>::window(Keyed { flow, key, hash, site }, window)
    }
}

impl<N: Node> Flow<N> {
    /// Chooses windows for whole partitions, of those for which events need no times: of a number of
    /// events of the partition ([`Window::count`](crate::Window::count),
    /// [`Window::sliding_count`](crate::Window::sliding_count)), of all of them
    /// ([`Window::global`](crate::Window::global)), or by the clock of the run
    /// ([`Window::by_clock`](crate::Window::by_clock)). Then say when they
    /// [fire](Windowed::trigger), and [`reduce`](Windowed::reduce).
    ///
    /// They are in the stage of the partitions, so verbs between `partition` and here run there, too,
    /// and triggers count what comes out of them.
    ///
    /// ```
    /// use flow::{Flow, Window};
    ///
    /// let tens: Vec<u64> = Flow::from_range(1..101u64)
    ///     .stages(1)
    ///     .partition()
    ///     .stages(1)
    ///     .window(Window::count(10))
    ///     .reduce(|| 0, |sum, x| *sum += x)
    ///     .emit_state()
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(tens, [55, 155, 255, 355, 455, 555, 655, 755, 855, 955]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn window<W>(self, window: W) -> Windowed<Then<N, Timeless<N::Item>>, Here, W>
    where
        N: Partitioned,
        W: WithoutTimes + OverPartitions,
    {
        let site = Site::here("window");
        let flow = self.within(|up| Timed(Then { up, spec: Timeless::default(), site }));
        let (key, hash) = (Arc::new(Here), RoutingHash::default());
        Keyed::<Timed<_>, Here>::window(Keyed { flow, key, hash, site }, window)
    }
}

/// Windows for which events need no times.
#[diagnostic::on_unimplemented(
    message = "windows of the kind `{Self}` are windows of event time",
    label = "these events have no times",
    note = "call `timestamps(..)` before `key_by` or `partition`; windows without times are `Window::count(n)`, `Window::global()` and `Window::by_clock(..)`"
)]
pub trait WithoutTimes: WindowKind {}

impl WithoutTimes for Global {}
impl WithoutTimes for window::Count {}
impl WithoutTimes for SlidingCount {}
impl<W> WithoutTimes for ByClock<W> where ByClock<W>: WindowKind {}

/// The flow of panes that keyed windows become.
pub(super) type Panes<N, X, O, D> = TimedFlow<KeyedWindows<One<N, X>, O, D>>;

impl<N, T, X, W, R, M> Windowed<N, X, W, R, M>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    X: KeyOf<T>,
    W: WindowKind + Clone,
    R: Triggering + Clone,
    M: 'static,
{
    /// Folds the events of each window of a key: `init()` begins, `f(&mut acc, event)` goes on, in
    /// the order of arrival. Windows that merge (sessions) need [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let notes = Flow::from_vec(vec![(1, "so"), (2, "fa"), (12, "so")]);
    /// let bars: Vec<String> = notes
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .fold(String::new, |bar, (_, note)| bar.push_str(note))
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(bars, ["sofa", "so"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn fold<A, I, F>(
        self,
        init: I,
        f: F,
    ) -> Panes<N, X, OpenPlain<W, Folded<I, F, A>, R, M>, ByValue>
    where
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, T) + Send + Sync,
        OpenPlain<W, Folded<I, F, A>, R, M>: Open<X, T, ByValue>,
    {
        let site = Site::here("fold");
        let fold = Folded { closures: Arc::new((init, f)), acc: PhantomData };
        let Windowed { keyed, window, trigger, lateness, site: at, .. } = self;
        let needs = needs_mode(&trigger, lateness);
        let (in_parts, mode) = (false, PhantomData);
        let open = OpenPlain(Opening { window, fold, trigger, lateness, in_parts, mode });
        windows::<_, _, _, _, M>(keyed, open, needs, site, at)
    }

    pub(super) fn aggregated<A>(
        self,
        site: Site,
        aggregator: A,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<A, T>, R, M>, ByRef>
    where
        A: Aggregator<T>,
    {
        let fold = Aggregated(Arc::new(aggregator), PhantomData);
        let Windowed { mut keyed, window, trigger, lateness, site: at, .. } = self;
        let needs = needs_mode(&trigger, lateness);
        if W::MERGES && !A::MERGES {
            let why = "these windows merge and the aggregator does not: sessions need one that does, \
                       sliding windows can be folded with `fold`";
            keyed.flow.run.refuse(site, why.to_owned());
        }
        let (in_parts, mode) = (A::MERGES && trigger.fires_once(), PhantomData);
        let open = OpenMerging(Opening { window, fold, trigger, lateness, in_parts, mode });
        windows::<_, _, _, _, M>(keyed, open, needs, site, at)
    }
}

/// Refuses windows that need a mode and have been given none.
pub(super) fn refuse_without_mode<M: 'static>(
    run: &mut RunOptions,
    needs_mode: bool,
    window: Site,
) {
    if needs_mode && std::any::TypeId::of::<M>() == std::any::TypeId::of::<Once>() {
        let why = "a window that may fire more than once needs to be told how its panes relate: \
                   `accumulating()`, `discarding()` or `retracting()`";
        run.refuse(window, why.to_owned());
    }
}

pub(super) fn windows<N, X, O, D, M: 'static>(
    keyed: Keyed<Timed<N>, X>,
    open: O,
    needs_mode: bool,
    site: Site,
    window: Site,
) -> Panes<N, X, O, D> {
    let Keyed { mut flow, key, hash, site: key_site } = keyed;
    refuse_without_mode::<M>(&mut flow.run, needs_mode, window);
    TimedFlow(flow.across(|Timed(up), up_stage| {
        let one = One { up, up_stage, key, hash, site: key_site };
        Timed(KeyedWindows::new(one, open, site))
    }))
}
