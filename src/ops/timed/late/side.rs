//! Late events as a flow of their own: it begins a stage that claims from a pool, which the windows
//! feed.

use super::{Late, LateEvent, Way};
use crate::error::Site;
use crate::kernel::{Finish, Kernel, Make, Push};
use crate::ops::Flow;
use crate::ops::node::{ByReference, Node};
use crate::ops::rebalance::open_pool;
use crate::plan::{Builder, Outline, RunOptions, StageOptions};
use crate::runtime::Place;
use crate::runtime::pool::{IntoPool, IntoPoolMake, Pool};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What windows and the flow of their late events share.
struct Shared<K, T> {
    /// Set when the flow of late events is built.
    pool: OnceLock<Arc<Pool<LateEvent<K, T>>>>,
    /// The branchings that the windows themselves come from.
    earlier: Vec<usize>,
    site: Site,
}

impl<K, T> Shared<K, T> {
    /// A number that no other branching has while this one lives.
    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Says that one of both flows is being built: a run needs both.
    fn built(self: &Arc<Self>, builder: &mut Builder<'_>) {
        builder.branch_of(self.id(), 2, self.site, &self.earlier);
    }
}

/// Both ends of a new side of a flow that ends so: of its windows, and of the flow of late events.
pub(in crate::ops::timed) fn side<K: Send, T: Send>(
    site: Site,
    node: &impl Node,
    stage: &StageOptions,
    run: &RunOptions,
) -> (IntoSide<K, T>, Flow<LateSide<K, T>>) {
    let mut outline = Outline::new(None, false);
    Flow::describe_parts(node, stage, &mut outline);
    let earlier = outline.branchings().collect();
    let shared = Arc::new(Shared { pool: OnceLock::new(), earlier, site });
    let mut late = Flow::of(LateSide(Arc::clone(&shared)));
    late.run = run.clone();
    (IntoSide(shared), late)
}

/// The events that came too late, as a flow.
pub struct LateSide<K, T>(Arc<Shared<K, T>>);

impl<K, T> fmt::Debug for LateSide<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateSide")
    }
}

impl<K: Send, T: Send> Node for LateSide<K, T> {
    type Item = LateEvent<K, T>;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.spread_over_workers();
        outline.side_of(self.0.id(), "late events", stage.edge());
        outline.operator(self.0.site);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let LateSide(shared) = self;
        let pool = open_pool(stage, shared.site, builder, make);
        // A flow is built once.
        let _set = shared.pool.set(pool);
        shared.built(builder);
    }
}

/// Late events go to a flow of their own.
pub struct IntoSide<K, T>(Arc<Shared<K, T>>);

impl<K, T> fmt::Debug for IntoSide<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoSide")
    }
}

impl<K: Send, T: Send> Late<K, T> for IntoSide<K, T> {
    type Way = ToPool<K, T>;

    fn way(&self, place: &Place) -> ToPool<K, T> {
        let pool = self.0.pool.get().expect("a run has all flows of what branches");
        ToPool(IntoPoolMake(Arc::clone(pool)).make(place))
    }

    fn describe(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.has_side(self.0.id());
    }

    fn build(&self, builder: &mut Builder<'_>) {
        self.0.built(builder);
    }
}

/// One instance's way to the flow of late events.
#[derive(Debug)]
pub struct ToPool<K, T>(IntoPool<LateEvent<K, T>>);

impl<K: Send, T: Send> Way<K, T> for ToPool<K, T> {
    const SIDE: bool = true;

    fn take(&mut self, late: LateEvent<K, T>) {
        self.0.offer(late);
    }

    fn room(&mut self) -> usize {
        self.0.room()
    }

    fn closed(&self) -> bool {
        self.0.closed()
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.0.quiet(now)
    }

    fn end(&mut self, finish: Finish) -> bool {
        self.0.end(finish)
    }

    fn close(self, last: bool) {
        self.0.close(last);
    }
}
