//! Stages with two inputs: how both are described and built.

use super::exchange::{Route, SpreadMake};
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::plan::{Builder, OpenStage, Outline, StageOptions};
use crate::runtime::edge::{EdgeOptions, Inbox, Reader};
use crate::runtime::junction::{FromTwo, Junction};
use crate::runtime::meter::EdgeCounters;
use crate::runtime::task::TaskRef;
use std::sync::Arc;

/// Adds the two inputs of the stage that was opened last to the outline, the right one first, so
/// that the left one comes first in the plan.
pub(super) fn describe_two(
    outline: &mut Outline,
    routing: [&'static str; 2],
    edge: EdgeOptions,
    stages: [&StageOptions; 2],
    left: impl FnOnce(&mut Outline),
    right: impl FnOnce(&mut Outline),
) {
    let to = outline.current();
    outline.edge_into(to, stages[1], routing[1], edge);
    right(outline);
    outline.edge_into(to, stages[0], routing[0], edge);
    left(outline);
}

/// The stage in which two flows meet, and what the edges into it may carry.
pub(super) struct Meeting {
    pub(super) site: Site,
    pub(super) stage: OpenStage,
    pub(super) edge: EdgeOptions,
}

/// Builds a stage of two inputs, and then both: the right one first, as they are described.
///
/// All flows pass here that meet in one stage whose inputs wait for each other. A flow that branches
/// and comes back through both inputs could fill one of its branches while only the other one is
/// wanted: that is refused.
pub(super) fn build_two<'env, J, M>(
    Meeting { site, stage, edge }: Meeting,
    builder: &mut Builder<'env>,
    make: M,
    junction: impl Fn(&TaskRef) -> J,
    left: impl FnOnce(Entrance<J::Left>, &mut Builder<'env>),
    right: impl FnOnce(Entrance<J::Right>, &mut Builder<'env>),
) where
    J: Junction + 'env,
    M: Make<Kernel: Push<J::Out>> + 'env,
{
    let to_right = Entrance::new(&stage.tasks, edge, builder);
    let rights = Arc::clone(&to_right.inboxes);
    let before_right = builder.branches();
    right(to_right, builder);
    let before_left = builder.branches();
    let to_left = Entrance::new(&stage.tasks, edge, builder);
    let lefts = Arc::clone(&to_left.inboxes);
    left(to_left, builder);
    builder.check_apart(site, before_right, before_left);
    let instances = stage.tasks.len();
    builder.fill(stage, instances, make, |at, task, _| {
        FromTwo::new(Arc::clone(&lefts[at]), Arc::clone(&rights[at]), junction(task))
    });
}

/// One of the edges into a stage: an inbox of each of its instances.
pub(super) struct Entrance<T> {
    inboxes: Arc<[Arc<Inbox<T>>]>,
    counters: Arc<EdgeCounters>,
}

impl<T: Send> Entrance<T> {
    pub(super) fn new(tasks: &[TaskRef], edge: EdgeOptions, builder: &mut Builder<'_>) -> Self {
        let counters = builder.edge_counters();
        let inbox =
            |task: &TaskRef| Inbox::new(Reader::Task(task.clone()), edge, Arc::clone(&counters));
        Entrance { inboxes: tasks.iter().map(inbox).collect(), counters }
    }

    /// Where the instances take from.
    pub(super) fn inboxes(&self) -> Arc<[Arc<Inbox<T>>]> {
        Arc::clone(&self.inboxes)
    }

    /// Makes the sending ends of this edge.
    pub(super) fn sender<R: Route<T>>(self, route: R, site: Site) -> SpreadMake<R, T> {
        let Entrance { inboxes, counters } = self;
        SpreadMake { inboxes, counters, route: Arc::new(route), site }
    }
}
