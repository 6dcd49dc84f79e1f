//! Supervisors start children, start them again, and give up; consumers of a child keep their
//! subscriptions.
#![allow(clippy::unit_arg, reason = "stages in one line")]

mod support;

use flow::stage::{
    Cancel, Child, Consumer, Reason, Restart, Scope, StageRef, Stages, Strategy, Subscribe,
    Supervisor, produce_with, transform_with,
};
use flow::{BoxError, Demand, ErrorKind, Executor, Flow, FlowError, Produced, Producer};
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Counter, executors, in_time, no_thread_is_left};

/// Counts on from where the last one was, and fails at certain numbers, once each.
#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    next: u64,
    end: u64,
    fails_at: Vec<u64>,
}

impl Numbers {
    fn new(end: u64, fails_at: &[u64]) -> Self {
        Numbers(Arc::new(Mutex::new(Inside { next: 0, end, fails_at: fails_at.to_vec() })))
    }
}

impl Producer for Numbers {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        let mut inside = self.0.lock().unwrap();
        let next = inside.next;
        if let Some(at) = inside.fails_at.iter().position(|at| *at == next) {
            inside.fails_at.remove(at);
            return Err(format!("fails at {next}").into());
        }
        if demand.events() > 0 && inside.next < inside.end {
            demand.emit(inside.next);
            inside.next += 1;
        }
        Ok(if inside.next < inside.end { Produced::More } else { Produced::Done })
    }
}

type Seen = Arc<Mutex<Vec<u64>>>;

struct Collects(Seen);

impl Consumer for Collects {
    type Item = u64;

    fn handle(&mut self, n: u64) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(n);
        Ok(())
    }
}

fn collects(stages: &Scope, from: impl Into<Subscribe<u64>>) -> (Seen, StageRef<Collects, u64>) {
    let seen = Seen::default();
    let consumer = stages.consumer(Collects(Arc::clone(&seen)));
    (seen, consumer.subscribe(from).start())
}

fn all_executors() -> Vec<Executor> {
    executors().into_iter().chain((100..160).map(Executor::simulation)).collect()
}

#[test]
fn consumers_of_a_child_go_on_when_it_is_restarted() {
    for (executor, max) in all_executors().into_iter().flat_map(|e| [(e.clone(), 1), (e, 7)]) {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut supervisor = stages.supervisor().max_restarts(10, Duration::from_secs(5));
            let numbers = Numbers::new(50, &[0, 3, 4, 20, 49]);
            let child = supervisor.child(move |scope| scope.producer(numbers.clone()));
            let (seen, _) =
                collects(&stages, Subscribe::to(&child).max_demand(max).min_demand(max / 2));
            supervisor.start();
            stages.join().unwrap();
            assert_eq!(*seen.lock().unwrap(), (0..50).collect::<Vec<_>>());
            assert_eq!(child.restarts(), 5);
            assert!(child.failure().unwrap().to_string().contains("fails at 49"));
            assert!(matches!(child.over(), Some(Reason::Normal)));
        });
    }
    no_thread_is_left();
}

#[test]
fn a_chain_of_children_each_of_which_fails_loses_only_what_was_with_the_failed_one() {
    for executor in all_executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut supervisor = stages.supervisor().max_restarts(10, Duration::from_secs(5));
            let numbers = Numbers::new(40, &[11]);
            let first = supervisor.child(move |scope| scope.producer(numbers.clone()));
            let (outlet, fails) = (first.outlet(), Counter::default());
            let second = supervisor.child(move |scope| {
                let fails = fails.clone();
                let passes = transform_with(move |n: u64, out| {
                    if n == 20 && fails.up() == 0 {
                        return Err("twenty".into());
                    }
                    Ok(out.emit(n))
                });
                scope
                    .producer_consumer(passes)
                    .subscribe(Subscribe::to(&outlet).max_demand(1).min_demand(0))
            });
            let (seen, _) = collects(&stages, &second);
            supervisor.start();
            stages.join().unwrap();
            let expected: Vec<u64> = (0..40).filter(|n| *n != 20).collect();
            assert_eq!(*seen.lock().unwrap(), expected);
            assert_eq!((first.restarts(), second.restarts()), (1, 1));
        });
    }
}

/// A supervisor with three children, of which the second fails when told; in which order they start
/// and stop.
struct Three {
    log: Arc<Mutex<Vec<String>>>,
    supervisor: StageRef<Supervisor>,
    children: Vec<Child<Idle, std::convert::Infallible, u64>>,
}

struct Idle;

impl Producer for Idle {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        // Pending for ever.
        std::mem::forget(demand.notifier());
        Ok(Produced::Pending)
    }
}

fn three(stages: &Stages, strategy: Strategy, restart: Restart) -> Three {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut supervisor = stages.supervisor().strategy(strategy).unlinked();
    let children = ["a", "b", "c"]
        .map(|name| {
            let log = Arc::clone(&log);
            supervisor.child_with(restart, move |scope| {
                log.lock().unwrap().push(format!("+{name}"));
                scope.producer(Idle).named(name)
            })
        })
        .to_vec();
    let supervisor = supervisor.start();
    stages.settle();
    supervisor.call(|_, _| ()).wait().unwrap();
    let three = Three { log, supervisor, children };
    three.watch();
    three
}

impl Three {
    fn watch(&self) {
        for (name, child) in ["a", "b", "c"].into_iter().zip(&self.children) {
            let log = Arc::clone(&self.log);
            child.stage().unwrap().on_exit(move |_| log.lock().unwrap().push(format!("-{name}")));
        }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().concat()
    }

    fn fail(&self, child: usize) {
        let stage = self.children[child].stage().unwrap();
        drop(stage.call(|_, _| panic!("told to")));
        let _failed = stage.join();
        self.supervisor.call(|_, _| ()).wait().unwrap();
    }

    /// Waits until so many children live.
    fn until_living(&self, living: usize) {
        while self.supervisor.call(|s, _| s.living()).wait().unwrap() != living {}
    }
}

#[test]
fn each_strategy_restarts_whom_it_says_and_stops_in_reverse_order() {
    let expected = [
        (Strategy::OneForOne, "+a+b+c-b+b", [0, 1, 0]),
        (Strategy::OneForAll, "+a+b+c-b-c-a+a+b+c", [1, 1, 1]),
        (Strategy::RestForOne, "+a+b+c-b-c+b+c", [0, 1, 1]),
    ];
    for (strategy, expected, restarts) in expected {
        for executor in executors() {
            in_time(move || {
                let stages = Stages::on(executor).unwrap();
                let three = three(&stages, strategy, Restart::Transient);
                three.fail(1);
                while three.children[1].restarts() == 0 {
                    three.supervisor.call(|_, _| ()).wait().unwrap();
                }
                three.until_living(3);
                assert_eq!(three.log(), expected);
                let counted: Vec<u64> = three.children.iter().map(Child::restarts).collect();
                assert_eq!(counted, restarts);
                let failure = three.children[1].failure().unwrap();
                assert_eq!((failure.kind(), failure.stage()), (ErrorKind::Panic, Some("b")));
                three.watch();
                three.log.lock().unwrap().clear();
                three.supervisor.stop();
                assert!(matches!(three.supervisor.join(), Reason::Shutdown));
                let stopped = three.log().replace("-b-b", "-b").replace("-c-c", "-c");
                assert_eq!(stopped.replace("-a-a", "-a"), "-c-b-a");
                stages.join().unwrap();
            });
        }
    }
}

#[test]
fn a_supervisor_gives_up_with_the_last_failure_as_its_source() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut supervisor = stages.supervisor().unlinked();
            let counter = Counter::default();
            let starts = counter.clone();
            let child = supervisor.child(move |scope| {
                let n = starts.up();
                scope.producer(produce_with(move |_: &mut Demand<'_, u64>| {
                    Err(format!("failure {n}").into())
                }))
            });
            let idle = supervisor.child(|scope| scope.producer(Idle));
            let (_, consumer) = collects(&stages, &child);
            supervisor.start();
            let Reason::Failed(seen) = consumer.join() else { panic!("its consumer fails, too") };
            let error = stages.join().unwrap_err();
            assert_eq!((error.kind(), seen.kind()), (ErrorKind::Limit, ErrorKind::Limit));
            assert_eq!(error.operator(), Some("supervisor"));
            let cause = error.source().unwrap().downcast_ref::<FlowError>().unwrap();
            assert!(cause.to_string().contains("failure 3"), "{cause}");
            assert_eq!((counter.get(), child.restarts()), (4, 3));
            assert!(idle.over().is_some());
        });
    }
    no_thread_is_left();
}

#[test]
fn the_limit_is_one_of_time() {
    for seed in 0..20 {
        let stages = Stages::on(Executor::simulation(seed)).unwrap();
        let three = three(&stages, Strategy::OneForOne, Restart::Permanent);
        for _ in 0..10 {
            three.fail(0);
            stages.advance(Duration::from_secs(2));
        }
        assert_eq!(three.children[0].restarts(), 10);
        (0..3).for_each(|_| three.fail(0));
        let Some(Reason::Failed(error)) = three.supervisor.over().or_else(|| {
            stages.settle();
            three.supervisor.over()
        }) else {
            panic!("gives up");
        };
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_eq!(stages.living(), 0);
    }
}

#[test]
fn restart_decides_who_is_started_again() {
    for (restart, failed, ended) in
        [(Restart::Permanent, 2, 2), (Restart::Transient, 2, 1), (Restart::Temporary, 1, 1)]
    {
        for (fails, expected) in [(true, failed), (false, ended)] {
            for seed in 0..20 {
                let stages = Stages::on(Executor::simulation(seed)).unwrap();
                let mut supervisor = stages.supervisor().unlinked();
                let counter = Counter::default();
                let starts = counter.clone();
                let child = supervisor.child_with(restart, move |scope| {
                    let once = starts.up() == 0;
                    scope.producer(produce_with(move |demand| {
                        match (once, fails) {
                            (true, true) => return Err("once".into()),
                            (true, false) => return Ok(Produced::Done),
                            (false, _) => std::mem::forget(demand.notifier()),
                        }
                        Ok(Produced::Pending)
                    }))
                });
                let subscribe = Subscribe::<u64>::to(&child).cancel(Cancel::Temporary);
                let (_, consumer) = collects(&stages, subscribe);
                let supervisor = supervisor.start();
                stages.settle();
                assert_eq!(counter.get(), expected, "{restart:?} {fails}");
                assert_eq!(child.failure().is_some(), fails);
                assert_eq!(supervisor.over().is_none(), expected == 2);
                drop(consumer);
                stages.stop();
                stages.join().unwrap();
            }
        }
    }
}

#[test]
fn supervisors_are_children_of_supervisors() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut outer = stages.supervisor();
            let (starts, inner_starts) = (Counter::default(), Counter::default());
            let (counts, inner_counts) = (starts.clone(), inner_starts.clone());
            let inner = outer.child(move |scope| {
                inner_counts.up();
                let counts = counts.clone();
                let mut inner = scope.supervisor().max_restarts(1, Duration::from_secs(5));
                inner.child(move |scope| {
                    let n = counts.up();
                    scope.producer(produce_with(move |_: &mut Demand<'_, u64>| {
                        if n < 3 { panic!("start {n}") } else { Ok(Produced::Done) }
                    }))
                });
                inner
            });
            outer.start();
            // Nobody asks: the innermost stages wait. Their demand comes from nowhere else.
            let _ = &inner;
            stages.drain();
            stages.join().unwrap();
        });
    }
    no_thread_is_left();
}

#[test]
fn children_come_and_go_while_the_supervisor_runs() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let supervisor = stages.supervisor().start();
            let idle = supervisor.child_with(Restart::Permanent, |scope| scope.producer(Idle));
            let numbers = Numbers::new(20, &[5]);
            let child = supervisor
                .child_with(Restart::Transient, move |scope| scope.producer(numbers.clone()));
            let (seen, consumer) = collects(&stages, &child);
            assert!(matches!(consumer.join(), Reason::Normal));
            assert_eq!(seen.lock().unwrap().len(), 20);
            assert!(supervisor.over().is_none() && idle.over().is_none());
            supervisor.stop_child(&idle);
            assert!(matches!(supervisor.join(), Reason::Normal));
            assert!(matches!(idle.over(), Some(Reason::Shutdown)));
            let late = supervisor.child_with(Restart::Transient, |scope| scope.producer(Idle));
            assert!(late.over().is_some());
            let (_, consumer) = collects(&stages, &late);
            assert!(matches!(consumer.join(), Reason::Shutdown));
            stages.join().unwrap();
        });
    }
}

#[test]
fn a_child_whose_start_panics_has_failed() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut supervisor = stages.supervisor();
            let numbers = Numbers::new(10, &[]);
            let starts = Counter::default();
            let child = supervisor.child(move |scope| {
                assert!(starts.up() > 1, "not yet");
                scope.producer(numbers.clone())
            });
            let (seen, _) = collects(&stages, &child);
            supervisor.start();
            stages.join().unwrap();
            assert_eq!((seen.lock().unwrap().len(), child.restarts()), (10, 2));
            let failure = child.failure().unwrap();
            assert_eq!(failure.operator(), Some("supervisor"));
            assert!(failure.to_string().contains("not yet"), "{failure}");
        });
    }
}

#[test]
fn every_dispatcher_finds_its_consumers_again() {
    for seed in 0..100 {
        let stages = Stages::on(Executor::simulation(seed)).unwrap();
        let mut supervisor = stages.supervisor().max_restarts(10, Duration::from_secs(5));
        let numbers = Numbers::new(60, &[0, 7, 30, 59]);
        let parts = supervisor.child(move |scope| {
            scope.producer(numbers.clone()).partition(2, |n| Some(*n as usize % 2))
        });
        let numbers = Numbers::new(60, &[0, 7, 30, 59]);
        let all = supervisor.child(move |scope| scope.producer(numbers.clone()).broadcast());
        let seen: Vec<Seen> = (0..2)
            .map(|p| collects(&stages, Subscribe::to(&parts).partition(p).max_demand(5)).0)
            .chain((0..2).map(|p| {
                let some = Subscribe::to(&all).selector(move |n| n % 2 == p).max_demand(5);
                collects(&stages, some).0
            }))
            .collect();
        supervisor.start();
        stages.join().unwrap();
        assert_eq!((parts.restarts(), all.restarts()), (4, 4));
        for (at, seen) in seen.iter().enumerate() {
            let seen = seen.lock().unwrap();
            assert!(seen.is_sorted() && seen.iter().all(|n| *n as usize % 2 == at % 2));
            // What a failed stage had in its buffer is lost with it, and nothing else.
            assert!(seen.len() > 7, "{seen:?}");
        }
    }
}

#[test]
fn readers_of_a_child_go_on_when_it_is_restarted() {
    for executor in all_executors() {
        in_time(move || {
            let stages = Stages::on(executor.clone()).unwrap();
            let mut supervisor = stages.supervisor().max_restarts(10, Duration::from_secs(5));
            let numbers = Numbers::new(40, &[0, 7, 30, 39]);
            let child = supervisor
                .child(move |scope| scope.producer(numbers.clone()).registered("numbers"));
            let others = Numbers::new(40, &[1, 8, 29, 38]);
            let other = supervisor.child(move |scope| scope.producer(others.clone()));
            supervisor.start();
            let read: Result<Vec<u64>, _> = Subscribe::to(&child).max_demand(3).iter().collect();
            assert_eq!(read.unwrap(), (0..40).collect::<Vec<_>>());
            let flow = Flow::from_stages([&other]).on(executor);
            assert_eq!(flow.sum::<u64>().unwrap(), 39 * 20);
            assert_eq!((child.restarts(), other.restarts()), (4, 4));
            stages.join().unwrap();
        });
    }
    no_thread_is_left();
}

#[test]
fn a_consumer_may_leave_at_any_time() {
    for seed in 0..300 {
        let stages = Stages::on(Executor::simulation(seed)).unwrap();
        let mut supervisor = stages.supervisor().max_restarts(100, Duration::from_secs(5));
        let fails: Vec<u64> = (0..60).step_by(2).collect();
        let numbers = Numbers::new(60, &fails);
        let child = supervisor.child(move |scope| scope.producer(numbers.clone()));
        let (stays, _) = collects(&stages, Subscribe::to(&child).max_demand(2));
        let leaver = stages.consumer(Collects(Seen::default())).start();
        let leaves = leaver.subscribe(Subscribe::to(&child).max_demand(2)).unwrap();
        supervisor.start();
        for _ in 0..seed % 17 {
            let _over_with_the_child = leaver.call(|_, _| ()).wait();
        }
        leaves.cancel();
        while stays.lock().unwrap().len() < 5 && child.over().is_none() {
            let called = leaver.call(|_, _| ()).wait();
            assert!(called.is_ok() || child.over().is_some(), "{called:?}");
        }
        leaver.stop();
        stages.join().unwrap();
        // What the other one gave back comes later than it was, and once.
        let stays = stays.lock().unwrap();
        let once: BTreeSet<u64> = stays.iter().copied().collect();
        assert_eq!((once.len(), once.last()), (stays.len(), Some(&59)), "{stays:?}");
    }
}

#[test]
fn flows_and_consumers_of_tasks_are_children_as_well() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut supervisor = stages.supervisor();
            let starts = Counter::default();
            let flow = supervisor.child(move |scope| {
                let first = starts.up() == 0;
                let numbers = Flow::from_range(0..10u64);
                scope.flow(numbers.inspect(move |n| assert!(!first || *n < 5, "five")))
            });
            let (outlet, done) = (flow.outlet(), Counter::default());
            let counted = done.clone();
            supervisor.child(move |scope| {
                let counted = counted.clone();
                let tasks = scope.task_supervisor(move |_: &u64| {
                    counted.up();
                    Ok(())
                });
                tasks.subscribe(&outlet)
            });
            supervisor.start();
            stages.join().unwrap();
            assert_eq!(flow.restarts(), 1);
            assert!((10..=15).contains(&done.get()), "{}", done.get());
        });
    }
    no_thread_is_left();
}

#[test]
fn draining_starts_nothing_again() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut supervisor = stages.supervisor();
            let child = supervisor.child_with(Restart::Permanent, |scope| scope.iter(0u64..));
            let (seen, consumer) =
                collects(&stages, Subscribe::to(&child).max_demand(8).min_demand(4));
            let supervisor = supervisor.start();
            assert!(supervisor.over().is_none());
            while seen.lock().unwrap().len() < 100 {
                consumer.call(|_, _| ()).wait().unwrap();
            }
            stages.drain();
            assert!(matches!(consumer.join(), Reason::Normal));
            stages.join().unwrap();
            assert_eq!(child.restarts(), 0);
            let seen = seen.lock().unwrap();
            assert_eq!(*seen, (0..seen.len() as u64).collect::<Vec<_>>());
        });
    }
    no_thread_is_left();
}
