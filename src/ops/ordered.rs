//! `ordered`: the source's order over parallel instances, in bounded memory, results as they come.

use super::Flow;
use super::node::{ByReference, Node, Sequenced, Single, Stampable};
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::credit::Credits;
use crate::runtime::reorder::{FromOrder, IntoOrderMake, Reorder};
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Gives results in the order of the source, while the stage before works in parallel.
    ///
    /// What follows is one sequential stage. The source is never more than
    /// [`in_flight`](Flow::in_flight) events (default 4,096) ahead of what the reader has taken, so
    /// memory is bounded whatever the cost of single events; with 16 times the number of workers a
    /// skewed cost hardly costs speed. A text source counts lines, a file source blocks of lines.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let squares = Flow::from_range(0..100u64).map(|x| x * x).ordered().in_flight(32);
    /// let sum = squares.with_iter(|squares| squares.take(3).sum::<u64>())?;
    /// assert_eq!(sum, 5);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn ordered(self) -> Flow<Ordered<N>>
    where
        N: Sequenced,
    {
        self.in_order_of(Site::here("ordered"), None, false)
    }

    /// The order that an operator needs, which is in the plan for both.
    pub(crate) fn ordered_for(self, site: Site, wanted: Option<usize>) -> Flow<Ordered<N>> {
        self.in_order_of(site, wanted, true)
    }

    /// The order that a terminal needs.
    pub(crate) fn ordered_to(self, site: Site, wanted: Option<usize>) -> Flow<Ordered<N>> {
        self.in_order_of(site, wanted, false)
    }

    fn in_order_of(self, site: Site, wanted: Option<usize>, implied: bool) -> Flow<Ordered<N>> {
        let mut flow = self.across(|up, up_stage| Ordered { up, up_stage, implied, site });
        flow.stage.wanted = wanted;
        flow
    }
}

/// A flow whose parallel results are put in order again.
#[derive(Clone, Debug)]
pub struct Ordered<N> {
    pub(super) up: N,
    up_stage: StageOptions,
    /// Another operator needs the order and is in the plan for both.
    implied: bool,
    site: Site,
}

#[diagnostic::do_not_recommend]
impl<N: Sequenced> Sequenced for Ordered<N> {}

#[diagnostic::do_not_recommend]
impl<N: Sequenced> Single for Ordered<N> {}

impl<N: Sequenced> Stampable for Ordered<N> {}

impl<N> Ordered<N> {
    /// In order for another operator.
    pub(super) fn of(up: N, up_stage: StageOptions, site: Site) -> Self {
        Ordered { up, up_stage, implied: true, site }
    }

    /// The order that another operator needs, in a stage before that operator's own.
    pub(super) fn implied(up: N, up_stage: StageOptions, by: Site) -> Self {
        let site = Site { operator: "ordered", ..by };
        Ordered { up, up_stage, implied: false, site }
    }

    fn name_in(&self, outline: &mut Outline) {
        if !self.implied {
            outline.operator(self.site);
        }
    }
}

impl<N: Node> Node for Ordered<N> {
    type Item = N::Item;
    type Lending = ByReference;
    const SINGLE: bool = true;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        if N::SINGLE {
            self.name_in(outline);
            return self.up.describe(&self.up_stage.clone().absorb(stage.clone()), outline);
        }
        outline.instances(1);
        self.name_in(outline);
        let mut edge = stage.edge();
        edge.max_demand = stage.in_flight(outline.partitions());
        edge.min_demand = 0;
        edge.batch = edge.batch.min(edge.max_demand);
        outline.edge_from(&self.up_stage, "in order", edge);
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<N::Item>> + 'env,
    {
        if N::SINGLE {
            // In order already, and in one instance: there is nothing to do.
            return self.up.build(self.up_stage.absorb(stage), builder, make);
        }
        let in_flight = stage.in_flight(builder.core().partitions);
        let open = builder.open(&stage, self.site, 1);
        // What the reader holds for itself counts too.
        let tokens = in_flight - builder.held_by_reader(in_flight, open.tasks[0].id());
        let tokens = Arc::new(Credits::new(tokens));
        let reorder =
            Reorder::new(open.tasks[0].clone(), Arc::clone(&tokens), builder.edge_counters());
        if stage.wanted == Some(0) {
            // Nothing will wake it, but it has to say that it wants nothing.
            builder.start_with(open.tasks[0].clone());
        }
        builder.fill(open, 1, make, |_, _, _| FromOrder::new(Arc::clone(&reorder)));
        let mut up_stage = self.up_stage;
        up_stage.tokens = Some(tokens);
        self.up.build(up_stage, builder, IntoOrderMake(reorder));
    }
}
