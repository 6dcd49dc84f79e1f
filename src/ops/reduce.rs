//! `reduce`: one accumulator per partition, emitted when a trigger fires.

use super::node::{Node, Partitioned, Then};
use super::rebalance::Rebalance;
use super::{Flow, PaneInfo};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::runtime::Place;
use crate::runtime::task::TaskRef;
use crate::window::Head;
use std::convert::Infallible;
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Folds the events of each partition into one accumulator: `init()` makes it, `f(&mut acc,
    /// event)` folds.
    ///
    /// Unlike `Iterator::reduce` this has a seed, and there are as many accumulators as partitions.
    /// What comes of them is said next: [`emit_items`](Reduction::emit_items),
    /// [`emit_state`](Reduction::emit_state), [`emit_none`](Reduction::emit_none) or
    /// [`on_trigger`](Reduction::on_trigger). At the end of
    /// the input every partition emits its final state exactly once, also one that saw no event; a
    /// run that fails emits nothing.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sums: Vec<u64> = Flow::from_range(1..5u64)
    ///     .partition_with(|x, _| (x % 2) as usize)
    ///     .stages(3)
    ///     .reduce(|| 0, |sum, x| *sum += x)
    ///     .emit_state()
    ///     .collect()?;
    /// assert_eq!(sums, [6, 4, 0]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "fold")]
    #[track_caller]
    pub fn reduce<A, I, F>(self, init: I, f: F) -> Reduction<N, I, F, A>
    where
        N: Partitioned,
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, N::Item) + Send + Sync,
    {
        let site = Site::here("reduce");
        Reduction { flow: self, fold: Arc::new((init, f)), site, types: PhantomData }
    }
}

/// One accumulator per partition: state, not events. It becomes a flow again by saying what is
/// emitted when a trigger fires.
#[must_use = "a reduction needs `emit_items`, `emit_state` or `on_trigger`, and then a terminal"]
pub struct Reduction<N, I, F, A> {
    flow: Flow<N>,
    fold: Arc<(I, F)>,
    site: Site,
    types: PhantomData<fn() -> A>,
}

impl<N: Node, I, F, A> fmt::Debug for Reduction<N, I, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reduction {:?}", self.flow)
    }
}

impl<N, I, F, A> Reduction<N, I, F, A>
where
    N: Partitioned,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, N::Item) + Send + Sync,
{
    /// Emits the items of every accumulator, one by one and as there is demand.
    #[track_caller]
    pub fn emit_items(self) -> Flow<Then<N, Reduce<I, F, Items, N::Item, A, A>>>
    where
        A: Emits,
    {
        self.emitting(Items)
    }

    /// Emits every accumulator as one event.
    #[track_caller]
    pub fn emit_state(self) -> Flow<States<N, I, F, A>> {
        self.emitting(State)
    }

    /// Emits nothing: the events are folded for what the folding does. The accumulators are dropped
    /// at the end.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::sync::Mutex;
    ///
    /// let largest = Mutex::new(0);
    /// Flow::from_range(1..5u64)
    ///     .partition()
    ///     .reduce(
    ///         || (),
    ///         |(), x| {
    ///             let mut largest = largest.lock().unwrap();
    ///             *largest = x.max(*largest);
    ///         },
    ///     )
    ///     .emit_none()
    ///     .run()?;
    /// assert_eq!(largest.into_inner().unwrap(), 4);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn emit_none(
        self,
    ) -> Flow<Then<N, Reduce<I, F, Nothing<Infallible>, N::Item, A, iter::Empty<Infallible>>>> {
        self.emitting(Nothing::default())
    }

    /// Emits what `f` makes of an accumulator when it fires. `f` may change the accumulator; what it
    /// leaves is what later events are folded into.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let parts: Vec<(usize, u64)> = Flow::from_range(1..5u64)
    ///     .partition_with(|x, _| (x % 2) as usize)
    ///     .stages(2)
    ///     .reduce(|| 0, |sum, x| *sum += x)
    ///     .on_trigger(|sum, pane| Some((pane.partition(), *sum)))
    ///     .collect()?;
    /// assert_eq!(parts, [(0, 6), (1, 4)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn on_trigger<E, G>(self, f: G) -> Flow<Then<N, Reduce<I, F, OnTrigger<G>, N::Item, A, E>>>
    where
        E: Emits,
        G: Fn(&mut A, &PaneInfo) -> E + Send + Sync,
    {
        self.emitting(OnTrigger(Arc::new(f)))
    }

    /// Merges the accumulators of all partitions into one, and emits it: `merge(&mut all, acc)` is
    /// called once per partition, in no order, by a single instance that begins with `init()`.
    ///
    /// It is Elixir Flow's `departition`. Where `merge` is dear and the accumulators are large, a
    /// verb per key (which merges in parallel) does better.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sums = Flow::from_range(0..100u64).partition().reduce(|| 0, |sum, x| *sum += x);
    /// let total = sums.merge_partitions(|| 0, |total, sum| *total += sum);
    /// assert_eq!(total.collect::<Vec<u64>>()?, [4950]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "departition")]
    #[track_caller]
    pub fn merge_partitions<B, J, G>(self, init: J, merge: G) -> Flow<Merged<N, I, F, A, B, J, G>>
    where
        B: Send,
        J: Fn() -> B + Send + Sync,
        G: Fn(&mut B, A) + Send + Sync,
    {
        let site = Site::here("merge_partitions");
        let fold = Arc::new((init, merge));
        let merged = Reduce { fold, emit: State, site, types: PhantomData };
        self.emit_state().gather(site).then(site, merged)
    }

    fn emitting<E, M>(self, emit: M) -> Flow<Then<N, Reduce<I, F, M, N::Item, A, E>>>
    where
        E: IntoIterator<Item: Send, IntoIter: Send>,
        M: Emission<A, Emitted = E>,
    {
        let Reduction { flow, fold, site, types: _ } = self;
        flow.then(site, Reduce { fold, emit, site, types: PhantomData })
    }
}

/// The accumulators of a reduction.
type States<N, I, F, A> = Then<N, Whole<I, F, <N as Node>::Item, A>>;
/// A reduction that emits its accumulator.
type Whole<I, F, T, A> = Reduce<I, F, State, T, A, std::iter::Once<A>>;
/// The accumulators of a reduction, merged.
type Merged<N, I, F, A, B, J, G> = Then<Rebalance<States<N, I, F, A>, true>, Whole<J, G, A, B>>;

/// What has items to be emitted: whatever is `IntoIterator`, with what workers can take over.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no items to emit",
    label = "what is emitted must be a collection, an `Option` or an iterator of what is `Send`",
    note = "`emit_state()` emits the accumulator as one event; `on_trigger` gives `Some(event)` for one and `None` for none"
)]
pub trait Emits: IntoIterator<Item: Send, IntoIter: Send> {
    /// What gives the items.
    type Items: Iterator<Item = Self::Item> + Send;

    /// Begins to give them.
    fn items(self) -> Self::Items;
}

#[diagnostic::do_not_recommend]
impl<E: IntoIterator<Item: Send, IntoIter: Send>> Emits for E {
    type Items = E::IntoIter;

    fn items(self) -> E::IntoIter {
        self.into_iter()
    }
}

/// What is emitted when an accumulator fires.
pub trait Emission<A>: Clone + Send + Sync {
    /// What is emitted.
    type Emitted;

    /// Emits from the accumulator, which is not used any more.
    fn last(&self, acc: A, pane: &PaneInfo) -> Self::Emitted;
}

/// The accumulator's items.
#[derive(Clone, Copy, Debug)]
pub struct Items;

impl<A> Emission<A> for Items {
    type Emitted = A;

    fn last(&self, acc: A, _pane: &PaneInfo) -> A {
        acc
    }
}

/// The accumulator.
#[derive(Clone, Copy, Debug)]
pub struct State;

impl<A> Emission<A> for State {
    type Emitted = iter::Once<A>;

    fn last(&self, acc: A, _pane: &PaneInfo) -> Self::Emitted {
        iter::once(acc)
    }
}

/// Nothing, of some type.
pub struct Nothing<U>(PhantomData<fn() -> U>);

impl<U> Default for Nothing<U> {
    fn default() -> Self {
        Nothing(PhantomData)
    }
}

impl<U> Clone for Nothing<U> {
    fn clone(&self) -> Self {
        Nothing(PhantomData)
    }
}

impl<U> fmt::Debug for Nothing<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nothing")
    }
}

impl<A, U> Emission<A> for Nothing<U> {
    type Emitted = iter::Empty<U>;

    fn last(&self, _acc: A, _pane: &PaneInfo) -> Self::Emitted {
        iter::empty()
    }
}

/// What a closure makes of it.
#[derive(Debug)]
pub struct OnTrigger<G>(pub(super) Arc<G>);

impl<G> Clone for OnTrigger<G> {
    fn clone(&self) -> Self {
        OnTrigger(Arc::clone(&self.0))
    }
}

impl<A, E, G: Fn(&mut A, &PaneInfo) -> E + Send + Sync> Emission<A> for OnTrigger<G> {
    type Emitted = E;

    fn last(&self, mut acc: A, pane: &PaneInfo) -> E {
        (self.0)(&mut acc, pane)
    }
}

/// `reduce` as the plan holds it.
pub struct Reduce<I, F, M, T, A, E> {
    fold: Arc<(I, F)>,
    emit: M,
    site: Site,
    types: PhantomData<fn(T, A) -> E>,
}

impl<I, F, M: Clone, T, A, E> Clone for Reduce<I, F, M, T, A, E> {
    fn clone(&self) -> Self {
        let (fold, emit) = (Arc::clone(&self.fold), self.emit.clone());
        Reduce { fold, emit, site: self.site, types: PhantomData }
    }
}

impl<I, F, M, T, A, E> fmt::Debug for Reduce<I, F, M, T, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reduce")
    }
}

/// One partition's accumulator, and what is emitted of it in the end.
pub(super) struct Kept<A, M, E: IntoIterator> {
    pub(super) acc: Option<A>,
    emission: M,
    pane: PaneInfo,
    task: TaskRef,
    emitting: Option<E::IntoIter>,
}

impl<A, M: Emission<A, Emitted = E>, E: IntoIterator> Kept<A, M, E> {
    pub(super) fn new(acc: A, emission: &M, place: &Place) -> Self {
        let pane = PaneInfo::new((place.instance, place.instances), &Head::CLOSE, 0, true);
        let (emission, task) = (emission.clone(), place.task.clone());
        Kept { acc: Some(acc), emission, pane, task, emitting: None }
    }

    /// Emits what is left, as far as there is room. True: all is through.
    pub(super) fn end<K>(&mut self, site: &Site, finish: Finish, next: &mut K) -> bool
    where
        K: Push<E::Item>,
    {
        if finish == Finish::Stopped {
            return true;
        }
        if let Some(acc) = self.acc.take() {
            let emitted = guarded(site, || self.emission.last(acc, &self.pane).into_iter());
            self.emitting = Some(emitted);
        }
        match &mut self.emitting {
            Some(emitting) => {
                super::flat_map::emit(site, &self.task, emitting, next) || next.closed()
            }
            None => true,
        }
    }
}

/// One instance of `reduce`.
pub struct ReduceInstance<I, F, M, T, A, E: IntoIterator> {
    kept: Kept<A, M, E>,
    spec: Reduce<I, F, M, T, A, E>,
}

impl<I, F, M, T, A, E: IntoIterator> fmt::Debug for ReduceInstance<I, F, M, T, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reduce {:?}", self.kept.pane)
    }
}

impl<I, F, M, T, A, E> Spec for Reduce<I, F, M, T, A, E>
where
    A: Send,
    E: IntoIterator<Item: Send, IntoIter: Send>,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T) + Send + Sync,
    M: Emission<A, Emitted = E>,
{
    type Operator = ReduceInstance<I, F, M, T, A, E>;

    fn start(&self, place: &Place) -> Self::Operator {
        let acc = guarded(&self.site, || (self.fold.0)());
        ReduceInstance { kept: Kept::new(acc, &self.emit, place), spec: self.clone() }
    }
}

impl<I, F, M, T, A, E> Operator for ReduceInstance<I, F, M, T, A, E>
where
    A: Send,
    E: IntoIterator<Item: Send, IntoIter: Send>,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T) + Send + Sync,
    M: Emission<A, Emitted = E>,
{
    type In = T;
    type Out = E::Item;

    #[inline(always)]
    fn push<K: Push<E::Item>>(&mut self, event: T, _next: &mut K) {
        if let Some(acc) = &mut self.kept.acc {
            guarded(&self.spec.site, || (self.spec.fold.1)(acc, event));
        }
    }

    #[inline(always)]
    fn push_all<It, K>(&mut self, events: It, _next: &mut K)
    where
        It: Iterator<Item = T>,
        K: Push<E::Item>,
    {
        if let Some(acc) = &mut self.kept.acc {
            let (site, fold) = (&self.spec.site, &self.spec.fold.1);
            events.for_each(|event| guarded(site, || fold(acc, event)));
        }
    }

    fn end<K: Push<E::Item>>(&mut self, finish: Finish, next: &mut K) -> bool {
        self.kept.end(&self.spec.site, finish, next)
    }
}
