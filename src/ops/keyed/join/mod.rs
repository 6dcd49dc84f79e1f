//! Joins by key: one side is held in tables, the other one streams past them.
//!
//! ```text
//!  right ─▶ key, hash once ═══ edge ═══▶ partition: table of events by key
//!                                             ║ all of them, once they are complete
//!  left  ─▶ key, hash once ─▶ looks up ◀══════╝ ─▶ results
//! ```
//!
//! The side that is held is spread over partitions by the hash of its keys, so that its tables are made in
//! parallel. When it has ended, all tables together are shared by the instances of the other side, which
//! look up their events where these are: none of them crosses an edge, or changes its order. Until then
//! nothing is taken from the other side.

mod held;
mod node;
mod pairs;
mod probe;
mod shapes;
mod tables;
#[cfg(test)]
mod tests;

use super::key::{KeyOf, Keyed};
use crate::error::Site;
use crate::ops::{Flow, Node};
use node::{Join, KeyedInput};
use pairs::{Exists, LeftHeld, Pairs, RightHeld, With};
pub(in crate::ops) use shapes::{Full, Inner, Left, Right, Shape};
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node, X: KeyOf<N::Item>> Keyed<N, X> {
    /// Joins with another keyed flow: `(key, left, right)` for every event of this flow and every
    /// event of the other that have the same key.
    ///
    /// The right side is held in memory, or the left one behind
    /// [`build_left`](Flow::build_left); the other one streams past it and may be endless. Results
    /// come once the held side has ended; where it is empty, the other one is stopped. Memory: the
    /// events of the held side, one key each, and about 16 bytes; [`build_limit`](Flow::build_limit)
    /// bounds how many. The values are cloned for each match; [`join_map`](Keyed::join_map) clones
    /// none.
    ///
    /// What is held is shared, so it has to be `Sync`, and events are looked up where they are: they go to
    /// no other instance, and keep the order of their side, if it has one (not in a right or full join,
    /// which gives at the end what had no match). A side that comes from one instance, say of `scan`,
    /// is looked up by that one; [`rebalance`](Flow::rebalance) spreads it first. Options behind the join
    /// are those of the stage that looks up; its number of instances is that of the tables, too.
    ///
    /// Both keys are given in the same way: `key_by` on both sides, with keys of one type, or
    /// `key_by_ref`.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let orders = Flow::from_vec(vec![(1, "tea"), (2, "rye"), (1, "oats")]).key_by(|o| o.0);
    /// let people = Flow::from_vec(vec![(1, "Ann"), (3, "Bob")]).key_by(|p| p.0);
    /// let mut bought: Vec<(&str, &str)> =
    ///     orders.join(people).map(|(_, order, person)| (person.1, order.1)).collect()?;
    /// bought.sort();
    /// assert_eq!(bought, [("Ann", "oats"), ("Ann", "tea")]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "inner_join")]
    #[doc(alias = "hash_join")]
    #[track_caller]
    pub fn join<M, Y>(
        self,
        right: Keyed<M, Y>,
    ) -> RightHeldJoin<N, X, M, Y, Pairs<N::Item, X, Inner>>
    where
        M: Node<Item: Clone + Sync>,
        Y: KeyOf<M::Item, Stored = X::Stored>,
        N::Item: Clone,
        X::Stored: Clone + Sync,
    {
        self.joined(right, Site::here("join"), RightHeld(Arc::new(Pairs(PhantomData))))
    }

    /// As [`join`](Keyed::join), with a result of your own: `f(&key, &left, &right)`. Nothing has to
    /// be `Clone`.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let prices = Flow::from_vec(vec![("tea", 3), ("rye", 2)]).key_by(|p| p.0);
    /// let sold = Flow::from_vec(vec![("tea", 10), ("tea", 5)]).key_by(|s| s.0);
    /// let paid: i32 = sold.join_map(prices, |_, sold, price| sold.1 * price.1).sum()?;
    /// assert_eq!(paid, 45);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn join_map<M, Y, U, F>(
        self,
        right: Keyed<M, Y>,
        f: F,
    ) -> RightHeldJoin<N, X, M, Y, With<N::Item, X, F>>
    where
        M: Node<Item: Sync>,
        Y: KeyOf<M::Item, Stored = X::Stored>,
        X::Stored: Sync,
        U: Send,
        F: Fn(&X::Lent, &N::Item, &M::Item) -> U + Send + Sync,
    {
        self.joined(right, Site::here("join_map"), RightHeld(Arc::new(With(f, PhantomData))))
    }

    /// As [`join`](Keyed::join), and `(key, left, None)` for every event of this flow whose key the
    /// other does not have.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let left = Flow::from_vec(vec!["a", "b"]).key_by(|x| *x);
    /// let right = Flow::from_vec(vec!["b", "c"]).key_by(|x| *x);
    /// let mut all: Vec<_> = left.left_join(right).collect()?;
    /// all.sort();
    /// assert_eq!(all, [("a", "a", None), ("b", "b", Some("b"))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn left_join<M, Y>(
        self,
        right: Keyed<M, Y>,
    ) -> RightHeldJoin<N, X, M, Y, Pairs<N::Item, X, Left>>
    where
        M: Node<Item: Clone + Sync>,
        Y: KeyOf<M::Item, Stored = X::Stored>,
        N::Item: Clone,
        X::Stored: Clone + Sync,
    {
        self.joined(right, Site::here("left_join"), RightHeld(Arc::new(Pairs(PhantomData))))
    }

    /// As [`join`](Keyed::join), with `Some(left)`, and `(key, None, right)` for every event of the
    /// other flow whose key this one does not have. These come when this flow has ended.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let left = Flow::from_vec(vec!["a", "b"]).key_by(|x| *x);
    /// let right = Flow::from_vec(vec!["b", "c"]).key_by(|x| *x);
    /// let mut all: Vec<_> = left.right_join(right).collect()?;
    /// all.sort();
    /// assert_eq!(all, [("b", Some("b"), "b"), ("c", None, "c")]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn right_join<M, Y>(
        self,
        right: Keyed<M, Y>,
    ) -> RightHeldJoin<N, X, M, Y, Pairs<N::Item, X, Right>>
    where
        M: Node<Item: Clone + Sync>,
        Y: KeyOf<M::Item, Stored = X::Stored>,
        N::Item: Clone,
        X::Stored: Clone + Sync,
    {
        self.joined(right, Site::here("right_join"), RightHeld(Arc::new(Pairs(PhantomData))))
    }

    /// As [`join`](Keyed::join), with what either side has: `(key, Both(left, right))`,
    /// `(key, Left(left))` or `(key, Right(right))`. What is held and has no match comes when the
    /// other side has ended.
    ///
    /// ```
    /// use flow::EitherOrBoth::{Both, Left, Right};
    /// use flow::Flow;
    ///
    /// let left = Flow::from_vec(vec!["a", "b"]).key_by(|x| *x);
    /// let right = Flow::from_vec(vec!["b", "c"]).key_by(|x| *x);
    /// let mut all: Vec<_> = left.full_join(right).collect()?;
    /// all.sort_by_key(|found| found.0);
    /// assert_eq!(all, [("a", Left("a")), ("b", Both("b", "b")), ("c", Right("c"))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "outer_join")]
    #[track_caller]
    pub fn full_join<M, Y>(
        self,
        right: Keyed<M, Y>,
    ) -> RightHeldJoin<N, X, M, Y, Pairs<N::Item, X, Full>>
    where
        M: Node<Item: Clone + Sync>,
        Y: KeyOf<M::Item, Stored = X::Stored>,
        N::Item: Clone,
        X::Stored: Clone + Sync,
    {
        self.joined(right, Site::here("full_join"), RightHeld(Arc::new(Pairs(PhantomData))))
    }

    /// The events whose key the other flow has, each once. Of the other flow every key is held, once,
    /// and results come when it has ended; where it is empty, this flow is stopped.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let wanted = Flow::from_vec(vec![3, 5, 5, 99]).key_by(|x| *x);
    /// let found = Flow::from_range(0..10).key_by(|x| *x).semi_join(wanted);
    /// assert_eq!(found.sum::<i32>()?, 8);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn semi_join<M, Y>(self, right: Keyed<M, Y>) -> Flow<Join<N, X, M, Y, Exists<true>>>
    where
        M: Node,
        Y: KeyOf<M::Item, Stored = X::Stored>,
        X::Stored: Sync,
    {
        self.joined(right, Site::here("semi_join"), Exists)
    }

    /// The events whose key the other flow does not have. Of the other flow every key is held, once,
    /// and results come when it has ended.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let known = Flow::from_vec(vec![3, 5, 5, 99]).key_by(|x| *x);
    /// let new = Flow::from_range(0..10).key_by(|x| *x).anti_join(known);
    /// assert_eq!(new.sum::<i32>()?, 45 - 8);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn anti_join<M, Y>(self, right: Keyed<M, Y>) -> Flow<Join<N, X, M, Y, Exists<false>>>
    where
        M: Node,
        Y: KeyOf<M::Item, Stored = X::Stored>,
        X::Stored: Sync,
    {
        self.joined(right, Site::here("anti_join"), Exists)
    }

    fn joined<M, Y, W>(self, right: Keyed<M, Y>, site: Site, way: W) -> Flow<Join<N, X, M, Y, W>> {
        let Keyed { flow: left, key: left_key, hash: left_hash, site: left_site } = self;
        let Keyed { flow: right, key: right_key, hash: right_hash, site: right_site } = right;
        // If either side's keys are not to be trusted, both are hashed in secret.
        let hash = if left_hash == Default::default() { right_hash } else { left_hash };
        left.beside(right, |left, left_stage, right, right_stage| {
            let probe =
                KeyedInput { up: left, up_stage: left_stage, key: left_key, site: left_site };
            let build =
                KeyedInput { up: right, up_stage: right_stage, key: right_key, site: right_site };
            Join::new(probe, build, hash, way, site)
        })
    }
}

/// A join whose right side is held.
type RightHeldJoin<N, X, M, Y, J> = Flow<Join<N, X, M, Y, RightHeld<J>>>;

impl<N, X, M, Y, J> Flow<Join<N, X, M, Y, RightHeld<J>>> {
    /// Holds the left side of this join instead of the right one, which then streams past it: for
    /// where the left side is the smaller one, or the right one endless.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let few = Flow::from_range(0..3u64).key_by(|x| *x);
    /// let endless = Flow::from_iter(0u64..).key_by(|x| x % 5);
    /// let found: Vec<(u64, u64, u64)> = few.join(endless).build_left().take_any(9).collect()?;
    /// assert_eq!(found.len(), 9);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn build_left(self) -> Flow<Join<M, Y, N, X, LeftHeld<J>>>
    where
        N: Node<Item: Sync>,
    {
        self.within(Join::held_left)
    }
}

impl<P, XP, B, XB, W> Flow<Join<P, XP, B, XB, W>> {
    /// The most events of its held side that this join may hold, in all partitions together; of a
    /// semi or anti join the most keys. Default: no limit. 0 is refused.
    ///
    /// # Errors
    /// One more fails the run with [`ErrorKind::Limit`](crate::ErrorKind::Limit), in the name of this
    /// join, within 1,024 events per partition.
    ///
    /// ```
    /// use flow::{ErrorKind, Flow};
    ///
    /// let (left, right) = (Flow::from_range(0..9u64), Flow::from_range(0..9u64));
    /// let join = left.key_by(|x| *x).join(right.key_by(|x| *x)).build_limit(5);
    /// assert_eq!(join.count().unwrap_err().kind(), ErrorKind::Limit);
    /// ```
    #[track_caller]
    pub fn build_limit(mut self, events: usize) -> Self {
        if events == 0 {
            let why = "a join that may hold nothing finds nothing".to_owned();
            self.run.refuse(Site::here("build_limit"), why);
        }
        self.within(|join| join.limited(events))
    }
}
