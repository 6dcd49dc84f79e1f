//! `rebalance`: a new stage whose instances take events as they can handle them.

use super::Flow;
use super::node::{ByReference, Node, Sequenced, Single};
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::pool::{FromPool, IntoPoolMake, Pool};
use std::fmt;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Begins a new stage with as many instances as there are workers (or as
    /// [`stages`](Flow::stages) says), each of which takes the next events when it is ready for more.
    ///
    /// It makes parallel what follows an operator that is not: behind `ordered`, `scan` or
    /// `enumerate` the flow stays sequenced, so it can be put in order again. With `stages(1)` it
    /// gathers what came in parallel. An event costs one hand-over, a few nanoseconds.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let dear = Flow::from_iter(0..100u64).ordered().rebalance().map(|x| x * x).ordered();
    /// assert_eq!(dear.collect::<Vec<_>>()?[99], 9801);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "shuffle")]
    #[track_caller]
    pub fn rebalance(self) -> Flow<Rebalance<N>> {
        let site = Site::here("rebalance");
        self.across(|up, up_stage| Rebalance { up, up_stage, site })
    }

    /// All events in one instance, for an operator of this name.
    pub(super) fn gather(self, site: Site) -> Flow<Rebalance<N, true>> {
        self.across(|up, up_stage| Rebalance { up, up_stage, site })
    }
}

/// A flow whose events go to whoever is ready for them: to `ONE` instance, or to several.
#[derive(Clone)]
pub struct Rebalance<N, const ONE: bool = false> {
    up: N,
    up_stage: StageOptions,
    site: Site,
}

impl<N, const ONE: bool> fmt::Debug for Rebalance<N, ONE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

#[diagnostic::do_not_recommend]
impl<N: Single> Sequenced for Rebalance<N> {}

impl<N: Node, const ONE: bool> Node for Rebalance<N, ONE> {
    type Item = N::Item;
    type Lending = ByReference;
    const SINGLE: bool = ONE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        if ONE {
            outline.instances(1);
        } else {
            outline.spread_over_workers();
            outline.operator(self.site);
        }
        outline.edge_from(&self.up_stage, "as demanded", stage.edge());
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, mut stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<N::Item>> + 'env,
    {
        if ONE {
            stage.stages = Some(1);
        }
        let pool = open_pool(stage, self.site, builder, make);
        self.up.build(self.up_stage, builder, IntoPoolMake(pool));
    }
}

/// Builds a stage that takes its events from a new pool.
pub(super) fn open_pool<'env, T, M>(
    options: StageOptions,
    site: Site,
    builder: &mut Builder<'env>,
    make: M,
) -> Arc<Pool<T>>
where
    T: Send + 'env,
    M: Make<Kernel: Push<T>> + 'env,
{
    let open = builder.open_source(&options, site);
    let counters = builder.edge_counters();
    let first = open.tasks[0].clone();
    let pool = Pool::new(options.edge(), options.tokens, first, counters);
    builder.fill(open, 1, make, |_, task, stage| {
        FromPool::new(Arc::clone(&pool), Arc::clone(stage), task.clone())
    });
    pool
}
