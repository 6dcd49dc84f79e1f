//! Pipelines: what is batched how, what fails with whom, what is tried again when, how they end.

mod support;

use flow::pipeline::{
    Batch, Closed, MemoryQueue, Pipeline, Pull, Pulled, Rate, Settlement, Source,
};
use flow::stage::Stages;
use flow::{BoxError, ErrorKind, Executor, Retry};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Counter, executors};

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

/// What closures note, in the order in which they are called.
#[derive(Clone, Debug)]
struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Notes<T> {
    fn new() -> Self {
        Notes(Arc::default())
    }

    fn add(&self, note: T) {
        self.0.lock().unwrap().push(note);
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Notes batches: batcher, values, why they were closed.
type Batches = Notes<(String, Vec<u64>, Closed)>;

fn noting<K>(
    batches: &Batches,
) -> impl Fn(&mut Batch<u64, K>) -> Result<(), BoxError> + Send + Sync + 'static + use<K> {
    let batches = batches.clone();
    move |batch| {
        batches.add((batch.batcher().to_owned(), batch.to_vec(), batch.closed()));
        Ok(())
    }
}

fn odd_or_even(n: &u64) -> Option<&str> {
    Some(if n % 2 == 1 { "odd" } else { "even" })
}

/// Case 146.
#[test]
fn batches_are_full_and_the_rest_comes_at_the_end() {
    for executor in executors() {
        for (last, full, at_end) in [(40, (2, 4), (0, 0)), (5, (0, 0), (1, 1))] {
            let queue: MemoryQueue<u64> = (1..=last).collect();
            let batches = Batches::new();
            let stages = Stages::on(executor.clone()).unwrap();
            let pipeline = Pipeline::new(queue.source(), same)
                .route(odd_or_even)
                .batcher("odd", |by| by.size(10).within(HOUR), noting(&batches))
                .batcher("even", |by| by.size(5).within(HOUR), noting(&batches))
                .start(&stages)
                .unwrap();
            let report = pipeline.join().unwrap();
            stages.join().unwrap();
            let count = |batcher: &str, why: Closed, size: usize| {
                let all = batches.all();
                let so = |batch: &&(String, Vec<u64>, Closed)| {
                    batch.0 == batcher && batch.2 == why && batch.1.len() == size
                };
                all.iter().filter(so).count()
            };
            assert_eq!((count("odd", Closed::Size, 10), count("even", Closed::Size, 5)), full);
            assert_eq!((count("odd", Closed::End, 3), count("even", Closed::End, 2)), at_end);
            assert_eq!(report.counts.batches(), (full.0 + full.1 + at_end.0 + at_end.1) as u64);
            assert_eq!(sorted(queue.done()), (1..=last).collect::<Vec<_>>());
            assert_eq!((report.counts.done, report.unfinished), (last, 0));
        }
    }
}

/// Case 148, with bounds that are kept: a batch weighs no more than it may.
#[test]
fn batches_are_full_by_weight() {
    let queue = MemoryQueue::new();
    queue.extend(1..=10u64);
    let batches = Batches::new();
    let stages = simulated(3);
    let weigh = |n: &u64| if n % 2 == 1 { 16 } else { 24 };
    let pipeline = Pipeline::new(queue.source(), same)
        .partition_by(|_| ())
        .batcher("all", |by| by.size(70).weight(weigh).key_by(|n| n % 2), noting(&batches))
        .start(&stages)
        .unwrap();
    stages.advance(SECOND * 2);
    queue.close();
    pipeline.join().unwrap();
    let all = sorted(
        batches.all().into_iter().map(|(_, values, why)| (values, why == Closed::Size)).collect(),
    );
    let by = |values: &[u64], why| (values.to_vec(), why == Closed::Size);
    assert_eq!(
        all,
        sorted(vec![
            by(&[1, 3, 5, 7], Closed::Size),
            by(&[9], Closed::Time),
            by(&[2, 4], Closed::Size),
            by(&[6, 8], Closed::Size),
            by(&[10], Closed::Time),
        ])
    );
}

/// Case 149: same key, same processor and handler, in order.
#[test]
fn messages_of_one_key_stay_in_order() {
    for executor in executors() {
        let queue: MemoryQueue<u64> = (1..=12).collect();
        let (seen, batches) = (Notes::new(), Batches::new());
        let note = seen.clone();
        let stages = Stages::on(executor).unwrap();
        let pipeline = Pipeline::new(queue.source(), move |n: &u64| {
            note.add(*n);
            same(n)
        })
        .processors(2)
        .partition_by(|n| n % 2)
        .batcher(
            "pairs",
            |by| by.size(2).within(HOUR).handlers(2).key_by(|n| n % 2),
            noting(&batches),
        )
        .start(&stages)
        .unwrap();
        pipeline.join().unwrap();
        stages.join().unwrap();
        for parity in [0, 1] {
            let of = |n: &u64| n % 2 == parity;
            let expected: Vec<u64> = (1..=12).filter(of).collect();
            assert!(seen.all().into_iter().filter(of).eq(expected.clone()));
            let handled = batches.all().into_iter().filter(|(_, values, _)| of(&values[0]));
            let handled: Vec<Vec<u64>> = handled.map(|(_, values, _)| values).collect();
            assert!(handled.iter().all(|batch| batch.len() == 2));
            assert_eq!(handled.concat(), expected);
        }
    }
}

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

type Numbers = Pipeline<flow::pipeline::MemorySource<u64>, u64>;

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

/// What is behind one that is tried again waits if it has the same key, and only then.
#[test]
fn order_is_kept_through_retries() {
    for seed in 0..30 {
        let queue: MemoryQueue<u64> = (0..40).collect();
        let seen = Notes::new();
        let note = seen.clone();
        let failed = Counter::default();
        let stages = simulated(seed);
        let (batches, tries) = (Batches::new(), Counter::default());
        let handle = noting::<()>(&batches);
        let pipeline = Pipeline::new(queue.source(), move |n: &u64| {
            if *n == 8 && failed.up() < 2 {
                return Err("not yet".into());
            }
            note.add(*n);
            Ok(*n)
        })
        .processors(3)
        .partition_by(|n| n % 4)
        .retry(Retry::every(SECOND))
        .batcher(
            "all",
            |by| by.size(5).handlers(2).retry(Retry::every(SECOND)),
            move |batch| {
                if batch.contains(&21) && tries.up() < 2 {
                    return Err("not yet".into());
                }
                handle(batch)
            },
        )
        .start(&stages)
        .unwrap();
        stages.settle();
        let at_first = seen.all();
        assert!(at_first.iter().all(|n| n % 4 != 0 || *n < 8), "{at_first:?}");
        assert!(
            [1, 2, 3].iter().all(|key| at_first.iter().filter(|n| *n % 4 == *key).count() == 10)
        );
        pipeline.join().unwrap();
        let handled: Vec<u64> =
            batches.all().into_iter().flat_map(|(_, values, _)| values).collect();
        for all in [seen.all(), handled] {
            assert_eq!(all.len(), 40);
            for key in 0..4 {
                assert!(all.iter().filter(|n| *n % 4 == key).is_sorted());
            }
        }
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

/// The time of a batch begins with its first value.
#[test]
fn a_batch_is_closed_when_its_time_is_over() {
    for seed in 0..20 {
        let queue = MemoryQueue::new();
        let batches = Batches::new();
        let stages = simulated(seed);
        let pipeline = Pipeline::new(queue.source(), same)
            .batcher("all", |by| by.size(3).within(SECOND).key_by(|n| n % 2), noting(&batches))
            .start(&stages)
            .unwrap();
        stages.advance(10 * SECOND);
        queue.push(1);
        stages.advance(SECOND / 2);
        queue.extend([2, 3]);
        stages.advance(SECOND / 2 - Duration::from_millis(1));
        assert_eq!(batches.all().len(), 0);
        stages.advance(Duration::from_millis(1));
        let values = || -> Vec<Vec<u64>> {
            batches.all().into_iter().map(|(_, values, _)| values).collect()
        };
        assert_eq!(values(), [vec![1, 3]]);
        stages.advance(SECOND / 2);
        assert_eq!(values(), [vec![1, 3], vec![2]]);
        // One that was full in between does not close the next one too early.
        queue.extend([5, 7, 9, 11]);
        stages.advance(SECOND - Duration::from_millis(1));
        assert_eq!(values().len(), 3);
        stages.advance(Duration::from_millis(1));
        assert_eq!(values().len(), 4);
        assert!(
            batches
                .all()
                .iter()
                .all(|(_, values, why)| (values.len() == 3) == (*why == Closed::Size)
                    && (*why != Closed::End))
        );
        assert_eq!(pipeline.counts().batches_late, 3);
        pipeline.drain();
        stages.join().unwrap();
    }
}
