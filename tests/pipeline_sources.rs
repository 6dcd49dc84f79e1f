//! Sources of pipelines: what they are asked for and when, what their errors mean.

#[path = "support/pipelines.rs"]
mod pipelines;
mod support;

use flow::pipeline::{MemoryQueue, Pipeline, Pull, Pulled, Rate, Settlement, Source};
use flow::stage::{Stages, produce_with};
use flow::{BoxError, ErrorKind, Executor, Produced, Retry};
use pipelines::{SECOND, Script, Scripted, same, simulated};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::{Counter, executors, in_time, until};

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

/// Case 154, with a virtual clock.
#[test]
fn a_rate_is_kept_and_changed_while_it_runs() {
    for seed in 0..20 {
        let queue = MemoryQueue::new();
        let rate = Rate::new(2, SECOND);
        let stages = simulated(seed);
        let pipeline = Pipeline::new(queue.source(), same).rate(&rate).start(&stages).unwrap();
        let done = || {
            stages.settle();
            pipeline.counts().done
        };
        queue.extend(1..=5);
        assert_eq!(done(), 2);
        stages.advance(SECOND / 2);
        assert_eq!(done(), 2);
        stages.advance(SECOND / 2);
        assert_eq!(done(), 4);
        stages.advance(SECOND);
        assert_eq!(done(), 5);

        // From the next interval on: there is one left in this one.
        queue.extend(1..=20);
        assert_eq!(done(), 6);
        rate.set(3);
        assert_eq!((done(), rate.allowed()), (6, 3));
        stages.advance(SECOND);
        assert_eq!(done(), 9);
        // At once.
        rate.set_now(4);
        assert_eq!(done(), 13);
        stages.advance(SECOND);
        assert_eq!(done(), 17);
        // None at all, and on again.
        rate.set_now(0);
        stages.advance(10 * SECOND);
        assert_eq!(done(), 17);
        rate.set_now(1);
        assert_eq!(done(), 18);
        // What was not used is not carried over.
        rate.set(2);
        stages.advance(20 * SECOND);
        let before = done();
        queue.extend(1..=20);
        assert_eq!(done(), before + 2);
        pipeline.stop();
        stages.join().unwrap();
    }
}

/// More than it was asked for, as brokers give.
struct Bursts {
    queue: MemoryQueue<u64>,
    left: u64,
}

impl Source for Bursts {
    type Item = u64;
    type Receipt = u64;

    fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
        for n in 0..self.left {
            pull.emit(n, n);
        }
        self.left = 0;
        Ok(Pulled::Wait)
    }

    fn settle(&mut self, settled: &Settlement<u64>) -> Result<(), BoxError> {
        self.queue.extend(settled.done.iter().copied());
        Ok(())
    }
}

/// Case 154: what was pulled goes out at the rate, also while it drains.
#[test]
fn draining_waits_for_the_rate() {
    for seed in 0..20 {
        let rate = Rate::new(2, SECOND);
        let stages = simulated(seed);
        let bursts = Bursts { queue: MemoryQueue::new(), left: 5 };
        let pipeline = Pipeline::new(bursts, same).rate(&rate).start(&stages).unwrap();
        stages.settle();
        pipeline.drain();
        for done in [2, 4, 5] {
            stages.settle();
            assert_eq!((pipeline.counts().done, pipeline.is_over()), (done, done == 5));
            stages.advance(SECOND);
        }
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
