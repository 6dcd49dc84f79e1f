//! Joins in windows: events of two flows that have the same key and are in the same window.
//!
//! Both sides come to one window per key as events of two kinds, and the fold keeps a list of each. A
//! firing gives the pairs that are new since the one before; a row without a match is known only when
//! the window closes.

use super::carry::Carry;
use super::closing::Closing;
use super::found::{Found, Given, Rows};
use super::inputs::{EitherKey, Two, Value};
use super::open::{ByValue, Open, OpenMerging, Opening};
use super::windowed::Windowed;
use super::windows::KeyedWindows;
use super::{Stamped, Timed, TimedFlow};
use crate::error::Site;
use crate::ops::Node;
use crate::ops::flat_map::FlatMap;
use crate::ops::keyed::{Full, Inner, KeyOf, Keyed, Left, Right, Shape};
use crate::ops::node::Then;
use crate::window::{
    Fired, Fold, Folding, Head, Kept, Merge, Mode, Once, Pane, Triggering, WindowKind,
};
use itertools::Either;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

/// What a join in windows finds, before it has its shape.
type Joined<N, X, M, Y, W, R> =
    KeyedWindows<Two<N, X, M, Y>, OpenJoin<W, Value<N>, Value<M>, R>, ByValue>;
/// Opens the windows of a join.
type OpenJoin<W, L, R, G> = OpenMerging<W, Lists<L, R>, Closing<G>, Pairing>;
/// The rows of a pane.
type PaneRows<K, L, R, Z> =
    FlatMap<fn(Pane<K, Found<L, R>>) -> Rows<K, L, R, Z>, Pane<K, Found<L, R>>, Rows<K, L, R, Z>>;
/// A join in windows, in the shape `Z`.
type WindowJoin<N, X, M, Y, W, R, Z> = TimedFlow<
    Then<
        Joined<N, X, M, Y, W, R>,
        Carry<PaneRows<<X as KeyOf<Value<N>>>::Out, Value<N>, Value<M>, Z>>,
    >,
>;

macro_rules! joins {
    ($($(#[$doc:meta])* $join:ident: $shape:ident),+ $(,)?) => {
        impl<N, A, X, W, R> Windowed<N, X, W, R, Once>
        where
            N: Node<Item = Stamped<A>>,
            A: Clone + Send,
            X: KeyOf<A, Out: Clone>,
            W: WindowKind + Clone,
            R: Triggering + Clone,
        {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $join<M, B, Y>(
                    self,
                    right: Keyed<Timed<M>, Y>,
                ) -> WindowJoin<N, X, M, Y, W, R, $shape>
                where
                    M: Node<Item = Stamped<B>>,
                    B: Clone + Send,
                    Y: KeyOf<B, Stored = X::Stored>,
                    $shape: Shape<X::Out, A, B>,
                    OpenJoin<W, A, B, R>:
                        Open<EitherKey<X, Y>, Either<A, B>, ByValue, Out = Found<A, B>>,
                {
                    self.joined(right, Site::here(stringify!($join)))
                }
            )+
        }
    };
}

joins! {
    /// Joins with another keyed flow whose events have times: `(key, left, right)` for every two
    /// events that have the same key and are in the same window, with the last timestamp of the
    /// window as its time.
    ///
    /// Pairs come when the window fires, each once (in windows that overlap once per window). Which
    /// events are late is judged by the least watermark of both sides; they are dropped and counted,
    /// unless [`late_to`](TimedFlow::late_to) or [`split_late`](TimedFlow::split_late) follows.
    /// Both sides are held until their window closes, and cloned for every pair. An early
    /// [`trigger`](Self::trigger), or [`allowed_lateness`](Self::allowed_lateness), needs no mode:
    /// every firing gives the pairs that are new. In a session are the events of both flows, as long
    /// as there is no gap between any two of them; where two sessions become one, so do their rows.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let shown = Flow::from_vec(vec![(100, "ad1"), (1500, "ad2")])
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending());
    /// let clicked = Flow::from_vec(vec![(300, "ad1"), (400, "ad2")])
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending());
    /// let same_second: Vec<&str> = shown
    ///     .key_by(|(_, ad)| *ad)
    ///     .window(Window::fixed(Duration::from_secs(1)))
    ///     .join(clicked.key_by(|(_, ad)| *ad))
    ///     .map(|(ad, _shown, _clicked)| ad)
    ///     .collect()?;
    /// assert_eq!(same_second, ["ad1"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    join: Inner,
    /// As [`join`](Self::join), and `(key, left, None)` for every event of this flow whose window has
    /// none of the other, once, when it closes.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let left = Flow::from_vec(vec![1, 12]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let right = Flow::from_vec(vec![2]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let tens = left.key_by(|_| ()).window(Window::fixed(Duration::from_millis(10)));
    /// let rows: Vec<_> = tens.left_join(right.key_by(|_| ())).collect()?;
    /// assert_eq!(rows, [((), 1, Some(2)), ((), 12, None)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    left_join: Left,
    /// As [`join`](Self::join), with `Some(left)`, and `(key, None, right)` for every event of the
    /// other flow whose window has none of this one, once, when it closes.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let left = Flow::from_vec(vec![1]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let right = Flow::from_vec(vec![2, 12]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let tens = left.key_by(|_| ()).window(Window::fixed(Duration::from_millis(10)));
    /// let rows: Vec<_> = tens.right_join(right.key_by(|_| ())).collect()?;
    /// assert_eq!(rows, [((), Some(1), 2), ((), None, 12)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    right_join: Right,
    /// As [`join`](Self::join), with what either side has: `(key, Both(left, right))`, and
    /// `(key, Left(left))` or `(key, Right(right))` for what has no match when its window closes.
    ///
    /// ```
    /// use flow::EitherOrBoth::{Left, Right};
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let left = Flow::from_vec(vec![1]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let right = Flow::from_vec(vec![12]).timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// let tens = left.key_by(|_| ()).window(Window::fixed(Duration::from_millis(10)));
    /// let rows: Vec<_> = tens.full_join(right.key_by(|_| ())).collect()?;
    /// assert_eq!(rows, [((), Left(1)), ((), Right(12))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    full_join: Full,
}

impl<N, A, X, W, G> Windowed<N, X, W, G, Once>
where
    N: Node<Item = Stamped<A>>,
    A: Clone + Send,
    X: KeyOf<A, Out: Clone>,
    W: WindowKind + Clone,
    G: Triggering + Clone,
{
    fn joined<M, B, Y, Z>(
        self,
        right: Keyed<Timed<M>, Y>,
        site: Site,
    ) -> WindowJoin<N, X, M, Y, W, G, Z>
    where
        M: Node<Item = Stamped<B>>,
        B: Clone + Send,
        Y: KeyOf<B, Stored = X::Stored>,
        Z: Shape<X::Out, A, B>,
        OpenJoin<W, A, B, G>: Open<EitherKey<X, Y>, Either<A, B>, ByValue, Out = Found<A, B>>,
    {
        let Windowed { keyed, window, trigger, lateness, .. } = self;
        // What has no match is known only when the window closes.
        let trigger = Closing { trigger, always: Z::LEFTS || Z::RIGHTS };
        let (fold, in_parts, mode) = (Lists(PhantomData), false, PhantomData);
        let open = OpenMerging(Opening { window, fold, trigger, lateness, in_parts, mode });
        let joined = Two::before(keyed, right, |two| KeyedWindows::new(two, open, site));
        let rows: fn(Pane<X::Out, Found<A, B>>) -> Rows<X::Out, A, B, Z> = Rows::of;
        joined.carry(site, FlatMap::new(site, rows))
    }
}

/// Keeps the events of both sides.
pub struct Lists<L, R>(PhantomData<fn(L, R)>);

impl<L, R> Clone for Lists<L, R> {
    fn clone(&self) -> Self {
        Lists(PhantomData)
    }
}

impl<L, R> fmt::Debug for Lists<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lists")
    }
}

/// The events of one key and window.
#[derive(Clone, Debug)]
pub struct Sides<L, R> {
    left: Vec<L>,
    right: Vec<R>,
    given: Given,
}

impl<L: Send, R: Send> Folding for Lists<L, R> {
    type Acc = Sides<L, R>;
    type Out = Found<L, R>;

    fn finish(&self, acc: Sides<L, R>) -> Found<L, R> {
        let Sides { left, right, given } = acc;
        Found { left, right, given }
    }
}

impl<L: Send, R: Send> Merge for Lists<L, R> {
    fn merge(&self, into: &mut Sides<L, R>, from: Sides<L, R>) {
        let (lefts, rights) = (into.left.len(), into.right.len());
        let by = |range: Range<usize>, by: usize| range.start + by..range.end + by;
        let given = from.given.into_iter();
        into.given.extend(given.map(|(left, right)| (by(left, lefts), by(right, rights))));
        into.left.extend(from.left);
        into.right.extend(from.right);
    }
}

impl<L: Send, R: Send> Fold<Either<L, R>> for Lists<L, R> {
    #[inline]
    fn first(&self, event: Either<L, R>) -> Sides<L, R> {
        let mut sides = Sides { left: Vec::new(), right: Vec::new(), given: Vec::new() };
        self.add(&mut sides, event);
        sides
    }

    #[inline]
    fn add(&self, sides: &mut Sides<L, R>, event: Either<L, R>) {
        match event {
            Either::Left(left) => sides.left.push(left),
            Either::Right(right) => sides.right.push(right),
        }
    }
}

/// How the panes of a join relate: each has the pairs that none before it had, the last one also what
/// has no match.
#[derive(Clone, Copy, Debug)]
pub struct Pairing;

impl<L: Clone + Send, R: Clone + Send> Mode<Lists<L, R>> for Pairing {
    type Held = Kept<Sides<L, R>>;

    fn fire(_: &Lists<L, R>, held: &mut Self::Held, _: &Head, _: u32) -> Fired<Found<L, R>> {
        let Sides { left, right, given } = &mut held.0;
        if left.is_empty() || right.is_empty() {
            return Fired { retract: None, insert: None };
        }
        let all = vec![(0..left.len(), 0..right.len())];
        let given = std::mem::replace(given, all.clone());
        let found = match &given[..] {
            _ if given == all => None,
            // Where events of one side only are new, the old ones of the other need not be copied.
            [(lefts, rights)] if *lefts == (0..left.len()) && rights.start == 0 => {
                let right = right[rights.end..].to_vec();
                Some(Found { left: left.clone(), right, given: Vec::new() })
            }
            [(lefts, rights)] if *rights == (0..right.len()) && lefts.start == 0 => {
                let left = left[lefts.end..].to_vec();
                Some(Found { left, right: right.clone(), given: Vec::new() })
            }
            _ => Some(Found { left: left.clone(), right: right.clone(), given }),
        };
        Fired { retract: None, insert: found }
    }

    fn last(fold: &Lists<L, R>, held: Self::Held, _: &Head, _: u32) -> Fired<Found<L, R>> {
        Fired { retract: None, insert: Some(fold.finish(held.0)) }
    }
}
