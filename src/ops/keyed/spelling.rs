//! Keys that are text, kept with their spelling beside them.

use super::key::{KeyOf, Visit};
use crate::state::{Hashing, Spelled, Spelling};
use std::hash::Hash;
use std::sync::Arc;

/// A key that [is text](KeyOf::is_text), kept so that short ones are compared without a look at the text.
#[derive(Debug)]
pub(super) struct BySpelling<X>(pub(super) Arc<X>);

impl<T, X: KeyOf<T>> KeyOf<T> for BySpelling<X> {
    type Stored = Spelled<X::Stored>;
    type Out = X::Out;
    type Lent = X::Lent;

    #[inline(always)]
    fn visit<V: Visit<Self::Stored>, H: Hashing>(&self, event: &T, hash: H, visit: V) -> V::Out {
        self.0.visit(event, hash, Spell(visit))
    }

    fn out(stored: Self::Stored) -> X::Out {
        X::out(stored.key)
    }

    #[inline(always)]
    fn lent(stored: &Self::Stored) -> &X::Lent {
        X::lent(&stored.key)
    }
}

/// Passes a key on with its spelling.
struct Spell<V>(V);

impl<S, V: Visit<Spelled<S>>> Visit<S> for Spell<V> {
    type Out = V::Out;

    #[inline(always)]
    fn key<C: Hash>(
        self,
        hash: u64,
        key: C,
        same: impl Fn(&C, &S) -> bool,
        store: impl FnOnce(C) -> S,
    ) -> V::Out {
        let spelling = Spelling::of(&key);
        self.0.key(
            hash,
            key,
            |key, stored| stored.is(spelling, |stored| same(key, stored)),
            |key| Spelled::new(spelling, store(key)),
        )
    }
}
