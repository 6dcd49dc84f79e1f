//! What a join makes of events that have the same key, and of those that have no match.

use super::shapes::{Inner, Left, Right, Shape};
use crate::ops::keyed::key::KeyOf;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What becomes of the events of one side that stream past (`P`) and of the other that are held
/// (`B`), with keys that are stored as `S`.
pub trait Matching<S, P, B>: Clone + Send + Sync {
    /// What is held of an event.
    type Row: Send + Sync;
    /// What comes out.
    type Out: Send;
    /// Whether something comes of an event that streams past and has no match.
    const MISSES: bool;
    /// Whether something comes of what is held and had no match.
    const LEFTOVERS: bool;
    /// Whether of each key only one event is held.
    const ONCE: bool;

    /// What is held of an event.
    fn keep(event: B) -> Self::Row;

    /// A match, of several that an event has. `key` is the one that is held.
    fn hit(&self, key: &S, event: &P, row: &Self::Row) -> Option<Self::Out>;

    /// The last match of an event; `own` makes the event's own key.
    fn last_hit(
        &self,
        key: &S,
        own: impl FnOnce(&P) -> S,
        event: P,
        row: &Self::Row,
    ) -> Option<Self::Out>;

    /// An event without a match.
    fn miss(&self, own: impl FnOnce(&P) -> S, event: P) -> Option<Self::Out>;

    /// A row without a match.
    fn leftover(&self, key: &S, row: Self::Row) -> Option<Self::Out>;
}

/// Of which every result comes of an event that streams past, so that they come in its order.
pub trait InOrder {}

impl<L, X, F> InOrder for RightHeld<With<L, X, F>> {}
impl<L, X, F> InOrder for LeftHeld<With<L, X, F>> {}
impl<L, X> InOrder for RightHeld<Pairs<L, X, Inner>> {}
impl<L, X> InOrder for LeftHeld<Pairs<L, X, Inner>> {}
impl<L, X> InOrder for RightHeld<Pairs<L, X, Left>> {}
impl<L, X> InOrder for LeftHeld<Pairs<L, X, Right>> {}
impl<const THERE: bool> InOrder for Exists<THERE> {}

/// What comes of a pair, whichever side is held.
pub trait Pairing<S, L, R>: Send + Sync {
    /// What comes out.
    type Out: Send;
    /// Whether something comes of left events without a match.
    const LEFTS: bool = false;
    /// Whether something comes of right events without a match.
    const RIGHTS: bool = false;

    /// A pair of which everything is needed again.
    fn pair(&self, key: &S, left: &L, right: &R) -> Self::Out;

    /// The last pair of a left event; `own` makes the event's key.
    #[inline(always)]
    fn last_of_left(&self, key: &S, _own: impl FnOnce(&L) -> S, left: L, right: &R) -> Self::Out {
        self.pair(key, &left, right)
    }

    /// The last pair of a right event.
    #[inline(always)]
    fn last_of_right(&self, key: &S, _own: impl FnOnce(&R) -> S, left: &L, right: R) -> Self::Out {
        self.pair(key, left, &right)
    }

    /// A copy of a key that is held, where rows without a match need one.
    fn key(&self, _key: &S) -> Option<S> {
        None
    }

    /// A left event without a match.
    fn left(&self, _key: S, _left: L) -> Option<Self::Out> {
        None
    }

    /// A right event without a match.
    fn right(&self, _key: S, _right: R) -> Option<Self::Out> {
        None
    }
}

/// The right side is held.
#[derive(Debug)]
pub struct RightHeld<J>(pub(super) Arc<J>);

impl<J> Clone for RightHeld<J> {
    fn clone(&self) -> Self {
        RightHeld(Arc::clone(&self.0))
    }
}

impl<S, L, R: Send + Sync, J: Pairing<S, L, R>> Matching<S, L, R> for RightHeld<J> {
    type Row = R;
    type Out = J::Out;
    const MISSES: bool = J::LEFTS;
    const LEFTOVERS: bool = J::RIGHTS;
    const ONCE: bool = false;

    #[inline(always)]
    fn keep(event: R) -> R {
        event
    }

    #[inline(always)]
    fn hit(&self, key: &S, event: &L, row: &R) -> Option<J::Out> {
        Some(self.0.pair(key, event, row))
    }

    #[inline(always)]
    fn last_hit(&self, key: &S, own: impl FnOnce(&L) -> S, event: L, row: &R) -> Option<J::Out> {
        Some(self.0.last_of_left(key, own, event, row))
    }

    #[inline(always)]
    fn miss(&self, own: impl FnOnce(&L) -> S, event: L) -> Option<J::Out> {
        self.0.left(own(&event), event)
    }

    #[inline(always)]
    fn leftover(&self, key: &S, row: R) -> Option<J::Out> {
        self.0.right(self.0.key(key)?, row)
    }
}

/// The left side is held.
#[derive(Debug)]
pub struct LeftHeld<J>(pub(super) Arc<J>);

impl<J> Clone for LeftHeld<J> {
    fn clone(&self) -> Self {
        LeftHeld(Arc::clone(&self.0))
    }
}

impl<S, L: Send + Sync, R, J: Pairing<S, L, R>> Matching<S, R, L> for LeftHeld<J> {
    type Row = L;
    type Out = J::Out;
    const MISSES: bool = J::RIGHTS;
    const LEFTOVERS: bool = J::LEFTS;
    const ONCE: bool = false;

    #[inline(always)]
    fn keep(event: L) -> L {
        event
    }

    #[inline(always)]
    fn hit(&self, key: &S, event: &R, row: &L) -> Option<J::Out> {
        Some(self.0.pair(key, row, event))
    }

    #[inline(always)]
    fn last_hit(&self, key: &S, own: impl FnOnce(&R) -> S, event: R, row: &L) -> Option<J::Out> {
        Some(self.0.last_of_right(key, own, row, event))
    }

    #[inline(always)]
    fn miss(&self, own: impl FnOnce(&R) -> S, event: R) -> Option<J::Out> {
        self.0.right(own(&event), event)
    }

    #[inline(always)]
    fn leftover(&self, key: &S, row: L) -> Option<J::Out> {
        self.0.left(self.0.key(key)?, row)
    }
}

/// Events whose keys are there (`true`) or are not: of the other side only keys are held.
#[derive(Clone, Copy, Debug)]
pub struct Exists<const THERE: bool>;

impl<S, P: Send, B, const THERE: bool> Matching<S, P, B> for Exists<THERE> {
    type Row = ();
    type Out = P;
    const MISSES: bool = !THERE;
    const LEFTOVERS: bool = false;
    const ONCE: bool = true;

    fn keep(_event: B) {}

    fn hit(&self, _key: &S, _event: &P, _row: &()) -> Option<P> {
        None
    }

    #[inline(always)]
    fn last_hit(&self, _key: &S, _own: impl FnOnce(&P) -> S, event: P, _row: &()) -> Option<P> {
        THERE.then_some(event)
    }

    #[inline(always)]
    fn miss(&self, _own: impl FnOnce(&P) -> S, event: P) -> Option<P> {
        (!THERE).then_some(event)
    }

    fn leftover(&self, _key: &S, _row: ()) -> Option<P> {
        None
    }
}

/// Pairs by a user's closure.
pub struct With<L, X, F>(pub(super) F, pub(super) PhantomData<fn(L) -> X>);

impl<L, X, F> fmt::Debug for With<L, X, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("With")
    }
}

impl<L, R, X, U, F> Pairing<X::Stored, L, R> for With<L, X, F>
where
    X: KeyOf<L>,
    U: Send,
    F: Fn(&X::Lent, &L, &R) -> U + Send + Sync,
{
    type Out = U;

    #[inline(always)]
    fn pair(&self, key: &X::Stored, left: &L, right: &R) -> U {
        (self.0)(X::lent(key), left, right)
    }
}

/// Pairs with their key, cloned, in the shape of one kind of join.
pub struct Pairs<L, X, Shape>(pub(super) PhantomData<fn(L, Shape) -> X>);

impl<L, X, Shape> fmt::Debug for Pairs<L, X, Shape> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pairs")
    }
}

impl<L, R, X, Z> Pairing<X::Stored, L, R> for Pairs<L, X, Z>
where
    X: KeyOf<L, Stored: Clone>,
    L: Clone,
    R: Clone,
    Z: Shape<X::Out, L, R>,
{
    type Out = Z::Out;
    const LEFTS: bool = Z::LEFTS;
    const RIGHTS: bool = Z::RIGHTS;

    #[inline(always)]
    fn pair(&self, key: &X::Stored, left: &L, right: &R) -> Z::Out {
        Z::pair(X::out(key.clone()), left.clone(), right.clone())
    }

    #[inline(always)]
    fn last_of_left(
        &self,
        _key: &X::Stored,
        own: impl FnOnce(&L) -> X::Stored,
        left: L,
        right: &R,
    ) -> Z::Out {
        Z::pair(X::out(own(&left)), left, right.clone())
    }

    #[inline(always)]
    fn last_of_right(
        &self,
        _key: &X::Stored,
        own: impl FnOnce(&R) -> X::Stored,
        left: &L,
        right: R,
    ) -> Z::Out {
        Z::pair(X::out(own(&right)), left.clone(), right)
    }

    fn key(&self, key: &X::Stored) -> Option<X::Stored> {
        Some(key.clone())
    }

    #[inline(always)]
    fn left(&self, key: X::Stored, left: L) -> Option<Z::Out> {
        Z::left(X::out(key), left)
    }

    #[inline(always)]
    fn right(&self, key: X::Stored, right: R) -> Option<Z::Out> {
        Z::right(X::out(key), right)
    }
}
