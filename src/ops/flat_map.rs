//! `flat_map`, `flatten`, `flat_map_emit`: one event in, any number out.

use super::node::{ByReference, KeepsOrder, Lending, Node, Then};
use super::{Flow, Sequenced};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Operator, Push, Spec};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::core::QUANTUM;
use crate::runtime::simulation::Simulation;
use crate::runtime::task::TaskRef;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Turns every event into any number of events.
    ///
    /// The iterator is suspended where a consumer has no demand and goes on later, so an event may
    /// give more than fits in memory, even endlessly many. It cannot borrow from the event, which is
    /// gone by then: words of an owned line come from [`flat_map_emit`](Flow::flat_map_emit), which
    /// lends its event.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let first: Vec<u64> = Flow::from_vec(vec![0u64, 10]).flat_map(|x| x..).take(3).collect()?;
    /// assert_eq!(first, [0, 1, 2]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn flat_map<I, F>(self, f: F) -> Flow<Then<N, FlatMap<F, N::Item, I>>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send>,
        F: Fn(N::Item) -> I + Send + Sync,
    {
        let site = Site::here("flat_map");
        self.then(site, FlatMap::new(site, f))
    }

    /// Emits the items of every event. `Option`s and `Result`s are such events too: what is `None` or
    /// `Err` is dropped, and not counted; [`skip_errors`](Flow::skip_errors) counts it.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let all: Vec<i32> = Flow::from_vec(vec![vec![1, 2], vec![], vec![3]]).flatten().collect()?;
    /// assert_eq!(all, [1, 2, 3]);
    /// assert_eq!(Flow::from_vec(vec![Some(1), None]).flatten().collect::<Vec<_>>()?, [1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn flatten(self) -> Flow<Then<N, FlatMap<fn(N::Item) -> N::Item, N::Item, N::Item>>>
    where
        N::Item: IntoIterator<Item: Send, IntoIter: Send>,
    {
        let site = Site::here("flatten");
        self.then(site, FlatMap::of_items(site))
    }

    /// Turns every event into any number of events by pushing them: `f(&event, out)`.
    ///
    /// The iteration may borrow from the event, which is lent: a line of a file comes as `&str`,
    /// straight from the block that was read. What is emitted is owned. Unlike [`flat_map`] a call
    /// cannot be suspended: it runs to its end, and what it emits beyond the consumers' demand is
    /// held in this stage, which takes no further event until that is gone. A flow that is known as
    /// `impl Node` only does not say how it lends; call `boxed()` or `map(|x| x)` first.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let words: Vec<String> = Flow::from_lines("a b\nc".as_bytes())
    ///     .flat_map_emit(|line, out| line.split(' ').for_each(|word| out.emit(word.to_owned())))
    ///     .collect()?;
    /// assert_eq!(words, ["a", "b", "c"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    ///
    /// [`flat_map`]: Flow::flat_map
    #[track_caller]
    pub fn flat_map_emit<U, F>(self, f: F) -> Flow<FlatMapEmit<N, F, U>>
    where
        U: Send,
        F: Fn(&<N::Lending as Lending<N>>::Lent, &mut Emitter<'_, U>) + Send + Sync,
    {
        let site = Site::here("flat_map_emit");
        self.within(|up| FlatMapEmit { up, f: Arc::new(f), site, types: PhantomData })
    }
}

/// `flat_map` as the plan holds it.
pub struct FlatMap<F, T, I> {
    f: Arc<F>,
    site: Site,
    types: PhantomData<fn(T) -> I>,
}

impl<F, T, I> FlatMap<F, T, I> {
    pub(super) fn new(site: Site, f: F) -> Self {
        FlatMap { f: Arc::new(f), site, types: PhantomData }
    }
}

impl<F, T, I> Clone for FlatMap<F, T, I> {
    fn clone(&self) -> Self {
        FlatMap { f: Arc::clone(&self.f), site: self.site, types: PhantomData }
    }
}

impl<F, T, I> fmt::Debug for FlatMap<F, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<T> FlatMap<fn(T) -> T, T, T> {
    /// What emits the items of its events.
    pub(super) fn of_items(site: Site) -> Self {
        FlatMap { f: Arc::new(|event| event), site, types: PhantomData }
    }
}

impl<F, T, I> KeepsOrder for FlatMap<F, T, I> {}

/// One instance of `flat_map`, with the iterator that it has not come to the end of, and the events
/// that came since, within the room that was given before.
pub struct FlatMapInstance<F, T, I: IntoIterator> {
    spec: FlatMap<F, T, I>,
    held: Option<I::IntoIter>,
    waiting: VecDeque<T>,
    task: TaskRef,
}

impl<F, T, I: IntoIterator> fmt::Debug for FlatMapInstance<F, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec.site.operator)
    }
}

impl<F, T, I> Spec for FlatMap<F, T, I>
where
    T: Send,
    I: IntoIterator<Item: Send, IntoIter: Send>,
    F: Fn(T) -> I + Send + Sync,
{
    type Operator = FlatMapInstance<F, T, I>;

    fn start(&self, place: &Place) -> Self::Operator {
        let task = place.task.clone();
        FlatMapInstance { spec: self.clone(), held: None, waiting: VecDeque::new(), task }
    }
}

impl<F, T, I> Operator for FlatMapInstance<F, T, I>
where
    T: Send,
    I: IntoIterator<Item: Send, IntoIter: Send>,
    F: Fn(T) -> I + Send + Sync,
{
    type In = T;
    type Out = I::Item;

    #[inline(always)]
    fn push<K: Push<I::Item>>(&mut self, event: T, next: &mut K) {
        if self.held.is_some() {
            return self.waiting.push_back(event);
        }
        let mut events = guarded(&self.spec.site, || (self.spec.f)(event).into_iter());
        if !emit(&self.spec.site, &self.task, &mut events, next) {
            self.held = Some(events);
        }
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn resume<K: Push<I::Item>>(&mut self, next: &mut K) {
        while let Some(events) = &mut self.held {
            if next.closed() {
                self.held = None;
                return self.waiting.clear();
            }
            if !emit(&self.spec.site, &self.task, events, next) {
                return;
            }
            self.held = None;
            if let Some(event) = self.waiting.pop_front() {
                let events = guarded(&self.spec.site, || (self.spec.f)(event).into_iter());
                self.held = Some(events);
            }
        }
    }
}

/// Emits while there is room, for a quantum at most. True: the iterator has come to its end, or the
/// run has: an endless iterator must not outlive it.
#[inline(always)]
pub(crate) fn emit<I: Iterator, K: Push<I::Item>>(
    site: &Site,
    task: &TaskRef,
    events: &mut I,
    next: &mut K,
) -> bool {
    let mut turn = Turn::default();
    loop {
        let room = turn.cut(next.make_room());
        if room == 0 {
            return false;
        }
        for _ in 0..room {
            match guarded(site, || events.next()) {
                Some(event) => next.push(event),
                None => return true,
            }
        }
        if task.core().is_over() {
            return true;
        }
        if turn.emitted >= Turn::FIRST && turn.is_over(task) {
            // There is room still: nobody else would wake this task.
            task.notify();
            return false;
        }
    }
}

/// How long one event may go on giving others: few of them are not timed at all.
#[derive(Default)]
struct Turn {
    emitted: usize,
    began: Option<u64>,
}

impl Turn {
    const FIRST: usize = 64;

    /// As much again as before between two looks at the clock.
    #[inline(always)]
    fn cut(&mut self, room: usize) -> usize {
        let cut = room.min(self.emitted.max(Self::FIRST));
        self.emitted += cut;
        cut
    }

    #[cold]
    #[inline(never)]
    fn is_over(&mut self, task: &TaskRef) -> bool {
        let core = task.core();
        let now = core.clock.now();
        let ran = now - *self.began.get_or_insert(now);
        core.simulation(Simulation::interrupts).unwrap_or(ran > QUANTUM)
    }
}

/// Where a pushing closure puts its events.
#[derive(Debug)]
pub struct Emitter<'a, U>(pub(super) &'a mut VecDeque<U>);

impl<'a, U> Emitter<'a, U> {
    /// Emits into a buffer.
    pub(crate) fn into(buffer: &'a mut VecDeque<U>) -> Self {
        Emitter(buffer)
    }

    /// Emits one event.
    #[inline]
    pub fn emit(&mut self, event: U) {
        self.0.push_back(event);
    }
}

impl<U> Extend<U> for Emitter<'_, U> {
    fn extend<I: IntoIterator<Item = U>>(&mut self, events: I) {
        self.0.extend(events);
    }
}

/// `flat_map_emit` behind a node.
pub struct FlatMapEmit<N, F, U> {
    up: N,
    f: Arc<F>,
    site: Site,
    types: PhantomData<fn() -> U>,
}

impl<N: Clone, F, U> Clone for FlatMapEmit<N, F, U> {
    fn clone(&self) -> Self {
        let up = self.up.clone();
        FlatMapEmit { up, f: Arc::clone(&self.f), site: self.site, types: PhantomData }
    }
}

impl<N, F, U> fmt::Debug for FlatMapEmit<N, F, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flat_map_emit")
    }
}

impl<N, F, U> Node for FlatMapEmit<N, F, U>
where
    N: Node,
    U: Send,
    F: Fn(&<N::Lending as Lending<N>>::Lent, &mut Emitter<'_, U>) + Send + Sync,
{
    type Item = U;
    type Lending = ByReference;
    const SINGLE: bool = N::SINGLE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        self.up.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<U>> + 'env,
    {
        let make =
            EmitMake { f: self.f, site: self.site, next: make, types: PhantomData::<fn() -> U> };
        N::Lending::build(self.up, stage, builder, make);
    }
}

#[diagnostic::do_not_recommend]
impl<N: Sequenced, F, U> Sequenced for FlatMapEmit<N, F, U> where Self: Node {}

#[diagnostic::do_not_recommend]
impl<N: super::Single, F, U> super::Single for FlatMapEmit<N, F, U> where Self: Node {}

#[diagnostic::do_not_recommend]
impl<N: super::Partitioned, F, U> super::Partitioned for FlatMapEmit<N, F, U> where Self: Node {}

struct EmitMake<F, U, M> {
    f: Arc<F>,
    site: Site,
    next: M,
    types: PhantomData<fn() -> U>,
}

impl<F: Send + Sync, U: Send, M: Make<Kernel: Push<U>>> Make for EmitMake<F, U, M> {
    type Kernel = Emit<F, U, M::Kernel>;

    fn make(&self, place: &Place) -> Self::Kernel {
        let (f, site, next) = (Arc::clone(&self.f), self.site, self.next.make(place));
        Emit { f, site, next, emitted: VecDeque::new() }
    }

    fn planned(&self, instances: usize) {
        self.next.planned(instances);
    }
}

/// One instance of `flat_map_emit`, with what its last call emitted.
#[derive(Debug)]
pub(crate) struct Emit<F, U, K> {
    f: Arc<F>,
    site: Site,
    next: K,
    emitted: VecDeque<U>,
}

impl<F, U, K: Push<U>> Emit<F, U, K> {
    fn hand_on(&mut self) {
        hand_on(&mut self.emitted, &mut self.next);
    }
}

/// Hands on what was emitted as far as there is room, or drops it where nobody wants it.
pub(super) fn hand_on<U, K: Push<U>>(emitted: &mut VecDeque<U>, next: &mut K) {
    while !emitted.is_empty() {
        let room = next.make_room().min(emitted.len());
        if room == 0 {
            if next.closed() {
                emitted.clear();
            }
            return;
        }
        next.push_all(emitted.drain(..room));
    }
}

impl<F: Send + Sync, U: Send, K: Push<U>> Kernel for Emit<F, U, K> {
    fn room(&mut self) -> usize {
        if self.emitted.is_empty() { self.next.room() } else { 0 }
    }

    fn resume(&mut self) {
        self.next.resume();
        self.hand_on();
    }

    fn closed(&self) -> bool {
        self.next.closed()
    }

    fn mark(&mut self, mark: Mark) {
        self.next.mark(mark);
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.next.quiet(now)
    }

    fn end(&mut self, finish: Finish) -> bool {
        self.resume();
        self.emitted.is_empty() && self.next.end(finish)
    }

    fn close(self, last: bool) {
        self.next.close(last);
    }
}

impl<L, F, U, K> Push<&L> for Emit<F, U, K>
where
    L: ?Sized,
    U: Send,
    F: Fn(&L, &mut Emitter<'_, U>) + Send + Sync,
    K: Push<U>,
{
    #[inline(always)]
    fn push(&mut self, event: &L) {
        guarded(&self.site, || (self.f)(event, &mut Emitter(&mut self.emitted)));
        self.hand_on();
    }
}
