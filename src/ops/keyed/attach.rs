//! Events that travel to the partition of their key, with their key and its hash.

use super::key::{KeyOf, TakeKey, visit};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Operator, Push, Spec};
use crate::ops::exchange::{Route, scale};
use crate::runtime::Place;
use crate::state::RoutingHash;
use std::marker::PhantomData;
use std::sync::Arc;

/// An event on its way to its partition: the hash of its key, the key, and what is needed of it.
pub(super) type Carried<S, T> = (u64, S, T);

/// To the partition of the hash that an event carries.
pub(super) struct ByCarriedHash;

impl<S, T> Route<Carried<S, T>> for ByCarriedHash {
    const SENDS_ALL: bool = true;

    #[inline(always)]
    fn route(&self, (hash, ..): &Carried<S, T>, partitions: usize) -> Option<usize> {
        Some(scale(*hash, partitions))
    }
}

/// Gives an event its key, to travel with it, and keeps of it what is needed. The plan's form and
/// the instances' form in one.
pub(super) struct Attach<X, T, F> {
    key: Arc<X>,
    hash: RoutingHash,
    site: Site,
    keep: F,
    types: PhantomData<fn(T)>,
}

impl<X, T, F> Attach<X, T, F> {
    pub(super) fn new(key: Arc<X>, hash: RoutingHash, site: Site, keep: F) -> Self {
        Attach { key, hash, site, keep, types: PhantomData }
    }
}

impl<X, T, F: Copy> Clone for Attach<X, T, F> {
    fn clone(&self) -> Self {
        let Attach { hash, site, keep, .. } = *self;
        Attach { key: Arc::clone(&self.key), hash, site, keep, types: PhantomData }
    }
}

impl<X, T, R, F> Spec for Attach<X, T, F>
where
    X: KeyOf<T>,
    F: Fn(T) -> R + Copy + Send + Sync,
{
    type Operator = Self;

    fn start(&self, _place: &Place) -> Self {
        self.clone()
    }
}

impl<X, T, R, F> Operator for Attach<X, T, F>
where
    X: KeyOf<T>,
    F: Fn(T) -> R + Copy + Send + Sync,
{
    type In = T;
    type Out = Carried<X::Stored, R>;

    #[inline(always)]
    fn push<K: Push<Self::Out>>(&mut self, event: T, next: &mut K) {
        next.push(self.attach(event));
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, events: I, next: &mut K)
    where
        I: Iterator<Item = T>,
        K: Push<Self::Out>,
    {
        next.push_all(events.map(|event| self.attach(event)));
    }
}

impl<X, T, F> Attach<X, T, F> {
    #[inline(always)]
    fn attach<R>(&self, event: T) -> Carried<X::Stored, R>
    where
        X: KeyOf<T>,
        F: Fn(T) -> R,
    {
        let (hash, key) = visit(&*self.key, &self.site, &event, self.hash, TakeKey);
        // What is not kept is dropped here, which is a user's code.
        (hash, key, guarded(&self.site, || (self.keep)(event)))
    }
}
