//! The sending end of a keyed exchange that folds before it ships: a front table in front of the bins.

use super::bins::Bins;
use super::key::{KeyOf, Visit, visit};
use super::merge::{Combine, Inboxes};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Push, pass_on};
use crate::runtime::Place;
use crate::state::{Adaptive, Aggregator, RoutingHash};
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

/// Merges partial accumulators.
pub(crate) struct Merge<T, X, A> {
    aggregator: Arc<A>,
    types: PhantomData<fn(T) -> X>,
}

impl<T, X, A> Merge<T, X, A> {
    pub(super) fn new(aggregator: Arc<A>) -> Self {
        Merge { aggregator, types: PhantomData }
    }
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

/// Makes the sending ends of the source instances.
pub(super) struct PreAggregateMake<T, X: KeyOf<T>, A: Aggregator<T>> {
    inboxes: Inboxes<Merge<T, X, A>>,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    aggregator: Arc<A>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<T, X: KeyOf<T>, A: Aggregator<T>> PreAggregateMake<T, X, A> {
    pub(super) fn new(
        inboxes: Inboxes<Merge<T, X, A>>,
        key: Arc<X>,
        hash: RoutingHash,
        key_site: Site,
        aggregator: Arc<A>,
        site: Site,
    ) -> Self {
        PreAggregateMake { inboxes, key, hash, key_site, aggregator, site, types: PhantomData }
    }
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
}

impl<S: Send, A: Send> Kernel for Folding<S, A> {
    #[inline]
    fn room(&mut self) -> usize {
        self.bins.room()
    }

    fn resume(&mut self) {
        self.bins.resume();
    }

    fn closed(&self) -> bool {
        self.bins.closed()
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        // Nothing behind here is emitted before the input ends: partials can wait.
        None
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.bins.resume();
        while self.bins.room() > 0 {
            match self.front.pop() {
                Some(partial) => self.bins.push(partial),
                None => return self.bins.flush(),
            }
        }
        self.bins.closed()
    }

    fn close(self, last: bool) {
        if last {
            self.bins.end();
        }
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
    pass_on!(folding: room resume closed mark quiet end close);
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
    fn key<C: Hash>(
        self,
        hash: u64,
        key: C,
        same: impl Fn(&C, &S) -> bool,
        store: impl FnOnce(C) -> S,
    ) {
        let Folder { folding, aggregator, site, event } = self;
        folding.fold(
            hash,
            key,
            same,
            |acc, _| guarded(site, || aggregator.add(acc, event)),
            |key| {
                let acc = guarded(site, || aggregator.first(event));
                (store(key), acc)
            },
        );
    }
}
