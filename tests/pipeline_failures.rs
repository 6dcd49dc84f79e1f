//! Pipelines: what fails with whom, what is tried again when, what becomes of the rest.

#[path = "support/pipelines.rs"]
mod pipelines;
mod support;

use flow::pipeline::{Batch, MemoryQueue, MemorySource, Pipeline};
use flow::stage::Stages;
use flow::{ErrorKind, Retry};
use pipelines::{HOUR, Notes, SECOND, same, simulated, sorted};
use std::time::Duration;
use support::{Counter, executors};

/// Case 151: Broadway loses the message that is being processed and the next one.
#[test]
fn a_panicking_processor_fails_one_message() {
    for executor in executors() {
        let queue: MemoryQueue<&str> = ["1", "2", "kill", "3", "4", "5"].into_iter().collect();
        let stages = Stages::on(executor).unwrap();
        let line = line!() + 1;
        let pipeline = Pipeline::new(queue.source(), |text: &&str| match *text {
            "kill" => panic!("killed"),
            text => Ok(text.parse::<u64>()?),
        });
        let failure = Notes::new();
        let failures = failure.clone();
        let pipeline = pipeline
            .retry(Retry::every(SECOND))
            .dead_letters(move |letter| {
                failures.add((letter.event, letter.attempts, letter.error));
                Err("not taken".into())
            })
            .batcher("all", |by| by.size(2), |_| Ok(()))
            .start(&stages)
            .unwrap();
        let report = pipeline.join().unwrap();
        stages.join().unwrap();
        assert_eq!(sorted(queue.done()), ["1", "2", "3", "4", "5"]);
        assert_eq!(queue.failed(), ["kill"]);
        assert_eq!((report.counts.done, report.counts.failed), (5, 1));
        let (event, attempts, error) = failure.all().pop().unwrap();
        assert_eq!((event, attempts), ("kill", 1));
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("pipeline")));
        assert_eq!(error.location().unwrap().line(), line);
    }
}

/// Case 152.
#[test]
fn a_panicking_handler_fails_one_batch() {
    for executor in executors() {
        let queue: MemoryQueue<u64> = (0..30).collect();
        let stages = Stages::on(executor).unwrap();
        let pipeline = Pipeline::new(queue.source(), same)
            .batcher(
                "tens",
                |by| by.size(10).within(HOUR).key_by(|n| n / 10).retry(Retry::every(SECOND)),
                |batch| {
                    assert!(*batch.key() != 1);
                    Ok(())
                },
            )
            .start(&stages)
            .unwrap();
        let report = pipeline.join().unwrap();
        assert_eq!(sorted(queue.failed()), (10..20).collect::<Vec<u64>>());
        assert_eq!((report.counts.done, report.counts.failed), (20, 10));
        stages.join().unwrap();
    }
}

/// A closure of the user's that panics at 7.
fn seven(n: &u64) -> bool {
    assert!(*n != 7, "seven");
    true
}

type Numbers = Pipeline<MemorySource<u64>, u64>;

#[test]
fn every_other_closure_that_panics_fails_one_message_too() {
    let nothing = |_: &mut Batch<u64>| Ok(());
    let cases: Vec<(&str, Box<dyn Fn(Numbers) -> Numbers>)> = vec![
        ("partition_by", Box::new(move |p| p.partition_by(seven))),
        ("route", Box::new(move |p| p.route(|n| seven(n).then_some("all")))),
    ];
    let line = "all";
    for (operator, with) in cases {
        for executor in executors() {
            let queue: MemoryQueue<u64> = (0..20).collect();
            let stages = Stages::on(executor).unwrap();
            let pipeline = Pipeline::new(queue.source(), same);
            let errors = Notes::new();
            let error = errors.clone();
            let pipeline = with(pipeline).batcher(line, |by| by, nothing);
            let pipeline = pipeline.dead_letters(move |letter| {
                error.add(letter);
                Ok(())
            });
            let report = pipeline.start(&stages).unwrap().join().unwrap();
            assert_eq!((report.counts.done, report.counts.dead_letters), (20, 1), "{operator}");
            let letter = errors.all().pop().unwrap();
            assert_eq!((letter.event, letter.error.operator()), (7, Some(operator)));
            stages.join().unwrap();
        }
    }
    for keyed in [true, false] {
        let queue: MemoryQueue<u64> = (0..20).collect();
        let stages = Stages::new();
        let pipeline = Pipeline::new(queue.source(), same).batcher(
            line,
            |by| {
                let by = if keyed { by } else { by.weight(|n| usize::from(seven(n))) };
                by.key_by(move |n| keyed && seven(n))
            },
            |_| Ok(()),
        );
        pipeline.start(&stages).unwrap().join().unwrap();
        assert_eq!(queue.failed(), [7]);
    }
    // A taker of dead letters that panics has not taken it.
    let queue: MemoryQueue<u64> = (0..20).collect();
    let stages = Stages::new();
    let pipeline =
        Pipeline::new(queue.source(), |n: &u64| (*n != 7).then_some(*n).ok_or("seven".into()));
    let pipeline = pipeline.dead_letters(|letter| {
        assert!(letter.event != 7);
        Ok(())
    });
    pipeline.start(&stages).unwrap().join().unwrap();
    assert_eq!((queue.failed(), queue.done().len()), (vec![7], 19));
}

#[test]
fn what_fails_is_tried_again_with_growing_waits() {
    for seed in 0..20 {
        let queue = MemoryQueue::new();
        let stages = simulated(seed);
        let attempts = Counter::default();
        let count = attempts.clone();
        let pipeline = Pipeline::new(queue.source(), move |n: &u64| {
            if *n == 3 && count.up() < 3 { Err("not yet".into()) } else { Ok(*n) }
        })
        .retry(Retry::exponential(SECOND).times(5))
        .start(&stages)
        .unwrap();
        queue.extend([1, 2, 3, 4]);
        for (wait, tried) in [(0, 1), (900, 1), (100, 2), (1900, 2), (100, 3), (3900, 3), (100, 4)]
        {
            stages.advance(Duration::from_millis(wait));
            assert_eq!((attempts.get(), pipeline.counts().retries), (tried, tried.min(3) as u64));
            // The others are not held up.
            assert_eq!(pipeline.counts().done, if tried == 4 { 4 } else { 3 });
        }
        pipeline.drain();
        stages.join().unwrap();
    }
}

#[test]
fn what_is_out_of_attempts_or_not_worth_one_is_settled_as_failed() {
    for executor in executors() {
        let queue = MemoryQueue::new().deliveries(2);
        queue.extend(["again", "final", "fine"]);
        queue.close();
        let tried = Notes::new();
        let note = tried.clone();
        let stages = Stages::on(executor).unwrap();
        let pipeline = Pipeline::new(queue.source(), move |text: &&'static str| {
            note.add(*text);
            if *text == "fine" { Ok(()) } else { Err((*text).into()) }
        })
        .retry(Retry::every(Duration::from_millis(1)).times(2))
        .retry_if(|error| error.to_string() == "again")
        .start(&stages)
        .unwrap();
        let report = pipeline.join().unwrap();
        // Two deliveries of three and of one attempts.
        let count = |text| tried.all().into_iter().filter(|tried| *tried == text).count();
        assert_eq!((count("again"), count("final"), count("fine")), (6, 2, 1));
        assert_eq!(sorted(queue.failed()), ["again", "final"]);
        assert_eq!((report.counts.pulled, report.counts.failed, report.counts.done), (5, 4, 1));
        assert_eq!(report.counts.retries, 4);
        stages.join().unwrap();
    }
}

#[test]
fn dead_letters_that_are_taken_are_done() {
    for executor in executors() {
        let queue: MemoryQueue<&str> = ["7", "x", "9"].into_iter().collect();
        let letters = Notes::new();
        let letter = letters.clone();
        let stages = Stages::on(executor).unwrap();
        let pipeline = Pipeline::new(queue.source(), |text: &&str| Ok(text.parse::<u8>()?))
            .dead_letters(move |dead| {
                letter.add((dead.event, dead.error));
                Ok(())
            })
            .start(&stages)
            .unwrap();
        let counts = pipeline.join().unwrap().counts;
        assert_eq!((counts.done, counts.failed, counts.dead_letters), (3, 0, 1));
        let (event, error) = letters.all().pop().unwrap();
        assert_eq!((event, error.kind()), ("x", ErrorKind::Event));
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.downcast_ref::<std::num::ParseIntError>().is_some());
        stages.join().unwrap();
    }
}

/// Single values fail by themselves, and are tried again without the others.
#[test]
fn values_of_a_batch_fail_by_themselves() {
    for executor in executors() {
        let queue: MemoryQueue<u64> = (0..10).collect();
        let seen = Notes::new();
        let note = seen.clone();
        let stages = Stages::on(executor).unwrap();
        let pipeline = Pipeline::new(queue.source(), same)
            .partition_by(|_| ())
            .batcher(
                "all",
                |by| by.size(10).retry(Retry::every(Duration::from_millis(1)).times(2)),
                move |batch| {
                    note.add((batch.attempt(), batch.to_vec()));
                    let bad = |n: &u64| *n == 4 || (*n == 6 && batch.attempt() == 1);
                    let bad: Vec<usize> = (0..batch.len()).filter(|at| bad(&batch[*at])).collect();
                    bad.into_iter().for_each(|at| batch.fail(at, "bad"));
                    Ok(())
                },
            )
            .start(&stages)
            .unwrap();
        let counts = pipeline.join().unwrap().counts;
        assert_eq!(seen.all(), [(1, (0..10).collect()), (2, vec![4, 6]), (3, vec![4])]);
        assert_eq!(queue.failed(), [4]);
        assert_eq!((counts.done, counts.failed, counts.retries), (9, 1, 3));
        stages.join().unwrap();
    }
}
