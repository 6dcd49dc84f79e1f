//! A join in the plan: both sides with their keys, and the partitions that they meet in.

use super::pairs::{LeftHeld, Matching, RightHeld};
use super::table::{HashJoin, Keyed, Limit};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{FusedMake, Make, Operator, Push, Spec};
use crate::ops::exchange::{Route, scale};
use crate::ops::junction::{build_two, describe_two};
use crate::ops::keyed::key::{KeyOf, TakeKey, visit};
use crate::ops::{ByReference, Node, Partitioned};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::state::RoutingHash;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// One side of a join, up to where it gets its keys.
#[derive(Debug)]
pub(super) struct KeyedInput<N, X> {
    pub(super) up: N,
    pub(super) up_stage: StageOptions,
    pub(super) key: Arc<X>,
    pub(super) site: Site,
}

impl<N: Clone, X> Clone for KeyedInput<N, X> {
    fn clone(&self) -> Self {
        let key = Arc::clone(&self.key);
        KeyedInput { up: self.up.clone(), up_stage: self.up_stage.clone(), key, site: self.site }
    }
}

impl<N: Node, X> KeyedInput<N, X> {
    fn describe(&self, outline: &mut Outline) {
        outline.operator(self.site);
        self.up.describe(&self.up_stage, outline);
    }
}

/// Two flows, joined by key: `P` streams past what is held of `B`.
pub struct Join<P, XP, B, XB, W> {
    probe: KeyedInput<P, XP>,
    build: KeyedInput<B, XB>,
    hash: RoutingHash,
    way: W,
    limit: Option<usize>,
    site: Site,
}

impl<P, XP, B, XB, W> Join<P, XP, B, XB, W> {
    pub(super) fn new(
        probe: KeyedInput<P, XP>,
        build: KeyedInput<B, XB>,
        hash: RoutingHash,
        way: W,
        site: Site,
    ) -> Self {
        Join { probe, build, hash, way, limit: None, site }
    }

    pub(super) fn limited(mut self, events: usize) -> Self {
        self.limit = Some(events);
        self
    }
}

impl<P, XP, B, XB, J> Join<P, XP, B, XB, RightHeld<J>> {
    /// The same join with the left side held.
    pub(super) fn held_left(self) -> Join<B, XB, P, XP, LeftHeld<J>> {
        let Join { probe, build, hash, way, limit, site, .. } = self;
        let way = LeftHeld(way.0);
        Join { probe: build, build: probe, hash, way, limit, site }
    }
}

impl<P: Clone, XP, B: Clone, XB, W: Clone> Clone for Join<P, XP, B, XB, W> {
    fn clone(&self) -> Self {
        Join {
            probe: self.probe.clone(),
            build: self.build.clone(),
            hash: self.hash,
            way: self.way.clone(),
            limit: self.limit,
            site: self.site,
        }
    }
}

impl<P, XP, B, XB, W> fmt::Debug for Join<P, XP, B, XB, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Join({})", self.site.operator)
    }
}

#[diagnostic::do_not_recommend]
impl<P, XP, B, XB, W> Partitioned for Join<P, XP, B, XB, W> where Self: Node {}

impl<P, XP, B, XB, W> Node for Join<P, XP, B, XB, W>
where
    P: Node,
    XP: KeyOf<P::Item>,
    B: Node,
    XB: KeyOf<B::Item, Stored = XP::Stored>,
    W: Matching<XP::Stored, P::Item, B::Item>,
{
    type Item = W::Out;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        let Join { probe, build, .. } = self;
        describe_two(
            outline,
            ["by key, looked up", "by key, held"],
            stage.edge(),
            [&probe.up_stage, &build.up_stage],
            |outline| probe.describe(outline),
            |outline| build.describe(outline),
        );
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<W::Out>> + 'env,
    {
        let Join { probe, build, hash, way, limit, site } = self;
        let limit = limit.map(|most| Arc::new(Limit { most, held: AtomicUsize::new(0) }));
        let open = builder.open_partitions(&stage, site);
        build_two(
            site,
            open,
            stage.edge(),
            builder,
            make,
            |task| HashJoin::new(way.clone(), limit.clone(), site, task.clone()),
            |to, builder| {
                let spec = Attach {
                    key: probe.key,
                    hash,
                    site: probe.site,
                    keep: |event| event,
                    types: PhantomData,
                };
                let next = to.sender(ByCarriedHash, site);
                probe.up.build(probe.up_stage, builder, FusedMake { spec, next });
            },
            |to, builder| {
                let spec = Attach {
                    key: build.key,
                    hash,
                    site: build.site,
                    keep: W::keep,
                    types: PhantomData,
                };
                let next = to.sender(ByCarriedHash, site);
                build.up.build(build.up_stage, builder, FusedMake { spec, next });
            },
        );
    }
}

/// To the partition of the hash that an event carries.
struct ByCarriedHash;

impl<S, T> Route<Keyed<S, T>> for ByCarriedHash {
    const SENDS_ALL: bool = true;

    #[inline(always)]
    fn route(&self, (hash, ..): &Keyed<S, T>, partitions: usize) -> Option<usize> {
        Some(scale(*hash, partitions))
    }
}

/// Gives an event its key, to travel with it, and keeps of it what is needed. The plan's form and
/// the instances' form in one.
struct Attach<X, T, F> {
    key: Arc<X>,
    hash: RoutingHash,
    site: Site,
    keep: F,
    types: PhantomData<fn(T)>,
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
    type Out = Keyed<X::Stored, R>;

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
    fn attach<R>(&self, event: T) -> Keyed<X::Stored, R>
    where
        X: KeyOf<T>,
        F: Fn(T) -> R,
    {
        let (hash, key) = visit(&*self.key, &self.site, &event, self.hash, TakeKey);
        // What is not kept is dropped here, which is a user's code.
        (hash, key, guarded(&self.site, || (self.keep)(event)))
    }
}
