//! `cross`, `cross_map`: every event with every event of a small flow.

mod shared;

use super::Flow;
use super::flat_map::emit;
use super::node::{ByReference, Node, Partitioned, Sequenced};
use crate::error::Site;
use crate::kernel::{FusedMake, Make, Operator, Push, Spec};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::EdgeOptions;
use crate::runtime::task::TaskRef;
use shared::{GatherMake, Gathering};
use std::collections::VecDeque;
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Pairs every event with every event of `small`, which must come to its end: it is collected
    /// once, in memory, and shared by all instances of this stage. Until then no event is taken;
    /// where it turns out to be empty, this flow is stopped.
    ///
    /// Of each event the pairs come in the order of `small`, if it has one, and the order of this
    /// flow is kept. Both events are cloned for each pair; [`cross_map`](Flow::cross_map) clones
    /// none.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sizes = Flow::from_vec(vec!['S', 'M']);
    /// let all: Vec<(u64, char)> = Flow::from_range(0..2u64).cross(sizes).collect()?;
    /// assert_eq!(all, [(0, 'S'), (0, 'M'), (1, 'S'), (1, 'M')]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "cartesian_product")]
    #[doc(alias = "cross_join")]
    #[track_caller]
    pub fn cross<M>(self, small: Flow<M>) -> Flow<Cross<N, M, Both>>
    where
        M: Node<Item: Clone + Sync>,
        N::Item: Clone,
    {
        self.crossed(small, Site::here("cross"), Both)
    }

    /// As [`cross`](Flow::cross), with a result of your own: `f(&event, &small)`. Nothing has to be
    /// `Clone`.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let products = Flow::from_range(1..4u64).cross_map(Flow::from_range(1..4u64), |a, b| a * b);
    /// assert_eq!(products.sum::<u64>()?, 36);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn cross_map<M, U, F>(self, small: Flow<M>, f: F) -> Flow<Cross<N, M, PairWith<F>>>
    where
        M: Node<Item: Sync>,
        U: Send,
        F: Fn(&N::Item, &M::Item) -> U + Send + Sync,
    {
        self.crossed(small, Site::here("cross_map"), PairWith(Arc::new(f)))
    }

    fn crossed<M, W>(self, small: Flow<M>, site: Site, way: W) -> Flow<Cross<N, M, W>> {
        let Flow { node: small, stage: small_stage, run: mut small_run } = small;
        small_run.check_stage(&small_stage);
        let mut flow = self.within(|up| Cross { up, small, small_stage, way, site });
        flow.run = flow.run.or(small_run);
        flow
    }
}

/// What is made of an event and one of the small flow.
pub trait Pairing<T, S>: Clone + Send + Sync {
    /// What comes out.
    type Out: Send;

    /// A pair, of several that the event is in.
    fn pair(&self, event: &T, small: &S) -> Self::Out;

    /// The last pair that the event is in.
    fn last_pair(&self, event: T, small: &S) -> Self::Out {
        self.pair(&event, small)
    }
}

/// Both, cloned.
#[derive(Clone, Copy, Debug)]
pub struct Both;

impl<T: Clone + Send, S: Clone + Send> Pairing<T, S> for Both {
    type Out = (T, S);

    #[inline(always)]
    fn pair(&self, event: &T, small: &S) -> (T, S) {
        (event.clone(), small.clone())
    }

    #[inline(always)]
    fn last_pair(&self, event: T, small: &S) -> (T, S) {
        (event, small.clone())
    }
}

/// What a user's closure makes of both.
#[derive(Debug)]
pub struct PairWith<F>(Arc<F>);

impl<F> Clone for PairWith<F> {
    fn clone(&self) -> Self {
        PairWith(Arc::clone(&self.0))
    }
}

impl<T, S, U: Send, F: Fn(&T, &S) -> U + Send + Sync> Pairing<T, S> for PairWith<F> {
    type Out = U;

    #[inline(always)]
    fn pair(&self, event: &T, small: &S) -> U {
        (self.0)(event, small)
    }
}

/// Every event with every event of a small flow.
#[derive(Clone)]
pub struct Cross<N, M, W> {
    up: N,
    small: M,
    small_stage: StageOptions,
    way: W,
    site: Site,
}

impl<N, M, W> fmt::Debug for Cross<N, M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

#[diagnostic::do_not_recommend]
impl<N: Sequenced, M, W> Sequenced for Cross<N, M, W> where Self: Node {}

#[diagnostic::do_not_recommend]
impl<N: Partitioned, M, W> Partitioned for Cross<N, M, W> where Self: Node {}

impl<N, M, W> Node for Cross<N, M, W>
where
    N: Node,
    M: Node<Item: Sync>,
    W: Pairing<N::Item, M::Item>,
{
    type Item = W::Out;
    type Lending = ByReference;
    const SINGLE: bool = N::SINGLE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        let to = outline.current();
        outline.operator(self.site);
        self.up.describe(stage, outline);
        let all = EdgeOptions { max_demand: usize::MAX, min_demand: 0, batch: 0, linger: 0 };
        outline.edge_into(to, &self.small_stage, "collected, shared", all);
        self.small.describe(&self.small_stage, outline);
    }

    fn build<'env, K>(self, stage: StageOptions, builder: &mut Builder<'env>, make: K)
    where
        Self: 'env,
        K: Make<Kernel: Push<W::Out>> + 'env,
    {
        let Cross { up, small, small_stage, way, site } = self;
        let shared = Gathering::new();
        let spec = CrossWith { shared: Arc::clone(&shared), way, site, types: PhantomData };
        let before = builder.branches();
        up.build(stage, builder, FusedMake { spec, next: make });
        let before_small = builder.branches();
        let counters = builder.edge_counters();
        small.build(small_stage, builder, GatherMake { shared, counters });
        // Nothing of this flow is taken before the small one has ended.
        builder.check_apart(site, before, before_small);
    }
}

/// `cross` as the plan holds it.
struct CrossWith<T, S, W> {
    shared: Arc<Gathering<S>>,
    way: W,
    site: Site,
    types: PhantomData<fn(T)>,
}

/// One instance of `cross`, with the event that has not yet met all others, and those that came
/// since, within the room that was given before.
struct CrossInstance<T, S, W> {
    shared: Arc<Gathering<S>>,
    small: Option<Arc<[S]>>,
    held: Option<Held<T>>,
    waiting: VecDeque<T>,
    way: W,
    site: Site,
    task: TaskRef,
}

/// An event, until it has met the last of the others, and how many it has met.
struct Held<T> {
    event: Option<T>,
    met: usize,
}

impl<T, S, W> Spec for CrossWith<T, S, W>
where
    T: Send,
    S: Send + Sync,
    W: Pairing<T, S>,
{
    type Operator = CrossInstance<T, S, W>;

    fn start(&self, place: &Place) -> Self::Operator {
        CrossInstance {
            shared: Arc::clone(&self.shared),
            small: None,
            held: None,
            waiting: VecDeque::new(),
            way: self.way.clone(),
            site: self.site,
            task: place.task.clone(),
        }
    }
}

impl<T, S, W: Pairing<T, S>> CrossInstance<T, S, W> {
    /// Goes on with the event that is held; true when it has met all others.
    #[inline(always)]
    fn go_on<K: Push<W::Out>>(&mut self, next: &mut K) -> bool {
        let CrossInstance { small: Some(small), held: Some(held), way, site, task, .. } = self
        else {
            return true;
        };
        let mut pairs = held_with(held, small, way);
        emit(site, task, &mut pairs, next)
    }
}

/// What is left of the pairs of an event.
#[inline(always)]
fn held_with<T, S, W: Pairing<T, S>>(
    held: &mut Held<T>,
    small: &[S],
    way: &W,
) -> impl Iterator<Item = W::Out> {
    iter::from_fn(move || {
        let other = small.get(held.met)?;
        held.met += 1;
        if held.met == small.len() {
            return held.event.take().map(|event| way.last_pair(event, other));
        }
        held.event.as_ref().map(|event| way.pair(event, other))
    })
}

impl<T, S, W> Operator for CrossInstance<T, S, W>
where
    T: Send,
    S: Send + Sync,
    W: Pairing<T, S>,
{
    type In = T;
    type Out = W::Out;

    #[inline(always)]
    fn push<K: Push<W::Out>>(&mut self, event: T, next: &mut K) {
        if self.held.is_some() {
            return self.waiting.push_back(event);
        }
        self.held = Some(Held { event: Some(event), met: 0 });
        if self.go_on(next) {
            self.held = None;
        }
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn resume<K: Push<W::Out>>(&mut self, next: &mut K) {
        while self.held.is_some() {
            if next.closed() {
                self.held = None;
                return self.waiting.clear();
            }
            if !self.go_on(next) {
                return;
            }
            let event = self.waiting.pop_front();
            self.held = event.map(|event| Held { event: Some(event), met: 0 });
        }
    }

    fn room(&mut self, next: usize) -> usize {
        if self.small.is_none() {
            self.small = self.shared.all.get_or_wait(&self.task);
        }
        match &self.small {
            None => 0,
            // As many as give no more than there is room for, or one.
            Some(small) => next.min((next / small.len().max(1)).max(1)),
        }
    }

    fn closed(&self) -> bool {
        self.small.as_ref().is_some_and(|small| small.is_empty())
    }
}
