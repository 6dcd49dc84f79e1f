//! The plan of a flow as data, as text and as a picture: what `explain` gives.

use super::executor::Executor;
use super::options::StageOptions;
use crate::error::Site;
use crate::runtime::edge::EdgeOptions;
use std::fmt::{self, Write as _};

/// What a flow will be compiled into: stages with their operators and instances, and the edges
/// between them. Its `Display` form is text; [`mermaid`](Plan::mermaid) gives a picture.
///
/// ```
/// use flow::Flow;
///
/// let words = ["a", "b", "a"];
/// let plan = Flow::from_slice(&words).stages(2).key_by(|w| **w).count().stages(2).explain();
/// assert_eq!(plan.tasks(), 4);
/// println!("{plan}");
/// println!("{}", plan.mermaid());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    stages: Vec<PlanStage>,
    edges: Vec<PlanEdge>,
}

/// One stage of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanStage {
    /// The name that was given to it, if one was.
    pub name: Option<String>,
    /// Its operators in the order in which events pass them, each with the caller's line.
    pub operators: Vec<(&'static str, String)>,
    /// How many instances it has at most. A source starts the second only when there is work for it.
    pub instances: usize,
    /// Whether the number of instances was set.
    fixed: bool,
}

/// One edge of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanEdge {
    /// The number of the stage that sends.
    pub from: usize,
    /// The number of the stage that receives.
    pub to: usize,
    /// How events are distributed.
    pub routing: &'static str,
    /// The most events in flight per producer and consumer; `usize::MAX` where all of them are kept.
    pub max_demand: usize,
    /// At so many pending events or fewer more is asked for.
    pub min_demand: usize,
    /// The largest batch.
    pub batch: usize,
}

impl PlanEdge {
    fn is_bounded(&self) -> bool {
        self.max_demand < usize::MAX
    }
}

impl PlanStage {
    /// Its operators, or what a stage without any does.
    fn label(&self) -> String {
        match &*self.operators {
            [] => "claim".to_owned(),
            operators => operators.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" → "),
        }
    }
}

impl Plan {
    /// The stages, sources first.
    pub fn stages(&self) -> &[PlanStage] {
        &self.stages
    }

    /// The edges between them.
    pub fn edges(&self) -> &[PlanEdge] {
        &self.edges
    }

    /// How many tasks the stages have together.
    pub fn tasks(&self) -> usize {
        self.stages.iter().map(|stage| stage.instances).sum()
    }

    /// The plan as a Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (number, stage) in self.stages.iter().enumerate() {
            let label = stage.label();
            let name = stage.name.as_ref().map(|name| format!("{name}<br/>")).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    s{number}[\"{name}{label}<br/>× {}\"]", stage.instances);
        }
        for edge in &self.edges {
            let PlanEdge { from, to, routing, max_demand, .. } = edge;
            let bound =
                if edge.is_bounded() { format!(", ≤ {max_demand}") } else { String::new() };
            let _ = writeln!(text, "    s{from} -->|\"{routing}{bound}\"| s{to}");
        }
        text
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, stage) in self.stages.iter().enumerate() {
            for edge in self.edges.iter().filter(|edge| edge.to == number) {
                let PlanEdge { from, routing, max_demand, min_demand, batch, .. } = edge;
                write!(f, "  ↓ {routing} from {}", from + 1)?;
                if edge.is_bounded() {
                    write!(f, ": demand {max_demand}/{min_demand}, batches of {batch}")?;
                }
                writeln!(f)?;
            }
            write!(f, "{}.", number + 1)?;
            if let Some(name) = &stage.name {
                write!(f, " {name}:")?;
            }
            write!(f, " {}", stage.label())?;
            writeln!(f, "  × {}", stage.instances)?;
        }
        Ok(())
    }
}

/// The stage that an edge comes from, as long as it is not known.
const UNKNOWN: usize = usize::MAX;

/// Collects a plan while the typed tree is walked from its terminals upwards.
#[derive(Debug)]
pub struct Outline {
    workers: usize,
    partitions: usize,
    stages: Vec<PlanStage>,
    edges: Vec<PlanEdge>,
    /// The stage that operators are added to.
    current: usize,
    /// Whether all branches of what branches will be seen: the outline is of a whole run.
    whole: bool,
    branchings: Vec<Branching>,
    sides: Vec<Side>,
}

/// A stage that sends to another one beside what it sends on.
#[derive(Debug)]
struct Side {
    id: usize,
    /// The stage, once it was described.
    from: Option<usize>,
    /// The number of the edge, once the other one was.
    edge: Option<usize>,
}

/// A flow that several flows come from, as far as it was seen.
#[derive(Debug)]
struct Branching {
    id: usize,
    /// The stages that it sends to, each with its edge.
    to: Vec<(usize, EdgeOptions)>,
    /// Its stage, once it was described.
    from: Option<usize>,
}

/// A stage that events of several sources may come to, each through the operators that it has.
#[derive(Clone, Debug)]
pub(crate) struct Twin {
    stage: PlanStage,
    edges: Vec<PlanEdge>,
}

impl Outline {
    /// An empty outline of a run on this executor: of the `whole` run, or of one flow in it.
    pub(crate) fn new(executor: Option<&Executor>, whole: bool) -> Self {
        Outline {
            workers: Executor::workers(executor),
            partitions: Executor::partitions(executor),
            stages: Vec::new(),
            edges: Vec::new(),
            current: 0,
            whole,
            branchings: Vec::new(),
            sides: Vec::new(),
        }
    }

    /// How many partitions a stage has that is not told how many.
    pub(crate) fn partitions(&self) -> usize {
        self.partitions
    }

    /// Begins with the stage of a terminal.
    pub(crate) fn open(&mut self, stage: &StageOptions) {
        let name = stage.name.as_ref().map(ToString::to_string);
        let instances = stage.stages.unwrap_or(self.partitions);
        let fixed = stage.stages.is_some();
        self.current = self.stages.len();
        self.stages.push(PlanStage { name, operators: Vec::new(), instances, fixed });
    }

    /// The edge into the stage that was opened last, from one that is opened now.
    pub(crate) fn edge_from(
        &mut self,
        from: &StageOptions,
        routing: &'static str,
        options: EdgeOptions,
    ) {
        self.edge_into(self.current, from, routing, options);
    }

    /// The number of the stage that operators are added to: for further edges into it.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// An edge into the stage with this number, from one that is opened now. Where a stage has
    /// several inputs, the one that is described last comes first in the plan; it must be the one
    /// that is built last, too.
    pub(crate) fn edge_into(
        &mut self,
        to: usize,
        from: &StageOptions,
        routing: &'static str,
        options: EdgeOptions,
    ) {
        self.edge(self.stages.len(), to, routing, options);
        self.open(from);
    }

    fn edge(&mut self, from: usize, to: usize, routing: &'static str, options: EdgeOptions) {
        let EdgeOptions { max_demand, min_demand, batch, .. } = options;
        self.edges.push(PlanEdge { from, to, routing, max_demand, min_demand, batch });
    }

    /// The stage that was opened last has these options, too.
    pub(crate) fn reopen(&mut self, options: &StageOptions) {
        let partitions = self.partitions;
        if let Some(stage) = self.stages.get_mut(self.current) {
            stage.name = options.name.as_ref().map(ToString::to_string);
            stage.instances = options.stages.unwrap_or(partitions);
            stage.fixed = options.stages.is_some();
        }
    }

    /// The stage that was opened last, to be [taken up](Self::take_up) again with another source.
    pub(crate) fn twin(&self) -> Option<Twin> {
        let stage = self.stages.get(self.current)?.clone();
        let edges = self.edges.iter().filter(|edge| edge.from == self.current).cloned().collect();
        Some(Twin { stage, edges })
    }

    /// Goes on with a stage that has the same operators and sends to the same stages.
    pub(crate) fn take_up(&mut self, twin: Option<Twin>) {
        let Some(Twin { stage, edges }) = twin else {
            return;
        };
        self.current = self.stages.len();
        self.stages.push(stage);
        let from = self.current;
        self.edges.extend(edges.into_iter().map(|edge| PlanEdge { from, ..edge }));
    }

    /// The stage that was opened last gets its events from a branching with so many `outputs`. True:
    /// that stage has been opened now, and it must be described.
    pub(crate) fn branch_of(
        &mut self,
        id: usize,
        outputs: usize,
        from: &StageOptions,
        edge: EdgeOptions,
        routing: &'static str,
    ) -> bool {
        let known = self.branchings.iter().position(|branching| branching.id == id);
        let at = known.unwrap_or_else(|| {
            self.branchings.push(Branching { id, to: Vec::new(), from: None });
            self.branchings.len() - 1
        });
        let branching = &mut self.branchings[at];
        branching.to.push((self.current, edge));
        match branching.from {
            Some(from) => {
                self.edge(from, self.current, routing, edge);
                false
            }
            None if self.whole && branching.to.len() < outputs => false,
            None => {
                branching.from = Some(self.stages.len());
                for (to, edge) in branching.to.clone() {
                    self.edge(self.stages.len(), to, routing, edge);
                }
                self.open(from);
                true
            }
        }
    }

    fn side(&mut self, id: usize) -> &mut Side {
        let known = self.sides.iter().position(|side| side.id == id);
        let at = known.unwrap_or_else(|| {
            self.sides.push(Side { id, from: None, edge: None });
            self.sides.len() - 1
        });
        &mut self.sides[at]
    }

    /// The stage that was opened last is the one that `id` is a side of.
    pub(crate) fn has_side(&mut self, id: usize) {
        let from = self.current;
        let side = self.side(id);
        side.from = Some(from);
        if let Some(edge) = side.edge {
            self.edges[edge].from = from;
        }
    }

    /// The stage that was opened last gets its events from the stage that `id` is a side of, which
    /// may be described later, or not at all.
    pub(crate) fn side_of(&mut self, id: usize, routing: &'static str, options: EdgeOptions) {
        let edge = self.edges.len();
        let side = self.side(id);
        side.edge = Some(edge);
        let from = side.from.unwrap_or(UNKNOWN);
        self.edge(from, self.current, routing, options);
    }

    /// The branchings that were seen, and the sides.
    pub(crate) fn branchings(&self) -> impl Iterator<Item = usize> {
        let branchings = self.branchings.iter().map(|branching| branching.id);
        branchings.chain(self.sides.iter().map(|side| side.id))
    }

    /// The stage that was opened last is a source's, which begins with this operator.
    pub(crate) fn source(&mut self, site: Site) {
        self.spread_over_workers();
        self.operator(site);
    }

    /// The stage that was opened last has one instance per worker, unless its options say otherwise.
    pub(crate) fn spread_over_workers(&mut self) {
        let workers = self.workers;
        if let Some(stage) = self.stages.get_mut(self.current)
            && !stage.fixed
        {
            stage.instances = workers;
        }
    }

    /// The stage that was opened last has exactly so many instances.
    pub(crate) fn instances(&mut self, instances: usize) {
        if let Some(stage) = self.stages.get_mut(self.current) {
            stage.instances = instances;
        }
    }

    /// An operator of the stage that was opened last, in front of those named before.
    pub(crate) fn operator(&mut self, site: Site) {
        if let Some(stage) = self.stages.get_mut(self.current) {
            stage.operators.push((site.operator, site.at.to_string()));
        }
    }

    /// The plan, sources first, and in which order its stages were opened.
    pub(crate) fn finish(mut self) -> (Plan, Vec<usize>) {
        self.edges.retain(|edge| edge.from != UNKNOWN);
        let order = self.sources_first();
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, opened)| place[*opened] = at);
        let stages = order.iter().map(|opened| {
            let mut stage = self.stages[*opened].clone();
            stage.operators.reverse();
            stage
        });
        let stages = stages.collect();
        for edge in &mut self.edges {
            (edge.from, edge.to) = (place[edge.from], place[edge.to]);
        }
        self.edges.reverse();
        (Plan { stages, edges: self.edges }, order)
    }

    /// The stages so that each comes behind those that send to it, else the last opened first.
    fn sources_first(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut left: Vec<usize> = (0..self.stages.len()).rev().collect();
        while !left.is_empty() {
            let fed = |to: usize| self.edges.iter().any(|e| e.to == to && left.contains(&e.from));
            // A flow has no cycles: there is always one.
            let next = left.iter().position(|stage| !fed(*stage)).unwrap_or(0);
            order.push(left.remove(next));
        }
        order
    }
}
