//! How pipelines end, and what becomes of their sources: draining, deadlines, errors of sources, bounds,
//! refused options.

mod support;

use flow::pipeline::{MemoryQueue, MemorySource, Pipeline, Pull, Pulled, Rate, Settlement, Source};
use flow::stage::{Stages, produce_with};
use flow::{BoxError, ErrorKind, Executor, Produced, Retry};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Counter, executors, in_time, until};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn same(n: &u64) -> Result<u64, BoxError> {
    Ok(*n)
}

fn simulated(seed: u64) -> Stages {
    Stages::on(Executor::simulation(seed)).unwrap()
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all
}

/// What a source is told, counted, and what it is to fail with.
#[derive(Default)]
struct Script {
    pulls: AtomicUsize,
    drained: AtomicUsize,
    fail_pulls: AtomicUsize,
    panic_in_pull: AtomicUsize,
    fail_settles: AtomicUsize,
    fail_drain: AtomicUsize,
    settled: Mutex<Vec<u64>>,
    most: AtomicUsize,
    most_bytes: AtomicUsize,
}

fn down(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

/// Endless numbers of 10 bytes each, or so many.
struct Scripted {
    script: Arc<Script>,
    next: u64,
    end: u64,
    unsettled: BTreeSet<u64>,
}

impl Scripted {
    fn new(script: &Arc<Script>, end: u64) -> Self {
        Scripted { script: Arc::clone(script), next: 0, end, unsettled: BTreeSet::new() }
    }
}

impl Source for Scripted {
    type Item = u64;
    type Receipt = u64;

    fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
        assert_eq!(self.script.drained.load(Ordering::SeqCst), 0, "pulled while draining");
        self.script.pulls.fetch_add(1, Ordering::SeqCst);
        if down(&self.script.fail_pulls) {
            return Err("no connection".into());
        }
        assert!(!down(&self.script.panic_in_pull), "a bug in a client");
        while pull.items() > 0 && pull.bytes() >= 10 && self.next < self.end {
            pull.emit_sized(self.next, self.next, 10);
            self.unsettled.insert(self.next);
            self.next += 1;
        }
        self.script.most.fetch_max(self.unsettled.len(), Ordering::SeqCst);
        self.script.most_bytes.fetch_max(10 * self.unsettled.len(), Ordering::SeqCst);
        Ok(if self.next < self.end { Pulled::More } else { Pulled::Done })
    }

    fn settle(&mut self, settled: &Settlement<u64>) -> Result<(), BoxError> {
        if down(&self.script.fail_settles) {
            return Err("no connection".into());
        }
        let mut all = self.script.settled.lock().unwrap();
        for receipt in settled.done.iter().chain(settled.failed.iter().map(|f| &f.receipt)) {
            assert!(self.unsettled.remove(receipt), "{receipt} was settled twice");
            all.push(*receipt);
        }
        Ok(())
    }

    fn prepare_for_drain(&mut self) -> Result<(), BoxError> {
        self.script.drained.fetch_add(1, Ordering::SeqCst);
        if down(&self.script.fail_drain) { Err("not cancelled".into()) } else { Ok(()) }
    }
}

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

#[test]
fn a_source_that_fails_is_asked_again() {
    for seed in 0..20 {
        let script = Arc::new(Script::default());
        script.fail_pulls.store(2, Ordering::SeqCst);
        script.panic_in_pull.store(1, Ordering::SeqCst);
        script.fail_settles.store(2, Ordering::SeqCst);
        let stages = simulated(seed);
        let pipeline = Pipeline::new(Scripted::new(&script, 20), same)
            .source_retry(Retry::every(SECOND).times(3))
            .start(&stages)
            .unwrap();
        stages.advance(3 * SECOND - Duration::from_millis(1));
        assert_eq!(pipeline.counts().pulled, 0);
        let report = pipeline.join().unwrap();
        assert_eq!((report.counts.done, report.counts.source_errors), (20, 5));
        stages.join().unwrap();
    }
}

#[test]
fn a_source_that_fails_for_good_fails_the_pipeline() {
    for executor in executors() {
        // Pulling: what was pulled is finished before.
        let script = Arc::new(Script::default());
        let stages = Stages::on(executor.clone()).unwrap();
        let (fails, once) = (Arc::clone(&script), Counter::default());
        let line = line!() + 1;
        let pipeline = Pipeline::new(Scripted::new(&script, u64::MAX), move |n: &u64| {
            if once.up() == 20 {
                fails.fail_pulls.store(usize::MAX, Ordering::SeqCst);
            }
            same(n)
        });
        let pipeline = pipeline.source_retry(Retry::every(SECOND / 1000).times(2));
        let pipeline = pipeline.start(&stages).unwrap();
        let error = pipeline.join().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("pipeline")));
        assert_eq!(error.location().unwrap().line(), line);
        assert!(error.to_string().contains("no connection"), "{error}");
        let counts = pipeline.counts();
        assert_eq!((counts.in_flight(), counts.source_errors), (0, 3));
        assert!(counts.done > 20);
        assert_eq!(stages.join().unwrap_err().kind(), ErrorKind::Source);

        // Settling: at once.
        let script = Arc::new(Script::default());
        script.fail_settles.store(usize::MAX, Ordering::SeqCst);
        let stages = Stages::on(executor.clone()).unwrap();
        let pipeline = Pipeline::new(Scripted::new(&script, 10), same);
        let pipeline = pipeline.source_retry(Retry::every(SECOND / 1000).times(2));
        let pipeline = pipeline.start(&stages).unwrap();
        assert_eq!(pipeline.join().unwrap_err().kind(), ErrorKind::Source);
        assert_eq!((pipeline.counts().done, pipeline.counts().source_errors), (0, 3));
        assert!(stages.join().is_err());

        // Preparing to drain: drained all the same.
        let script = Arc::new(Script::default());
        script.fail_drain.store(1, Ordering::SeqCst);
        let stages = Stages::on(executor.clone()).unwrap();
        let pipeline = Pipeline::new(Scripted::new(&script, u64::MAX), same).in_flight(10);
        let pipeline = pipeline.start(&stages).unwrap();
        pipeline.drain();
        assert!(pipeline.join().unwrap_err().to_string().contains("not cancelled"));
        assert_eq!(pipeline.counts().in_flight(), 0);
        assert!(stages.join().is_err());
    }
}

#[test]
fn no_more_is_pulled_than_may_be_in_flight() {
    for executor in executors() {
        for (messages, bytes, most) in [(5, usize::MAX, 5), (1, usize::MAX, 1), (100, 70, 7)] {
            let script = Arc::new(Script::default());
            let stages = Stages::on(executor.clone()).unwrap();
            let pipeline = Pipeline::new(Scripted::new(&script, 200), same)
                .in_flight(messages)
                .in_flight_bytes(bytes)
                .batcher("all", |by| by.size(2).within(Duration::from_millis(1)), |_| Ok(()))
                .start(&stages)
                .unwrap();
            assert_eq!(pipeline.join().unwrap().counts.done, 200);
            assert_eq!(script.most.load(Ordering::SeqCst), most);
            assert!(script.most_bytes.load(Ordering::SeqCst) <= bytes);
            stages.join().unwrap();
        }
    }
}

#[test]
fn every_source_is_settled_with_its_own() {
    for executor in executors() {
        let queues: Vec<MemoryQueue<u64>> =
            (0..3).map(|n| (100 * n..100 * n + 50).collect()).collect();
        let stages = Stages::on(executor).unwrap();
        let process = |n: &u64| if n % 10 == 7 { Err("seven".into()) } else { Ok(*n) };
        let pipeline = Pipeline::from_sources(queues.iter().map(MemoryQueue::source), process)
            .batcher("all", |by| by.size(13), |_| Ok(()))
            .start(&stages)
            .unwrap();
        let counts = pipeline.join().unwrap().counts;
        assert_eq!((counts.done, counts.failed), (135, 15));
        for (n, queue) in (0..).zip(&queues) {
            assert_eq!((queue.done().len(), queue.failed().len()), (45, 5));
            assert!(queue.done().iter().all(|m| m / 100 == n));
        }
        stages.join().unwrap();
    }
}

#[test]
fn a_value_without_a_batcher_is_done_and_one_of_an_unknown_fails() {
    for executor in executors() {
        let queue: MemoryQueue<u64> = (0..9).collect();
        let stages = Stages::on(executor).unwrap();
        let handled = Counter::default();
        let count = handled.clone();
        let pipeline = Pipeline::new(queue.source(), same)
            .route(|n| [None, Some("all"), Some("nobody")][*n as usize % 3])
            .batcher(
                "all",
                |by| by,
                move |batch| {
                    batch.iter().for_each(|_| _ = count.up());
                    Ok(())
                },
            )
            .start(&stages)
            .unwrap();
        pipeline.join().unwrap();
        assert_eq!((sorted(queue.failed()), handled.get()), (vec![2, 5, 8], 3));
        assert_eq!(sorted(queue.done()), [0, 1, 3, 4, 6, 7]);
        stages.join().unwrap();
    }
}

/// Waits for its messages.
struct Blocking(std::sync::mpsc::Receiver<u64>);

impl Source for Blocking {
    type Item = u64;
    type Receipt = ();
    const BLOCKS: bool = true;

    fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.0.recv_timeout(pull.wait()) {
            Ok(n) => pull.emit(n, ()),
            Err(Timeout) => {}
            Err(Disconnected) => return Ok(Pulled::Done),
        }
        Ok(Pulled::More)
    }

    fn settle(&mut self, _settled: &Settlement<()>) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn a_source_that_blocks_holds_up_nobody() {
    in_time(|| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let stages = Stages::on(Executor::threads(1)).unwrap();
        let pipeline = Pipeline::new(Blocking(receiver), same).start(&stages).unwrap();
        // The only worker runs this one meanwhile.
        let mut n = 0;
        let count = produce_with(move |demand| {
            n += 1;
            demand.emit(n);
            Ok(if n < 100 { Produced::More } else { Produced::Done })
        });
        let count = stages.producer(count).start();
        let seen = Counter::default();
        let see = seen.clone();
        let sink = flow::stage::consume_with(move |_: u64| {
            see.up();
            Ok(())
        });
        stages.consumer(sink).subscribe(&count).start().join();
        assert_eq!(seen.get(), 100);
        (0..10).for_each(|n| sender.send(n).unwrap());
        until("they are done", || pipeline.counts().done == 10);
        // It is told to drain while it waits.
        pipeline.drain();
        pipeline.join().unwrap();
        drop(sender);
        stages.join().unwrap();
    });
}

#[test]
fn a_source_goes_back_to_a_position() {
    for executor in executors() {
        let queue = MemoryQueue::new();
        queue.extend(0..10u64);
        let stages = Stages::on(executor).unwrap();
        let pipeline = Pipeline::new(queue.source(), same).start(&stages).unwrap();
        let done = |n| {
            stages.settle();
            until("they are done", || pipeline.counts().done == n);
        };
        done(10);
        let position = pipeline.position(0).unwrap();
        queue.extend(10..15);
        done(15);
        pipeline.seek(0, position).unwrap();
        // It looks when something comes.
        queue.push(15);
        done(21);
        let error = pipeline.seek(0, 99u64.to_le_bytes().to_vec()).unwrap_err();
        assert!(error.to_string().contains("no such position"), "{error}");
        queue.close();
        pipeline.join().unwrap();
        assert!(pipeline.seek(0, Vec::new()).is_err());
        assert_eq!(pipeline.position(0), None);
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
