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
    /// The most events in flight per producer and consumer.
    pub max_demand: usize,
    /// At so many pending events or fewer more is asked for.
    pub min_demand: usize,
    /// The largest batch.
    pub batch: usize,
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
            let _ = writeln!(text, "    s{from} -->|\"{routing}, ≤ {max_demand}\"| s{to}");
        }
        text
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, stage) in self.stages.iter().enumerate() {
            for edge in self.edges.iter().filter(|edge| edge.to == number) {
                let PlanEdge { from, routing, max_demand, min_demand, batch, .. } = edge;
                writeln!(
                    f,
                    "  ↓ {routing} from {}: demand {max_demand}/{min_demand}, batches of {batch}",
                    from + 1
                )?;
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

/// Collects a plan while the typed tree is walked from its terminals upwards.
#[derive(Debug)]
pub struct Outline {
    workers: usize,
    partitions: usize,
    stages: Vec<PlanStage>,
    edges: Vec<PlanEdge>,
}

impl Outline {
    /// An empty outline of a run on this executor.
    pub(crate) fn new(executor: Option<&Executor>) -> Self {
        let (workers, partitions) = (Executor::workers(executor), Executor::partitions(executor));
        Outline { workers, partitions, stages: Vec::new(), edges: Vec::new() }
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
        self.stages.push(PlanStage { name, operators: Vec::new(), instances, fixed });
    }

    /// The edge into the stage that was opened last, from one that is opened now.
    pub(crate) fn edge_from(
        &mut self,
        from: &StageOptions,
        routing: &'static str,
        options: EdgeOptions,
    ) {
        let to = self.stages.len().saturating_sub(1);
        let EdgeOptions { max_demand, min_demand, batch, .. } = options;
        self.edges.push(PlanEdge { from: to + 1, to, routing, max_demand, min_demand, batch });
        self.open(from);
    }

    /// The stage that was opened last is a source's, which begins with this operator.
    pub(crate) fn source(&mut self, site: Site) {
        self.spread_over_workers();
        self.operator(site);
    }

    /// The stage that was opened last has one instance per worker, unless its options say otherwise.
    pub(crate) fn spread_over_workers(&mut self) {
        let workers = self.workers;
        if let Some(stage) = self.stages.last_mut()
            && !stage.fixed
        {
            stage.instances = workers;
        }
    }

    /// The stage that was opened last has exactly so many instances.
    pub(crate) fn instances(&mut self, instances: usize) {
        if let Some(stage) = self.stages.last_mut() {
            stage.instances = instances;
        }
    }

    /// An operator of the stage that was opened last, in front of those named before.
    pub(crate) fn operator(&mut self, site: Site) {
        if let Some(stage) = self.stages.last_mut() {
            stage.operators.push((site.operator, site.at.to_string()));
        }
    }

    /// The plan, sources first.
    pub(crate) fn finish(self) -> Plan {
        let last = self.stages.len().saturating_sub(1);
        let stages = self.stages.into_iter().rev();
        let stages = stages.map(|mut stage| {
            stage.operators.reverse();
            stage
        });
        let edges = self.edges.into_iter().rev();
        let edges =
            edges.map(|edge| PlanEdge { from: last - edge.from, to: last - edge.to, ..edge });
        Plan { stages: stages.collect(), edges: edges.collect() }
    }
}
