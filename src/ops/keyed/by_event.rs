//! A keyed exchange without pre-aggregation: every event travels with its key and is folded where
//! the key is.

use super::bins::{Bins, Partial};
use super::key::{KeyOf, TakeKey, visit};
use super::merge::Combine;
use crate::error::Site;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::runtime::Place;
use crate::runtime::edge::Inbox;
use crate::state::RoutingHash;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// How the events of a key are folded, each by value.
pub trait FoldEach<T>: Send + Sync {
    /// What is kept.
    type Acc: Send;
    /// What comes out.
    type Output: Send;

    /// The accumulator of the first event.
    fn start(&self, event: T) -> Self::Acc;

    /// Folds a further event.
    fn add(&self, acc: &mut Self::Acc, event: T);

    /// The result.
    fn finish(&self, acc: Self::Acc) -> Self::Output;
}

/// Folds events where their keys are.
pub(crate) struct FoldEvents<T, X, G> {
    fold: Arc<G>,
    types: PhantomData<fn(T) -> X>,
}

impl<T, X, G> FoldEvents<T, X, G> {
    pub(super) fn new(fold: Arc<G>) -> Self {
        FoldEvents { fold, types: PhantomData }
    }
}

impl<T, X, G> Combine for FoldEvents<T, X, G>
where
    T: Send,
    X: KeyOf<T>,
    G: FoldEach<T>,
{
    type Stored = X::Stored;
    type Partial = T;
    type Acc = G::Acc;
    type Out = (X::Out, G::Output);

    #[inline(always)]
    fn start(&self, event: T) -> G::Acc {
        self.fold.start(event)
    }

    #[inline(always)]
    fn add(&self, acc: &mut G::Acc, event: T) {
        self.fold.add(acc, event);
    }

    fn finish(&self, key: X::Stored, acc: G::Acc) -> Self::Out {
        (X::out(key), self.fold.finish(acc))
    }
}

/// Makes the sending ends of the source instances.
pub(super) struct ByBinMake<T, X: KeyOf<T>> {
    pub(super) inboxes: Arc<[Arc<Inbox<Partial<X::Stored, T>>>]>,
    pub(super) key: Arc<X>,
    pub(super) hash: RoutingHash,
    pub(super) site: Site,
}

impl<T: Send, X: KeyOf<T>> Make for ByBinMake<T, X> {
    type Kernel = ByBin<X, T>;

    fn make(&self, place: &Place) -> ByBin<X, T> {
        let bins = Bins::new(&self.inboxes, place);
        ByBin { bins, key: Arc::clone(&self.key), hash: self.hash, site: self.site }
    }
}

/// One source instance's end of a keyed exchange without pre-aggregation.
pub(crate) struct ByBin<X: KeyOf<T>, T> {
    bins: Bins<X::Stored, T>,
    key: Arc<X>,
    hash: RoutingHash,
    site: Site,
}

impl<X: KeyOf<T>, T> fmt::Debug for ByBin<X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByBin")
    }
}

impl<X: KeyOf<T>, T: Send> Kernel for ByBin<X, T> {
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
        None
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.bins.flush()
    }

    fn close(self, last: bool) {
        if last {
            self.bins.end();
        }
    }
}

impl<X: KeyOf<T>, T: Send> Push<T> for ByBin<X, T> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        let (hash, key) = visit(&*self.key, &self.site, &event, self.hash, TakeKey);
        self.bins.push((hash, key, event));
    }
}
