//! Pipelines: what is batched how, in which order.

#[path = "support/pipelines.rs"]
mod pipelines;
mod support;

use flow::Retry;
use flow::pipeline::{Closed, MemoryQueue, Pipeline};
use flow::stage::Stages;
use pipelines::{Batches, HOUR, Notes, SECOND, noting, same, simulated, sorted};
use std::time::Duration;
use support::{Counter, executors};

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
