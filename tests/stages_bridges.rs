//! Flows, iterators and streams that read running stages, and stages that read flows: demand, ends,
//! failures and cancellation from end to end.
#![allow(clippy::unit_arg, reason = "stages in one line")]

mod support;

use flow::stage::{
    Cancel, Consumer, Reason, Scope, StageRef, Stages, Subscribe, consume_with, produce_with,
    transform_with,
};
use flow::{BoxError, Demand, ErrorKind, Executor, Flow, Produced, Producer};
use futures_util::TryStreamExt;
use std::sync::{Arc, Mutex};
use support::{Counter, Lives, executors, in_time, no_thread_is_left, until};

/// Counts up, and records what it was asked for: a new entry for every call.
#[derive(Default)]
struct Asked {
    next: u64,
    end: u64,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Producer for Asked {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.asked.lock().unwrap().push(demand.events());
        while demand.events() > 0 && self.next < self.end {
            demand.emit(self.next);
            self.next += 1;
        }
        Ok(if self.next < self.end { Produced::More } else { Produced::Done })
    }
}

fn asked(stages: &Scope, end: u64) -> (StageRef<Asked, std::convert::Infallible, u64>, Calls) {
    let producer = Asked { end, ..Asked::default() };
    let calls = Calls(Arc::clone(&producer.asked));
    (stages.producer(producer).start(), calls)
}

struct Calls(Arc<Mutex<Vec<usize>>>);

impl Calls {
    fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Stages and a flow, each on threads or simulated.
fn pairs() -> Vec<(Executor, Executor)> {
    let mut pairs: Vec<_> = executors()
        .into_iter()
        .flat_map(|e| [(e.clone(), Executor::threads(2)), (e.clone(), e)])
        .collect();
    pairs.extend((50..100).map(|s| (Executor::simulation(s), Executor::simulation(s * 7 + 1))));
    pairs
}

fn each_pair(body: impl Fn(Stages, Executor) + Send + Sync + Clone + 'static) {
    for (stages, flow) in pairs() {
        let body = body.clone();
        in_time(move || body(Stages::on(stages).unwrap(), flow));
    }
    no_thread_is_left();
}

#[test]
fn an_iterator_asks_step_by_step() {
    for seed in 0..20 {
        let stages = Stages::on(Executor::simulation(seed)).unwrap();
        let (numbers, calls) = asked(&stages, 1_000);
        let asked = || calls.take().into_iter().sum::<usize>();
        let mut events = Subscribe::to(&numbers).max_demand(4).min_demand(2).iter();
        stages.settle();
        assert_eq!(calls.take(), [0; 0], "nothing is asked before the first `next`");
        let mut next = || events.next().unwrap().unwrap();
        assert_eq!(next(), 0);
        stages.settle();
        let out = |stages: &Stages| {
            stages.settle();
            numbers.counts().events_out
        };
        assert_eq!(out(&stages), 4);
        assert_eq!((next(), out(&stages)), (1, 6), "two are pending: two more");
        assert_eq!((next(), out(&stages)), (2, 6));
        assert_eq!((next(), out(&stages)), (3, 8));
        assert!(asked() <= 8 * 8);
        drop(events);
        stages.settle();
        assert_eq!(numbers.counts().buffered, 4, "what was not read has gone back");
        let mut again = numbers.outlet().iter();
        assert_eq!(again.next().unwrap().unwrap(), 4);
        drop(again);
        stages.stop();
        stages.join().unwrap();
    }
}

#[test]
fn an_iterator_ends_as_its_stage_does() {
    each_pair(|stages, _| {
        let (numbers, _) = asked(&stages, 100);
        let all: Vec<u64> =
            Subscribe::to(&numbers).max_demand(7).iter().map(Result::unwrap).collect();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(numbers.outlet().iter().count(), 0, "a stage that is over");
        let fails = produce_with(|demand: &mut Demand<'_, u64>| {
            demand.emit(1);
            demand.emit(2);
            Ok(Produced::More)
        });
        let fails = stages.producer(fails).unlinked().named("fails").start();
        let mut events = fails.outlet().iter();
        assert_eq!(events.next().unwrap().unwrap(), 1);
        drop(fails.call(|_, _| panic!("told to")));
        let error = loop {
            match events.next() {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("ends without a failure"),
            }
        };
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Panic, Some("fails")));
        assert!(events.next().is_none() && events.next().is_none());
        stages.join().unwrap();
    });
}

#[test]
fn readers_hear_that_the_runtime_has_failed() {
    each_pair(|stages, executor| {
        let quiet = produce_with(|demand: &mut Demand<'_, u64>| {
            std::mem::forget(demand.notifier());
            Ok(Produced::Pending)
        });
        let quiet = stages.producer(quiet).start();
        let fails =
            stages.producer(produce_with(|_: &mut Demand<'_, u64>| Err("bad".into()))).start();
        let flow = Flow::from_stages([&quiet]).on(executor);
        let mut events = quiet.outlet().iter();
        stages.consumer(consume_with(|_| Ok(()))).subscribe(&fails).start();
        let error = events.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("bad"), "{error}");
        let error = flow.collect::<Vec<_>>().unwrap_err();
        assert!(error.to_string().contains("bad"), "{error}");
        assert!(stages.join().is_err());
    });
}

#[test]
fn a_simulation_that_can_give_nothing_is_no_endless_wait() {
    let stages = Stages::on(Executor::simulation(3)).unwrap();
    let quiet = stages.producer_consumer(transform_with(|n: u64, out| Ok(out.emit(n)))).start();
    let mut events = quiet.outlet().iter();
    assert_eq!(events.next().unwrap().unwrap_err().kind(), ErrorKind::Stalled);
    assert!(events.next().is_none());
}

#[test]
fn a_flow_reads_all_of_several_stages() {
    each_pair(|stages, executor| {
        let (a, _) = asked(&stages, 30);
        let b = stages.iter(100..150u64).start();
        let double = stages
            .producer_consumer(transform_with(|n: u64, out| Ok(out.emit(n * 2))))
            .subscribe(&a)
            .start();
        let from =
            [Subscribe::to(&double).max_demand(1).min_demand(0), Subscribe::to(&b).max_demand(3)];
        let mut all: Vec<u64> =
            Flow::from_stages(from).map(|n| n + 1).on(executor).collect().unwrap();
        all.sort();
        let expected = (0..30).map(|n| n * 2 + 1).chain(101..151).collect::<Vec<_>>();
        assert_eq!(all, expected);
        stages.join().unwrap();
    });
}

#[test]
fn a_flow_subscribes_when_it_is_asked_and_obeys_its_demand() {
    for seed in 0..20 {
        let stages = Stages::on(Executor::simulation(seed)).unwrap();
        let (numbers, calls) = asked(&stages, 1_000);
        let flow = Flow::from_stages([Subscribe::to(&numbers).max_demand(6).min_demand(3)]);
        let flow = flow.stages(1).max_demand(1).on(Executor::simulation(seed + 1));
        stages.settle();
        assert_eq!(calls.take(), [0; 0]);
        let mut read = flow.into_iter();
        stages.settle();
        assert_eq!(calls.take(), [0; 0], "nothing before somebody reads");
        for n in 0..20 {
            assert_eq!(read.next().unwrap().unwrap(), n);
            stages.settle();
            let out = numbers.counts().events_out;
            // Six from the stage, and what lies in the flow: one per edge.
            assert!(out <= n + 1 + 6 + 2, "{out} at {n}");
        }
        assert!(calls.take().into_iter().all(|asked| asked <= 6));
        drop(read);
        stages.stop();
        stages.join().unwrap();
    }
}

#[test]
fn a_flow_that_ends_early_gives_back_what_it_has_not_taken() {
    each_pair(|stages, executor| {
        let lives = Lives::default();
        let (numbers, _) = asked(&stages, u64::MAX);
        for n in [0, 1, 3, 9] {
            let lives = lives.clone();
            let from = Subscribe::to(&numbers).max_demand(8);
            let taken =
                Flow::from_stages([from]).map(move |n| lives.number(n)).on(executor.clone());
            assert_eq!(taken.take_any(n).count().unwrap(), n as u64);
        }
        assert_eq!(lives.left(), 0);
        // It goes on for others.
        assert_eq!(numbers.outlet().iter().take(3).map(Result::unwrap).count(), 3);
        numbers.stop();
        stages.join().unwrap();
    });
}

#[test]
fn a_cancelled_flow_leaves() {
    each_pair(|stages, _| {
        let (numbers, _) = asked(&stages, u64::MAX);
        for _ in 0..5 {
            let from = Subscribe::to(&numbers).max_demand(8);
            let handle = Flow::from_stages([from]).on(Executor::threads(1)).start().unwrap();
            stages.settle();
            handle.cancel();
            assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Cancelled);
        }
        let from = Subscribe::to(&numbers).max_demand(8);
        let handle = Flow::from_stages([from]).on(Executor::threads(1)).start().unwrap();
        handle.drain();
        handle.join().unwrap();
        numbers.stop();
        stages.join().unwrap();
    });
}

#[test]
fn a_flow_fails_with_its_stages_first_cause() {
    each_pair(|stages, executor| {
        let fails = |stages: &Stages| {
            let mut n = 0;
            let fails = produce_with(move |demand: &mut Demand<'_, u64>| {
                n += 1;
                demand.emit(n);
                if n == 10 { Err("ten".into()) } else { Ok(Produced::More) }
            });
            stages.producer(fails).unlinked().named("ten").start()
        };
        let (numbers, _) = asked(&stages, 10);
        let of = fails(&stages);
        let from = [Subscribe::to(&numbers), Subscribe::to(&of)];
        let error = Flow::from_stages(from).on(executor.clone()).collect::<Vec<_>>().unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Source, Some("ten")));
        assert!(error.to_string().contains("ten"), "{error}");
        let temporary = Subscribe::to(&fails(&stages)).cancel(Cancel::Temporary);
        assert!(Flow::from_stages([temporary]).on(executor).count().unwrap() < 10);
        numbers.stop();
        stages.join().unwrap();
    });
}

#[test]
fn bad_demands_are_refused() {
    let stages = Stages::on(Executor::simulation(1)).unwrap();
    let (numbers, calls) = asked(&stages, 10);
    let error = Flow::from_stages([Subscribe::to(&numbers).max_demand(0)]).count().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("from_stages")));
    let mut events = Subscribe::to(&numbers).max_demand(2).min_demand(2).iter();
    let error = events.next().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("iter")));
    assert_eq!(calls.take(), [0; 0]);
}

/// Collects what it takes.
struct Collects(Arc<Mutex<Vec<u64>>>);

impl Consumer for Collects {
    type Item = u64;

    fn handle(&mut self, n: u64) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(n);
        Ok(())
    }
}

fn collects(stages: &Scope) -> (StageRef<Collects, u64>, impl Fn() -> Vec<u64> + use<>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let consumer = stages.consumer(Collects(Arc::clone(&seen))).start();
    (consumer, move || {
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        seen
    })
}

/// Counts how far an iterator was read.
fn counted(counter: &Counter, end: u64) -> impl Iterator<Item = u64> + Send + use<> {
    let counter = counter.clone();
    (0..end).inspect(move |_| _ = counter.up())
}

#[test]
fn a_flow_as_a_stage_gives_all_to_who_subscribes() {
    each_pair(|stages, executor| {
        for (max, end) in [(1, 40), (7, 100), (1_000, 5_000)] {
            let flow = Flow::from_range(0..end).map(|n| n * 2).filter(|n| n % 4 == 0);
            let flow = stages.flow(flow.on(executor.clone())).accumulate().start();
            let (consumers, seen): (Vec<_>, Vec<_>) = (0..3).map(|_| collects(&stages)).unzip();
            for consumer in &consumers {
                consumer.subscribe(Subscribe::to(&flow).max_demand(max)).unwrap();
            }
            flow.forward();
            assert!(matches!(flow.join(), Reason::Normal));
            consumers.iter().for_each(|consumer| drop(consumer.join()));
            let mut all: Vec<u64> = seen.iter().flat_map(|seen| seen()).collect();
            all.sort();
            assert_eq!(all, (0..end * 2).step_by(4).collect::<Vec<_>>());
        }
        stages.join().unwrap();
    });
}

#[test]
fn a_flow_as_a_stage_reads_nothing_before_it_is_asked_and_little_ahead() {
    for seed in 0..20 {
        let stages = Stages::on(Executor::simulation(seed)).unwrap();
        let read = Counter::default();
        let flow = Flow::from_iter(counted(&read, u64::MAX)).stages(1).max_demand(1);
        let flow = stages.flow(flow).start();
        stages.settle();
        assert_eq!(read.get(), 0);
        let mut events = Subscribe::to(&flow).max_demand(1).min_demand(0).iter();
        stages.settle();
        assert_eq!(read.get(), 0);
        for n in 0..10 {
            assert_eq!(events.next().unwrap().unwrap(), n);
            stages.settle();
            assert!(read.get() <= n as usize + 5, "{} at {n}", read.get());
        }
        drop(events);
        flow.stop();
        stages.join().unwrap();
    }
    no_thread_is_left();
}

#[test]
fn a_flow_as_a_stage_fails_drains_and_stops() {
    each_pair(|stages, executor| {
        let fails = Flow::from_range(0..100u64).map(|n| if n == 50 { panic!("fifty") } else { n });
        let fails = stages.flow(fails.on(executor.clone())).unlinked().start();
        let error = fails.outlet().iter().find_map(Result::err).unwrap();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")));

        let refused = Flow::from_range(0..100u64).stages(0).on(executor.clone());
        let refused = stages.flow(refused).unlinked().start();
        let error = refused.outlet().iter().find_map(Result::err).unwrap();
        assert_eq!(error.kind(), ErrorKind::Option);

        // State comes out where it is drained.
        let endless = Flow::from_iter(0u64..).partition().stages(1).max_demand(8);
        let sum = endless.reduce(|| 0u64, |sum, _| *sum += 1).emit_state().on(executor.clone());
        let sum = stages.flow(sum).start();
        let (consumer, seen) = collects(&stages);
        consumer.subscribe(&sum).unwrap();
        // Its thread has begun.
        sum.call(|_, _| ()).wait().unwrap();
        let drained = sum.clone();
        drained.drain();
        assert!(matches!(sum.join(), Reason::Normal));
        drop(consumer.join());
        assert!(seen().len() <= 1);

        let endless = stages.flow(Flow::from_iter(0u64..).on(executor)).start();
        assert_eq!(endless.outlet().iter().take(10).count(), 10);
        endless.stop();
        stages.join().unwrap();
    });
}

#[test]
fn a_drained_flow_gives_its_state() {
    in_time(|| {
        let stages = Stages::new();
        let read = Counter::default();
        let flow = Flow::from_iter(counted(&read, u64::MAX)).partition().stages(1);
        let flow = stages.flow(flow.reduce(|| 0u64, |n, _| *n += 1).emit_state()).start();
        let (consumer, seen) = collects(&stages);
        consumer.subscribe(&flow).unwrap();
        until("it reads", || read.get() > 1_000);
        stages.drain();
        stages.join().unwrap();
        assert_eq!(seen(), [read.get() as u64]);
    });
    no_thread_is_left();
}

#[test]
fn a_flow_into_running_consumers() {
    each_pair(|stages, executor| {
        let (a, seen_a) = collects(&stages);
        let (b, seen_b) = collects(&stages);
        let flow = Flow::from_range(0..3_000u64).on(executor).into_stages([&a, &b]).unwrap();
        assert!(matches!(flow.join(), Reason::Normal));
        assert!(matches!((a.join(), b.join()), (Reason::Normal, Reason::Normal)));
        let mut all = seen_a();
        all.extend(seen_b());
        all.sort();
        assert_eq!(all, (0..3_000).collect::<Vec<_>>());
        stages.join().unwrap();
        let none: [&StageRef<Collects, u64>; 0] = [];
        let error = Flow::from_range(0..3u64).into_stages(none).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("into_stages")));
    });
}

#[test]
fn a_flow_through_running_stages() {
    each_pair(|stages, executor| {
        let doubles = |stages: &Stages| {
            let double =
                transform_with(
                    |n: u64, out| if n == 77 { Err("77".into()) } else { Ok(out.emit(n * 2)) },
                );
            stages.producer_consumer(double).unlinked().start()
        };
        let all = |end| (0..end).map(|n| n * 2 + 1).collect::<Vec<u64>>();
        for instances in 1..3 {
            let through: Vec<_> = (0..instances).map(|_| doubles(&stages)).collect();
            let flow = Flow::from_range(0..70u64).on(executor.clone()).through_stages(&through);
            let mut seen: Vec<u64> = flow.map(|n| n + 1).on(executor.clone()).collect().unwrap();
            seen.sort();
            assert_eq!(seen, all(70));
        }
        let through = doubles(&stages);
        let flow = Flow::from_range(0..90u64).on(executor.clone()).through_stages([&through]);
        let error = flow.on(executor.clone()).count().unwrap_err();
        assert!(error.to_string().contains("77"), "{error}");
        let through = doubles(&stages);
        let fails = Flow::from_range(0..90u64).inspect(|n| assert!(*n < 30, "thirty"));
        let flow = fails.on(executor.clone()).through_stages([&through]);
        let error = flow.on(executor.clone()).count().unwrap_err();
        assert!(error.to_string().contains("thirty"), "{error}");
        let through = doubles(&stages);
        let endless = Flow::from_iter((0u64..).map(|n| n % 50)).on(executor.clone());
        let some = endless.through_stages([&through]).on(executor.clone()).take_any(10);
        assert_eq!(some.count().unwrap(), 10);
        // It keeps what nobody has taken.
        through.stop();
        stages.join().unwrap();
    });
}

#[test]
fn what_was_built_and_not_run_started_nothing() {
    let stages = Stages::on(Executor::simulation(1)).unwrap();
    let double =
        stages.producer_consumer(transform_with(|n: u64, out| Ok(out.emit(n * 2)))).start();
    let read = Counter::default();
    let flow = Flow::from_iter(counted(&read, 10)).through_stages([&double]);
    stages.settle();
    assert_eq!((stages.living(), read.get()), (1, 0));
    drop(flow);
    assert_eq!(stages.living(), 1);
}

#[test]
fn a_stage_as_a_stream() {
    in_time(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        for executor in executors() {
            let stages = Stages::on(executor).unwrap();
            let (numbers, _) = asked(&stages, 300);
            let all = Subscribe::to(&numbers).max_demand(7).stream().try_collect::<Vec<u64>>();
            assert_eq!(runtime.block_on(all).unwrap(), (0..300).collect::<Vec<_>>());
            let (numbers, _) = asked(&stages, u64::MAX);
            let mut some = Subscribe::to(&numbers).max_demand(7).stream();
            assert_eq!(runtime.block_on(some.try_next()).unwrap(), Some(0));
            drop(some);
            numbers.stop();
            let fails = produce_with(|_: &mut Demand<'_, u64>| Err("bad".into()));
            let fails = stages.producer(fails).unlinked().start();
            let end = Subscribe::to(&fails).stream().try_collect::<Vec<u64>>();
            assert!(runtime.block_on(end).unwrap_err().to_string().contains("bad"));
            stages.join().unwrap();
        }
    });
    no_thread_is_left();
}

#[test]
fn readers_that_leave_at_every_point_lose_nothing() {
    for seed in 0..100 {
        let executor = if seed < 90 { Executor::simulation(seed) } else { Executor::threads(2) };
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let (numbers, _) = asked(&stages, 60);
            let passes = transform_with(|n: u64, out| Ok(out.emit(n)));
            let passes = stages
                .producer_consumer(passes)
                .subscribe(Subscribe::to(&numbers).max_demand(4))
                .start();
            let mut seen = Vec::new();
            for reads in 0..10 {
                let some = Subscribe::to(&passes).max_demand(1 + (seed as usize + reads) % 7);
                let mut some = some.iter();
                seen.extend(some.by_ref().take(reads).map(Result::unwrap));
                if reads % 2 == 0 {
                    stages.settle();
                }
                drop(some);
            }
            seen.extend(passes.outlet().iter().map(Result::unwrap));
            seen.sort();
            assert_eq!(seen, (0..60).collect::<Vec<_>>());
            stages.join().unwrap();
        });
    }
    no_thread_is_left();
}
