//! `reduce_and_emit`: one accumulator per partition, and events that are emitted while it folds.

use super::Flow;
use super::PaneInfo;
use super::flat_map::{Emitter, hand_on};
use super::node::{Node, Partitioned, Then};
use super::reduce::{Emission, Items, Kept, Nothing, OnTrigger, State};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::runtime::Place;
use std::collections::VecDeque;
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// As [`reduce`](Flow::reduce), where folding may also emit events at once: `f(&mut acc, event,
    /// out)`.
    ///
    /// What is emitted goes on in its order, before what becomes of the accumulator in the end, which
    /// is said next, as with `reduce`: [`emit_none`](EmittingReduction::emit_none),
    /// [`emit_items`](EmittingReduction::emit_items), [`emit_state`](EmittingReduction::emit_state) or
    /// [`on_trigger`](EmittingReduction::on_trigger). Both are events of one type.
    ///
    /// A call of `f` cannot be suspended: what it emits beyond the consumers' demand is held in this
    /// stage, which takes no further event until that is gone.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// // Every sum that is a multiple of ten, and the final one.
    /// let sums: Vec<u64> = Flow::from_range(1..8u64)
    ///     .stages(1)
    ///     .partition()
    ///     .stages(1)
    ///     .reduce_and_emit(
    ///         || 0,
    ///         |sum, x, out| {
    ///             *sum += x;
    ///             if *sum % 10 == 0 {
    ///                 out.emit(*sum);
    ///             }
    ///         },
    ///     )
    ///     .emit_state()
    ///     .collect()?;
    /// assert_eq!(sums, [10, 28]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "emit_and_reduce")]
    #[track_caller]
    pub fn reduce_and_emit<A, U, I, F>(self, init: I, f: F) -> EmittingReduction<N, I, F, A, U>
    where
        N: Partitioned,
        A: Send,
        U: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, N::Item, &mut Emitter<'_, U>) + Send + Sync,
    {
        let site = Site::here("reduce_and_emit");
        EmittingReduction { flow: self, fold: Arc::new((init, f)), site, types: PhantomData }
    }
}

/// One accumulator per partition, and the events that were emitted while it was folded. It becomes a
/// flow by saying what becomes of the accumulator.
#[must_use = "a reduction needs `emit_none`, `emit_items`, `emit_state` or `on_trigger`, and then a terminal"]
pub struct EmittingReduction<N, I, F, A, U> {
    flow: Flow<N>,
    fold: Arc<(I, F)>,
    site: Site,
    types: PhantomData<fn() -> (A, U)>,
}

impl<N: Node, I, F, A, U> fmt::Debug for EmittingReduction<N, I, F, A, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmittingReduction {:?}", self.flow)
    }
}

/// What `reduce_and_emit` becomes with an emission `M`, which gives an `E`.
type Emitting<N, I, F, M, A, E> = Flow<Then<N, ReduceAndEmit<I, F, M, <N as Node>::Item, A, E>>>;

impl<N, I, F, A, U> EmittingReduction<N, I, F, A, U>
where
    N: Partitioned,
    A: Send,
    U: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, N::Item, &mut Emitter<'_, U>) + Send + Sync,
{
    /// Emits nothing more in the end.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let risen: Vec<u64> = Flow::from_vec(vec![3, 1, 4, 1, 5])
    ///     .stages(1)
    ///     .partition()
    ///     .stages(1)
    ///     .reduce_and_emit(
    ///         || 0,
    ///         |most, x, out| {
    ///             if x > *most {
    ///                 *most = x;
    ///                 out.emit(x);
    ///             }
    ///         },
    ///     )
    ///     .emit_none()
    ///     .collect()?;
    /// assert_eq!(risen, [3, 4, 5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn emit_none(self) -> Emitting<N, I, F, Nothing<U>, A, iter::Empty<U>> {
        self.emitting(Nothing::default())
    }

    /// Emits the items of every accumulator in the end, one by one and as there is demand.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// // Pairs at once, and in the end the one that is left.
    /// let pairs: Vec<Vec<u64>> = Flow::from_range(0..5u64)
    ///     .stages(1)
    ///     .partition()
    ///     .stages(1)
    ///     .reduce_and_emit(
    ///         || vec![Vec::new()],
    ///         |last: &mut Vec<Vec<u64>>, x, out| {
    ///             last[0].push(x);
    ///             if last[0].len() == 2 {
    ///                 out.emit(std::mem::take(&mut last[0]));
    ///             }
    ///         },
    ///     )
    ///     .emit_items()
    ///     .collect()?;
    /// assert_eq!(pairs, [vec![0, 1], vec![2, 3], vec![4]]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn emit_items(self) -> Emitting<N, I, F, Items, A, A>
    where
        A: IntoIterator<Item = U, IntoIter: Send>,
    {
        self.emitting(Items)
    }

    /// Emits what `f` makes of an accumulator when it fires, which it does once, in the end.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let seen: Vec<String> = Flow::from_range(0..3u64)
    ///     .stages(1)
    ///     .partition()
    ///     .stages(1)
    ///     .reduce_and_emit(|| 0, |count, x, out| {
    ///         *count += 1;
    ///         out.emit(format!("saw {x}"));
    ///     })
    ///     .on_trigger(|count, _| Some(format!("{count} in all")))
    ///     .collect()?;
    /// assert_eq!(seen, ["saw 0", "saw 1", "saw 2", "3 in all"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn on_trigger<E, G>(self, f: G) -> Emitting<N, I, F, OnTrigger<G>, A, E>
    where
        E: IntoIterator<Item = U, IntoIter: Send>,
        G: Fn(&mut A, &PaneInfo) -> E + Send + Sync,
    {
        self.emitting(OnTrigger(Arc::new(f)))
    }

    fn emitting<E, M>(self, last: M) -> Emitting<N, I, F, M, A, E>
    where
        E: IntoIterator<Item = U, IntoIter: Send>,
        M: Emission<A, Emitted = E>,
    {
        let EmittingReduction { flow, fold, site, types: _ } = self;
        flow.then(site, ReduceAndEmit { fold, last, site, types: PhantomData })
    }
}

impl<N, I, F, A> EmittingReduction<N, I, F, A, A>
where
    N: Partitioned,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, N::Item, &mut Emitter<'_, A>) + Send + Sync,
{
    /// Emits every accumulator in the end, as one event, where it has the type of the events that are
    /// emitted at once. [`on_trigger`](EmittingReduction::on_trigger) makes an event of another.
    #[track_caller]
    pub fn emit_state(self) -> Emitting<N, I, F, State, A, iter::Once<A>> {
        self.emitting(State)
    }
}

/// `reduce_and_emit` as the plan holds it.
pub struct ReduceAndEmit<I, F, M, T, A, E> {
    fold: Arc<(I, F)>,
    last: M,
    site: Site,
    types: PhantomData<fn(T, A) -> E>,
}

impl<I, F, M: Clone, T, A, E> Clone for ReduceAndEmit<I, F, M, T, A, E> {
    fn clone(&self) -> Self {
        let (fold, last) = (Arc::clone(&self.fold), self.last.clone());
        ReduceAndEmit { fold, last, site: self.site, types: PhantomData }
    }
}

impl<I, F, M, T, A, E> fmt::Debug for ReduceAndEmit<I, F, M, T, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reduce_and_emit")
    }
}

/// One instance of `reduce_and_emit`, with what was emitted and is not handed on yet, and the events
/// that came since, within the room that was given before.
pub struct ReduceAndEmitInstance<I, F, M, T, A, E: IntoIterator> {
    kept: Kept<A, M, E>,
    emitted: VecDeque<E::Item>,
    waiting: VecDeque<T>,
    fold: Arc<(I, F)>,
    site: Site,
}

impl<I, F, M, T, A, E: IntoIterator> fmt::Debug for ReduceAndEmitInstance<I, F, M, T, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reduce_and_emit")
    }
}

impl<I, F, M, T, A, E> Spec for ReduceAndEmit<I, F, M, T, A, E>
where
    T: Send,
    A: Send,
    E: IntoIterator<Item: Send, IntoIter: Send>,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T, &mut Emitter<'_, E::Item>) + Send + Sync,
    M: Emission<A, Emitted = E>,
{
    type Operator = ReduceAndEmitInstance<I, F, M, T, A, E>;

    fn start(&self, place: &Place) -> Self::Operator {
        let acc = guarded(&self.site, || (self.fold.0)());
        ReduceAndEmitInstance {
            kept: Kept::new(acc, &self.last, place),
            emitted: VecDeque::new(),
            waiting: VecDeque::new(),
            fold: Arc::clone(&self.fold),
            site: self.site,
        }
    }
}

impl<I, F, M, T, A, E: IntoIterator> ReduceAndEmitInstance<I, F, M, T, A, E>
where
    F: Fn(&mut A, T, &mut Emitter<'_, E::Item>),
{
    #[inline(always)]
    fn fold(&mut self, event: T) {
        if let Some(acc) = &mut self.kept.acc {
            let emitted = &mut self.emitted;
            guarded(&self.site, || (self.fold.1)(acc, event, &mut Emitter(emitted)));
        }
    }
}

impl<I, F, M, T, A, E> Operator for ReduceAndEmitInstance<I, F, M, T, A, E>
where
    T: Send,
    A: Send,
    E: IntoIterator<Item: Send, IntoIter: Send>,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T, &mut Emitter<'_, E::Item>) + Send + Sync,
    M: Emission<A, Emitted = E>,
{
    type In = T;
    type Out = E::Item;

    #[inline(always)]
    fn push<K: Push<E::Item>>(&mut self, event: T, next: &mut K) {
        if self.holds() {
            return self.waiting.push_back(event);
        }
        self.fold(event);
        hand_on(&mut self.emitted, next);
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        !self.emitted.is_empty() || !self.waiting.is_empty()
    }

    fn resume<K: Push<E::Item>>(&mut self, next: &mut K) {
        loop {
            hand_on(&mut self.emitted, next);
            if !self.emitted.is_empty() {
                return;
            }
            if next.closed() {
                return self.waiting.clear();
            }
            match self.waiting.pop_front() {
                Some(event) => self.fold(event),
                None => return,
            }
        }
    }

    fn end<K: Push<E::Item>>(&mut self, finish: Finish, next: &mut K) -> bool {
        self.kept.end(&self.site, finish, next)
    }
}
