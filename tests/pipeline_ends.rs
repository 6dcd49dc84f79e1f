//! How pipelines end: draining, deadlines, stopping; and which never start.

#[path = "support/pipelines.rs"]
mod pipelines;
mod support;

use flow::pipeline::{MemoryQueue, MemorySource, Pipeline, Pull, Pulled, Rate, Settlement, Source};
use flow::stage::Stages;
use flow::{BoxError, ErrorKind, Retry};
use pipelines::{HOUR, SECOND, Script, Scripted, same, simulated, sorted};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Counter, executors, in_time, until};

#[test]
fn a_drained_pipeline_settles_all_that_it_pulled() {
    for executor in executors() {
        for by_runtime in [true, false] {
            let script = Arc::new(Script::default());
            let stages = Stages::on(executor.clone()).unwrap();
            let handled = Counter::default();
            let count = handled.clone();
            // Without a rate the simulation would never come to rest.
            let interval =
                if format!("{executor:?}").contains("Sim") { SECOND } else { SECOND / 10_000 };
            let pipeline = Pipeline::new(Scripted::new(&script, u64::MAX), same)
                .in_flight(1000)
                .rate(&Rate::new(300, interval))
                .batcher(
                    "all",
                    |by| by.size(70).within(HOUR),
                    move |batch| {
                        batch.iter().for_each(|_| _ = count.up());
                        Ok(())
                    },
                )
                .start(&stages)
                .unwrap();
            stages.advance(4 * SECOND);
            until("some are settled", || pipeline.counts().done > 500);
            if by_runtime {
                stages.drain()
            } else {
                pipeline.drain()
            }
            let report = pipeline.join().unwrap();
            stages.join().unwrap();
            assert_eq!(report.counts.pulled, report.counts.done);
            assert_eq!((report.unfinished, report.counts.in_flight()), (0, 0));
            assert_eq!(handled.get() as u64, report.counts.pulled);
            assert_eq!(script.drained.load(Ordering::SeqCst), 1);
            let settled = sorted(script.settled.lock().unwrap().clone());
            assert!(settled.into_iter().eq(0..report.counts.pulled));
        }
    }
}

#[test]
fn what_is_not_finished_by_the_deadline_is_reported_and_delivered_again() {
    for seed in 0..20 {
        let queue: MemoryQueue<u64> = (0..20).collect();
        let stages = simulated(seed);
        let stuck = |n: &u64| if *n < 3 { Err("never".into()) } else { Ok(*n) };
        let pipeline = Pipeline::new(queue.source(), stuck)
            .retry(Retry::every(SECOND).times(u32::MAX))
            .start(&stages)
            .unwrap();
        stages.settle();
        let report = pipeline.drain_for(10 * SECOND).unwrap();
        assert_eq!((report.unfinished, report.counts.done, report.counts.failed), (3, 17, 0));
        assert_eq!((stages.living(), queue.outstanding()), (0, 0));
        // Another pipeline gets them.
        let report = Pipeline::new(queue.source(), same).start(&stages).unwrap().join().unwrap();
        assert_eq!((report.counts.pulled, report.unfinished), (3, 0));
        assert_eq!(sorted(queue.done()), (0..20).collect::<Vec<_>>());
        stages.join().unwrap();
    }
    in_time(|| {
        let queue: MemoryQueue<u64> = (0..20).collect();
        let stages = Stages::new();
        let stuck = |n: &u64| if *n < 3 { Err("never".into()) } else { Ok(*n) };
        let pipeline = Pipeline::new(queue.source(), stuck)
            .retry(Retry::every(SECOND / 1000).times(u32::MAX))
            .start(&stages)
            .unwrap();
        until("the others are done", || pipeline.counts().done == 17);
        let report = pipeline.drain_for(SECOND / 100).unwrap();
        assert_eq!((report.unfinished, report.counts.done), (3, 17));
        stages.join().unwrap();
    });
}

/// What is done when the time is over is settled, also where the source has not heard of it.
#[test]
fn what_is_done_at_the_deadline_is_settled() {
    for seed in 0..20 {
        let script = Arc::new(Script::default());
        let stages = simulated(seed);
        let stuck = |n: &u64| if *n == 0 { Err("never".into()) } else { Ok(*n) };
        let pipeline = Pipeline::new(Scripted::new(&script, 30), stuck)
            .retry(Retry::every(SECOND).times(u32::MAX))
            .source_retry(Retry::every(HOUR))
            .start(&stages)
            .unwrap();
        script.fail_settles.store(1, Ordering::SeqCst);
        stages.settle();
        assert_eq!(pipeline.counts().done, 0);
        let report = pipeline.drain_for(10 * SECOND).unwrap();
        assert_eq!((report.unfinished, report.counts.done), (1, 29));
        assert_eq!(report.counts.source_errors, 1);
        stages.join().unwrap();
    }
}

#[test]
fn a_stopped_pipeline_leaves_the_rest_to_its_source() {
    for executor in executors() {
        let queue: MemoryQueue<u64> = (0..500).collect();
        let stages = Stages::on(executor).unwrap();
        let batcher = |batch: &mut flow::pipeline::Batch<u64>| {
            assert!(batch.len() <= 7);
            Ok(())
        };
        let pipeline = Pipeline::new(queue.source(), same)
            .batcher("all", |by| by.size(7), batcher)
            .start(&stages)
            .unwrap();
        pipeline.stop();
        let report = pipeline.join().unwrap();
        assert_eq!(report.unfinished, report.counts.pulled - report.counts.done);
        // The stages are dropped with what they had.
        until("it was given back", || queue.outstanding() == 0);
        assert_eq!(queue.done().len() as u64, report.counts.done);
        stages.join().unwrap();
    }
}

/// A pipeline without messages ends, and one that nobody can wake does not hang.
#[test]
fn nothing_to_do_is_no_reason_to_hang() {
    for executor in executors() {
        in_time(move || {
            let queue: MemoryQueue<u64> = [].into_iter().collect();
            let stages = Stages::on(executor.clone()).unwrap();
            let report = Pipeline::new(queue.source(), same)
                .batcher("all", |by| by, |_| Ok(()))
                .start(&stages)
                .unwrap()
                .join()
                .unwrap();
            assert_eq!((report.counts.pulled, report.counts.batches()), (0, 0));
            stages.join().unwrap();

            // It says that it waits, and has given nobody a means to wake it.
            struct Deaf;
            impl Source for Deaf {
                type Item = u64;
                type Receipt = ();
                fn pull(&mut self, _pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
                    Ok(Pulled::Wait)
                }
                fn settle(&mut self, _settled: &Settlement<()>) -> Result<(), BoxError> {
                    Ok(())
                }
            }
            let stages = Stages::on(executor).unwrap();
            drop(Pipeline::new(Deaf, same).start(&stages).unwrap());
            assert_eq!(stages.join().unwrap_err().kind(), ErrorKind::Stalled);
        });
    }
}

type Numbers = Pipeline<MemorySource<u64>, u64>;

#[test]
fn bad_options_are_refused() {
    fn ok(_: &mut flow::pipeline::Batch<u64>) -> Result<(), BoxError> {
        Ok(())
    }
    type Refused = (&'static str, u32, fn(Numbers) -> Numbers);
    let cases: [Refused; 8] = [
        ("processors", line!(), |p| p.processors(0)),
        ("max_demand", line!(), |p| p.max_demand(0)),
        ("in_flight", line!(), |p| p.in_flight(0)),
        ("in_flight_bytes", line!(), |p| p.in_flight_bytes(0)),
        ("batcher", line!(), |p| p.batcher("a", |by| by.size(0), ok)),
        ("batcher", line!(), |p| p.batcher("a", |by| by.handlers(0), ok)),
        ("batcher", line!(), |p| p.batcher("a", |by| by, ok).batcher("a", |by| by, ok)),
        ("pipeline", line!() + 4, |p| p.batcher("a", |by| by, ok).batcher("b", |by| by, ok)),
    ];
    for (operator, line, with) in cases {
        let queue: MemoryQueue<u64> = (0..9).collect();
        let pipeline = Pipeline::new(queue.source(), same);
        let stages = Stages::new();
        let error = with(pipeline).start(&stages).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some(operator)));
        assert_eq!(error.location().unwrap().line(), line, "{error}");
        assert_eq!((stages.living(), queue.outstanding()), (0, 0));
    }
    let none: [MemorySource<u64>; 0] = [];
    let error = Pipeline::from_sources(none, same).start(&Stages::new()).unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("pipeline")));
}
