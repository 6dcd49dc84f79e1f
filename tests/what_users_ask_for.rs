//! What users of parallel and streaming libraries ask for, year after year, each as a test whose code
//! is the answer. Build times, which are asked for as well, are measured by
//! `cargo run -p compare --bin build_time`.

mod support;

use crossbeam_channel::bounded;
use flow::{BoxError, Collect, ErrorKind, Executor, Flow, Meter, Timestamp, Trigger, Window};
use futures_util::stream::{self, TryStreamExt};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::{Counter, alone, executors, in_time, no_thread_is_left, spin, until};
use tokio::runtime::Builder;

/// Can a map run in parallel over an endless iterator and give its results in order, as they come, never
/// reading far ahead of whoever takes them? (`rayon#210`, `rayon#1068`)
#[test]
fn results_come_in_order_and_the_source_is_at_most_so_far_ahead() {
    const AHEAD: usize = 16;
    for executor in executors() {
        let read = Counter::default();
        let source = Flow::from_iter((0u64..).inspect(|_| _ = read.up()));
        // Every tenth event is dear: it is overtaken, and must not let the others run away.
        let dear = |x: u64| {
            spin(if x.is_multiple_of(10) { 100 } else { 1 });
            x * x
        };
        let ordered = source.map(dear).ordered().in_flight(AHEAD).on(executor);
        ordered
            .with_iter(|squares| {
                for taken in 0..100 {
                    assert!(read.get() <= taken + AHEAD, "{} read for {taken}", read.get());
                    assert_eq!(squares.next(), Some((taken * taken) as u64));
                }
            })
            .unwrap();
        assert!(read.get() <= 100 + AHEAD);
    }
}

/// Does it deadlock when a closure holds a lock and does something parallel meanwhile, so that the
/// pool could run another such closure on the same stack? (`rayon#592`, `rayon#1174`)
#[test]
fn a_lock_may_be_held_across_nested_parallel_work() {
    for executor in executors() {
        let total = in_time(move || {
            let total = Mutex::new(0u64);
            Flow::from_range(0..50u64).on(executor).for_each(|x| {
                let mut total = total.lock().unwrap();
                *total += Flow::from_range(0..x).map(|y| y + 1).sum::<u64>().unwrap();
                *total += (0..x).into_par_iter().sum::<u64>();
            })?;
            total.into_inner().map_err(|_| unreachable!("no closure panics"))
        });
        let expected: u64 = (0..50u64).map(|x| x * (x + 1) / 2 + x * x.saturating_sub(1) / 2).sum();
        assert_eq!(total.unwrap_or_else(|error: flow::FlowError| panic!("{error}")), expected);
    }
}

/// If the last step is slow, is the first one held back, or do queues grow in between? (`timely#123`,
/// `rayon#835`)
#[test]
fn a_slow_reader_holds_back_the_source_over_every_stage() {
    const DEMAND: usize = 10;
    let _alone = alone();
    for executor in executors() {
        let read = Counter::default();
        let stages = Flow::from_iter((0u64..).inspect(|_| _ = read.up()))
            .stages(2)
            .max_demand(DEMAND)
            .partition()
            .stages(2)
            .max_demand(DEMAND)
            .partition_by(|x| x + 1)
            .stages(2)
            .max_demand(DEMAND)
            .on(executor);
        stages
            .with_iter(|events| {
                for taken in 1..=20 {
                    events.next();
                    // Whoever can run ahead has time to do it.
                    spin(500);
                    // Four edges, between so many pairs of instances; stages have as much in hand.
                    let ahead = 2 * DEMAND * (1 + 4 + 4 + 2);
                    assert!(read.get() <= taken + ahead, "{} read for {taken}", read.get());
                }
            })
            .unwrap();
    }
}

/// May a source block, without taking a worker from the steps that compute? (`rayon#779`, `rayon#297`)
#[test]
fn a_source_that_waits_takes_no_worker() {
    let _alone = alone();
    for workers in [1, 2] {
        in_time(move || {
            let (send, received) = bounded::<u64>(1);
            let (done, seen) = bounded::<u64>(100);
            // Whoever sends waits for what became of the message before.
            let sender = thread::spawn(move || {
                for x in 0..100 {
                    send.send(x).unwrap();
                    assert_eq!(seen.recv(), Ok(2 * x));
                }
            });
            let meter = Meter::new();
            let messages = Flow::from_iter(received).observe(&meter);
            let on = Executor::threads(workers);
            messages.map(|x| 2 * x).on(on).for_each(|x| done.send(x).unwrap()).unwrap();
            sender.join().unwrap();
            assert!(meter.metrics().workers <= workers);
        });
        no_thread_is_left();
    }
}

/// Can a run be cancelled from outside, ended with what it has so far, given a time limit, or left in
/// the middle, and is everything gone then? (`rayon#544`, `rayon#1014`, `crossbeam#236`)
#[test]
fn a_run_can_be_cancelled_drained_timed_out_and_left() {
    let _alone = alone();
    in_time(|| {
        let count = |seen: &Counter| {
            let seen = seen.clone();
            let numbers = Flow::from_iter(0u64..).inspect(move |_| _ = seen.up());
            numbers.key_by(|x| x % 2).count().to(Collect::<BTreeMap<_, _>>::new()).start().unwrap()
        };
        let seen = Counter::default();
        let cancelled = count(&seen);
        until("some were seen", || seen.get() > 10);
        cancelled.cancel();
        assert_eq!(cancelled.join().unwrap_err().kind(), ErrorKind::Cancelled);

        let seen = Counter::default();
        let drained = count(&seen);
        until("some were seen", || seen.get() > 10);
        drained.drain();
        assert_eq!(drained.join().unwrap().values().sum::<u64>(), seen.get() as u64);

        let limited = count(&Counter::default());
        let limit = Instant::now() + Duration::from_millis(5);
        while !limited.is_finished() && Instant::now() < limit {
            thread::yield_now();
        }
        limited.cancel();
        assert_eq!(limited.join().unwrap_err().kind(), ErrorKind::Cancelled);

        let first = Flow::from_iter(0u64..).map(|x| x + 1).ordered().into_iter().next();
        assert_eq!(first.unwrap().unwrap(), 1);
    });
    no_thread_is_left();
}

/// When a closure panics, which one was it, and what becomes of the rest? (`rayon#638`, `timely#319`)
#[test]
fn a_panic_is_an_error_that_names_its_operator_and_line() {
    for executor in executors() {
        let fired = Counter::default();
        let line = line!() + 2;
        let numbers = Flow::from_range(0..1000u64).filter(|x| x % 2 == 0);
        let checked = numbers.map(|x| if x < 500 { x } else { panic!("{x} is too much") });
        let sums = checked.partition().reduce(|| 0, |sum, x| *sum += x).on_trigger(|sum, _| {
            fired.up();
            Some(*sum)
        });
        let error = sums.on(executor).collect::<Vec<u64>>().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")));
        let at = error.location().unwrap();
        assert_eq!((at.file(), at.line()), (file!(), line));
        assert!(error.to_string().contains("is too much"), "{error}");
        // Nothing incomplete came out.
        assert_eq!(fired.get(), 0);
        let payload = error.into_panic().unwrap();
        assert!(payload.downcast_ref::<String>().unwrap().ends_with("is too much"));
    }
}

/// What if single events fail: can the first error end it, or can errors go elsewhere while the rest
/// goes on? (`rayon#113`, `rayon#772`)
#[test]
fn events_that_fail_end_the_run_or_go_elsewhere() {
    let words = || Flow::from_vec(vec!["1", "2", "x", "4", "y"]);
    for executor in executors() {
        let numbers = words().map(|word| word.parse::<u64>()).on(executor.clone());
        let all: Result<Vec<u64>, _> = numbers.collect().unwrap();
        assert!(all.is_err());

        let failed = words().try_map(|word| word.parse::<u64>()).on(executor.clone()).run();
        let failed = failed.unwrap_err();
        assert_eq!((failed.kind(), failed.operator()), (ErrorKind::Event, Some("try_map")));
        assert!(failed.source().unwrap().is::<std::num::ParseIntError>());

        let numbers = words().map(|word| word.parse::<u64>().map_err(|_| word)).on(executor);
        let (good, bad) = numbers.split_results();
        let good = good.to(Collect::<BTreeSet<_>>::new());
        let bad = bad.to(Collect::<BTreeSet<_>>::new());
        let (good, bad) = flow::run((good, bad)).unwrap();
        assert_eq!((good, bad), (BTreeSet::from([1, 2, 4]), BTreeSet::from(["x", "y"])));
    }
}

/// May `?` be used on it, beside other errors? (`rayon#328`)
#[test]
fn the_error_goes_where_errors_go() {
    fn total(numbers: &str) -> Result<u64, Box<dyn Error + Send + Sync>> {
        let parsed: Result<Vec<u64>, _> =
            Flow::from_text(numbers).map(|line| line.parse::<u64>()).collect()?;
        Ok(Flow::from_vec(parsed?).sum::<u64>()?)
    }
    assert_eq!(total("1\n2").unwrap(), 3);
    assert!(total("1\nx").is_err());
}

/// Can asynchronous and computing steps be mixed, so that neither starves the other: requests on the
/// user's runtime, so many at a time, and the work on their answers on threads that may be busy?
/// (`rayon#255`, `rayon#1060`, `futures-rs#2387`, `datafusion#13692`)
#[test]
fn futures_run_on_the_users_runtime_and_work_on_ours() {
    const AT_ONCE: usize = 3;
    let _alone = alone();
    for workers in [1, 2, 4] {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("theirs").build();
        let runtime = Arc::new(runtime.unwrap());
        let on = Arc::clone(&runtime);
        let spawn = move |task| drop(on.spawn(task));
        let (asked, handled) = (Counter::default(), Counter::default());
        let seen = handled.clone();
        let request = move |id: u64| {
            let (asked, handled) = (asked.clone(), handled.clone());
            async move {
                assert!(asked.up() < handled.get() + AT_ONCE);
                tokio::task::yield_now().await;
                assert_eq!(thread::current().name(), Some("theirs"));
                Ok::<_, BoxError>(id + 1)
            }
        };
        let ids = stream::iter(0..200u64);
        let answers = Flow::from_stream(ids).map_async_ordered(AT_ONCE, spawn, request);
        let worked = answers.inspect(move |_| _ = seen.up()).map(|answer| {
            assert_ne!(thread::current().name(), Some("theirs"));
            spin(5);
            answer * answer
        });
        // Nothing of it blocks the thread that awaits the results, which is the runtime's only one.
        let results = worked.on(Executor::threads(workers)).into_stream();
        let all = runtime.spawn(results.try_collect::<Vec<u64>>());
        let all = in_time(move || runtime.block_on(all).unwrap()).unwrap();
        assert!(all.into_iter().eq((1..=200).map(|x| x * x)));
    }
    no_thread_is_left();
}

/// Grouping by key in parallel: how many accumulators are made, and is each key counted once?
/// (`rayon#902`, `rayon#1124`)
#[test]
fn one_accumulator_per_key_and_one_per_partition() {
    for executor in executors() {
        let made = Counter::default();
        let init = || {
            made.up();
            Vec::new()
        };
        let keyed = Flow::from_range(0..10_000u64).on(executor.clone()).key_by(|x| x % 100);
        let groups = keyed.fold(init, |group: &mut Vec<u64>, x| group.push(x));
        let groups: Vec<(u64, Vec<u64>)> = groups.collect().unwrap();
        assert_eq!((groups.len(), made.get()), (100, 100));
        for (key, mut group) in groups {
            group.sort_unstable();
            assert!(group.into_iter().eq((0..100).map(|n| 100 * n + key)));
        }

        let made = Counter::default();
        let partitions = Flow::from_range(0..10_000u64).partition().stages(3).on(executor);
        let sums = partitions.reduce(|| _ = made.up(), |_, _| ()).emit_state();
        assert_eq!((sums.count().unwrap(), made.get()), (3, 3));
    }
}

/// Can one step run on more threads than another, and be capped? (`rayon#28`, `nushell#4407`)
#[test]
fn every_stage_has_its_own_parallelism() {
    /// How many are in a closure at once, and the most so far.
    #[derive(Default)]
    struct Gauge(AtomicUsize, AtomicUsize);
    impl Gauge {
        fn work(&self) {
            let now = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.1.fetch_max(now, Ordering::SeqCst);
            spin(50);
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let (wide, narrow, single) = (Gauge::default(), Gauge::default(), Gauge::default());
    Flow::from_range(0..500u64)
        .inspect(|_| wide.work())
        .stages(4)
        .partition()
        .inspect(|_| narrow.work())
        .stages(2)
        .partition()
        .inspect(|_| single.work())
        .stages(1)
        .on(Executor::threads(4))
        .run()
        .unwrap();
    let most = [&wide, &narrow, &single].map(|gauge| gauge.1.load(Ordering::SeqCst));
    assert!(most[0] <= 4 && most[1] <= 2 && most[2] == 1, "{most:?}");
}

/// Can events be taken so many at a time, for a table or a service that wants batches? (`tokio#4694`)
#[test]
fn batches_have_the_size_that_was_asked_for() {
    for executor in executors() {
        let batches = Flow::from_range(0..1005u64).map(|x| x + 1).chunks(100).on(executor);
        let batches: Vec<Vec<u64>> = batches.collect().unwrap();
        assert!(batches.iter().rev().skip(1).all(|batch| batch.len() == 100));
        assert!(batches.concat().into_iter().eq(1..=1005));
    }
}

/// How far is it, what waits where, and does asking slow it down? (`rayon#824`, `indicatif#170`)
#[test]
fn progress_is_counted_once_per_batch() {
    const EVENTS: u64 = 200_000;
    let meter = Meter::new();
    let numbers = Flow::from_range(0..EVENTS).observe(&meter).on(Executor::threads(2));
    let watcher = thread::spawn({
        let meter = meter.clone();
        move || {
            let mut before = 0;
            // Any thread may look at any time, also before the run begins.
            until("it has ended", || {
                meter.metrics().stages().last().is_some_and(|stage| stage.events_in == EVENTS)
            });
            for _ in 0..3 {
                let now = meter.metrics().stages()[0].events_in;
                assert!(now >= before);
                before = now;
            }
        }
    });
    numbers.partition_with(|x, n| *x as usize % n).stages(2).run().unwrap();
    watcher.join().unwrap();
    let metrics = meter.metrics();
    assert_eq!(metrics.stages()[0].events_in, EVENTS);
    let edge = &metrics.edges()[0];
    assert_eq!((edge.events_out, edge.dropped, edge.held), (EVENTS, 0, 0));
    assert!(edge.batches_in * 50 < EVENTS, "{} batches", edge.batches_in);
}

/// Does a handful of elements pay for threads? (`rayon#642`, `rayon#1188`)
#[test]
fn a_tiny_run_stays_on_the_thread_that_asks_for_it() {
    let caller = thread::current().id();
    let elsewhere = Counter::default();
    let look = || {
        if thread::current().id() != caller {
            elsewhere.up();
        }
    };
    let run = || {
        let before = elsewhere.get();
        let numbers = Flow::from_range(0..100u64).inspect(|_| look());
        let counts: BTreeMap<u64, u64> =
            numbers.key_by(|x| x % 3).count().inspect(|_| look()).collect().unwrap();
        assert_eq!(counts.len(), 3);
        elsewhere.get() == before
    };
    // A machine that is busy can make a tiny run look like a long one.
    assert!((0..50).any(|_| run()), "{} events were handled elsewhere", elsewhere.get());
}

/// Must a result depend on how many threads there were, so that a job cannot be moved to a larger
/// machine? (`timely#529`)
#[test]
fn partitions_do_not_depend_on_the_number_of_workers() {
    let partitions = |executor: Executor| {
        let parts = Flow::from_range(0..5000u64).partition().stages(5).on(executor);
        let mut parts: Vec<Vec<u64>> = parts.into_partitions().unwrap();
        parts.iter_mut().for_each(|part| part.sort_unstable());
        parts
    };
    let alone = partitions(Executor::threads(1));
    for executor in executors() {
        assert_eq!(partitions(executor), alone);
    }
}

/// Can a batch also go when some time has passed since its first event, whichever comes first?
/// (`tokio#4694`, `futures-rs#446`)
#[test]
fn batches_by_count_or_time() {
    use flow::testing::Script;
    let ms = Duration::from_millis;
    let events = |script: Script<u64>, range: std::ops::Range<u64>| {
        range.fold(script, |script, x| script.event(Timestamp(0), x))
    };
    for seed in 0..50 {
        let script = events(Script::new(), 0..7).clock(ms(99));
        let script = events(script.clock(ms(100)), 7..9).clock(ms(150));
        let script = events(script, 9..10).clock(ms(500));
        let batches = Mutex::new(Vec::new());
        Flow::from_scripts([script])
            .key_by(|_| ())
            .window(Window::global())
            .trigger(Trigger::every(5).or(Trigger::after_delay(ms(100))))
            .discarding()
            .fold(Vec::new, |batch, x| batch.push(x))
            .linger(Duration::ZERO)
            .on(Executor::simulation(seed))
            .for_each(|pane| batches.lock().unwrap().push(pane.value))
            .unwrap();
        let batches = batches.into_inner().unwrap();
        assert_eq!(batches, [vec![0, 1, 2, 3, 4], vec![5, 6], vec![7, 8, 9]], "seed {seed}");
    }
}
