//! Joins by the distance of times: events of two flows that have the same key and are not too far
//! apart.

mod machine;
#[cfg(test)]
mod machine_tests;
mod rows;

use super::inputs::{EitherKey, Two, Value};
use super::open::{ByValue, Open, without_parts};
use super::windows::KeyedWindows;
use super::{Stamped, Timed, TimedFlow};
use crate::error::Site;
use crate::kernel::{Operator, Push, Spec};
use crate::ops::Node;
use crate::ops::keyed::{Full, Inner, KeyOf, Keyed, Left, Right, Shape};
use crate::ops::node::Then;
use crate::runtime::Place;
use crate::time::Timestamp;
use crate::window::{Pane, Take};
use itertools::{Either, EitherOrBoth};
use machine::Intervals;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

/// What an interval join finds, before it has its shape.
type Found<N, X, M, Y> = KeyedWindows<Two<N, X, M, Y>, OpenIntervals, ByValue>;
/// Gives what is found its shape.
type Shaped<K, N, M, Z> = ShapeRows<K, Value<N>, Value<M>, Z>;
/// An interval join, in the shape `Z`.
type IntervalJoin<N, X, M, Y, Z> =
    TimedFlow<Then<Found<N, X, M, Y>, Shaped<<X as KeyOf<Value<N>>>::Out, N, M, Z>>>;

macro_rules! joins {
    ($($(#[$doc:meta])* $join:ident: $shape:ident),+ $(,)?) => {
        impl<N, A, X> Keyed<Timed<N>, X>
        where
            N: Node<Item = Stamped<A>>,
            A: Clone + Send,
            X: KeyOf<A, Stored: Clone>,
        {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $join<M, B, Y>(
                    self,
                    right: Keyed<Timed<M>, Y>,
                    within: impl RangeBounds<i64>,
                ) -> IntervalJoin<N, X, M, Y, $shape>
                where
                    M: Node<Item = Stamped<B>>,
                    B: Clone + Send,
                    Y: KeyOf<B, Stored = X::Stored>,
                    $shape: Shape<X::Out, A, B>,
                {
                    self.within_interval(right, within, Site::here(stringify!($join)))
                }
            )+
        }
    };
}

joins! {
    /// Joins with another keyed flow whose events have times: `(key, left, right)` for every two
    /// events of the same key of which the right one comes `within` so many milliseconds of the left
    /// one: `-5..=10` is from 5 before to 10 after it. The later time of both is that of the result.
    ///
    /// A pair comes as soon as its second event does. Neither flow has to be in order. An event is
    /// held until the watermark, the least of both sides, says that nothing can match it any more;
    /// one that comes behind the watermark is late: it is dropped and counted, unless
    /// [`late_to`](TimedFlow::late_to) or [`split_late`](TimedFlow::split_late) follows. Both are cloned
    /// for every pair.
    ///
    /// An empty range, and one without a beginning or end, which would hold events for ever, is
    /// refused.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let orders = Flow::from_vec(vec![(100, "tea"), (200, "rye")])
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending());
    /// let paid = Flow::from_vec(vec![(150, "tea"), (900, "rye")])
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending());
    /// // Paid within 100 ms of the order.
    /// let soon = orders.key_by(|o| o.1).interval_join(paid.key_by(|p| p.1), 0..=100);
    /// let rows: Vec<_> = soon.map(|(what, order, paid)| (what, paid.0 - order.0)).collect()?;
    /// assert_eq!(rows, [("tea", 50)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    interval_join: Inner,
    /// As [`interval_join`](Self::interval_join), and `(key, left, None)` for every event of this flow
    /// that has had no match when it is no longer held, with the last time that a match could have
    /// had as its time.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let left = Flow::from_vec(vec![1, 20]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let right = Flow::from_vec(vec![3]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let joined = left.key_by(|_| ()).interval_left_join(right.key_by(|_| ()), -5..=5);
    /// let rows: Vec<_> = joined.with_times().collect()?;
    /// assert_eq!(rows, [(Timestamp(3), ((), 1, Some(3))), (Timestamp(25), ((), 20, None))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    interval_left_join: Left,
    /// As [`interval_join`](Self::interval_join), with `Some(left)`, and `(key, None, right)` for every
    /// event of the other flow that has had no match when it is no longer held.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let left = Flow::from_vec(vec![1]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let right = Flow::from_vec(vec![3, 20]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let joined = left.key_by(|_| ()).interval_right_join(right.key_by(|_| ()), -5..=5);
    /// let rows: Vec<_> = joined.collect()?;
    /// assert_eq!(rows, [((), Some(1), 3), ((), None, 20)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    interval_right_join: Right,
    /// As [`interval_join`](Self::interval_join), with what either side has: `(key, Both(left,
    /// right))`, and `(key, Left(left))` or `(key, Right(right))` for what has had no match when it is
    /// no longer held.
    ///
    /// ```
    /// use flow::EitherOrBoth::{Left, Right};
    /// use flow::{Flow, Timestamp};
    ///
    /// let left = Flow::from_vec(vec![1]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let right = Flow::from_vec(vec![20]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let joined = left.key_by(|_| ()).interval_full_join(right.key_by(|_| ()), -5..=5);
    /// let mut rows: Vec<_> = joined.collect()?;
    /// rows.sort_by_key(|(_, row)| row.is_right());
    /// assert_eq!(rows, [((), Left(1)), ((), Right(20))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    interval_full_join: Full,
}

impl<N, A, X> Keyed<Timed<N>, X>
where
    N: Node<Item = Stamped<A>>,
    A: Clone + Send,
    X: KeyOf<A, Stored: Clone>,
{
    fn within_interval<M, B, Y, Z>(
        self,
        right: Keyed<Timed<M>, Y>,
        within: impl RangeBounds<i64>,
        site: Site,
    ) -> IntervalJoin<N, X, M, Y, Z>
    where
        M: Node<Item = Stamped<B>>,
        B: Clone + Send,
        Y: KeyOf<B, Stored = X::Stored>,
        Z: Shape<X::Out, A, B>,
    {
        let lower = match within.start_bound() {
            Bound::Included(lower) => Some(*lower),
            Bound::Excluded(below) => below.checked_add(1),
            Bound::Unbounded => None,
        };
        let upper = match within.end_bound() {
            Bound::Included(upper) => Some(*upper),
            Bound::Excluded(above) => above.checked_sub(1),
            Bound::Unbounded => None,
        };
        let range = lower.zip(upper).filter(|(lower, upper)| lower <= upper);
        let (lower, upper) = range.unwrap_or_default();
        let open = OpenIntervals { lower, upper, outer: (Z::LEFTS, Z::RIGHTS) };
        let mut joined = Two::before(self, right, |two| KeyedWindows::new(two, open, site));
        if range.is_none() {
            let why = "the range is empty, or has no beginning or no end, so that events would be \
                       held for ever";
            joined.0.run.refuse(site, why.to_owned());
        }
        joined.within(|up| Then { up, spec: ShapeRows(PhantomData), site })
    }
}

/// Begins an interval join.
#[derive(Clone, Copy, Debug)]
pub struct OpenIntervals {
    lower: i64,
    upper: i64,
    outer: (bool, bool),
}

impl<X, Y, L, R> Open<EitherKey<X, Y>, Either<L, R>, ByValue> for OpenIntervals
where
    X: KeyOf<L, Stored: Clone>,
    Y: KeyOf<R, Stored = X::Stored>,
    L: Clone + Send,
    R: Clone + Send,
{
    type Out = EitherOrBoth<L, R>;
    type Machine = Intervals<X::Stored, L, R>;
    without_parts!(X::Stored, Either<L, R>);
    const CLOCKED: bool = false;

    fn open(&self, _place: &Place) -> Self::Machine {
        Intervals::new(self.lower, self.upper, self.outer)
    }

    #[inline(always)]
    fn event(
        rows: &mut Self::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: Either<L, R>,
    ) -> Option<(X::Stored, Either<L, R>)> {
        rows.event(hash, key, at, event).err()
    }

    fn granularity(&self) -> i64 {
        1
    }
}

/// Gives what a join has found the shape `Z`.
pub struct ShapeRows<K, L, R, Z>(PhantomData<fn(K, L, R) -> Z>);

impl<K, L, R, Z> Clone for ShapeRows<K, L, R, Z> {
    fn clone(&self) -> Self {
        ShapeRows(PhantomData)
    }
}

impl<K, L, R, Z> fmt::Debug for ShapeRows<K, L, R, Z> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShapeRows")
    }
}

impl<K: Send, L: Send, R: Send, Z: Shape<K, L, R>> Spec for ShapeRows<K, L, R, Z> {
    type Operator = Self;

    fn start(&self, _place: &Place) -> Self {
        self.clone()
    }
}

impl<K: Send, L: Send, R: Send, Z: Shape<K, L, R>> Operator for ShapeRows<K, L, R, Z> {
    type In = Stamped<Pane<K, EitherOrBoth<L, R>>>;
    type Out = Stamped<Z::Out>;

    #[inline(always)]
    fn push<P: Push<Self::Out>>(&mut self, event: Self::In, next: &mut P) {
        let Stamped { at, value: Pane { key, value: found, .. } } = event;
        let row = match found {
            EitherOrBoth::Both(left, right) => Some(Z::pair(key, left, right)),
            EitherOrBoth::Left(left) => Z::left(key, left),
            EitherOrBoth::Right(right) => Z::right(key, right),
        };
        if let Some(value) = row {
            next.push(Stamped { at, value });
        }
    }
}
