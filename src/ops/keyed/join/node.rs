//! A join in the plan: both sides with their keys, the partitions that hold one of them, and the look-up
//! in the stage of the other.

use super::held::{Held, HoldMake, Limit};
use super::pairs::{InOrder, LeftHeld, Matching, RightHeld};
use super::probe::Probe;
use crate::error::Site;
use crate::kernel::{FusedMake, Make, Push};
use crate::ops::junction::Entrance;
use crate::ops::keyed::attach::{Attach, ByCarriedHash};
use crate::ops::keyed::key::KeyOf;
use crate::ops::{ByReference, Node, Partitioned, Sequenced, Single};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::edge::{EdgeOptions, FromInbox};
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
impl<P: Partitioned, XP, B, XB, W> Partitioned for Join<P, XP, B, XB, W> where Self: Node {}

#[diagnostic::do_not_recommend]
impl<P: Sequenced, XP, B, XB, W: InOrder> Sequenced for Join<P, XP, B, XB, W> where Self: Node {}

#[diagnostic::do_not_recommend]
impl<P: Single, XP, B, XB, W: InOrder> Single for Join<P, XP, B, XB, W> where Self: Node {}

impl<P, XP, B, XB, W> Node for Join<P, XP, B, XB, W>
where
    P: Node,
    XP: KeyOf<P::Item, Stored: Sync>,
    B: Node,
    XB: KeyOf<B::Item, Stored = XP::Stored>,
    W: Matching<XP::Stored, P::Item, B::Item>,
{
    type Item = W::Out;
    type Lending = ByReference;
    const SINGLE: bool = P::SINGLE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        let Join { probe, build, site, .. } = self;
        let to = outline.current();
        outline.operator(*site);
        let probe_stage = probe.up_stage.clone().absorb(stage.clone());
        outline.reopen(&probe_stage);
        outline.operator(probe.site);
        probe.up.describe(&probe_stage, outline);
        let all = EdgeOptions { max_demand: usize::MAX, min_demand: 0, batch: 0, linger: 0 };
        let holds = holding(stage);
        outline.edge_into(to, &holds, "held, shared", all);
        outline.operator(*site);
        outline.edge_from(&build.up_stage, "by key", holds.edge());
        outline.operator(build.site);
        build.up.describe(&build.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<W::Out>> + 'env,
    {
        let Join { probe, build, hash, way, limit, site } = self;
        let held = Held::new();
        let before = builder.branches();
        let holds = holding(&stage);
        let spec = Probe {
            held: Arc::clone(&held),
            key: probe.key,
            hash,
            key_site: probe.site,
            way,
            site,
            types: PhantomData,
        };
        probe.up.build(probe.up_stage.absorb(stage), builder, FusedMake { spec, next: make });
        let before_held = builder.branches();
        let limit = limit.map(|most| Arc::new(Limit { most, held: AtomicUsize::new(0) }));
        let counters = builder.edge_counters();
        let open = builder.open_partitions(&holds, site);
        let to = Entrance::new(&open.tasks, holds.edge(), builder);
        let make =
            HoldMake::<_, P::Item, B::Item, W> { held, counters, limit, site, types: PhantomData };
        let (inboxes, partitions) = (to.inboxes(), open.tasks.len());
        builder.fill(open, partitions, make, |at, _, _| FromInbox::new(Arc::clone(&inboxes[at])));
        let spec = Attach::new(build.key, hash, build.site, W::keep);
        let next = to.sender(ByCarriedHash, site);
        build.up.build(build.up_stage, builder, FusedMake { spec, next });
        // Nothing is looked up before all is held.
        builder.check_apart(site, before, before_held);
    }
}

/// The options of the partitions that hold one side: those of the join that can mean them.
fn holding(stage: &StageOptions) -> StageOptions {
    let StageOptions { stages, max_demand, min_demand, linger, .. } = *stage;
    StageOptions { stages, max_demand, min_demand, linger, ..StageOptions::default() }
}
