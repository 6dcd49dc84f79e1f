//! The flow itself: a typed tree with the options of its last stage and of its run.

use super::node::{Node, Then};
use crate::error::Site;
use crate::kernel::{Operator, Spec};
use crate::plan::{Outline, Plan, RunOptions, StageOptions};
use std::fmt;

/// A lazy description of a dataflow: sources, operators, and what becomes of the results.
///
/// Nothing happens until a terminal (`collect`, `for_each`, `run`, …) compiles the flow into stages
/// and runs them. Where its source can be read again and the closures of `map`, `filter` and the other
/// stateless operators are `Clone`, which they are if what they capture is, a flow can be cloned and
/// run again.
///
/// ```
/// use flow::Flow;
/// use std::collections::HashMap;
///
/// let text = "to be or not to be";
/// let counts: HashMap<&str, u64> = Flow::from_text(text)
///     .flat_map(|line| line.split_whitespace())
///     .key_by(|word| *word)
///     .count()
///     .collect()?;
/// assert_eq!(counts["be"], 2);
/// # Ok::<(), flow::FlowError>(())
/// ```
#[must_use = "a flow does nothing until a terminal such as `collect`, `for_each` or `run` runs it"]
#[derive(Clone)]
pub struct Flow<N = ()> {
    pub(crate) node: N,
    pub(crate) stage: StageOptions,
    pub(crate) run: RunOptions,
}

impl<N> Flow<N> {
    pub(crate) fn of(node: N) -> Self {
        Flow { node, stage: StageOptions::default(), run: RunOptions::default() }
    }

    /// The same run, with another node at its end in the same stage.
    pub(crate) fn within<U>(self, node: impl FnOnce(N) -> U) -> Flow<U> {
        Flow { node: node(self.node), stage: self.stage, run: self.run }
    }

    /// The plan of a flow that ends with this node.
    pub(crate) fn explain_as<M: Node>(&self, node: &M) -> Plan {
        let mut outline = Outline::new(self.run.executor.as_ref(), false);
        outline.open(&self.stage);
        node.describe(&self.stage, &mut outline);
        outline.finish().0
    }

    /// The same run, with a node at its end that begins a new stage.
    pub(crate) fn across<U>(self, node: impl FnOnce(N, StageOptions) -> U) -> Flow<U> {
        let Flow { node: up, stage, mut run } = self;
        run.check_stage(&stage);
        Flow { node: node(up, stage), stage: StageOptions::default(), run }
    }

    /// The run of this flow and of another, with a node at its end that takes both into one stage.
    pub(crate) fn beside<M, U>(
        self,
        other: Flow<M>,
        node: impl FnOnce(N, StageOptions, M, StageOptions) -> U,
    ) -> Flow<U> {
        let Flow { node: right, stage: right_stage, run: mut right_run } = other;
        right_run.check_stage(&right_stage);
        let mut flow = self.across(|left, left_stage| node(left, left_stage, right, right_stage));
        flow.run = flow.run.or(right_run);
        flow
    }
}

impl<N: Node> Flow<N> {
    pub(crate) fn then<S>(self, site: Site, spec: S) -> Flow<Then<N, S>>
    where
        S: Spec,
        S::Operator: Operator<In = N::Item>,
    {
        // Written out, since every operator of a user's flow is compiled for itself.
        let Flow { node: up, stage, run } = self;
        Flow { node: Then { up, spec, site }, stage, run }
    }

    /// What this flow will be compiled into. Nothing is run and no source is touched.
    pub fn explain(&self) -> Plan {
        self.explain_as(&self.node)
    }

    pub(crate) fn describe(&self, outline: &mut Outline) {
        Self::describe_parts(&self.node, &self.stage, outline);
    }

    pub(crate) fn describe_parts(node: &N, stage: &StageOptions, outline: &mut Outline) {
        outline.open(stage);
        node.describe(stage, outline);
    }
}

impl<N: Node> fmt::Debug for Flow<N> {
    /// Prints the plan.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flow\n{}", self.explain())
    }
}
