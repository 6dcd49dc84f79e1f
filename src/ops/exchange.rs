//! `partition`, `partition_by`, `partition_with`: the same key goes to the same partition.

use super::Flow;
use super::node::{ByReference, Node, Partitioned};
use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::{FromInbox, Inbox, Outlet, Reader};
use crate::runtime::meter::EdgeCounters;
use crate::runtime::task::TaskRef;
use crate::state::RoutingHash;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Spreads events over partitions by their hash: equal events meet in the same partition.
    ///
    /// Unlike `Iterator::partition` this splits nothing in two; that is `split_by`. There is one
    /// partition per core of the machine unless [`stages`](Flow::stages) says otherwise, whatever
    /// the number of workers, so the result of a run does not depend on them. The hash is fixed and
    /// documented: routing is the same in every run.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let counts: HashMap<char, u32> = Flow::from_vec("hello".chars().collect())
    ///     .partition()
    ///     .reduce(HashMap::new, |counts, letter| *counts.entry(letter).or_insert(0) += 1)
    ///     .emit_items()
    ///     .collect()?;
    /// assert_eq!(counts[&'l'], 2);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "shuffle")]
    #[track_caller]
    pub fn partition(self) -> Flow<Exchange<N, ByHash>>
    where
        N::Item: Routable,
    {
        self.exchange(Site::here("partition"), "by hash", ByHash(RoutingHash::default()))
    }

    /// Spreads events over partitions by the hash of a key.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sums: Vec<u64> = Flow::from_range(0..10u64)
    ///     .partition_by(|x| x % 2)
    ///     .stages(2)
    ///     .reduce(|| 0, |sum, x| *sum += x)
    ///     .emit_state()
    ///     .collect()?;
    /// assert_eq!(sums.iter().sum::<u64>(), 45);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "shuffle")]
    #[track_caller]
    pub fn partition_by<Key, F>(self, key: F) -> Flow<Exchange<N, ByKey<F>>>
    where
        Key: Routable,
        F: Fn(&N::Item) -> Key + Send + Sync,
    {
        self.exchange(Site::here("partition_by"), "by key", ByKey(key, RoutingHash::default()))
    }

    /// Spreads events over partitions by your own routing: `route(&event, partitions)` gives the
    /// index of a partition, or `None` to drop the event, which is counted as dropped.
    ///
    /// # Errors
    /// An index that is not below `partitions` fails the run with [`ErrorKind::Routing`].
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let parts: Vec<Vec<u64>> = Flow::from_range(0..10u64)
    ///     .partition_with(|x, partitions| (x % 3 != 0).then_some(*x as usize % partitions))
    ///     .stages(2)
    ///     .into_partitions()?;
    /// assert_eq!(parts, [vec![2, 4, 8], vec![1, 5, 7]]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn partition_with<R, F>(self, route: F) -> Flow<Exchange<N, ByRoute<F>>>
    where
        R: Into<Option<usize>>,
        F: Fn(&N::Item, usize) -> R + Send + Sync,
    {
        self.exchange(Site::here("partition_with"), "by own routing", ByRoute(route))
    }

    pub(super) fn exchange<R>(
        self,
        site: Site,
        routing: &'static str,
        route: R,
    ) -> Flow<Exchange<N, R>> {
        self.across(|up, up_stage| Exchange { up, up_stage, route: Arc::new(route), routing, site })
    }
}

/// What can be hashed for its partition: whatever is `Hash`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no hash to find its partition by",
    label = "partitions are found by `Hash`",
    note = "derive `Hash` for a type of your own, route by another key with `partition_by(|event| ..)`, or by an index with `partition_with(..)`"
)]
pub trait Routable: Hash {}

#[diagnostic::do_not_recommend]
impl<T: Hash + ?Sized> Routable for T {}

/// How an event finds its partition.
pub trait Route<T>: Send + Sync {
    /// Whether every event has a partition.
    const SENDS_ALL: bool;

    /// The index of the partition, below `partitions`; `None` drops the event.
    fn route(&self, event: &T, partitions: usize) -> Option<usize>;
}

/// By the hash of the event.
#[derive(Debug)]
pub struct ByHash(RoutingHash);

impl<T: Hash> Route<T> for ByHash {
    const SENDS_ALL: bool = true;

    #[inline(always)]
    fn route(&self, event: &T, partitions: usize) -> Option<usize> {
        Some(scale(self.0.hash(event), partitions))
    }
}

/// By the hash of a key.
#[derive(Debug)]
pub struct ByKey<F>(F, RoutingHash);

impl<T, Key: Hash, F: Fn(&T) -> Key + Send + Sync> Route<T> for ByKey<F> {
    const SENDS_ALL: bool = true;

    #[inline(always)]
    fn route(&self, event: &T, partitions: usize) -> Option<usize> {
        Some(scale(self.1.hash(&(self.0)(event)), partitions))
    }
}

/// By a user's function.
#[derive(Debug)]
pub struct ByRoute<F>(F);

impl<T, R: Into<Option<usize>>, F: Fn(&T, usize) -> R + Send + Sync> Route<T> for ByRoute<F> {
    const SENDS_ALL: bool = false;

    #[inline(always)]
    fn route(&self, event: &T, partitions: usize) -> Option<usize> {
        (self.0)(event, partitions).into()
    }
}

/// The high bits of a hash choose among any number of partitions, without a division.
#[inline(always)]
pub(crate) fn scale(hash: u64, partitions: usize) -> usize {
    ((u128::from(hash) * partitions as u128) >> 64) as usize
}

/// A flow's events, spread over the partitions of a new stage.
pub struct Exchange<N, R> {
    up: N,
    up_stage: StageOptions,
    route: Arc<R>,
    routing: &'static str,
    site: Site,
}

impl<N: Clone, R> Clone for Exchange<N, R> {
    fn clone(&self) -> Self {
        Exchange {
            up: self.up.clone(),
            up_stage: self.up_stage.clone(),
            route: Arc::clone(&self.route),
            routing: self.routing,
            site: self.site,
        }
    }
}

impl<N, R> fmt::Debug for Exchange<N, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", self.routing)
    }
}

#[diagnostic::do_not_recommend]
impl<N: Node, R: Route<N::Item>> Partitioned for Exchange<N, R> {}

impl<N: Node, R: Route<N::Item>> Node for Exchange<N, R> {
    type Item = N::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.edge_from(&self.up_stage, self.routing, stage.edge());
        outline.operator(self.site);
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<N::Item>> + 'env,
    {
        let open = builder.open_partitions(&stage, self.site);
        let counters = builder.edge_counters();
        let inboxes: Arc<[_]> = open
            .tasks
            .iter()
            .map(|task| Inbox::new(Reader::Task(task.clone()), stage.edge(), Arc::clone(&counters)))
            .collect();
        let partitions = open.tasks.len();
        builder.fill(open, partitions, make, |at, _, _| FromInbox::new(Arc::clone(&inboxes[at])));
        let spread = SpreadMake { inboxes, counters, route: self.route, site: self.site };
        self.up.build(self.up_stage, builder, spread);
    }
}

/// Makes the sending ends of an edge.
pub(crate) struct SpreadMake<R, T> {
    pub(super) inboxes: Arc<[Arc<Inbox<T>>]>,
    pub(super) counters: Arc<EdgeCounters>,
    pub(super) route: Arc<R>,
    pub(super) site: Site,
}

impl<R: Route<T>, T: Send> Make for SpreadMake<R, T> {
    type Kernel = Spread<R, T>;

    fn make(&self, place: &Place) -> Spread<R, T> {
        let outlets = self.inboxes.iter().map(|inbox| Outlet::new(inbox.attach(&place.task)));
        Spread {
            outlets: outlets.collect(),
            batch: self.inboxes.first().map_or(1, |inbox| inbox.options().batch),
            route: Arc::clone(&self.route),
            site: self.site,
            blocked: false,
            task: place.task.clone(),
            counters: Arc::clone(&self.counters),
            dropped: 0,
            types: PhantomData,
        }
    }
}

/// The sending end of one producer instance: an outlet per partition.
pub(crate) struct Spread<R, T> {
    outlets: Box<[Outlet<T>]>,
    batch: usize,
    route: Arc<R>,
    site: Site,
    /// Some outlet is full and has no credit.
    blocked: bool,
    task: TaskRef,
    counters: Arc<EdgeCounters>,
    dropped: usize,
    types: PhantomData<fn(T)>,
}

impl<R, T> fmt::Debug for Spread<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spread(over {})", self.outlets.len())
    }
}

impl<R, T> Spread<R, T> {
    /// Counts what the routing dropped since the last time: never per event.
    fn count_dropped(&mut self) {
        if self.dropped > 0 {
            self.counters.dropped_unsent(std::mem::take(&mut self.dropped));
        }
    }

    #[cold]
    #[inline(never)]
    fn misrouted(&self, to: usize) {
        let partitions = self.outlets.len();
        let why = format!("routing gave partition {to}, but there are only {partitions}");
        self.task.fail(FlowError::new(ErrorKind::Routing, why).with_site(self.site));
    }
}

impl<R: Route<T>, T: Send> Kernel for Spread<R, T> {
    #[inline]
    fn room(&mut self) -> usize {
        // Within one batch of room each outlet may go at most one batch beyond what it has credit
        // for: that stays staged here, and then no input is taken until it is gone.
        if self.blocked { 0 } else { self.batch }
    }

    fn resume(&mut self) {
        let mut blocked = false;
        for outlet in &mut self.outlets {
            blocked |= !outlet.flush_full();
        }
        self.blocked = blocked;
    }

    fn closed(&self) -> bool {
        self.outlets.iter().all(Outlet::closed)
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.count_dropped();
        self.outlets.iter_mut().filter_map(|outlet| outlet.quiet(now)).min()
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.count_dropped();
        let mut through = true;
        for outlet in &mut self.outlets {
            through &= outlet.flush();
        }
        through
    }

    fn close(self, last: bool) {
        if last {
            self.outlets.iter().for_each(Outlet::end);
        }
    }
}

impl<R: Route<T>, T: Send> Push<T> for Spread<R, T> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        let partitions = self.outlets.len();
        let Some(to) = guarded(&self.site, || self.route.route(&event, partitions)) else {
            self.dropped += 1;
            return;
        };
        match self.outlets.get_mut(to) {
            Some(outlet) => {
                if !outlet.push(event) {
                    self.blocked = true;
                }
            }
            None => self.misrouted(to),
        }
    }

    #[inline(always)]
    fn push_all<I: Iterator<Item = T>>(&mut self, events: I) {
        // One partition gets everything: nothing to route, and the batch's length stays in a
        // register. A route that may drop events is asked all the same.
        match &mut *self.outlets {
            [only] if R::SENDS_ALL => self.blocked |= !only.push_all(events),
            _ => events.for_each(|event| self.push(event)),
        }
    }
}
