//! More instances of each stage, in the simulation: how often tasks run and how many batches travel
//! does not depend on the machine there, so this is the part of the cost of many workers that more
//! cores do not take away.

use flow::{Executor, FlowError, Meter};

use super::curve::{Curve, Line, Run, Straight};
use super::events::{KEYS, On, RUNS, keyed, windows};
use super::workers::up_to_16;
use crate::report::Kind;

/// Keys that are too many to be folded before they travel.
const MANY: u64 = 1_000_000;

pub(super) fn curve() -> Curve {
    let runs = |name, kind, run| Line { name, kind, run: Run::Counted(run) };
    Curve {
        name: "instances",
        about: "The same in the simulation, with so many instances of each stage: how often a task \
                ran and how many batches travelled, of sums of 1,000 keys, which are folded before they \
                travel, and of windows of a million keys, which are not",
        axis: "instances",
        cost: "task runs or batches per million events",
        sizes: up_to_16,
        events: 4_000_000,
        straight: Straight::Level,
        lines: vec![
            runs("keys, runs", Kind::First, |n, events| keys(n, events).0),
            runs("keys, batches", Kind::Second, |n, events| keys(n, events).1),
            runs("windows, runs", Kind::Third, |n, events| many(n, events).0),
            runs("windows, batches", Kind::Aside, |n, events| many(n, events).1),
        ],
    }
}

fn keys(instances: u64, events: u64) -> (f64, f64) {
    counted(instances, events, |on| keyed(events, KEYS, on))
}

fn many(instances: u64, events: u64) -> (f64, f64) {
    counted(instances, events, |on| windows(events, MANY, on))
}

/// Runs of tasks, and batches on edges.
fn counted(instances: u64, events: u64, run: impl Fn(&On) -> Result<u64, FlowError>) -> (f64, f64) {
    let on = On {
        executor: Executor::simulation(7),
        instances: instances as usize,
        meter: Meter::new(),
    };
    run(&on).expect(RUNS);
    let metrics = on.meter.metrics();
    let runs: u64 = metrics.stages().iter().map(|stage| stage.runs).sum();
    let batches: u64 = metrics.edges().iter().map(|edge| edge.batches_in).sum();
    let per_million = |count: u64| count as f64 * 1e6 / events as f64;
    (per_million(runs), per_million(batches))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulation_counts_the_same_every_time() {
        let (runs, batches) = many(2, 50_000);
        assert!(runs > 0.0 && batches > 0.0);
        assert_eq!((runs, batches), many(2, 50_000));
    }
}
