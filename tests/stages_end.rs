//! How stages end: with their inputs, by cancelling, by failing, by panicking, by being told to. What
//! fails never looks complete, and what nobody handled goes to others or is counted.

mod stage_support;
mod support;

use flow::stage::{
    Cancel, Context, Overflow, Peer, Reason, StageRef, Stages, Subscribe, consume_with,
    produce_with, transform_with,
};
use flow::{
    BoxError, Demand, Emitter, ErrorKind, Executor, FlowError, Produced, Producer, ProducerConsumer,
};
use stage_support::{
    Idle, IdleRef, Log, Numbers, Pass, Sink, emit, end, on, reason, runtimes, until,
};
use std::time::Duration;
use support::{Lives, executors, in_time, no_thread_is_left};

/// What becomes of a consumer: how it ended, or that it lives; whether it was told that all came.
fn outcome(
    stages: &Stages,
    cancel: Cancel,
    happens: impl Fn(&Stages, &IdleRef, &flow::stage::Subscription),
) -> (&'static str, bool, Vec<String>) {
    let idle = stages.producer(Idle::default()).named("p").unlinked().start();
    let sink = Sink::default();
    let notes = sink.notes.clone();
    let sink = stages.consumer(sink).unlinked().start();
    let subscription = sink.subscribe(Subscribe::to(&idle).cancel(cancel)).unwrap();
    emit(&idle, 0..3);
    until(stages, "it gets some", || sink.counts().events_in == 3);
    happens(stages, &idle, &subscription);
    until(stages, "it is told", || notes.all().iter().any(|note| note.contains("leaves")));
    // Whatever follows from it follows at once.
    let lives = sink.call(|_, _| ()).wait().is_ok();
    until(stages, "it ends", || lives || sink.over().is_some());
    let how = sink.over().map_or("lives", |why| reason(&why));
    let ended = notes.all().iter().any(|note| note == "end");
    (how, ended, notes.all())
}

#[test]
fn cancel_modes_say_what_the_end_of_a_producer_means() {
    use Cancel::{Permanent, Temporary, Transient};
    type Happens = fn(&Stages, &IdleRef, &flow::stage::Subscription);
    let normal: Happens = |_, idle, _| end(idle);
    let stopped: Happens = |_, idle, _| idle.stop();
    let failed: Happens = |_, idle, _| drop(idle.call(|_, _| panic!("fails")));
    let by_consumer: Happens = |_, _, subscription| subscription.cancel();
    let by_producer: Happens = |_, idle, subscription| {
        let id = subscription.id();
        drop(idle.call(move |_, cx| cx.cancel(id)));
    };
    // What happens, what the consumer is told; for each mode how it ends, and whether it hears `end`.
    let cases: [(Happens, &str, [(&str, bool); 3]); 5] = [
        (normal, "normal", [("normal", true), ("normal", true), ("lives", false)]),
        (stopped, "shutdown", [("shutdown", false), ("shutdown", false), ("lives", false)]),
        (failed, "failed", [("failed", false), ("failed", false), ("lives", false)]),
        (by_consumer, "cancelled", [("shutdown", false), ("lives", false), ("lives", false)]),
        (by_producer, "cancelled", [("shutdown", false), ("lives", false), ("lives", false)]),
    ];
    for (happens, told, outcomes) in cases {
        for (cancel, expected) in [Permanent, Transient, Temporary].into_iter().zip(outcomes) {
            for stages in runtimes() {
                let (how, ended, notes) = outcome(&stages, cancel, happens);
                assert_eq!((how, ended), expected, "{told} {cancel:?}");
                let about = format!("producer p leaves: {told}");
                assert_eq!(notes[..2], ["producer p joins".to_owned(), about], "{cancel:?}");
            }
        }
    }
}

#[test]
fn subscribing_to_what_is_over_is_its_end_at_once() {
    use Cancel::{Permanent, Temporary, Transient};
    type Happens = fn(&IdleRef);
    let cases: [(Happens, [&str; 3]); 3] = [
        (end, ["normal", "normal", "lives"]),
        (|idle| idle.stop(), ["shutdown", "shutdown", "lives"]),
        (|idle| drop(idle.call(|_, _| panic!("fails"))), ["failed", "failed", "lives"]),
    ];
    for (happens, outcomes) in cases {
        for (cancel, expected) in [Permanent, Transient, Temporary].into_iter().zip(outcomes) {
            for stages in runtimes() {
                let idle = stages.producer(Idle::default()).unlinked().start();
                happens(&idle);
                until(&stages, "it ends", || idle.over().is_some());
                let sink = Sink::default();
                let notes = sink.notes.clone();
                let sink = stages.consumer(sink).unlinked();
                let sink = sink.subscribe(Subscribe::to(&idle).cancel(cancel)).start();
                until(&stages, "it is told", || notes.len() >= 2);
                let lives = sink.call(|_, _| ()).wait().is_ok();
                until(&stages, "it ends", || lives || sink.over().is_some());
                let how = sink.over().map_or("lives", |why| reason(&why));
                assert_eq!(how, expected, "{cancel:?}");
            }
        }
    }
}

#[test]
fn the_producer_is_told_how_its_consumer_left() {
    type Happens = fn(&StageRef<Sink, u64>, &flow::stage::Subscription);
    let cases: [(Happens, &str); 4] = [
        (|_, subscription| subscription.cancel(), "cancelled"),
        (|sink, _| sink.stop(), "shutdown"),
        (|sink, _| drop(sink.call(|_, cx| cx.stop())), "normal"),
        (|sink, _| drop(sink.call(|_, _| panic!("crashes"))), "failed"),
    ];
    for (happens, told) in cases {
        for stages in runtimes() {
            let pass = Pass::times(1);
            let notes = pass.notes.clone();
            let pass = stages.producer_consumer(pass).start();
            let sink = stages.consumer(Sink::default()).named("c").unlinked().start();
            let subscription = sink.subscribe(&pass).unwrap();
            happens(&sink, &subscription);
            until(&stages, "it is told", || notes.len() == 2);
            let about = format!("consumer c leaves: {told}");
            assert_eq!(notes.all(), ["consumer c joins".to_owned(), about]);
        }
    }
}

#[test]
fn a_consumer_ends_when_all_its_producers_have_in_any_order() {
    for first in [0, 1] {
        for stages in runtimes() {
            let producers = [0, 1].map(|_| stages.producer(Idle::default()).start());
            let sink = Sink::default();
            let notes = sink.notes.clone();
            let sink = stages.consumer(sink).start();
            let subscriptions = producers.each_ref().map(|p| sink.subscribe(p).unwrap());
            // One comes to its end, the other subscription is cancelled.
            if first == 0 {
                end(&producers[0]);
            } else {
                subscriptions[1].cancel();
            }
            until(&stages, "one has left", || notes.len() == 3);
            assert!(sink.over().is_none());
            if first == 0 {
                subscriptions[1].cancel();
            } else {
                end(&producers[0]);
            }
            until(&stages, "it ends", || sink.over().is_some());
            assert_eq!(notes.all().last().unwrap(), "end");
        }
    }
}

#[test]
fn events_come_before_the_news_that_their_producer_is_gone() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).named("p").start();
        let sink = Sink::default();
        let (notes, events) = (sink.notes.clone(), sink.events.clone());
        let pass = stages.producer_consumer(Pass::times(1)).subscribe(&idle).start();
        let sink = stages.consumer(sink).start();
        let by_hand = sink.subscribe(Subscribe::to(&pass).manual()).unwrap();
        emit(&idle, 0..100);
        end(&idle);
        until(&stages, "it is at its end", || idle.over().is_some());
        by_hand.ask(50);
        until(&stages, "half of them", || events.len() == 50);
        assert_eq!(notes.all(), ["producer ? joins"]);
        by_hand.ask(50);
        until(&stages, "its end", || notes.len() == 3);
        assert_eq!(notes.all()[1..], ["producer ? leaves: normal", "end"]);
        assert_eq!(events.all(), (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn what_a_crashed_consumer_has_not_handled_goes_to_others() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(100)).accumulate().start();
        // Its batches are of one event, so what it loses is one.
        let failing = Sink { fails_at: Some(0), ..Sink::default() };
        let how = Subscribe::to(&numbers).max_demand(50).min_demand(49);
        let failing = stages.consumer(failing).unlinked().subscribe(how).start();
        numbers.forward();
        until(&stages, "it has failed", || failing.over().is_some());
        // A producer that has not come to its end keeps them until somebody asks.
        let (sink, events) = Sink::new();
        stages.consumer(sink).subscribe(&numbers).start();
        let counts = numbers.clone();
        drop((numbers, failing));
        let counts = in_time(move || (counts.join(), counts)).1;
        until(&stages, "all others", || events.len() == 99);
        assert_eq!(events.all(), (1..100).collect::<Vec<_>>());
        let counts = counts.counts();
        assert_eq!((counts.emitted, counts.dropped), (100, 0), "{counts:?}");
        assert_eq!(counts.events_out, 100 + counts.given_back);
    }
}

#[test]
fn what_comes_after_a_consumer_has_cancelled_goes_to_others() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        let (first, seen) = Sink::new();
        let first = stages.consumer(first).start();
        let subscription = first.subscribe(Subscribe::to(&idle).max_demand(10)).unwrap();
        // All at once: it is cancelled before or after it has got them.
        emit(&idle, 0..10);
        subscription.cancel();
        until(&stages, "it is out", || first.call(|sink, _| sink.notes.len()).wait().unwrap() == 2);
        let (second, events) = Sink::new();
        stages.consumer(second).subscribe(&idle).start();
        until(&stages, "all", || seen.len() + events.len() == 10);
        let mut all = [seen.all(), events.all()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_eq!(idle.counts().dropped, 0);
    }
}

#[test]
fn a_failing_stage_never_looks_complete() {
    // Where the failure is: in the producer, in the stage behind it, in one of two before the last.
    for fails in 0..3 {
        for stages in runtimes() {
            let numbers = stages.producer(produce_with({
                let mut next = 0;
                move |demand| {
                    while demand.events() > 0 {
                        if fails == 0 && next == 50 {
                            return Err("the source is gone".into());
                        }
                        demand.emit(next);
                        next += 1;
                    }
                    Ok(Produced::More)
                }
            }));
            let numbers = numbers.start();
            let middle = transform_with(move |n: u64, out| {
                if fails == 1 && n == 50 {
                    return Err("it had to be".into());
                }
                let _: () = out.emit(n);
                Ok(())
            });
            let middle = stages.producer_consumer(middle).subscribe(&numbers).start();
            let other = stages.producer(Idle::default()).start();
            let (pass, sink) = (Pass::times(1), Sink::default());
            let notes = [pass.notes.clone(), sink.notes.clone()];
            let pass = stages.producer_consumer(pass).subscribe(&middle).subscribe(&other).start();
            stages.consumer(sink).subscribe(&pass).start();
            if fails == 2 {
                drop(other.call(|_, _| panic!("the other one")));
            }
            drop((numbers, middle, other, pass));
            let error = in_time(|| stages.join()).unwrap_err();
            let kind = [ErrorKind::Source, ErrorKind::Event, ErrorKind::Panic][fails];
            assert_eq!(error.kind(), kind, "{error}");
            for notes in notes {
                assert!(!notes.all().contains(&"end".to_owned()), "{:?}", notes.all());
            }
        }
    }
}

#[test]
fn a_linked_failure_ends_all_and_an_unlinked_one_what_depends_on_it() {
    for linked in [true, false] {
        for stages in runtimes() {
            let numbers = stages.producer(Numbers::to(2_000)).start();
            let failing = stages.consumer(Sink { fails_at: Some(3), ..Sink::default() });
            let failing = if linked { failing } else { failing.unlinked() };
            let failing = failing.named("failing").subscribe(&numbers).start();
            until(&stages, "it has failed", || failing.over().is_some());
            assert_eq!(reason(&failing.over().unwrap()), "failed");
            if !linked {
                assert!(numbers.over().is_none());
                let (sink, events) = Sink::new();
                let sink = stages.consumer(sink).subscribe(Subscribe::to(&numbers).max_demand(5));
                let sink = sink.start();
                until(&stages, "the producer goes on", || events.len() > 10);
                stages.stop();
                drop(sink);
            }
            drop((numbers, failing));
            let joined = in_time(|| stages.join());
            assert_eq!(joined.is_err(), linked);
            if let Err(error) = joined {
                assert_eq!(error.kind(), ErrorKind::Sink);
                assert_eq!(error.stage(), Some("failing"));
                assert_eq!(error.operator(), Some("consumer"));
                let source = std::error::Error::source(&error).expect("the stage's own error");
                assert_eq!(source.to_string(), "it had to be");
            }
        }
    }
}

/// Panics where it is told to.
struct Panics(&'static str);

impl Panics {
    fn at(&self, place: &str) {
        assert_ne!(self.0, place, "as it was told");
    }
}

impl Producer for Panics {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.at("produce");
        (0..demand.events()).for_each(|n| demand.emit(n as u64));
        Ok(Produced::More)
    }

    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, u64>) {
        self.at("on_subscribe of the producer");
    }

    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, u64>) {
        self.at("on_cancel of the producer");
    }
}

impl ProducerConsumer for Panics {
    type In = u64;
    type Out = u64;

    fn handle(&mut self, n: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        self.at("handle");
        out.emit(n);
        Ok(())
    }

    fn on_subscribe(&mut self, peer: &Peer, _cx: &mut Context<'_, u64>) {
        if peer.side() == flow::stage::Side::Producer {
            self.at("on_subscribe of the consumer");
        }
    }

    fn on_cancel(&mut self, peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, u64>) {
        if peer.side() == flow::stage::Side::Producer {
            self.at("on_cancel of the consumer");
        }
    }

    fn end(&mut self, _out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        self.at("end");
        Ok(())
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        self.at("drop");
    }
}

#[test]
fn a_panic_names_its_stage_and_the_line_where_it_was_made() {
    // Where it panics, and which of the two stages is named.
    let cases = [
        ("produce", "first"),
        ("on_subscribe of the producer", "first"),
        ("on_cancel of the producer", "first"),
        ("call of the producer", "first"),
        ("route", "first"),
        ("handle", "second"),
        ("on_subscribe of the consumer", "second"),
        ("on_cancel of the consumer", "second"),
        ("end", "second"),
        ("call of the consumer", "second"),
        ("call after the buffer", "second"),
        ("selector", "second"),
    ];
    for (place, stage) in cases {
        for executor in executors() {
            let stages = on(executor);
            let (first_line, first) = (line!(), stages.producer(Panics(place)));
            let first = first.named("first").partition(1, move |_| {
                assert_ne!(place, "route", "as it was told");
                Some(0)
            });
            let first = first.start();
            let (second_line, second) = (line!(), stages.producer_consumer(Panics(place)));
            let second = second.named("second").broadcast().start();
            let subscription = second.subscribe(Subscribe::to(&first).partition(0)).unwrap();
            let how = Subscribe::to(&second).selector(move |_| {
                assert_ne!(place, "selector", "as it was told");
                true
            });
            stages.consumer(consume_with(|_: u64| Ok(()))).subscribe(how).start();
            match place {
                "on_cancel of the producer" | "on_cancel of the consumer" => subscription.cancel(),
                "call of the producer" => drop(first.call(|_, _| panic!("as it was told"))),
                "call of the consumer" => drop(second.call(|_, _| panic!("as it was told"))),
                "call after the buffer" => {
                    drop(second.call_after_buffered(|_, _| panic!("as it was told")));
                }
                "end" => first.drain(),
                _ => {}
            }
            drop((first, second, subscription));
            let error: FlowError = in_time(|| stages.join()).unwrap_err();
            assert_eq!((error.kind(), error.stage()), (ErrorKind::Panic, Some(stage)), "{place}");
            let line = if stage == "first" { first_line } else { second_line };
            assert_eq!(error.location().map(|at| at.line()), Some(line), "{place}: {error}");
            assert!(error.to_string().contains("as it was told"), "{place}: {error}");
        }
    }
}

#[test]
fn a_panic_while_a_stage_is_dropped_is_told() {
    for executor in executors() {
        let stages = on(executor);
        let first = stages.producer(Panics("drop")).named("first").start();
        first.stop();
        drop(first);
        let error = in_time(|| stages.join()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic, "{error}");
    }
}

#[test]
fn a_panic_of_who_waits_for_an_end_is_a_failure_and_others_hear_of_it_too() {
    for executor in executors() {
        let stages = on(executor);
        let idle = stages.producer(Idle::default()).start();
        let sink = stages.consumer(Sink::default()).subscribe(&idle).start();
        let heard = Log::new();
        let log = heard.clone();
        idle.on_exit(|_| panic!("as it was told"));
        idle.on_exit(move |why| log.push(reason(why)));
        end(&idle);
        drop((idle, sink));
        let error = in_time(|| stages.join()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic, "{error}");
        assert_eq!(heard.all(), ["normal"]);
    }
}

#[test]
fn who_asks_how_a_stage_ended_is_told_once() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        let log = Log::new();
        let heard = log.clone();
        idle.on_exit(move |why| heard.push(reason(why)));
        assert!(idle.over().is_none());
        idle.stop();
        until(&stages, "it is over", || log.len() == 1);
        let heard = log.clone();
        idle.on_exit(move |why| heard.push(reason(why)));
        assert_eq!(log.all(), ["shutdown", "shutdown"]);
        assert_eq!(reason(&idle.join()), "shutdown");
    }
}

#[test]
fn a_full_buffer_is_a_limit_and_a_missing_partition_is_routing() {
    for stages in runtimes() {
        let pass = stages.producer_consumer(Pass::times(5)).buffer(3, Overflow::Fail);
        let numbers = stages.producer(Numbers::to(10)).start();
        let pass = pass.subscribe(&numbers).start();
        stages.consumer(Sink::default()).subscribe(Subscribe::to(&pass).max_demand(1)).start();
        drop((numbers, pass));
        assert_eq!(in_time(|| stages.join()).unwrap_err().kind(), ErrorKind::Limit);
    }
}

#[test]
fn draining_handles_what_is_under_way_and_is_an_end() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::endless()).start();
        let pass = stages.producer_consumer(Pass::times(1)).subscribe(&numbers).start();
        let (sink, events) = Sink::new();
        let notes = sink.notes.clone();
        let how = Subscribe::to(&pass).max_demand(10);
        let sink = stages.consumer(sink).subscribe(how).start();
        let begin = numbers.clone();
        // In a simulation an endless producer is ended by one of its own, or it would run for ever.
        drop(sink.call(move |_, _| begin.drain()));
        let counts = (numbers.clone(), sink.clone());
        drop((numbers, pass, sink));
        assert!(in_time(|| stages.drain_for(Duration::from_secs(10))).unwrap());
        assert_eq!(counts.0.counts().emitted, events.len() as u64);
        assert_eq!(events.all(), (0..events.len() as u64).collect::<Vec<_>>());
        assert_eq!(notes.all().last().unwrap(), "end");
        assert_eq!(counts.0.counts().dropped, 0);
    }
}

#[test]
fn draining_lets_held_demand_through_and_does_not_wait_for_who_is_not_there() {
    for stages in runtimes() {
        let held = stages.producer(Idle::default()).accumulate().start();
        let alone = stages.producer(Idle::default()).start();
        let (sink, events) = Sink::new();
        let sink = stages.consumer(sink).subscribe(&held).start();
        emit(&held, 0..5);
        emit(&alone, 0..5);
        until(&stages, "both keep them", || {
            held.counts().buffered == 5 && alone.counts().buffered == 5
        });
        assert_eq!(events.len(), 0);
        let counts = alone.clone();
        drop((held, alone, sink));
        assert!(in_time(|| stages.drain_for(Duration::from_secs(10))).unwrap());
        assert_eq!(events.all(), [0, 1, 2, 3, 4]);
        assert_eq!(counts.counts().dropped, 5);
    }
}

#[test]
fn what_does_not_drain_in_time_is_stopped() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        let sink = stages.consumer(Sink::default()).start();
        // It never asks.
        let by_hand = sink.subscribe(Subscribe::to(&idle).manual()).unwrap();
        emit(&idle, 0..5);
        until(&stages, "they are kept", || idle.counts().buffered == 5);
        let ends = (idle.clone(), sink.clone());
        drop((idle, sink, by_hand));
        assert!(!in_time(|| stages.drain_for(Duration::from_millis(20))).unwrap());
        assert_eq!(reason(&ends.0.over().unwrap()), "shutdown");
        assert_eq!(reason(&ends.1.over().unwrap()), "shutdown");
        assert_eq!(ends.0.counts().dropped, 5);
    }
}

#[test]
fn stopping_ends_at_once_and_looks_complete_to_nobody() {
    for stages in runtimes() {
        let numbers = stages.iter(0..).start();
        let (pass, sink) = (Pass::times(1), Sink::default());
        let notes = [pass.notes.clone(), sink.notes.clone()];
        let pass = stages.producer_consumer(pass).subscribe(&numbers).start();
        let sink = stages.consumer(sink).subscribe(&pass).start();
        stages.stop();
        drop((numbers, pass, sink));
        in_time(|| stages.join()).unwrap();
        assert!(notes.iter().all(|notes| !notes.all().contains(&"end".to_owned())));
    }
    no_thread_is_left();
}

#[test]
fn a_stage_may_end_itself() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::endless()).end_when_alone().start();
        let (sink, events) = Sink::new();
        let sink = stages.consumer(sink).subscribe(&numbers).start();
        let notes = sink.call(|sink, cx| {
            cx.stop();
            sink.notes.clone()
        });
        let (notes, stages) = in_time(move || (notes.wait().unwrap(), stages));
        drop((numbers, sink));
        // Its producer ends too: nobody is left that takes anything.
        in_time(|| stages.join()).unwrap();
        assert!(notes.all().contains(&"end".to_owned()));
        assert!(events.all().is_sorted());
    }
}

#[test]
fn a_stage_that_is_to_end_alone_does_so_with_what_it_holds() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::endless()).end_when_alone().start();
        let pass = stages.producer_consumer(Pass::times(3)).end_when_alone();
        let pass = pass.subscribe(&numbers).start();
        let sink = stages.consumer(Sink { fails_at: Some(5), ..Sink::default() }).unlinked();
        let sink = sink.subscribe(Subscribe::to(&pass).max_demand(7)).start();
        let ends = [pass.clone()];
        drop((numbers, pass, sink));
        in_time(|| stages.join()).unwrap();
        assert_eq!(reason(&ends[0].over().unwrap()), "normal");
        let counts = ends[0].counts();
        assert_eq!(
            counts.emitted + counts.given_back,
            counts.events_out + counts.dropped,
            "{counts:?}"
        );
    }
}

#[test]
fn dropping_the_runtime_drops_everything() {
    for executor in executors() {
        let lives = Lives::default();
        let stages = on(executor);
        let made = lives.clone();
        let numbers = stages.iter((0..).map(move |n| made.number(n))).start();
        let pass = transform_with(|n, out| {
            let _: () = out.emit(n);
            Ok(())
        });
        let pass = stages.producer_consumer(pass).subscribe(&numbers).start();
        let sink = stages.consumer(consume_with(|_| Ok(()))).start();
        let subscription = sink.subscribe(Subscribe::to(&pass).max_demand(5).manual()).unwrap();
        subscription.ask(3);
        until(&stages, "some are under way", || sink.counts().events_in == 3);
        // One that is not started, and one that is started too late.
        let (first, late) = (lives.number(1), lives.number(2));
        let never = stages.consumer(consume_with(move |_: u64| {
            let _: () = drop(format!("{first:?}"));
            Ok(())
        }));
        let late = stages.consumer(consume_with(move |_: u64| {
            let _: () = drop(format!("{late:?}"));
            Ok(())
        }));
        in_time(move || drop(stages));
        drop(never);
        let late = late.start();
        assert_eq!(reason(&late.over().unwrap()), "shutdown");
        assert_eq!(reason(&sink.over().unwrap()), "shutdown");
        assert_eq!(lives.left(), 0);
        assert_eq!(reason(&in_time(move || sink.join())), "shutdown");
    }
    no_thread_is_left();
}

#[test]
fn waiting_on_a_worker_is_told() {
    for executor in [Executor::threads(2), Executor::simulation(3)] {
        let stages = on(executor);
        let idle = stages.producer(Idle::default()).start();
        let waits = idle.clone();
        let sink = stages.consumer(Sink::default()).named("waits").start();
        drop(sink.call(move |_, _| waits.join()));
        drop((idle, sink));
        let error = in_time(|| stages.join()).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Panic, Some("waits")));
        assert!(error.to_string().contains("must not wait"), "{error}");
    }
}

#[test]
fn stages_that_nobody_can_wake_are_told() {
    for stages in runtimes() {
        drop(stages.consumer(Sink::default()).start());
        let error = in_time(|| stages.join()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stalled);
    }
}

#[test]
fn who_holds_a_subscription_can_wake_a_stage() {
    let stages = on(Executor::threads(2));
    let numbers = stages.producer(Numbers::to(10)).start();
    let (sink, events) = Sink::new();
    let sink = stages.consumer(sink).start();
    let by_hand = sink.subscribe(Subscribe::to(&numbers).manual()).unwrap();
    drop((numbers, sink));
    let joined = std::thread::spawn(|| stages.join());
    (0..10).for_each(|_| by_hand.clone().ask(1));
    // No stall before it is dropped, and the end after the tenth.
    in_time(move || joined.join().unwrap()).unwrap();
    drop(by_hand);
    assert_eq!(events.len(), 10);
}

#[test]
fn a_stage_takes_nothing_from_itself() {
    let stages = on(Executor::simulation(0));
    let pass: StageRef<Pass, u64, u64> = stages.producer_consumer(Pass::times(1)).start();
    let error = pass.subscribe(&pass.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Option, "{error}");
}
