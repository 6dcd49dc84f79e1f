//! A consumer that runs one task per event: how many at a time, what is asked for when, what becomes
//! of failures, and how it ends.
#![allow(clippy::unit_arg, reason = "stages in one line")]

mod support;

use flow::stage::{Cancel, Reason, Restart, Stages, Subscribe, produce_with};
use flow::{BoxError, Demand, ErrorKind, Executor, FlowError, Produced};
use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use support::{executors, in_time, no_thread_is_left, spin, until};

/// How many are inside, and how many there ever were at once.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    fn inside<R>(&self, body: impl FnOnce() -> R) -> R {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let result = body();
        self.now.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

/// Lets tasks through one by one.
#[derive(Default)]
struct Gate {
    passes: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    fn let_through(&self, tasks: usize) {
        *self.passes.lock().unwrap() += tasks;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut passes = self.passes.lock().unwrap();
        while *passes == 0 {
            passes = self.changed.wait(passes).unwrap();
        }
        *passes -= 1;
    }
}

fn all_executors() -> Vec<Executor> {
    executors().into_iter().chain((100..150).map(Executor::simulation)).collect()
}

#[test]
fn every_event_has_a_task_and_no_more_at_a_time_than_asked_for() {
    for executor in all_executors() {
        for (blocking, max) in [(false, 1), (false, 7), (true, 1), (true, 5)] {
            let executor = executor.clone();
            in_time(move || {
                let stages = Stages::on(executor).unwrap();
                let (gauge, seen) = (Arc::new(Gauge::default()), Arc::new(Mutex::new(Vec::new())));
                let (inside, into) = (Arc::clone(&gauge), Arc::clone(&seen));
                let tasks = stages.task_supervisor(move |n: &u64| {
                    inside.inside(|| {
                        spin(5);
                        into.lock().unwrap().push(*n);
                    });
                    match n % 5 {
                        0 => Err("zero".into()),
                        1 => panic!("one"),
                        _ => Ok(()),
                    }
                });
                let tasks = if blocking { tasks.blocking() } else { tasks };
                let counters = tasks.counters();
                let numbers = stages.iter(0..100u64).start();
                let tasks = tasks.subscribe(Subscribe::to(&numbers).max_demand(max)).start();
                assert!(matches!(tasks.join(), Reason::Normal));
                stages.join().unwrap();
                let mut seen = seen.lock().unwrap().clone();
                seen.sort();
                assert_eq!(seen, (0..100).collect::<Vec<_>>());
                let most = gauge.most.load(Ordering::SeqCst);
                assert!(most <= max, "{most} at a time");
                let counted = (counters.started(), counters.succeeded(), counters.failed());
                assert_eq!(counted, (100, 60, 40));
                assert_eq!((counters.restarted(), counters.dropped()), (0, 0));
                let failure = counters.failure().unwrap();
                assert_eq!(failure.operator(), Some("task_supervisor"));
            });
        }
    }
    no_thread_is_left();
}

#[test]
fn more_is_asked_for_when_tasks_are_over() {
    in_time(|| {
        let stages = Stages::on(Executor::threads(2)).unwrap();
        let gate = Arc::new(Gate::default());
        let passes = Arc::clone(&gate);
        let tasks = stages.task_supervisor(move |_: &u64| {
            passes.pass();
            Ok(())
        });
        let tasks = tasks.blocking();
        let counters = tasks.counters();
        let numbers = stages.iter(0u64..).start();
        let tasks = tasks.subscribe(Subscribe::to(&numbers).max_demand(4).min_demand(2)).start();
        let running = || tasks.call(|tasks, _| tasks.running()).wait().unwrap();
        until("four run", || running() == 4);
        gate.let_through(1);
        until("one is over", || counters.succeeded() == 1);
        assert_eq!((running(), numbers.counts().events_out), (3, 4), "three are pending");
        gate.let_through(1);
        until("two more are asked for", || numbers.counts().events_out == 6);
        until("four run", || running() == 4);
        assert_eq!(counters.started(), 6);
        stages.drain();
        gate.let_through(1_000_000);
        stages.join().unwrap();
        assert_eq!(counters.succeeded(), counters.started());
    });
    no_thread_is_left();
}

#[test]
fn a_transient_task_is_run_again() {
    for executor in all_executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let tries = Arc::new(Mutex::new(HashMap::<u64, u64>::new()));
            let tried = Arc::clone(&tries);
            let tasks = stages.task_supervisor(move |n: &u64| {
                let mut tried = tried.lock().unwrap();
                let tries = tried.entry(*n).or_default();
                *tries += 1;
                // The third and the seventh fail twice each.
                if matches!(n, 3 | 7) && *tries < 3 { Err("again".into()) } else { Ok(()) }
            });
            let tasks = tasks.restart(Restart::Transient).max_restarts(4, Duration::from_secs(60));
            let counters = tasks.counters();
            let numbers = stages.iter(0..20u64).start();
            let subscribe = Subscribe::to(&numbers).max_demand(1).min_demand(0);
            tasks.subscribe(subscribe).start();
            stages.join().unwrap();
            let counted = (counters.succeeded(), counters.failed(), counters.restarted());
            assert_eq!(counted, (20, 0, 4));
            assert_eq!(tries.lock().unwrap()[&7], 3);
        });
    }
}

#[test]
fn too_many_restarts_are_the_end() {
    for executor in all_executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let tasks = stages.task_supervisor(|n: &u64| match n {
                5 => Err("never".into()),
                _ => Ok(()),
            });
            let tasks = tasks.restart(Restart::Transient);
            let counters = tasks.counters();
            let numbers = stages.iter(0..20u64).start();
            tasks.subscribe(&numbers).start();
            let error = stages.join().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Limit);
            assert_eq!(error.operator(), Some("task_supervisor"));
            let cause = error.source().unwrap().downcast_ref::<FlowError>().unwrap();
            assert!(cause.to_string().contains("never"), "{cause}");
            assert_eq!(counters.restarted(), 3);
            let over = counters.succeeded() + counters.failed() + counters.dropped();
            assert_eq!(over, counters.started());
        });
    }
    no_thread_is_left();
}

#[test]
fn permanent_tasks_are_refused() {
    let stages = Stages::on(Executor::simulation(1)).unwrap();
    let tasks = stages.task_supervisor(|_: &u64| Ok(())).restart(Restart::Permanent).start();
    let Reason::Failed(error) = tasks.join() else { panic!("refused") };
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("task_supervisor")));
}

#[test]
fn tasks_go_on_when_their_producer_fails() {
    for executor in executors().into_iter().filter(|e| *e != Executor::threads(1)) {
        in_time(move || {
            let simulated = format!("{executor:?}").contains("Simulation");
            let stages = Stages::on(executor).unwrap();
            let gate = Arc::new(Gate::default());
            if simulated {
                gate.let_through(100);
            }
            let passes = Arc::clone(&gate);
            let tasks = stages.task_supervisor(move |_: &u64| {
                passes.pass();
                Ok(())
            });
            let tasks = tasks.blocking();
            let counters = tasks.counters();
            let mut next = 0;
            let fails = produce_with(move |demand: &mut Demand<'_, u64>| {
                next += 1;
                demand.emit(next);
                if next < 4 { Ok(Produced::More) } else { Err(BoxError::from("four")) }
            });
            let fails = stages.producer(fails).unlinked().start();
            let subscribe = Subscribe::to(&fails).max_demand(8).cancel(Cancel::Temporary);
            let tasks = tasks.subscribe(subscribe).start();
            assert!(fails.join().is_failure());
            if !simulated {
                until("three run", || tasks.call(|t, _| t.running()).wait().unwrap() == 3);
            }
            gate.let_through(100);
            until("three are over", || {
                stages.settle();
                counters.succeeded() == 3
            });
            assert!(tasks.over().is_none());
            tasks.drain();
            assert!(matches!(tasks.join(), Reason::Normal));
            stages.join().unwrap();
        });
    }
    no_thread_is_left();
}

#[test]
fn what_has_not_begun_is_dropped_when_the_stage_is_stopped() {
    for seed in 0..50 {
        let stages = Stages::on(Executor::simulation(seed)).unwrap();
        let tasks = stages.task_supervisor(|_: &u64| Ok(()));
        let counters = tasks.counters();
        let numbers = stages.iter(0..1_000u64).start();
        let tasks = tasks.subscribe(Subscribe::to(&numbers).max_demand(50)).start();
        let begun = counters.clone();
        tasks.on_exit(move |_| assert!(begun.started() < 1_000));
        while counters.succeeded() < 20 {
            tasks.call(|_, _| ()).wait().unwrap();
        }
        tasks.stop();
        assert!(matches!(tasks.join(), Reason::Shutdown));
        stages.settle();
        assert_eq!(counters.succeeded() + counters.dropped(), counters.started());
        assert!(counters.succeeded() >= 20);
        stages.stop();
        stages.join().unwrap();
    }
}
