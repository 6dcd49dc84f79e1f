//! `count`, `sum`, `aggregate` per key: folded before the exchange, merged behind it.

use super::bins::Bins;
use super::key::{KeyOf, Keyed, Visit, visit};
use super::merge::{Combine, Tables};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, FusedMake, Kernel, Make, Mark, Push};
use crate::ops::{ByReference, Flow, Node, Partitioned};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::{FromInbox, Inbox, Reader};
use crate::state::{Adaptive, Aggregates, Aggregator, Count, RoutingHash, Sum};
use std::fmt;
use std::marker::PhantomData;
use std::ops::AddAssign;
use std::sync::Arc;

impl<N: Node, X: KeyOf<N::Item>> Keyed<N, X> {
    /// Counts the events of each key.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::BTreeMap;
    ///
    /// let counts: BTreeMap<char, u64> =
    ///     Flow::from_vec("hello".chars().collect()).key_by(|c| *c).count().collect()?;
    /// assert_eq!(counts[&'l'], 2);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn count(self) -> Flow<KeyedAggregate<N, X, Count>> {
        self.aggregated(Site::here("count"), Aggregates::<N::Item>::new().count())
    }

    /// Adds up a value of the events of each key.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::BTreeMap;
    ///
    /// let sales = [("tea", 3.0), ("rye", 1.5), ("tea", 2.0)];
    /// let sums: BTreeMap<&str, f64> =
    ///     Flow::from_slice(&sales).key_by(|s| s.0).sum(|s| s.1).collect()?;
    /// assert_eq!(sums["tea"], 5.0);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn sum<V, F>(self, value: F) -> Flow<KeyedAggregate<N, X, Sum<F>>>
    where
        V: Default + AddAssign + Send,
        F: Fn(&N::Item) -> V + Send + Sync,
    {
        self.aggregated(Site::here("sum"), Aggregates::new().sum(value))
    }

    /// Keeps any aggregates of the events of each key: the closure builds one aggregator, or a tuple
    /// of up to eight.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::BTreeMap;
    ///
    /// let readings = [("a", 20.5), ("b", 7.0), ("a", 21.5)];
    /// let summary: BTreeMap<&str, (u64, f64, f64)> = Flow::from_slice(&readings)
    ///     .key_by(|r| r.0)
    ///     .aggregate(|a| (a.count(), a.mean(|r| r.1), a.max(|r| r.1)))
    ///     .collect()?;
    /// assert_eq!(summary["a"], (2, 21.0, 21.5));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn aggregate<A, F>(self, build: F) -> Flow<KeyedAggregate<N, X, A>>
    where
        A: Aggregator<N::Item>,
        F: FnOnce(Aggregates<N::Item>) -> A,
    {
        self.aggregated(Site::here("aggregate"), build(Aggregates::new()))
    }

    fn aggregated<A>(self, site: Site, aggregator: A) -> Flow<KeyedAggregate<N, X, A>> {
        let Keyed { flow, key, hash, site: key_site } = self;
        let aggregator = Arc::new(aggregator);
        flow.across(|up, up_stage| KeyedAggregate {
            up,
            up_stage,
            key,
            hash,
            key_site,
            aggregator,
            site,
        })
    }
}

/// One aggregate per key.
pub struct KeyedAggregate<N, X, A> {
    up: N,
    up_stage: StageOptions,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    aggregator: Arc<A>,
    site: Site,
}

impl<N: Clone, X, A> Clone for KeyedAggregate<N, X, A> {
    fn clone(&self) -> Self {
        KeyedAggregate {
            up: self.up.clone(),
            up_stage: self.up_stage.clone(),
            key: Arc::clone(&self.key),
            hash: self.hash,
            key_site: self.key_site,
            aggregator: Arc::clone(&self.aggregator),
            site: self.site,
        }
    }
}

impl<N, X, A> fmt::Debug for KeyedAggregate<N, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedAggregate({})", self.site.operator)
    }
}

#[diagnostic::do_not_recommend]
impl<N: Node, X: KeyOf<N::Item>, A: Aggregator<N::Item>> Partitioned for KeyedAggregate<N, X, A> {}

impl<N: Node, X: KeyOf<N::Item>, A: Aggregator<N::Item>> Node for KeyedAggregate<N, X, A> {
    type Item = (X::Out, A::Output);
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        outline.edge_from(&self.up_stage, "by key, pre-aggregated", stage.edge());
        outline.operator(self.key_site);
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let KeyedAggregate { up, up_stage, key, hash, key_site, aggregator, site } = self;
        let combine =
            Merge { aggregator: Arc::clone(&aggregator), types: PhantomData::<fn(N::Item) -> X> };
        let inboxes = build_tables(combine, site, &stage, builder, make);
        let make =
            PreAggregateMake { inboxes, key, hash, key_site, aggregator, site, types: PhantomData };
        up.build(up_stage, builder, make);
    }
}

/// Builds the stage behind a keyed exchange; gives the inboxes of its partitions.
pub(super) fn build_tables<'env, C, M>(
    combine: C,
    site: Site,
    stage: &StageOptions,
    builder: &mut Builder<'env>,
    make: M,
) -> Inboxes<C>
where
    C: Combine + 'env,
    M: Make<Kernel: Push<C::Out>> + 'env,
{
    let open = builder.open_partitions(stage, site);
    let counters = builder.edge_counters();
    let inboxes: Inboxes<C> = open
        .tasks
        .iter()
        .map(|task| Inbox::new(Reader::Task(task.clone()), stage.edge(), Arc::clone(&counters)))
        .collect();
    let partitions = open.tasks.len();
    let make = FusedMake { spec: Tables { combine: Arc::new(combine), site }, next: make };
    builder.fill(open, partitions, make, |at, _, _| FromInbox::new(Arc::clone(&inboxes[at])));
    inboxes
}

pub(super) type Inboxes<C> =
    Arc<[Arc<Inbox<(u64, <C as Combine>::Stored, <C as Combine>::Partial)>>]>;

/// Merges partial accumulators.
pub(crate) struct Merge<T, X, A> {
    aggregator: Arc<A>,
    types: PhantomData<fn(T) -> X>,
}

impl<T, X: KeyOf<T>, A: Aggregator<T>> Combine for Merge<T, X, A> {
    type Stored = X::Stored;
    type Partial = A::Acc;
    type Acc = A::Acc;
    type Out = (X::Out, A::Output);

    #[inline(always)]
    fn start(&self, partial: A::Acc) -> A::Acc {
        partial
    }

    #[inline(always)]
    fn add(&self, acc: &mut A::Acc, partial: A::Acc) {
        self.aggregator.merge(acc, partial);
    }

    fn finish(&self, key: X::Stored, acc: A::Acc) -> Self::Out {
        (X::out(key), self.aggregator.finish(acc))
    }
}

struct PreAggregateMake<T, X: KeyOf<T>, A: Aggregator<T>> {
    inboxes: Inboxes<Merge<T, X, A>>,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    aggregator: Arc<A>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<T, X: KeyOf<T>, A: Aggregator<T>> Make for PreAggregateMake<T, X, A> {
    type Kernel = PreAggregate<T, X, A>;

    fn make(&self, place: &Place) -> Self::Kernel {
        PreAggregate {
            folding: Folding::new(Bins::new(&self.inboxes, place)),
            key: Arc::clone(&self.key),
            hash: self.hash,
            key_site: self.key_site,
            aggregator: Arc::clone(&self.aggregator),
            site: self.site,
            types: PhantomData,
        }
    }
}

/// The front table and the bins of one instance.
pub(super) struct Folding<S, A> {
    front: Adaptive<S, A>,
    bins: Bins<S, A>,
}

impl<S, A> Folding<S, A> {
    pub(super) fn new(bins: Bins<S, A>) -> Self {
        Folding { front: Adaptive::new(), bins }
    }

    /// Folds an event into the accumulator of its key, wherever that is.
    #[inline(always)]
    pub(super) fn fold<C>(
        &mut self,
        hash: u64,
        key: C,
        same: impl Fn(&C, &S) -> bool,
        hit: impl FnOnce(&mut A, C),
        miss: impl FnOnce(C) -> (S, A),
    ) {
        if let Some(evicted) = self.front.fold(hash, key, same, hit, miss) {
            self.bins.push(evicted);
        }
    }

    pub(super) fn bins(&self) -> &Bins<S, A> {
        &self.bins
    }

    pub(super) fn resume(&mut self) {
        self.bins.resume();
    }

    pub(super) fn end(&mut self) -> bool {
        self.bins.resume();
        while self.bins.room() > 0 {
            match self.front.pop() {
                Some(partial) => self.bins.push(partial),
                None => return self.bins.flush(),
            }
        }
        self.bins.closed()
    }
}

/// One source instance's end of a keyed exchange.
pub(crate) struct PreAggregate<T, X: KeyOf<T>, A: Aggregator<T>> {
    folding: Folding<X::Stored, A::Acc>,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    aggregator: Arc<A>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<T, X: KeyOf<T>, A: Aggregator<T>> fmt::Debug for PreAggregate<T, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreAggregate")
    }
}

impl<T, X: KeyOf<T>, A: Aggregator<T>> Kernel for PreAggregate<T, X, A> {
    #[inline]
    fn room(&mut self) -> usize {
        self.folding.bins().room()
    }

    fn resume(&mut self) {
        self.folding.resume();
    }

    fn closed(&self) -> bool {
        self.folding.bins().closed()
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        // Nothing behind here is emitted before the input ends: partials can wait.
        None
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.folding.end()
    }

    fn close(self, last: bool) {
        if last {
            self.folding.bins().end();
        }
    }
}

impl<T, X: KeyOf<T>, A: Aggregator<T>> Push<T> for PreAggregate<T, X, A> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        let folder = Folder {
            folding: &mut self.folding,
            aggregator: &*self.aggregator,
            site: &self.site,
            event: &event,
        };
        visit(&*self.key, &self.key_site, &event, self.hash, folder);
    }
}

/// Folds one event once its key is known.
struct Folder<'a, T, S, A: Aggregator<T>> {
    folding: &'a mut Folding<S, A::Acc>,
    aggregator: &'a A,
    site: &'a Site,
    event: &'a T,
}

impl<T, S, A: Aggregator<T>> Visit<S> for Folder<'_, T, S, A> {
    type Out = ();

    #[inline(always)]
    fn key<C>(self, hash: u64, key: C, same: impl Fn(&C, &S) -> bool, store: impl FnOnce(C) -> S) {
        let Folder { folding, aggregator, site, event } = self;
        folding.fold(
            hash,
            key,
            same,
            |acc, _| guarded(site, || aggregator.add(acc, event)),
            |key| {
                let acc = guarded(site, || {
                    let mut acc = aggregator.init();
                    aggregator.add(&mut acc, event);
                    acc
                });
                (store(key), acc)
            },
        );
    }
}
