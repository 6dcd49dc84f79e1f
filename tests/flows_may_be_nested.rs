//! Flows within closures of flows, beside rayon and under locks: the right results and no deadlock.

mod support;

use flow::{BoxFlow, Collect, ErrorKind, Executor, Flow};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use support::{executors, in_time};

/// Everything that a flow can be made of, in small.
fn inner(upto: u64) -> u64 {
    let counts: BTreeMap<u64, u64> = Flow::from_iter((0..upto).filter(|_| true))
        .flat_map(|x| [x, x])
        .partition()
        .max_demand(10)
        .key_by(|x| x % 5)
        .count()
        .collect()
        .unwrap();
    counts.values().sum()
}

#[test]
fn two_deep() {
    for executor in executors() {
        let sum = in_time(|| Flow::from_range(0..50u64).map(inner).on(executor).sum::<u64>());
        assert_eq!(sum.unwrap(), 2 * (0..50).sum::<u64>());
    }
}

#[test]
fn three_deep() {
    for executor in executors() {
        let middle = |x| Flow::from_range(0..x).map(inner).partition().sum::<u64>().unwrap();
        let sum =
            in_time(move || Flow::from_vec(vec![10u64; 20]).map(middle).on(executor).sum::<u64>());
        assert_eq!(sum.unwrap(), 20 * 2 * (0..10).sum::<u64>());
    }
}

#[test]
fn in_every_closure() {
    in_time(|| {
        for executor in executors() {
            let events = Flow::from_iter((0..20u64).inspect(|_| _ = inner(3)))
                .filter(|x| inner(*x) == 2 * x)
                .flat_map(|x| (0..2).map(move |_| inner(x)))
                .partition_by(|x| inner(*x))
                .stages(2)
                .reduce(|| inner(0), |sum, x| *sum += inner(x))
                .on_trigger(|sum, _| [*sum + inner(0)])
                .on(executor)
                .collect::<Vec<u64>>();
            assert_eq!(events.unwrap().iter().sum::<u64>(), 2 * 4 * (0..20).sum::<u64>());
        }
    });
}

#[test]
fn with_readers_within() {
    in_time(|| {
        for executor in executors() {
            let read = |x: u64| {
                let ordered = Flow::from_range(0..x).map(|y| 2 * y).ordered().in_flight(3);
                let sum = ordered.with_iter(|events| events.sum::<u64>()).unwrap();
                let into = Flow::from_iter(0u64..).into_iter().take(x as usize);
                sum + into.map(Result::unwrap).sum::<u64>()
            };
            let sum = Flow::from_range(0..30u64).map(read).on(executor).sum::<u64>().unwrap();
            assert_eq!(sum, (0..30).map(|x| 3 * (0..x).sum::<u64>()).sum::<u64>());
        }
    });
}

#[test]
fn a_flow_that_is_built_outside_and_run_inside() {
    for executor in executors() {
        let flows: Vec<BoxFlow<'static, u64>> =
            (0..20).map(|n| Flow::from_range(0..n).map(|x| x + 1).boxed()).collect();
        let run = Flow::from_vec(flows).map(|flow| flow.partition().count().unwrap()).on(executor);
        assert_eq!(run.sum::<u64>().unwrap(), (0..20).sum::<u64>());
    }
}

#[test]
fn on_executors_of_their_own() {
    in_time(|| {
        let own = |x: u64| Flow::from_range(0..x).on(Executor::threads(2)).sum::<u64>().unwrap();
        let sum = Flow::from_range(0..50u64).map(own).on(Executor::threads(2)).sum::<u64>();
        assert_eq!(sum.unwrap(), (0..50).map(|x| (0..x).sum::<u64>()).sum::<u64>());
        let simulated =
            |x: u64| Flow::from_range(0..x).on(Executor::simulation(x)).sum::<u64>().unwrap();
        let sum =
            Flow::from_range(0..50u64).map(simulated).on(Executor::simulation(1)).sum::<u64>();
        assert_eq!(sum.unwrap(), (0..50).map(|x| (0..x).sum::<u64>()).sum::<u64>());
    });
}

#[test]
fn a_lock_that_is_held_around_an_inner_flow() {
    in_time(|| {
        for executor in executors() {
            let lock = Mutex::new(0);
            Flow::from_range(0..100u64)
                .on(executor)
                .for_each(|x| {
                    // A worker that ran another task of the outer flow in here would lock itself out.
                    let mut sum = lock.lock().unwrap();
                    *sum += inner(x % 10);
                })
                .unwrap();
            assert_eq!(lock.into_inner().unwrap(), 10 * 2 * (0..10).sum::<u64>());
        }
    });
}

#[test]
fn a_lock_that_is_held_around_parallel_iterators() {
    in_time(|| {
        for executor in executors() {
            let lock = Mutex::new(0);
            Flow::from_range(0..100u64)
                .on(executor)
                .for_each(|x| {
                    let mut sum = lock.lock().unwrap();
                    *sum += (0..x).into_par_iter().map(|y| y + 1).sum::<u64>();
                })
                .unwrap();
            let want = (0..100u64).map(|x| (0..x).map(|y| y + 1).sum::<u64>()).sum::<u64>();
            assert_eq!(lock.into_inner().unwrap(), want);
        }
    });
}

#[test]
fn within_parallel_iterators() {
    in_time(|| {
        let sum = (0..64u64).into_par_iter().map(inner).sum::<u64>();
        assert_eq!(sum, 2 * (0..64).sum::<u64>());
        // Flows within parallel iterators within flows.
        let both = |x: u64| (0..x).into_par_iter().map(inner).sum::<u64>();
        let sum = Flow::from_range(0..20u64).map(both).on(Executor::threads(2)).sum::<u64>();
        assert_eq!(sum.unwrap(), (0..20).map(|x| 2 * (0..x).sum::<u64>()).sum::<u64>());
    });
}

#[test]
fn within_a_pool_of_one_thread() {
    in_time(|| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let sum = pool.install(|| (0..20u64).into_par_iter().map(inner).sum::<u64>());
        assert_eq!(sum, 2 * (0..20).sum::<u64>());
    });
}

#[test]
fn a_failure_within_is_the_outer_closures_to_handle() {
    in_time(|| {
        for executor in executors() {
            let fails =
                |x: u64| Flow::from_range(0..10u64).filter(|y| *y != x || panic!("inner")).count();
            let handled = Flow::from_range(0..20u64).map(|x| fails(x).is_err());
            let failed = handled.on(executor.clone()).collect::<Vec<_>>().unwrap();
            assert_eq!(failed.iter().filter(|failed| **failed).count(), 10);
            let passed_on = Flow::from_range(0..20u64).map(|x| fails(x).unwrap());
            let error = passed_on.on(executor).run().unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")));
        }
    });
}

#[test]
fn a_channel_within_gives_what_it_has_before_it_waits_for_more() {
    let (sender, receiver) = crossbeam_channel::unbounded();
    sender.send(7u64).unwrap();
    let taken = in_time(move || {
        // The sender stays: after the first message there is nothing, and no end.
        let first = |_| Flow::from_channel(receiver.clone()).take(1).collect::<Vec<u64>>().unwrap();
        Flow::from_vec(vec![()]).map(first).collect::<Vec<_>>().unwrap()
    });
    assert_eq!(taken, [[7]]);
    drop(sender);
}

#[test]
fn a_started_flow_within_and_joined_there() {
    in_time(|| {
        for executor in executors() {
            let started = |x: u64| {
                let job = Flow::from_range(0..x).to(Collect::<Vec<u64>>::new());
                job.start().unwrap().join().unwrap().len() as u64
            };
            let sum = Flow::from_range(0..30u64).map(started).on(executor).sum::<u64>();
            assert_eq!(sum.unwrap(), (0..30).sum::<u64>());
        }
    });
}
