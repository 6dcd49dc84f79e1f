//! What is done with an event before the exchange, once its key is known.

use super::exchange::Outlets;
use super::open::Open;
use super::parts::{Fronts, Numbered, Partial};
use crate::error::Site;
use crate::kernel::culprit::Guard;
use crate::ops::keyed::{KeyOf, Visit};
use crate::state::RoutingHash;
use crate::time::Timestamp;
use std::hash::Hash;

/// Folds one event by the number of its key; gives what that has to begin with.
pub(super) struct Numbering<'a, X: KeyOf<T>, T, O: Open<X, T, D>, D> {
    pub(super) numbered: &'a mut Numbered<X::Stored, O::Part>,
    pub(super) at: Timestamp,
    pub(super) routing: RoutingHash,
    pub(super) open: &'a O,
    pub(super) site: &'a Site,
    pub(super) event: &'a T,
}

impl<X: KeyOf<T>, T, O: Open<X, T, D>, D> Visit<X::Stored> for Numbering<'_, X, T, O, D> {
    type Out = Option<(u64, Partial<X::Stored, O::Part>)>;

    #[inline(always)]
    fn key<C: Hash>(
        self,
        local: u64,
        key: C,
        same: impl Fn(&C, &X::Stored) -> bool,
        store: impl FnOnce(C) -> X::Stored,
    ) -> Self::Out {
        let Numbering { numbered, at, routing, open, site, event } = self;
        let guard = Guard::of(site);
        let begun = match numbered.known(at, local, |known| same(&key, known)) {
            Some(acc) => {
                open.add(acc, event);
                None
            }
            None => Some(open.first(event)),
        };
        guard.done();
        begun.map(|acc| (local, (routing.hash(&key), store(key), acc)))
    }
}

/// Folds one event in a front table, and sends what had to make room for it.
pub(super) struct Fronting<'a, X: KeyOf<T>, T, O: Open<X, T, D>, D> {
    pub(super) fronts: &'a mut Fronts<X::Stored, O::Part>,
    pub(super) outlets: &'a mut Outlets<X::Stored, T, O::Part>,
    pub(super) open: &'a O,
    pub(super) site: &'a Site,
    pub(super) event: &'a T,
}

impl<X: KeyOf<T>, T, O: Open<X, T, D>, D> Visit<X::Stored> for Fronting<'_, X, T, O, D> {
    type Out = ();

    #[inline(always)]
    fn key<C: Hash>(
        self,
        hash: u64,
        key: C,
        same: impl Fn(&C, &X::Stored) -> bool,
        store: impl FnOnce(C) -> X::Stored,
    ) {
        let Fronting { fronts, outlets, open, site, event } = self;
        let guard = Guard::of(site);
        match fronts.table.known(hash, |known| same(&key, known)) {
            Some(acc) => {
                open.add(acc, event);
                guard.done();
            }
            None => {
                let acc = open.first(event);
                guard.done();
                outlets.put(fronts, hash, store(key), acc);
            }
        }
    }
}
