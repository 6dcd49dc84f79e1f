//! Keyed windows: the verbs that choose them, and the operator that drives their state machines.

use super::carry::Timeless;
use super::exchange::{Clocks, Doors, Moment, ToKey};
use super::inputs::{Inputs, One};
use super::{Stamped, Timed, TimedFlow};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, FusedMake, Make, Mark, Operator, Push, Spec};
use crate::ops::keyed::{ByKeyFn, Key, KeyOf, Keyed};
use crate::ops::node::{ByReference, Node, Then};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::{FromInbox, Inbox, Reader};
use crate::runtime::tally::Tally;
use crate::runtime::task::TaskRef;
use crate::state::{Aggregates, Aggregator, Count, RoutingHash, Sum};
use crate::time::{Timestamp, ticks};
use crate::window::{
    self, Accumulating, AtWatermark, ByClock, Discarding, Each, Fold, Folding, Global, Machine,
    Merge, MergingWindowing, Mode, Never, Once, Pane, Retracting, SlidingCount, Span, Take,
    Trigger, Triggering, WindowKind, Windowing, needs_mode,
};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// As [`Flow::key_by`](crate::Flow::key_by), for windows per key.
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
    /// otherwise.
    #[track_caller]
    pub fn window<W: WindowKind>(mut self, window: W) -> Windowed<N, X, W> {
        let site = Site::here("window");
        if let Some(why) = window.invalid() {
            self.flow.run.refuse(site, why);
        }
        let trigger = Trigger::at_watermark();
        Windowed { keyed: self, window, trigger, lateness: 0, late: (), site, mode: PhantomData }
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

/// Windows for which events need no times.
#[diagnostic::on_unimplemented(
    message = "windows of the kind `{Self}` are windows of event time",
    label = "these events have no times",
    note = "call `timestamps(..)` before `key_by`; windows without times are `Window::count(n)`, `Window::global()` and `Window::by_clock(..)`"
)]
pub trait WithoutTimes: WindowKind {}

impl WithoutTimes for Global {}
impl WithoutTimes for window::Count {}
impl WithoutTimes for SlidingCount {}
impl<W> WithoutTimes for ByClock<W> where ByClock<W>: WindowKind {}

/// Windows per key: `aggregate`, `fold` and their kin say what is folded in them.
#[must_use = "windows need a verb such as `count` or `aggregate`, and then a terminal"]
pub struct Windowed<N, X, W, R = AtWatermark<Never, Each>, M = Once, L = ()> {
    pub(super) keyed: Keyed<Timed<N>, X>,
    pub(super) window: W,
    pub(super) trigger: R,
    /// In milliseconds.
    pub(super) lateness: i64,
    /// Where late events go.
    pub(super) late: L,
    pub(super) site: Site,
    pub(super) mode: PhantomData<fn() -> M>,
}

impl<N, X, W: fmt::Debug, R, M, L> fmt::Debug for Windowed<N, X, W, R, M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Windowed({:?})", self.window)
    }
}

impl<N, X, W, R, M, L> Windowed<N, X, W, R, M, L> {
    /// When windows fire, see [`Trigger`]. Any trigger but the default one needs to be told how the
    /// panes of a window relate: [`accumulating`](Self::accumulating),
    /// [`discarding`](Self::discarding) or [`retracting`](Self::retracting).
    #[track_caller]
    pub fn trigger<G: Triggering>(self, trigger: G) -> Windowed<N, X, W, G, M, L> {
        let Windowed { mut keyed, window, lateness, late, site, mode, .. } = self;
        if let Some(why) = trigger.invalid() {
            keyed.flow.run.refuse(Site::here("trigger"), why);
        }
        Windowed { keyed, window, trigger, lateness, late, site, mode }
    }

    /// For how long, in event time, a window goes on accepting events after the watermark has passed
    /// its end. Default: not at all.
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        Windowed { lateness: ticks(lateness), ..self }
    }

    /// Gives events that come too late for all of their windows to a closure, which may count them,
    /// log them or send them on. Without it they are dropped, and counted as such in the metrics.
    #[track_caller]
    pub fn late_to<T, F>(self, late: F) -> Windowed<N, X, W, R, M, LateTo<F>>
    where
        F: Fn(T) + Send + Sync,
        N: Node<Item = Stamped<T>>,
    {
        let late = LateTo(Arc::new(late), Site::here("late_to"));
        let Windowed { keyed, window, trigger, lateness, site, mode, .. } = self;
        Windowed { keyed, window, trigger, lateness, late, site, mode }
    }

    /// Every pane of a window has all of its events so far.
    pub fn accumulating(self) -> Windowed<N, X, W, R, Accumulating, L> {
        self.mode()
    }

    /// Every pane of a window has the events since the pane before.
    pub fn discarding(self) -> Windowed<N, X, W, R, Discarding, L> {
        self.mode()
    }

    /// As [`accumulating`](Self::accumulating), and every pane that a later one replaces is taken
    /// back before.
    pub fn retracting(self) -> Windowed<N, X, W, R, Retracting, L> {
        self.mode()
    }

    fn mode<M2>(self) -> Windowed<N, X, W, R, M2, L> {
        let Windowed { keyed, window, trigger, lateness, late, site, .. } = self;
        Windowed { keyed, window, trigger, lateness, late, site, mode: PhantomData }
    }
}

/// The flow of panes that keyed windows become.
type Panes<N, X, O, D, L> = TimedFlow<KeyedWindows<One<N, X>, O, D, L>>;

impl<N, T, X, W, R, M, L> Windowed<N, X, W, R, M, L>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    X: KeyOf<T>,
    W: WindowKind + Clone,
    R: Triggering + Clone,
    M: 'static,
    L: Late<T>,
{
    /// How many events each window of a key has.
    #[track_caller]
    pub fn count(self) -> Panes<N, X, OpenMerging<W, Aggregated<Count, T>, R, M>, ByRef, L>
    where
        OpenMerging<W, Aggregated<Count, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("count"), Aggregates::<T>::new().count())
    }

    /// The sum of `value(event)` over each window of a key.
    #[track_caller]
    pub fn sum<V, F>(
        self,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<Sum<F>, T>, R, M>, ByRef, L>
    where
        V: Default + AddAssign + Send,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<Sum<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("sum"), Aggregates::new().sum(value))
    }

    /// Folds each window of a key with aggregators, as [`Keyed::aggregate`] does without windows.
    #[track_caller]
    pub fn aggregate<A, F>(
        self,
        build: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<A, T>, R, M>, ByRef, L>
    where
        A: Aggregator<T>,
        F: FnOnce(Aggregates<T>) -> A,
        OpenMerging<W, Aggregated<A, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("aggregate"), build(Aggregates::new()))
    }

    /// Folds the events of each window of a key: `init()` begins, `f(&mut acc, event)` goes on, in
    /// the order of arrival. Windows that merge (sessions) need [`aggregate`](Self::aggregate).
    #[track_caller]
    pub fn fold<A, I, F>(
        self,
        init: I,
        f: F,
    ) -> Panes<N, X, OpenPlain<W, Folded<I, F, A>, R, M>, ByValue, L>
    where
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, T) + Send + Sync,
        OpenPlain<W, Folded<I, F, A>, R, M>: Open<X, T, ByValue>,
    {
        let site = Site::here("fold");
        let fold = Folded { closures: Arc::new((init, f)), acc: PhantomData };
        let Windowed { keyed, window, trigger, lateness, late, site: at, .. } = self;
        let needs = needs_mode(&trigger, lateness);
        let (in_parts, mode) = (false, PhantomData);
        let open = OpenPlain(Opening { window, fold, trigger, lateness, in_parts, mode });
        windows::<_, _, _, _, M, _>(keyed, open, late, needs, site, at)
    }

    fn aggregated<A>(
        self,
        site: Site,
        aggregator: A,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<A, T>, R, M>, ByRef, L>
    where
        A: Aggregator<T>,
    {
        let fold = Aggregated(Arc::new(aggregator), PhantomData);
        let Windowed { mut keyed, window, trigger, lateness, late, site: at, .. } = self;
        let needs = needs_mode(&trigger, lateness);
        if W::MERGES && !A::MERGES {
            let why = "these windows merge and the aggregator does not: sessions need one that does, \
                       sliding windows can be folded with `fold`";
            keyed.flow.run.refuse(site, why.to_owned());
        }
        let (in_parts, mode) = (A::MERGES && trigger.fires_once(), PhantomData);
        let open = OpenMerging(Opening { window, fold, trigger, lateness, in_parts, mode });
        windows::<_, _, _, _, M, _>(keyed, open, late, needs, site, at)
    }
}

pub(super) fn windows<N, X, O, D, M: 'static, L>(
    keyed: Keyed<Timed<N>, X>,
    open: O,
    late: L,
    needs_mode: bool,
    site: Site,
    window: Site,
) -> Panes<N, X, O, D, L> {
    let Keyed { mut flow, key, hash, site: key_site } = keyed;
    if needs_mode && std::any::TypeId::of::<M>() == std::any::TypeId::of::<Once>() {
        let why = "a window that may fire more than once needs to be told how its panes relate: \
                   `accumulating()`, `discarding()` or `retracting()`";
        flow.run.refuse(window, why.to_owned());
    }
    TimedFlow(flow.across(|Timed(up), up_stage| {
        let one = One { up, up_stage, key, hash, site: key_site };
        Timed(KeyedWindows::new(one, open, late, site))
    }))
}

/// An aggregator as a fold of windows.
pub struct Aggregated<A, T>(Arc<A>, PhantomData<fn(T)>);

impl<A, T> Clone for Aggregated<A, T> {
    fn clone(&self) -> Self {
        Aggregated(Arc::clone(&self.0), PhantomData)
    }
}

impl<A, T> fmt::Debug for Aggregated<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aggregated")
    }
}

impl<A: Aggregator<T>, T> Folding for Aggregated<A, T>
where
    A::Output: Send,
{
    type Acc = A::Acc;
    type Out = A::Output;

    fn finish(&self, acc: A::Acc) -> A::Output {
        self.0.finish(acc)
    }

    fn empty(&self) -> Option<A::Output> {
        self.0.empty()
    }
}

impl<A: Aggregator<T>, T> Fold<&T> for Aggregated<A, T>
where
    A::Output: Send,
{
    #[inline]
    fn first(&self, event: &T) -> A::Acc {
        self.0.first(event)
    }

    #[inline]
    fn add(&self, acc: &mut A::Acc, event: &T) {
        self.0.add(acc, event);
    }
}

impl<A: Aggregator<T>, T> Merge for Aggregated<A, T>
where
    A::Output: Send,
{
    #[inline]
    fn merge(&self, into: &mut A::Acc, from: A::Acc) {
        self.0.merge(into, from);
    }
}

/// Two closures as a fold of windows.
pub struct Folded<I, F, A> {
    pub(super) closures: Arc<(I, F)>,
    pub(super) acc: PhantomData<fn() -> A>,
}

impl<I, F, A> Clone for Folded<I, F, A> {
    fn clone(&self) -> Self {
        Folded { closures: Arc::clone(&self.closures), acc: PhantomData }
    }
}

impl<I, F, A> fmt::Debug for Folded<I, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Folded")
    }
}

impl<I, F, A> Folding for Folded<I, F, A>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
{
    type Acc = A;
    type Out = A;

    fn finish(&self, acc: A) -> A {
        acc
    }

    fn empty(&self) -> Option<A> {
        Some((self.closures.0)())
    }
}

impl<T, I, F, A> Fold<T> for Folded<I, F, A>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T) + Send + Sync,
{
    #[inline]
    fn first(&self, event: T) -> A {
        let mut acc = (self.closures.0)();
        (self.closures.1)(&mut acc, event);
        acc
    }

    #[inline]
    fn add(&self, acc: &mut A, event: T) {
        (self.closures.1)(acc, event);
    }
}

/// What every instance opens its windows with.
#[derive(Debug)]
pub(super) struct Opening<W, F, R, M> {
    pub(super) window: W,
    pub(super) fold: F,
    pub(super) trigger: R,
    pub(super) lateness: i64,
    /// Whether events may be folded in parts before they come together.
    pub(super) in_parts: bool,
    pub(super) mode: PhantomData<fn() -> M>,
}

impl<W: Clone, F: Clone, R: Clone, M> Clone for Opening<W, F, R, M> {
    fn clone(&self) -> Self {
        let (window, fold, trigger) =
            (self.window.clone(), self.fold.clone(), self.trigger.clone());
        let Opening { lateness, in_parts, mode, .. } = *self;
        Opening { window, fold, trigger, lateness, in_parts, mode }
    }
}

/// Opens windows that may merge.
#[derive(Debug)]
pub struct OpenMerging<W, F, R, M>(Opening<W, F, R, M>);

/// Opens windows that never merge.
#[derive(Debug)]
pub struct OpenPlain<W, F, R, M>(pub(super) Opening<W, F, R, M>);

/// Opens the windows of one instance, for keys of `X` and events `T` that are driven as `D` says.
pub trait Open<X: KeyOf<T>, T, D>: Send + Sync {
    /// What is folded.
    type Out: Send;
    /// The state of all windows.
    type Machine: Machine<X::Stored, Self::Out>;
    /// What events are folded into before they come together.
    type Part: Send;

    /// Whether it matters what time it is when an event comes.
    const CLOCKED: bool;

    /// Opens them.
    fn open(&self) -> Self::Machine;

    /// Gives them an event; gives it back where all its windows are closed.
    fn event(
        windows: &mut Self::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: T,
    ) -> Option<T>;

    /// To which multiples a watermark may be rounded down; 0 if it is not known.
    fn granularity(&self) -> i64;

    /// The part of time whose events are folded together before they travel; none where they travel
    /// one by one.
    fn part(&self, at: Timestamp) -> Option<Span>;

    /// A part's first event of a key.
    fn first(&self, event: &T) -> Self::Part;

    /// One more.
    fn add(&self, acc: &mut Self::Part, event: &T);

    /// Gives the windows so many events of a key that are in a part; false where all its windows are
    /// closed.
    fn take_part(
        windows: &mut Self::Machine,
        part: Span,
        events: (u64, X::Stored, (u32, Self::Part)),
    ) -> bool;
}

/// Events are folded by reference.
#[derive(Debug)]
pub struct ByRef;

/// Events are folded by value.
#[derive(Debug)]
pub struct ByValue;

impl<X, T, W, F, R, M> Open<X, T, ByRef> for OpenMerging<W, F, R, M>
where
    X: KeyOf<T>,
    F: Merge + Clone + for<'a> Fold<&'a T>,
    R: Triggering + Clone,
    M: Mode<F>,
    W: MergingWindowing<X::Stored, F, R, M> + Clone,
    W::Machine: for<'a> Take<X::Stored, F::Out, T, &'a T>,
{
    type Out = F::Out;
    type Machine = W::Machine;
    type Part = F::Acc;
    const CLOCKED: bool = W::BY_CLOCK || R::CLOCKED;

    fn open(&self) -> W::Machine {
        let Opening { window, fold, trigger, lateness, .. } = self.0.clone();
        window.merging_machine(fold, trigger, lateness)
    }

    #[inline(always)]
    fn event(
        windows: &mut W::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: T,
    ) -> Option<T> {
        let late = windows.event(hash, key, at, &event).is_err();
        late.then_some(event)
    }

    fn granularity(&self) -> i64 {
        self.0.window.granularity(self.0.lateness)
    }

    fn part(&self, at: Timestamp) -> Option<Span> {
        if self.0.in_parts { self.0.window.part_of(at) } else { None }
    }

    #[inline(always)]
    fn first(&self, event: &T) -> F::Acc {
        self.0.fold.first(event)
    }

    #[inline(always)]
    fn add(&self, acc: &mut F::Acc, event: &T) {
        self.0.fold.add(acc, event);
    }

    #[inline(always)]
    fn take_part(
        windows: &mut W::Machine,
        part: Span,
        (hash, key, (events, acc)): (u64, X::Stored, (u32, F::Acc)),
    ) -> bool {
        W::take_part(windows, hash, key, part, events, acc).is_ok()
    }
}

impl<X, T, W, F, R, M> Open<X, T, ByValue> for OpenPlain<W, F, R, M>
where
    X: KeyOf<T>,
    F: Folding + Clone,
    R: Triggering + Clone,
    M: Mode<F>,
    W: Windowing<X::Stored, F, R, M> + Clone,
    W::Machine: Take<X::Stored, F::Out, T, T>,
{
    type Out = F::Out;
    type Machine = W::Machine;
    type Part = ();
    const CLOCKED: bool = W::BY_CLOCK || R::CLOCKED;

    fn open(&self) -> W::Machine {
        let Opening { window, fold, trigger, lateness, .. } = self.0.clone();
        window.machine(fold, trigger, lateness)
    }

    #[inline(always)]
    fn event(
        windows: &mut W::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: T,
    ) -> Option<T> {
        windows.event(hash, key, at, event).err().map(|(_, event)| event)
    }

    fn granularity(&self) -> i64 {
        self.0.window.granularity(self.0.lateness)
    }

    fn part(&self, _at: Timestamp) -> Option<Span> {
        None
    }

    fn first(&self, _event: &T) {}

    fn add(&self, _acc: &mut (), _event: &T) {}

    fn take_part(_: &mut W::Machine, _: Span, _: (u64, X::Stored, (u32, ()))) -> bool {
        false
    }
}

/// What becomes of events that come too late.
pub trait Late<T>: Clone + Send + Sync {
    /// Takes one.
    fn take(&self, event: T, tally: &mut Tally);
}

impl<T> Late<T> for () {
    fn take(&self, _event: T, tally: &mut Tally) {
        tally.dropped += 1;
    }
}

/// Late events go to a closure.
pub struct LateTo<F>(Arc<F>, Site);

impl<F> Clone for LateTo<F> {
    fn clone(&self) -> Self {
        LateTo(Arc::clone(&self.0), self.1)
    }
}

impl<F> fmt::Debug for LateTo<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateTo")
    }
}

impl<T, F: Fn(T) + Send + Sync> Late<T> for LateTo<F> {
    #[cold]
    fn take(&self, event: T, tally: &mut Tally) {
        tally.diverted += 1;
        guarded(&self.1, || (self.0)(event));
    }
}

/// A flow whose events are folded in windows per key.
pub struct KeyedWindows<I, O, D, L> {
    inputs: I,
    open: Arc<O>,
    late: L,
    site: Site,
    drive: PhantomData<fn() -> D>,
}

impl<I, O, D, L> KeyedWindows<I, O, D, L> {
    pub(super) fn new(inputs: I, open: O, late: L, site: Site) -> Self {
        KeyedWindows { inputs, open: Arc::new(open), late, site, drive: PhantomData }
    }
}

impl<I: Clone, O, D, L: Clone> Clone for KeyedWindows<I, O, D, L> {
    fn clone(&self) -> Self {
        KeyedWindows {
            inputs: self.inputs.clone(),
            open: Arc::clone(&self.open),
            late: self.late.clone(),
            site: self.site,
            drive: PhantomData,
        }
    }
}

impl<I, O, D, L> fmt::Debug for KeyedWindows<I, O, D, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedWindows({})", self.site.operator)
    }
}

impl<I, O, D, L> Node for KeyedWindows<I, O, D, L>
where
    I: Inputs,
    O: Open<I::Key, I::Event, D>,
    L: Late<I::Event>,
{
    type Item = Stamped<Pane<<I::Key as KeyOf<I::Event>>::Out, O::Out>>;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        self.inputs.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let KeyedWindows { inputs, open, late, site, drive } = self;
        let stage_of = builder.open_partitions(&stage, site);
        let counters = builder.edge_counters();
        let inbox = |task: &TaskRef| {
            Inbox::new(Reader::Task(task.clone()), stage.edge(), Arc::clone(&counters))
        };
        let inboxes: Arc<[_]> = stage_of.tasks.iter().map(inbox).collect();
        let partitions = stage_of.tasks.len();
        let (shared, types) = (Arc::clone(&open), PhantomData);
        let sides = I::SIDES;
        let spec = Windows::<I::Key, O, D, I::Event, L> { open: shared, late, sides, site, types };
        let make = FusedMake { spec, next: make };
        builder
            .fill(stage_of, partitions, make, |at, _, _| FromInbox::new(Arc::clone(&inboxes[at])));
        let sides = Arc::new(AtomicUsize::new(sides));
        inputs.build(Doors { inboxes, open, site, sides, drive }, builder);
    }
}

/// Keyed windows as the plan holds them.
struct Windows<X, O, D, T, L> {
    open: Arc<O>,
    late: L,
    sides: usize,
    site: Site,
    types: PhantomData<fn(X, T) -> D>,
}

impl<X, T, O, D, L> Spec for Windows<X, O, D, T, L>
where
    T: Send,
    X: KeyOf<T>,
    O: Open<X, T, D>,
    L: Late<T>,
{
    type Operator = WindowsInstance<X, O, D, T, L>;

    fn start(&self, place: &Place) -> Self::Operator {
        WindowsInstance {
            machine: self.open.open(),
            late: self.late.clone(),
            tally: Tally::new(place),
            clocks: Clocks::new(self.sides),
            ready: None,
            passing: None,
            waiting: VecDeque::new(),
            ended: false,
            now: 0,
            due: None,
            task: place.task.clone(),
            site: self.site,
            types: PhantomData,
        }
    }
}

/// The windows of one partition, with the pane that there was no room for and what came since.
struct WindowsInstance<X: KeyOf<T>, O: Open<X, T, D>, D, T, L> {
    machine: O::Machine,
    late: L,
    tally: Tally,
    /// The watermarks of all inputs.
    clocks: Clocks,
    ready: Option<Pane<X::Stored, O::Out>>,
    /// A watermark whose panes are being given: it goes on behind them.
    passing: Option<Timestamp>,
    waiting: VecDeque<ToKey<X::Stored, T, O::Part>>,
    ended: bool,
    /// The time that the windows were told last, in ticks.
    now: u64,
    /// When the next timer of a window is due, on the run's clock.
    due: Option<u64>,
    task: TaskRef,
    site: Site,
    types: PhantomData<fn(T) -> D>,
}

/// Nanoseconds in a tick of processing time.
const TICK: u64 = 1_000_000;

impl<X: KeyOf<T>, O: Open<X, T, D>, D, T, L: Late<T>> WindowsInstance<X, O, D, T, L> {
    /// Handles what came. Nothing may be held.
    #[inline(always)]
    fn handle<K>(&mut self, moment: ToKey<X::Stored, T, O::Part>, next: &mut K)
    where
        K: Push<Stamped<Pane<X::Out, O::Out>>>,
    {
        if O::CLOCKED && self.read_clock() {
            self.give(next);
            if self.ready.is_some() {
                return self.waiting.push_front(moment);
            }
        }
        match moment {
            Moment::Event(at, (hash, key, event)) => {
                let machine = &mut self.machine;
                let late = guarded(&self.site, || O::event(machine, hash, key, at, event));
                if let Some(late) = late {
                    self.late.take(late, &mut self.tally);
                }
            }
            Moment::Part(part, partial) => {
                let machine = &mut self.machine;
                let events = u64::from(partial.2.0);
                if !guarded(&self.site, || O::take_part(machine, part, partial)) {
                    self.tally.dropped += events;
                }
            }
            Moment::Watermark(from, to) => {
                let change = self.clocks.advance(from, to);
                self.advance(change.watermark);
            }
            Moment::Idle(from) => {
                let change = self.clocks.idle(from);
                self.advance(change.watermark);
                if change.idle == Some(true) {
                    next.mark(Mark::Idle);
                }
            }
        }
        self.give(next);
    }

    /// Tells the windows what time it is. True: it is later than before.
    fn read_clock(&mut self) -> bool {
        let now = self.task.core().clock.now();
        let later = now / TICK > self.now;
        if later {
            self.now = now / TICK;
            let machine = &mut self.machine;
            guarded(&self.site, || machine.clock(Timestamp(self.now as i64)));
        }
        later
    }

    fn advance(&mut self, to: Option<Timestamp>) {
        if let Some(to) = to {
            guarded(&self.site, || self.machine.watermark(to));
            self.passing = Some(to);
        }
    }

    /// Gives panes while there is room.
    #[inline(always)]
    fn give<K>(&mut self, next: &mut K)
    where
        K: Push<Stamped<Pane<X::Out, O::Out>>>,
    {
        while self.ready.is_some() || self.machine.pending() {
            let machine = &mut self.machine;
            let ready = self.ready.take();
            let Some(pane) = ready.or_else(|| guarded(&self.site, || machine.next())) else {
                break;
            };
            if next.make_room() == 0 {
                if next.closed() {
                    self.waiting.clear();
                } else {
                    self.ready = Some(pane);
                }
                return;
            }
            let at = pane.timestamp();
            let Pane { key, window, value, timing, index, last, retraction, replaces, trigger } =
                pane;
            let key = X::out(key);
            let value =
                Pane { key, window, value, timing, index, last, retraction, replaces, trigger };
            next.push(Stamped { at, value });
        }
        if let Some(passed) = self.passing.take() {
            next.mark(Mark::Watermark(passed));
        }
    }
}

impl<X, T, O, D, L> Operator for WindowsInstance<X, O, D, T, L>
where
    T: Send,
    X: KeyOf<T>,
    O: Open<X, T, D>,
    L: Late<T>,
{
    type In = ToKey<X::Stored, T, O::Part>;
    type Out = Stamped<Pane<X::Out, O::Out>>;

    #[inline(always)]
    fn push<K: Push<Self::Out>>(&mut self, moment: Self::In, next: &mut K) {
        if self.ready.is_some() {
            return self.waiting.push_back(moment);
        }
        self.handle(moment, next);
    }

    fn holds(&self) -> bool {
        self.ready.is_some()
    }

    fn resume<K: Push<Self::Out>>(&mut self, next: &mut K) {
        self.give(next);
        while self.ready.is_none()
            && let Some(moment) = self.waiting.pop_front()
        {
            self.handle(moment, next);
        }
    }

    fn flush<K: Push<Self::Out>>(&mut self, next: &mut K) {
        self.tally.publish();
        if self.ready.is_some() {
            return;
        }
        if O::CLOCKED {
            self.read_clock();
            self.give(next);
            if self.ready.is_none() {
                let timer = self.machine.next_timer();
                self.due = timer.map(|at| (at.0.max(0) as u64).saturating_mul(TICK));
            }
        }
    }

    fn due(&self) -> Option<u64> {
        self.due
    }

    fn end<K: Push<Self::Out>>(&mut self, finish: Finish, next: &mut K) -> bool {
        if finish == Finish::Stopped || next.closed() {
            return true;
        }
        if !self.ended {
            self.ended = true;
            guarded(&self.site, || self.machine.end());
            self.passing = Some(Timestamp::MAX);
        }
        self.give(next);
        self.ready.is_none()
    }
}

impl<X: KeyOf<T>, O: Open<X, T, D>, D, T, L> fmt::Debug for WindowsInstance<X, O, D, T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Windows")
    }
}
