//! What comes to windows: one flow whose events have keys, or two.

use super::exchange::{ByKeyMake, Doors};
use super::open::Open;
use super::{HasTime, Stamped, Timed};
use crate::error::Site;
use crate::kernel::{FusedMake, Operator, Push, Spec};
use crate::ops::Node;
use crate::ops::keyed::{KeyOf, Keyed, Visit};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::state::{Hashing, RoutingHash};
use itertools::Either;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// The flows whose events come to windows.
pub trait Inputs: Send {
    /// An event as windows get it.
    type Event: Send;
    /// How it gets its key.
    type Key: KeyOf<Self::Event>;

    /// How many flows there are.
    const SIDES: usize;

    /// Adds the edges to the outline, and what is before them.
    fn describe(&self, stage: &StageOptions, outline: &mut Outline);

    /// Builds all of them.
    fn build<'env, O, D>(
        self,
        to: Doors<Self::Key, Self::Event, O, D>,
        builder: &mut Builder<'env>,
    ) where
        Self: 'env,
        O: Open<Self::Key, Self::Event, D> + 'env,
        D: 'env;
}

/// One flow, up to where its events get their keys.
#[derive(Debug)]
pub struct One<N, X> {
    pub(super) up: N,
    pub(super) up_stage: StageOptions,
    pub(super) key: Arc<X>,
    pub(super) hash: RoutingHash,
    pub(super) site: Site,
}

impl<N: Clone, X> Clone for One<N, X> {
    fn clone(&self) -> Self {
        let (up, up_stage) = (self.up.clone(), self.up_stage.clone());
        One { up, up_stage, key: Arc::clone(&self.key), hash: self.hash, site: self.site }
    }
}

/// The events of a flow whose events have times.
pub(super) type Value<N> = <<N as Node>::Item as HasTime>::Value;

impl<N, X> One<N, X>
where
    N: Node<Item: HasTime>,
    X: KeyOf<Value<N>>,
{
    fn describe_into(&self, to: usize, stage: &StageOptions, outline: &mut Outline) {
        outline.edge_into(to, &self.up_stage, "by key", stage.edge());
        outline.operator(self.site);
        self.up.describe(&self.up_stage, outline);
    }
}

impl<N, X> Inputs for One<N, X>
where
    N: Node<Item: HasTime>,
    X: KeyOf<Value<N>>,
{
    type Event = Value<N>;
    type Key = X;
    const SIDES: usize = 1;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        self.describe_into(outline.current(), stage, outline);
    }

    fn build<'env, O, D>(self, to: Doors<X, Value<N>, O, D>, builder: &mut Builder<'env>)
    where
        Self: 'env,
        O: Open<X, Value<N>, D> + 'env,
        D: 'env,
    {
        let One { up, up_stage, key, hash, site: key_site } = self;
        up.build(up_stage, builder, ByKeyMake { to, side: 0, key, hash, key_site });
    }
}

/// The keys of two sides, which are kept in the same way.
#[derive(Debug)]
pub struct EitherKey<X, Y>(Arc<X>, Arc<Y>);

impl<L, R, X, Y> KeyOf<Either<L, R>> for EitherKey<X, Y>
where
    X: KeyOf<L>,
    Y: KeyOf<R, Stored = X::Stored>,
{
    type Stored = X::Stored;
    type Out = X::Out;
    type Lent = X::Lent;

    #[inline(always)]
    fn visit<V: Visit<X::Stored>, H: Hashing>(
        &self,
        event: &Either<L, R>,
        hash: H,
        visit: V,
    ) -> V::Out {
        match event {
            Either::Left(left) => self.0.visit(left, hash, visit),
            Either::Right(right) => self.1.visit(right, hash, visit),
        }
    }

    fn out(stored: X::Stored) -> X::Out {
        X::out(stored)
    }

    fn lent(stored: &X::Stored) -> &X::Lent {
        X::lent(stored)
    }
}

/// Says of the events of two flows which side they are of: the left one, or the right one.
struct ToSide<N, M, const LEFT: bool>(PhantomData<fn(N) -> M>);

macro_rules! to_side {
    ($($left:literal: $side:ident($node:ident)),+) => {$(
        impl<N: Node<Item: HasTime>, M: Node<Item: HasTime>> Spec for ToSide<N, M, $left> {
            type Operator = Self;

            fn start(&self, _place: &Place) -> Self {
                ToSide(PhantomData)
            }
        }

        impl<N: Node<Item: HasTime>, M: Node<Item: HasTime>> Operator for ToSide<N, M, $left> {
            type In = $node::Item;
            type Out = Stamped<Either<Value<N>, Value<M>>>;

            #[inline(always)]
            fn push<K: Push<Self::Out>>(&mut self, event: Self::In, next: &mut K) {
                let (at, value) = event.split();
                next.push(Stamped { at, value: Either::$side(value) });
            }
        }
    )+};
}

to_side!(true: Left(N), false: Right(M));

/// Two flows whose keys are of one type. Their events meet in one queue, in which none waits for the
/// other side: only watermarks do.
pub struct Two<N, X, M, Y> {
    left: One<N, X>,
    right: One<M, Y>,
}

impl<N: Clone, X, M: Clone, Y> Clone for Two<N, X, M, Y> {
    fn clone(&self) -> Self {
        Two { left: self.left.clone(), right: self.right.clone() }
    }
}

impl<N, X, M, Y> fmt::Debug for Two<N, X, M, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Two")
    }
}

impl<N, X, M, Y> Two<N, X, M, Y> {
    /// Both flows before one node, `node`.
    pub(super) fn before<U>(
        left: Keyed<Timed<N>, X>,
        right: Keyed<Timed<M>, Y>,
        node: impl FnOnce(Self) -> U,
    ) -> super::TimedFlow<U> {
        let Keyed { flow: left, key: left_key, hash: left_hash, site: left_site } = left;
        let Keyed { flow: right, key: right_key, hash: right_hash, site: right_site } = right;
        // If either side's keys are not to be trusted, both are hashed in secret.
        let hash = if left_hash == Default::default() { right_hash } else { left_hash };
        super::TimedFlow(left.beside(
            right,
            |Timed(left), left_stage, Timed(right), right_stage| {
                let left =
                    One { up: left, up_stage: left_stage, key: left_key, hash, site: left_site };
                let right = One {
                    up: right,
                    up_stage: right_stage,
                    key: right_key,
                    hash,
                    site: right_site,
                };
                Timed(node(Two { left, right }))
            },
        ))
    }
}

impl<N, X, M, Y> Inputs for Two<N, X, M, Y>
where
    N: Node<Item: HasTime>,
    X: KeyOf<Value<N>>,
    M: Node<Item: HasTime>,
    Y: KeyOf<Value<M>, Stored = X::Stored>,
{
    type Event = Either<Value<N>, Value<M>>;
    type Key = EitherKey<X, Y>;
    const SIDES: usize = 2;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        let to = outline.current();
        self.right.describe_into(to, stage, outline);
        self.left.describe_into(to, stage, outline);
    }

    fn build<'env, O, D>(
        self,
        to: Doors<EitherKey<X, Y>, Either<Value<N>, Value<M>>, O, D>,
        builder: &mut Builder<'env>,
    ) where
        Self: 'env,
        O: Open<EitherKey<X, Y>, Either<Value<N>, Value<M>>, D> + 'env,
        D: 'env,
    {
        let Two { left, right } = self;
        let key = Arc::new(EitherKey(left.key, right.key));
        let hash = left.hash;
        let side = |side, key_site| ByKeyMake {
            to: to.clone(),
            side,
            key: Arc::clone(&key),
            hash,
            key_site,
        };
        let (to_right, to_left) = (side(1, right.site), side(0, left.site));
        drop(to);
        let make = FusedMake { spec: ToSide::<N, M, false>(PhantomData), next: to_right };
        right.up.build(right.up_stage, builder, make);
        let make = FusedMake { spec: ToSide::<N, M, true>(PhantomData), next: to_left };
        left.up.build(left.up_stage, builder, make);
    }
}
