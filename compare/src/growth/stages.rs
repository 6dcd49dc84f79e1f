//! More stages in a row, each of them on its own: a producer, producer-consumers, a consumer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flow::stage::{StageRef, Stages, Subscribe, transform_with};
use flow::{Executor, FlowError};

use super::curve::{Curve, Line, Run, Straight};
use super::events::RUNS;
use crate::harness::THREADS;
use crate::report::Kind;
use crate::workloads::stages::{Adds, double, producer};

/// Events that each stage may have asked for.
const DEMAND: usize = 1_000;

pub(super) fn curve() -> Curve {
    Curve {
        name: "stages",
        about: "A producer, so many stages that double what they get, and a consumer, each subscribed \
                with a demand of 1,000; the more stages, the fewer events, and never fewer than 20,000",
        axis: "stages between",
        cost: "nanoseconds of processor time per event and stage",
        sizes: |_| vec![1, 3, 10, 30, 100, 300, 1_000],
        events: 10_000_000,
        straight: Straight::Level,
        lines: vec![Line {
            name: "stages",
            kind: Kind::First,
            run: Run::Timed(|stages, events| {
                let (all, least) = (stages + 2, 20_000.min(events));
                let events = (events / all).max(least);
                line(stages, events).expect(RUNS);
                events * all
            }),
        }],
    }
}

/// The sum of what comes out.
fn line(between: u64, events: u64) -> Result<u64, FlowError> {
    let stages = Stages::on(Executor::threads(THREADS))?;
    let producer = producer(&stages, 0..events);
    let mut last = Subscribe::to(&producer);
    let mut line = Vec::new();
    for _ in 0..between {
        let stage = stages.producer_consumer(transform_with(double)).accumulate();
        let stage = stage.subscribe(last.max_demand(DEMAND)).start();
        last = Subscribe::to(&stage);
        line.push(stage);
    }
    let total = Arc::new(AtomicU64::new(0));
    stages.consumer(Adds::to(&total)).subscribe(last.max_demand(DEMAND)).start();
    line.iter().for_each(StageRef::forward);
    producer.forward();
    stages.join()?;
    Ok(total.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_doubles() {
        assert_eq!(line(0, 100).expect(RUNS), 4_950);
        assert_eq!(line(3, 5_000).expect(RUNS), (0..5_000).sum::<u64>() * 8);
    }
}
