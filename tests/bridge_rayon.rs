//! Parallel iterators as sources, and flows as parallel iterators: all events, no deadlock, ends and
//! panics on both sides.

mod support;

use flow::{Collect, ErrorKind, Executor, Flow, FlowError};
use rayon::iter;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use support::{Counter, Lives, alone, executors, in_time, no_thread_is_left, spin, until};

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

#[test]
fn all_items_come() {
    for executor in executors() {
        for (many, demand) in [(0u64, 4096), (1, 1), (1000, 1), (1000, 7), (100_000, 4096)] {
            for threads in [1, 3] {
                let executor = executor.clone();
                let got = in_time(move || {
                    let items = (0..many).into_par_iter().map(|x| x + 1);
                    let flow = Flow::from_par_iter(items).in_pool(pool(threads));
                    let flow = flow.max_demand(demand).stages(2);
                    flow.filter(|x| x % 3 == 0).on(executor).collect::<Vec<u64>>().unwrap()
                });
                let mut got = got;
                got.sort_unstable();
                assert!(got.into_iter().eq((1..=many).filter(|x| x % 3 == 0)));
            }
        }
    }
}

#[test]
fn an_iterator_may_borrow() {
    let words: Vec<String> = (0..1000).map(|x| x.to_string()).collect();
    let lengths = Flow::from_par_iter(words.par_iter()).map(|word| word.len()).sum::<usize>();
    assert_eq!(lengths.unwrap(), words.iter().map(String::len).sum::<usize>());
}

#[test]
fn an_endless_iterator_stops_with_the_flow() {
    let _alone = alone();
    for threads in [1, 4] {
        for executor in [1, 2, 4].map(Executor::threads) {
            let pool = pool(threads);
            let lives = Lives::default();
            let (made, on) = (lives.clone(), Arc::clone(&pool));
            let first = in_time(move || {
                let endless = iter::repeat(()).map(move |()| made.number(1));
                let flow = Flow::from_par_iter(endless).in_pool(on).on(executor);
                flow.map(|living| living.number).take_any(1000).count()
            });
            assert_eq!(first.unwrap(), 1000);
            assert_eq!(lives.left(), 0);
            no_thread_is_left();
            // The pool is free again.
            assert_eq!(pool.install(|| (0..1000).into_par_iter().sum::<u64>()), 499_500);
        }
    }
}

#[test]
fn an_iterator_that_is_unwanted_ends_before_the_run() {
    for executor in executors().into_iter().take(3) {
        let (sender, receiver) = crossbeam_channel::bounded::<u64>(0);
        let some = iter::repeat(()).map(move |()| sender.is_empty());
        let some = Flow::from_par_iter(some).max_demand(5).take_any(10).on(executor);
        // Ends when the iterator is gone.
        let other = Flow::from_channel(receiver).to(|_| ());
        let (some, ()) = in_time(|| flow::run((some.to(Collect::<Vec<_>>::new()), other))).unwrap();
        assert_eq!(some.len(), 10);
    }
}

#[test]
fn without_demand_little_is_made() {
    let _alone = alone();
    let made = Counter::default();
    let counted = made.clone();
    let endless = iter::repeat(()).map(move |()| counted.up());
    let flow = Flow::from_par_iter(endless).in_pool(pool(3)).max_demand(100);
    let mut results = flow.on(Executor::threads(2)).into_iter();
    results.next().unwrap().unwrap();
    // Nobody reads on: demand comes to its end. A hundred are claimed, a hundred lie at the reader
    // for each of two instances, one batch is in the channel, one with the receiver, one at each
    // of the pool's three threads, with what they fold meanwhile.
    let mut before = 0;
    while before != made.get() {
        before = made.get();
        spin(50_000);
    }
    assert!(before <= 100 * (1 + 2 + 1 + 1 + 2 * 3), "{before} were made");
    drop(results);
    no_thread_is_left();
}

#[test]
fn a_closure_of_the_flow_may_use_rayon() {
    for executor in executors() {
        for threads in [1, 2] {
            let executor = executor.clone();
            let sum = in_time(move || {
                let inner = pool(threads);
                let flow = Flow::from_par_iter((0..2_000u64).into_par_iter());
                let dear = move |x: u64| {
                    let evens = || (0..x).into_par_iter().map(|y| y % 2).sum::<u64>();
                    evens() + inner.install(evens)
                };
                flow.max_demand(2).map(dear).on(executor).sum::<u64>()
            });
            assert_eq!(sum.unwrap(), (0..2_000).map(|x| x / 2 * 2).sum::<u64>());
        }
    }
}

#[test]
fn from_within_a_pool() {
    for threads in [1, 2] {
        let sums = in_time(move || {
            let sum = |x: u64| Flow::from_par_iter((0..x).into_par_iter()).sum::<u64>().unwrap();
            pool(threads).install(|| (0..20u64).into_par_iter().map(sum).sum::<u64>())
        });
        assert_eq!(sums, (0..20).map(|x| (0..x).sum::<u64>()).sum::<u64>());
    }
}

#[test]
fn from_within_the_pool_that_feeds_it_is_an_error() {
    let error = in_time(move || {
        let pool = pool(1);
        let feeds = Arc::clone(&pool);
        let flow = Flow::from_par_iter((0..10).into_par_iter()).in_pool(feeds);
        pool.install(|| flow.count())
    });
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("from_par_iter")));
}

#[test]
fn flows_of_parallel_iterators_may_be_nested() {
    for executor in executors() {
        let sum = in_time(move || {
            let inner = |x: u64| Flow::from_par_iter((0..x).into_par_iter()).sum::<u64>().unwrap();
            Flow::from_par_iter((0..50u64).into_par_iter()).map(inner).on(executor).sum::<u64>()
        });
        assert_eq!(sum.unwrap(), (0..50).map(|x| (0..x).sum::<u64>()).sum::<u64>());
    }
}

#[test]
fn a_panic_on_either_side_fails_the_run() {
    let _alone = alone();
    for executor in executors() {
        for (operator, at) in [("from_par_iter", 0), ("map", 1)] {
            let executor = executor.clone();
            let lives = Lives::default();
            let made = lives.clone();
            let error = in_time(move || {
                let boom = |x, side| if side == at && x == 300 { panic!("boom") } else { x };
                let items = (0..5000u64).into_par_iter();
                let items = items.map(move |x| made.number(boom(x, 0)));
                let flow = Flow::from_par_iter(items).in_pool(pool(2)).max_demand(10);
                flow.map(move |x| boom(x.number, 1)).on(executor).count()
            });
            let error = error.unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some(operator)));
            assert_eq!(lives.left(), 0);
            no_thread_is_left();
        }
    }
}

#[test]
fn a_run_can_be_cancelled_and_drained() {
    let _alone = alone();
    for cancel in [true, false] {
        let (count, seen) = (Counter::default(), Counter::default());
        let counted = seen.clone();
        let items = iter::repeat(()).map(move |()| count.up());
        let flow = Flow::from_par_iter(items).in_pool(pool(2)).inspect(move |_| _ = counted.up());
        let handle = flow.start().unwrap();
        until("something has come", || seen.get() > 0);
        if cancel {
            handle.cancel();
        } else {
            handle.drain();
        }
        assert_eq!(in_time(move || handle.join()).is_err(), cancel);
        no_thread_is_left();
    }
}

#[test]
fn a_flow_is_a_parallel_iterator() {
    for executor in executors() {
        for threads in [1, 3] {
            let executor = executor.clone();
            let sum = in_time(move || {
                let flow = Flow::from_range(0..10_000u64).map(|x| 2 * x).on(executor);
                let sum = || flow.into_par_iter().map(|x| x.map(|x| x + 1)).sum::<Result<u64, _>>();
                pool(threads).install(sum)
            });
            assert_eq!(sum.unwrap(), (0..10_000).map(|x| 2 * x + 1).sum::<u64>());
        }
    }
}

#[test]
fn a_flow_that_fails_gives_one_error_among_the_items() {
    for executor in executors() {
        let results = in_time(move || {
            let boom = |x| if x == 500 { panic!("boom") } else { x };
            let flow = Flow::from_range(0..1_000_000u64).map(boom).on(executor);
            flow.into_par_iter().collect::<Vec<Result<u64, FlowError>>>()
        });
        let mut errors = results.into_iter().filter_map(Result::err);
        assert_eq!(errors.next().unwrap().operator(), Some("map"));
        assert!(errors.next().is_none());
    }
}

#[test]
fn a_reader_that_stops_or_panics_ends_an_endless_flow() {
    let _alone = alone();
    for panics in [true, false] {
        let lives = Lives::default();
        let made = lives.clone();
        let found = in_time(move || {
            let endless = Flow::from_iter(0u64..).map(move |x| made.number(x));
            let read = move || {
                let look = |x: &Result<support::Living, FlowError>| {
                    let found = x.as_ref().unwrap().number > 1000;
                    assert!(!(found && panics), "boom");
                    found
                };
                pool(2).install(|| endless.into_par_iter().find_any(look).is_some())
            };
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        });
        assert_eq!(found.ok(), (!panics).then_some(true));
        assert_eq!(lives.left(), 0);
        no_thread_is_left();
    }
}
