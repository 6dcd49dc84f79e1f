//! What each kind of join gives.

use itertools::EitherOrBoth;

/// How one kind of join gives what it found.
pub trait Shape<K, L, R> {
    /// What comes out.
    type Out: Send;
    /// Whether left events come out that have no match.
    const LEFTS: bool;
    /// Whether right events come out that have no match.
    const RIGHTS: bool;

    /// A match.
    fn pair(key: K, left: L, right: R) -> Self::Out;

    /// A left event without a match.
    fn left(_key: K, _left: L) -> Option<Self::Out> {
        None
    }

    /// A right event without a match.
    fn right(_key: K, _right: R) -> Option<Self::Out> {
        None
    }
}

/// Matches only.
#[derive(Debug)]
pub struct Inner;

impl<K: Send, L: Send, R: Send> Shape<K, L, R> for Inner {
    type Out = (K, L, R);
    const LEFTS: bool = false;
    const RIGHTS: bool = false;

    #[inline(always)]
    fn pair(key: K, left: L, right: R) -> (K, L, R) {
        (key, left, right)
    }
}

/// All left events.
#[derive(Debug)]
pub struct Left;

impl<K: Send, L: Send, R: Send> Shape<K, L, R> for Left {
    type Out = (K, L, Option<R>);
    const LEFTS: bool = true;
    const RIGHTS: bool = false;

    #[inline(always)]
    fn pair(key: K, left: L, right: R) -> Self::Out {
        (key, left, Some(right))
    }

    fn left(key: K, left: L) -> Option<Self::Out> {
        Some((key, left, None))
    }
}

/// All right events.
#[derive(Debug)]
pub struct Right;

impl<K: Send, L: Send, R: Send> Shape<K, L, R> for Right {
    type Out = (K, Option<L>, R);
    const LEFTS: bool = false;
    const RIGHTS: bool = true;

    #[inline(always)]
    fn pair(key: K, left: L, right: R) -> Self::Out {
        (key, Some(left), right)
    }

    fn right(key: K, right: R) -> Option<Self::Out> {
        Some((key, None, right))
    }
}

/// All events.
#[derive(Debug)]
pub struct Full;

impl<K: Send, L: Send, R: Send> Shape<K, L, R> for Full {
    type Out = (K, EitherOrBoth<L, R>);
    const LEFTS: bool = true;
    const RIGHTS: bool = true;

    #[inline(always)]
    fn pair(key: K, left: L, right: R) -> Self::Out {
        (key, EitherOrBoth::Both(left, right))
    }

    fn left(key: K, left: L) -> Option<Self::Out> {
        Some((key, EitherOrBoth::Left(left)))
    }

    fn right(key: K, right: R) -> Option<Self::Out> {
        Some((key, EitherOrBoth::Right(right)))
    }
}
