//! Where one flow becomes several: `split_by`, `split_results`, `unzip`, `broadcast`.
//!
//! The flow's last stage feeds one pool per branch. It goes on while every branch that still wants
//! something has room, so the slowest one sets the pace and nothing is held but what was asked for.
//!
//! The branches are run together, as jobs of one run; the stage before them is built when the last
//! of them is.

use super::Flow;
use super::node::{ByReference, Node, Sequenced, Single};
use super::rebalance::open_pool;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::plan::{Builder, Outline, RunOptions, StageOptions};
use crate::runtime::Place;
use crate::runtime::pool::{IntoPool, IntoPoolMake, Pool};
use crate::sync::unpoisoned;
use std::array;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

impl<N: Node> Flow<N> {
    /// Two flows: the events for which `to_first` says true, and the others.
    ///
    /// Both are run together, as jobs (or joined again by [`merge`](Flow::merge)); a run without one
    /// of them is refused. The slower one sets the pace. Branches keep the source's order, also into
    /// [`collect`](Flow::collect), only where one instance divides, as behind
    /// [`ordered`](Flow::ordered).
    ///
    /// ```
    /// use flow::{Collect, Flow};
    ///
    /// let (small, large) = Flow::from_range(0..10u64).split_by(|x| *x < 3);
    /// let small = small.to(Collect::<Vec<_>>::new());
    /// let large = large.map(|x| x * 10).to(Collect::<Vec<_>>::new());
    /// let (small, large) = flow::run((small, large))?;
    /// assert_eq!((small.len(), large.len()), (3, 7));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn split_by<F>(
        self,
        to_first: F,
    ) -> (Flow<Branch<N, SplitBy<F>, N::Item>>, Flow<Branch<N, SplitBy<F>, N::Item>>)
    where
        F: Fn(&N::Item) -> bool + Send + Sync,
    {
        self.in_two(Site::here("split_by"), "by a predicate", SplitBy(to_first))
    }

    /// Two flows: what went well, and the errors. See [`split_by`](Flow::split_by).
    ///
    /// ```
    /// use flow::{Collect, Flow};
    ///
    /// let (numbers, wrong) =
    ///     Flow::from_lines("1\nx\n3".as_bytes()).map(|line| line.parse::<u64>()).split_results();
    /// let (numbers, wrong) = flow::run((
    ///     numbers.to(Collect::<Vec<_>>::new()),
    ///     wrong.map(|error| error.to_string()).to(Collect::<Vec<_>>::new()),
    /// ))?;
    /// assert_eq!((numbers.len(), wrong.len()), (2, 1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "partition_result")]
    #[track_caller]
    pub fn split_results<T, E>(
        self,
    ) -> (Flow<Branch<N, SplitResults, T>>, Flow<Branch<N, SplitResults, E>>)
    where
        N: Node<Item = Result<T, E>>,
        T: Send,
        E: Send,
    {
        self.in_two(Site::here("split_results"), "by result", SplitResults)
    }

    /// Two flows: the first and the second halves of pairs. See [`split_by`](Flow::split_by).
    ///
    /// ```
    /// use flow::{Collect, Flow};
    ///
    /// let (x, squares) = Flow::from_range(0..10u64).map(|x| (x, x * x)).unzip();
    /// let squares = squares.to(Collect::<Vec<_>>::new());
    /// let ((), squares) = flow::run((x.to(|_| ()), squares))?;
    /// assert_eq!(squares.len(), 10);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn unzip<A, B>(self) -> (Flow<Branch<N, Unzip, A>>, Flow<Branch<N, Unzip, B>>)
    where
        N: Node<Item = (A, B)>,
        A: Send,
        B: Send,
    {
        self.in_two(Site::here("unzip"), "by halves", Unzip)
    }

    /// `C` flows, each with all events; every event is cloned for all but the last. See
    /// [`split_by`](Flow::split_by). Of no flow at all it is refused.
    ///
    /// ```
    /// use flow::{Collect, Flow};
    ///
    /// let [all, sum] = Flow::from_range(0..10u64).broadcast();
    /// let all = all.to(Collect::<Vec<_>>::new());
    /// let (all, ()) = flow::run((all, sum.to(|_| ())))?;
    /// assert_eq!(all.len(), 10);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn broadcast<const C: usize>(self) -> [Flow<Branch<N, Broadcast, N::Item>>; C]
    where
        N::Item: Clone,
    {
        let (shared, run) = self.shared(Site::here("broadcast"), "broadcast", C, Broadcast);
        let put: Put<N, Broadcast, N::Item> = |pools, at, pool| {
            pools.resize(pools.len().max(at + 1), None);
            pools[at] = Some(pool);
        };
        array::from_fn(|at| shared.branch(at, put, &run))
    }

    fn in_two<A, B, D>(
        self,
        site: Site,
        routing: &'static str,
        divide: D,
    ) -> (Flow<Branch<N, D, A>>, Flow<Branch<N, D, B>>)
    where
        D: Divide<N::Item, Outlets = (IntoPool<A>, IntoPool<B>)>,
        A: Send,
        B: Send,
    {
        let (shared, run) = self.shared(site, routing, 2, divide);
        let first = shared.branch(0, |(first, _), _, pool| *first = Some(pool), &run);
        let second = shared.branch(1, |(_, second), _, pool| *second = Some(pool), &run);
        (first, second)
    }

    fn shared<D: Divide<N::Item>>(
        self,
        site: Site,
        routing: &'static str,
        outputs: usize,
        divide: D,
    ) -> (Arc<Shared<N, D>>, RunOptions) {
        let mut outline = Outline::new(None, false);
        self.describe(&mut outline);
        let Flow { node, stage, mut run } = self;
        run.check_stage(&stage);
        let shared = Shared {
            state: Mutex::new(State { up: Some((node, stage)), pools: Default::default() }),
            divide: Arc::new(divide),
            outputs,
            earlier: outline.branchings().collect(),
            routing,
            site,
        };
        (Arc::new(shared), run)
    }
}

/// The pools of all branches, as far as these have been built.
type PoolsOf<N, D> = Pools<<D as Divide<<N as Node>::Item>>::Outlets>;
type Pools<O> = <O as Outlets>::Pools;
/// Puts the pool of one branch, which has this number, to those of the others.
type Put<N, D, T> = fn(&mut PoolsOf<N, D>, usize, Arc<Pool<T>>);

/// What the branches share: the flow that they come from.
struct Shared<N: Node, D: Divide<N::Item>> {
    state: Mutex<State<N, D>>,
    divide: Arc<D>,
    outputs: usize,
    /// The branchings that this one itself comes from.
    earlier: Vec<usize>,
    routing: &'static str,
    site: Site,
}

struct State<N: Node, D: Divide<N::Item>> {
    /// Taken when the last branch is built.
    up: Option<(N, StageOptions)>,
    pools: PoolsOf<N, D>,
}

impl<N: Node, D: Divide<N::Item>> Shared<N, D> {
    fn branch<T>(
        self: &Arc<Self>,
        number: usize,
        put: Put<N, D, T>,
        run: &RunOptions,
    ) -> Flow<Branch<N, D, T>> {
        let mut flow = Flow::of(Branch { shared: Arc::clone(self), number, put });
        flow.run = run.clone();
        flow
    }

    /// A number that no other branching has while this one lives.
    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }
}

/// One of the flows that a flow became.
pub struct Branch<N: Node, D: Divide<N::Item>, T> {
    shared: Arc<Shared<N, D>>,
    number: usize,
    put: Put<N, D, T>,
}

impl<N: Node, D: Divide<N::Item>, T> fmt::Debug for Branch<N, D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Branch({} of {})", self.number + 1, self.shared.site.operator)
    }
}

#[diagnostic::do_not_recommend]
impl<N: Single, D: Divide<N::Item>, T: Send> Sequenced for Branch<N, D, T> {}

impl<N: Node, D: Divide<N::Item>, T: Send> Node for Branch<N, D, T> {
    type Item = T;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        let shared = &self.shared;
        outline.spread_over_workers();
        if let Some((up, up_stage)) = &unpoisoned(shared.state.lock()).up
            && outline.branch_of(
                shared.id(),
                shared.outputs,
                up_stage,
                stage.edge(),
                shared.routing,
            )
        {
            outline.operator(shared.site);
            up.describe(up_stage, outline);
        }
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<T>> + 'env,
    {
        let shared = &self.shared;
        let pool = open_pool(stage, shared.site, builder, make);
        let ready = {
            let mut state = unpoisoned(shared.state.lock());
            (self.put)(&mut state.pools, self.number, pool);
            let last = builder.branch_of(shared.id(), shared.outputs, shared.site, &shared.earlier);
            if last {
                state.up.take().map(|up| (up, std::mem::take(&mut state.pools)))
            } else {
                None
            }
        };
        if let Some(((up, up_stage), pools)) = ready {
            let (divide, site) = (Arc::clone(&shared.divide), shared.site);
            up.build(up_stage, builder, ForkMake { pools, divide, site, types: PhantomData });
        }
    }
}

/// How events are divided over the branches.
pub trait Divide<T>: Send + Sync {
    /// One instance's ways into all branches.
    type Outlets: Outlets;

    /// Sends one event.
    fn divide(&self, event: T, to: &mut Self::Outlets);
}

/// One instance's ways into all branches.
pub trait Outlets: Send + Sized {
    /// The pools that they lead to.
    type Pools: Default + Send + Sync;

    /// Joins as one more feeder of each.
    fn attach(pools: &Self::Pools, place: &Place) -> Self;

    /// Does something with each.
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn Kernel));

    /// Whether no branch wants anything any more.
    fn closed(&self) -> bool;

    /// Leaves all of them.
    fn close(self, last: bool);
}

fn feeder<T: Send>(pool: &Option<Arc<Pool<T>>>, place: &Place) -> IntoPool<T> {
    let pool = pool.as_ref().expect("the flow is built when all of its branches are");
    IntoPoolMake(Arc::clone(pool)).make(place)
}

impl<A: Send, B: Send> Outlets for (IntoPool<A>, IntoPool<B>) {
    type Pools = (Option<Arc<Pool<A>>>, Option<Arc<Pool<B>>>);

    fn attach((first, second): &Self::Pools, place: &Place) -> Self {
        (feeder(first, place), feeder(second, place))
    }

    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn Kernel)) {
        visit(&mut self.0);
        visit(&mut self.1);
    }

    fn closed(&self) -> bool {
        self.0.closed() && self.1.closed()
    }

    fn close(self, last: bool) {
        self.0.close(last);
        self.1.close(last);
    }
}

impl<T: Send> Outlets for Vec<IntoPool<T>> {
    type Pools = Vec<Option<Arc<Pool<T>>>>;

    fn attach(pools: &Self::Pools, place: &Place) -> Self {
        pools.iter().map(|pool| feeder(pool, place)).collect()
    }

    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn Kernel)) {
        self.iter_mut().for_each(|outlet| visit(outlet));
    }

    fn closed(&self) -> bool {
        self.iter().all(IntoPool::closed)
    }

    fn close(self, last: bool) {
        self.into_iter().for_each(|outlet| outlet.close(last));
    }
}

/// By a predicate.
#[derive(Debug)]
pub struct SplitBy<F>(F);

impl<T: Send, F: Fn(&T) -> bool + Send + Sync> Divide<T> for SplitBy<F> {
    type Outlets = (IntoPool<T>, IntoPool<T>);

    #[inline(always)]
    fn divide(&self, event: T, (first, second): &mut Self::Outlets) {
        if (self.0)(&event) { first.offer(event) } else { second.offer(event) }
    }
}

/// What went well, and the errors.
#[derive(Clone, Copy, Debug)]
pub struct SplitResults;

impl<T: Send, E: Send> Divide<Result<T, E>> for SplitResults {
    type Outlets = (IntoPool<T>, IntoPool<E>);

    #[inline(always)]
    fn divide(&self, event: Result<T, E>, (well, wrong): &mut Self::Outlets) {
        match event {
            Ok(event) => well.offer(event),
            Err(error) => wrong.offer(error),
        }
    }
}

/// The halves of pairs.
#[derive(Clone, Copy, Debug)]
pub struct Unzip;

impl<A: Send, B: Send> Divide<(A, B)> for Unzip {
    type Outlets = (IntoPool<A>, IntoPool<B>);

    #[inline(always)]
    fn divide(&self, (a, b): (A, B), (first, second): &mut Self::Outlets) {
        first.offer(a);
        second.offer(b);
    }
}

/// Everything to everybody.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast;

impl<T: Clone + Send> Divide<T> for Broadcast {
    type Outlets = Vec<IntoPool<T>>;

    #[inline(always)]
    fn divide(&self, event: T, outlets: &mut Self::Outlets) {
        if let Some((last, others)) = outlets.split_last_mut() {
            others.iter_mut().for_each(|outlet| outlet.offer(event.clone()));
            last.offer(event);
        }
    }
}

/// Makes the kernels that divide.
struct ForkMake<T, D: Divide<T>> {
    pools: Pools<D::Outlets>,
    divide: Arc<D>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<T: Send, D: Divide<T>> Make for ForkMake<T, D> {
    type Kernel = Fork<T, D>;

    fn make(&self, place: &Place) -> Fork<T, D> {
        let outlets = D::Outlets::attach(&self.pools, place);
        Fork { outlets, divide: Arc::clone(&self.divide), site: self.site, types: PhantomData }
    }
}

/// One instance that divides.
pub(crate) struct Fork<T, D: Divide<T>> {
    outlets: D::Outlets,
    divide: Arc<D>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<T, D: Divide<T>> fmt::Debug for Fork<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fork")
    }
}

impl<T, D: Divide<T>> Kernel for Fork<T, D> {
    fn room(&mut self) -> usize {
        // Any event may go to any branch. One that wants nothing any more holds up nobody.
        let mut room = None;
        self.outlets.each(&mut |outlet| {
            if !outlet.closed() {
                room = Some(outlet.room().min(room.unwrap_or(usize::MAX)));
            }
        });
        room.unwrap_or(0)
    }

    fn closed(&self) -> bool {
        self.outlets.closed()
    }

    fn mark(&mut self, _mark: Mark) {
        // A pool counts positions anew.
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.outlets.each(&mut |outlet| {
            // A pool takes all there is at once: nothing is left to be timed.
            outlet.quiet(now);
        });
        None
    }

    fn end(&mut self, finish: Finish) -> bool {
        let mut through = true;
        self.outlets.each(&mut |outlet| through &= outlet.end(finish));
        through
    }

    fn close(self, last: bool) {
        self.outlets.close(last);
    }
}

impl<T, D: Divide<T>> Push<T> for Fork<T, D> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        guarded(&self.site, || self.divide.divide(event, &mut self.outlets));
    }
}
