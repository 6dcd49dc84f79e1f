//! `count`, `sum`, `aggregate` per key: folded before the exchange, merged behind it, where the
//! aggregator can merge.

use super::by_event::{ByBinMake, FoldEach, FoldEvents};
use super::key::{KeyOf, Keyed};
use super::merge::build_tables;
use super::pre::{Merge, PreAggregateMake};
use super::spelling::BySpelling;
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Partitioned};
use crate::plan::{Builder, Outline, StageOptions};
use crate::state::{Aggregates, Aggregator, Count, RoutingHash, Sum};
use std::fmt;
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
    /// of up to eight. An aggregator that does not merge (`first`, `last`, `collect_vec`, your own)
    /// makes the events of the whole tuple travel one by one, as [`fold`](Keyed::fold) does;
    /// [`explain`](Flow::explain) says which it is.
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

    pub(super) fn aggregated<A>(self, site: Site, aggregator: A) -> Flow<KeyedAggregate<N, X, A>> {
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
        let routing = if A::MERGES { "by key, pre-aggregated" } else { "by key" };
        outline.edge_from(&self.up_stage, routing, stage.edge());
        outline.operator(self.key_site);
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let KeyedAggregate { up, up_stage, key, hash, key_site, aggregator, site } = self;
        if const { A::MERGES && X::SIZED_AS_TEXT } && X::is_text() {
            let key = Arc::new(BySpelling(key));
            let merge = Merge::<N::Item, BySpelling<X>, A>::new(Arc::clone(&aggregator));
            let inboxes = build_tables(merge, site, &stage, builder, make);
            let make = PreAggregateMake::new(inboxes, key, hash, key_site, aggregator, site);
            up.build(up_stage, builder, make);
        } else if A::MERGES {
            let merge = Merge::<N::Item, X, A>::new(Arc::clone(&aggregator));
            let inboxes = build_tables(merge, site, &stage, builder, make);
            let make = PreAggregateMake::new(inboxes, key, hash, key_site, aggregator, site);
            up.build(up_stage, builder, make);
        } else {
            let fold = FoldEvents::<N::Item, X, Lent<A>>::new(Arc::new(Lent(aggregator)));
            let inboxes = build_tables(fold, site, &stage, builder, make);
            let make = ByBinMake { inboxes, key, hash, site: key_site };
            up.build(up_stage, builder, make);
        }
    }
}

/// Folds with an aggregator that does not merge: it is lent the events one by one.
struct Lent<A>(Arc<A>);

impl<T, A: Aggregator<T>> FoldEach<T> for Lent<A> {
    type Acc = A::Acc;
    type Output = A::Output;

    #[inline(always)]
    fn start(&self, event: T) -> A::Acc {
        self.0.first(&event)
    }

    #[inline(always)]
    fn add(&self, acc: &mut A::Acc, event: T) {
        self.0.add(acc, &event);
    }

    fn finish(&self, acc: A::Acc) -> A::Output {
        self.0.finish(acc)
    }
}
