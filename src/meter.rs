//! Watching a run: the meter, and the metrics that it gives.

use crate::plan::Plan;
use crate::runtime::core::Core;
use crate::runtime::meter::EdgeCounters;
use crate::runtime::stage::Stage;
use crate::sync::unpoisoned;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Watches a run. Attach it with [`observe`](crate::Flow::observe) and ask it, also while the flow
/// runs and from another thread, for [`metrics`](Meter::metrics).
///
/// ```
/// use flow::{Flow, Meter};
///
/// let meter = Meter::new();
/// Flow::from_range(0..1_000u64).partition().reduce(|| 0, |n, _| *n += 1).emit_state().observe(&meter).run()?;
/// let metrics = meter.metrics();
/// assert_eq!(metrics.edges()[0].events_out, 1_000);
/// println!("{metrics}");
/// # Ok::<(), flow::FlowError>(())
/// ```
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<Option<Arc<Watched>>>>);

/// One versioned record of a run: every view reads this one.
pub(crate) struct Watched {
    pub(crate) plan: Plan,
    pub(crate) stages: Vec<Arc<Stage>>,
    pub(crate) edges: Vec<Arc<EdgeCounters>>,
    pub(crate) core: Arc<Core>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// A meter that watches nothing yet.
    pub fn new() -> Self {
        Meter::default()
    }

    /// The plan and the counters as they stand; empty before the run.
    pub fn metrics(&self) -> Metrics {
        match &*unpoisoned(self.0.lock()) {
            Some(watched) => watched.metrics(),
            None => Metrics::default(),
        }
    }

    pub(crate) fn attach(&self, watched: Arc<Watched>) {
        *unpoisoned(self.0.lock()) = Some(watched);
    }
}

impl Watched {
    fn metrics(&self) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let names = self.plan.stages().iter().enumerate().map(|(number, stage)| {
            let first = stage.operators.first().map_or("claim", |(operator, _)| operator);
            stage.name.clone().unwrap_or_else(|| format!("{}: {first}", number + 1))
        });
        let counters = self.stages.iter().map(|stage| &stage.counters);
        let stages = names.zip(counters).map(|(name, counters)| StageMetrics {
            name,
            instances: counters.instances.load(Ordering::Relaxed),
            events_in: read(&counters.events_in),
            runs: read(&counters.runs),
            busy: Duration::from_nanos(read(&counters.busy)),
            skipped: read(&counters.skipped),
            diverted: read(&counters.diverted),
            dropped: read(&counters.dropped),
            held: read(&counters.held),
            retried: read(&counters.retried),
            late_for_window: read(&counters.late_for_window),
        });
        let edges = self.edges.iter().map(|edge| EdgeMetrics {
            events_in: read(&edge.sent),
            batches_in: read(&edge.batches_sent),
            events_out: read(&edge.received),
            batches_out: read(&edge.batches_received),
            dropped: read(&edge.dropped),
            held: read(&edge.held),
            credit: read(&edge.credit),
        });
        Metrics {
            elapsed: Duration::from_nanos(self.core.elapsed()),
            workers: self.core.helpers() + 1,
            bytes_read: read(&self.core.bytes_read),
            bytes_total: Some(read(&self.core.bytes_total)).filter(|&total| total > 0),
            stages: stages.collect(),
            edges: edges.collect(),
        }
    }
}

/// What a run has done so far. Counters are read one by one, so while the flow runs they may be a
/// batch apart; after the run they are exact, and on every edge
/// `events_in == events_out + dropped + held`. In a stage whose operators give at most one event for
/// each, and none of which filters, what goes out is
/// `events_in - skipped - diverted - dropped - held`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// How long the run has lasted.
    pub elapsed: Duration,
    /// How many workers were started, the caller included.
    pub workers: usize,
    /// How many bytes readers and files have given.
    pub bytes_read: u64,
    /// How many bytes the files have, where that is known.
    pub bytes_total: Option<u64>,
    stages: Vec<StageMetrics>,
    edges: Vec<EdgeMetrics>,
}

/// Counters of one stage, summed over its instances.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageMetrics {
    /// Its name, or its number and first operator.
    pub name: String,
    /// How many instances were started.
    pub instances: usize,
    /// Events that came in.
    pub events_in: u64,
    /// How often an instance ran.
    pub runs: u64,
    /// How long instances ran, together.
    pub busy: Duration,
    /// Events that failed and were skipped; see [`skip_errors`](crate::Flow::skip_errors).
    pub skipped: u64,
    /// Events that failed and were handed to a closure, see [`errors_to`](crate::Flow::errors_to), or
    /// that came too late for all of their windows and went elsewhere, see
    /// [`late_to`](crate::TimedFlow::late_to).
    pub diverted: u64,
    /// Events that fallible operators dropped: those of a run that failed, was cancelled, or whose
    /// consumers wanted no more. Events that came too late for all of their windows and had nowhere
    /// else to go.
    pub dropped: u64,
    /// Events that wait for another attempt, and events that keep their order behind these.
    pub held: u64,
    /// Attempts beyond the first ones; see [`attempt`](crate::Flow::attempt).
    pub retried: u64,
    /// How often an event came too late for a window: once for each of its windows, also where it was
    /// folded into others. What windows have folded, in all events of all windows, and this is what
    /// there was to fold.
    pub late_for_window: u64,
}

/// Counters of one edge, summed over its producers and consumers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeMetrics {
    /// Events that producers sent, or dropped by their routing.
    pub events_in: u64,
    /// Batches that producers sent.
    pub batches_in: u64,
    /// Events that consumers took.
    pub events_out: u64,
    /// Batches that consumers took.
    pub batches_out: u64,
    /// Events that nobody took: dropped by a routing, or left when a consumer went away.
    pub dropped: u64,
    /// Events that wait on the edge.
    pub held: u64,
    /// Events that consumers have asked for and not been sent, after the last batch.
    pub credit: u64,
}

impl Metrics {
    /// How many events failed and were skipped, in all stages together.
    pub fn skipped(&self) -> u64 {
        self.stages.iter().map(|stage| stage.skipped).sum()
    }

    /// The stages, sources first, as in the plan.
    pub fn stages(&self) -> &[StageMetrics] {
        &self.stages
    }

    /// The edges, from the sources on.
    pub fn edges(&self) -> &[EdgeMetrics] {
        &self.edges
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} on {} workers", self.elapsed, self.workers)?;
        writeln!(
            f,
            "{:24} {:>9} {:>14} {:>10} {:>12}",
            "stage", "instances", "events", "runs", "busy"
        )?;
        for stage in &self.stages {
            let StageMetrics { name, instances, events_in, runs, busy, .. } = stage;
            let busy = format!("{busy:.1?}");
            writeln!(f, "{name:24} {instances:>9} {events_in:>14} {runs:>10} {busy:>12}")?;
            let StageMetrics { skipped, diverted, dropped, held, retried, .. } = stage;
            if [skipped, diverted, dropped, held, retried].iter().any(|&&count| count > 0) {
                write!(f, "{:24} {skipped} skipped, {diverted} diverted, ", "")?;
                writeln!(f, "{retried} retried, {dropped} dropped, {held} held")?;
            }
            if stage.late_for_window > 0 {
                writeln!(f, "{:24} {} times late for a window", "", stage.late_for_window)?;
            }
        }
        let heads = ["edge", "sent", "batches", "taken", "dropped", "held"];
        let [edge, sent, batches, taken, dropped, held] = heads;
        writeln!(f, "{edge:24} {sent:>9} {batches:>14} {taken:>10} {dropped:>12} {held:>8}")?;
        for (number, edge) in self.edges.iter().enumerate() {
            let EdgeMetrics { events_in, batches_in, events_out, dropped, held, .. } = edge;
            writeln!(
                f,
                "{:24} {events_in:>9} {batches_in:>14} {events_out:>10} {dropped:>12} {held:>8}",
                format!("{}", number + 1)
            )?;
        }
        Ok(())
    }
}
