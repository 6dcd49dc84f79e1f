//! Where nothing could ever move again a run ends or says so; where something can, it does move.

mod support;

use flow::{BoxError, Collect, Demand, ErrorKind, Executor, Flow, Notifier, Produced, Producer};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use support::{Counter, executors, in_time, until};

/// A producer that does what a closure says, which is told how often it was asked before.
struct By<F>(F, Counter);

impl<F> Producer for By<F>
where
    F: FnMut(usize, &mut Demand<'_, u64>) -> Produced + Send,
{
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        Ok((self.0)(self.1.up(), demand))
    }
}

fn by<F>(produce: F) -> By<F>
where
    F: FnMut(usize, &mut Demand<'_, u64>) -> Produced + Send,
{
    By(produce, Counter::default())
}

#[test]
fn without_sources_there_are_no_events() {
    for executor in executors() {
        let none = Flow::from_iters(Vec::<Range<u64>>::new()).on(executor.clone());
        assert_eq!(in_time(|| none.count()).unwrap(), 0);
        let none: Vec<By<fn(usize, &mut Demand<'_, u64>) -> Produced>> = Vec::new();
        let none = Flow::from_stages(none).partition().on(executor.clone());
        assert_eq!(in_time(|| none.count()).unwrap(), 0);
        let none = Flow::from_iters(Vec::<Range<u64>>::new()).on(executor);
        assert_eq!(in_time(|| none.with_iter(|events| events.count())).unwrap(), 0);
    }
}

#[test]
fn a_source_without_events_ends() {
    for executor in executors() {
        in_time(move || {
            let on = || executor.clone();
            assert_eq!(Flow::from_range(5..5u64).on(on()).count().unwrap(), 0);
            assert_eq!(Flow::from_vec(Vec::<u64>::new()).on(on()).count().unwrap(), 0);
            assert_eq!(Flow::from_slice::<u64>(&[]).on(on()).count().unwrap(), 0);
            assert_eq!(Flow::from_iter(Vec::<u64>::new()).on(on()).count().unwrap(), 0);
            assert_eq!(Flow::from_text("").on(on()).count().unwrap(), 0);
            assert_eq!(Flow::from_lines(&b""[..]).on(on()).count().unwrap(), 0);
            assert_eq!(Flow::from_reader(&b""[..]).on(on()).count().unwrap(), 0);
            let (_, receiver) = crossbeam_channel::unbounded::<u64>();
            assert_eq!(Flow::from_channel(receiver).on(on()).count().unwrap(), 0);
            let done = by(|_, _| Produced::Done);
            assert_eq!(Flow::from_stages([done]).on(on()).count().unwrap(), 0);
        });
    }
}

#[test]
fn a_pending_producer_is_asked_again() {
    for executor in executors() {
        let tenth = by(|call, demand| match call {
            100 => Produced::Done,
            _ if call % 10 == 0 => {
                demand.emit(call as u64);
                Produced::Pending
            }
            _ => Produced::Pending,
        });
        let events = in_time(|| Flow::from_stages([tenth]).on(executor).collect::<Vec<_>>());
        assert_eq!(events.unwrap(), (0..10).map(|x| 10 * x).collect::<Vec<_>>());
    }
}

/// Starts a thread that does something with every notifier that is sent to it.
fn elsewhere(act: fn(Notifier)) -> Sender<Notifier> {
    let (sender, notifiers) = mpsc::channel();
    thread::spawn(move || notifiers.into_iter().for_each(act));
    sender
}

#[test]
fn a_pending_producer_is_woken_from_elsewhere() {
    for executor in executors() {
        let bell = elsewhere(|notifier| notifier.notify());
        let woken = by(move |call, demand| {
            demand.emit(call as u64);
            bell.send(demand.notifier()).unwrap();
            if call == 500 { Produced::Done } else { Produced::Pending }
        });
        let events = in_time(|| Flow::from_stages([woken]).on(executor).count());
        assert_eq!(events.unwrap(), 501);
    }
}

#[test]
fn it_waits_as_long_as_somebody_may_wake_it() {
    in_time(|| {
        for executor in [Executor::threads(1), Executor::threads(3), Executor::simulation(1)] {
            let (bell, bells) = mpsc::channel::<Notifier>();
            let calls = Counter::default();
            let called = calls.clone();
            let woken = by(move |call, demand| {
                called.up();
                demand.emit(7);
                if call == 1 {
                    return Produced::Done;
                }
                bell.send(demand.notifier().clone()).unwrap();
                Produced::Pending
            });
            let job = Flow::from_stages([woken]).on(executor).to(Collect::<Vec<u64>>::new());
            let handle = job.start().unwrap();
            let notifier = bells.recv().unwrap();
            for _ in 0..1000 {
                thread::yield_now();
            }
            assert!(!handle.is_finished());
            assert_eq!(calls.get(), 1);
            notifier.notify();
            assert_eq!(handle.join().unwrap(), [7, 7]);
        }
    });
}

#[test]
fn a_notifier_that_was_dropped_elsewhere_wakes_it_too() {
    for executor in executors() {
        let bell = elsewhere(drop);
        let woken = by(move |call, demand| {
            bell.send(demand.notifier()).unwrap();
            if call == 20 { Produced::Done } else { Produced::Pending }
        });
        assert_eq!(in_time(|| Flow::from_stages([woken]).on(executor).count()).unwrap(), 0);
    }
}

#[test]
fn a_notifier_that_was_dropped_at_once_wakes_it_too() {
    for executor in executors() {
        let woken = by(|call, demand| {
            drop(demand.notifier());
            if call == 20 { Produced::Done } else { Produced::Pending }
        });
        assert_eq!(in_time(|| Flow::from_stages([woken]).on(executor).count()).unwrap(), 0);
    }
}

/// Pending without a notifier means by time, whatever was taken in earlier calls.
#[test]
fn it_is_asked_by_time_again_when_it_takes_no_other_notifier() {
    for executor in executors() {
        let pending = by(|call, demand| {
            if call == 3 {
                drop(demand.notifier());
            }
            if call == 10 { Produced::Done } else { Produced::Pending }
        });
        let ended = in_time(|| Flow::from_stages([pending]).on(executor).count());
        assert_eq!(ended.unwrap(), 0);
    }
}

#[test]
fn a_producer_beside_one_that_waits_goes_on() {
    in_time(|| {
        for executor in executors() {
            let (bell, bells) = mpsc::channel::<Notifier>();
            type Boxed = Box<dyn FnMut(usize, &mut Demand<'_, u64>) -> Produced + Send>;
            let waits: Boxed = Box::new(move |call, demand| {
                if call > 0 {
                    return Produced::Done;
                }
                bell.send(demand.notifier()).unwrap();
                Produced::Pending
            });
            let works: Boxed = Box::new(move |call, demand| {
                demand.emit(call as u64);
                if call < 99 {
                    return Produced::More;
                }
                bells.recv().unwrap().notify();
                Produced::Done
            });
            let both = [By(waits, Counter::default()), By(works, Counter::default())];
            assert_eq!(Flow::from_stages(both).on(executor).count().unwrap(), 100);
        }
    });
}

/// What never ends by itself and never moves by itself: as long as a notifier lives, somebody may
/// come. A run that is told so does not hang in its end.
#[test]
fn a_run_that_stands_still_can_be_ended() {
    in_time(|| {
        let (bell, bells) = mpsc::channel::<Notifier>();
        let silent = by(move |_, demand| {
            bell.send(demand.notifier()).unwrap();
            Produced::Pending
        });
        let handle = Flow::from_stages([silent]).start().unwrap();
        let kept = bells.recv().unwrap();
        handle.cancel();
        assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Cancelled);
        drop(kept);
    });
}

/// An event whose `Drop` waits for the end of its source, except for the first.
struct Waits {
    number: u64,
    dropping: Arc<AtomicBool>,
    source_ended: Arc<AtomicBool>,
}

impl Drop for Waits {
    fn drop(&mut self) {
        if self.number > 0 && !self.source_ended.load(Ordering::SeqCst) {
            self.dropping.store(true, Ordering::SeqCst);
            until("the source has ended", || self.source_ended.load(Ordering::SeqCst));
        }
    }
}

/// No lock of an edge is held while events are dropped: others need it.
#[test]
fn a_drop_may_wait_for_the_source_of_its_event() {
    in_time(|| {
        let (dropping, source_ended) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let (given, fed) = <(Counter, Counter)>::default();
        let fed_before = fed.clone();
        let source = std::iter::from_fn(move || {
            let number = given.up() as u64;
            match number {
                0..4 => {}
                4 => {
                    fed.up();
                    until("an event is dropped", || dropping.load(Ordering::SeqCst));
                }
                _ => {
                    source_ended.store(true, Ordering::SeqCst);
                    return None;
                }
            }
            let number = number % 4;
            let (dropping, source_ended) = (Arc::clone(&dropping), Arc::clone(&source_ended));
            Some(Waits { number, dropping, source_ended })
        });
        let events = Flow::from_iter(source).stages(1).on(Executor::threads(1));
        let first = events.inspect(|_| until("four were fed", || fed_before.get() == 1));
        assert_eq!(first.take_any(1).count().unwrap(), 1);
    });
}

#[test]
fn edges_between_many_stages_of_one_worker() {
    in_time(|| {
        let mut flow = Flow::from_range(0..200u64).boxed();
        for stages in 1..20 {
            flow = flow.partition().stages(1 + stages % 3).max_demand(1 + stages % 2).boxed();
        }
        assert_eq!(flow.on(Executor::threads(1)).count().unwrap(), 200);
    });
}

#[test]
fn events_that_wait_for_company_do_not_wait_for_ever() {
    in_time(|| {
        for executor in [Executor::threads(1), Executor::threads(2), Executor::threads(4)] {
            let seen = Counter::default();
            let watched = seen.clone();
            // The next event comes when the one before has passed two edges.
            let one_by_one = (0..50u64).filter(move |x| {
                until("the one before has passed", || watched.get() == *x as usize);
                true
            });
            let flow = Flow::from_iter(one_by_one).partition().stages(2).map(|x| x).partition();
            flow.stages(2).on(executor).for_each(|_| _ = seen.up()).unwrap();
        }
    });
}
