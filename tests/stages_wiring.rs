//! Wiring of stages while they run: several at every place, subscribing, cancelling and taking another
//! producer, from inside and outside, and finite producers that are over before anybody has come.

mod stage_support;
mod support;

use flow::stage::{
    Batch, Cancel, Consumer, Context, Peer, Reason, StageRef, Subscribe, SubscriptionId,
    consume_with, transform_with,
};
use flow::{BoxError, Executor};
use stage_support::{
    Idle, Log, Numbers, Pass, Sink, emit, end, on, on_threads, reason, runtimes, until,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::thread;
use support::{executors, flow_threads, in_time, no_thread_is_left};

/// Producers, stages between, consumers; how many events each producer gives.
const SHAPES: [(u64, usize, usize, u64); 5] =
    [(1, 1, 1, 1000), (4, 1, 4, 250), (1, 4, 1, 500), (3, 2, 5, 200), (4, 4, 4, 300)];

#[test]
fn several_stages_take_from_several_and_every_event_comes_once_and_in_order() {
    for (producers, between, consumers, each) in SHAPES {
        for max in [1, 3, 1000] {
            for stages in runtimes() {
                let producers: Vec<_> = (0..producers)
                    .map(|p| stages.producer(Numbers::from(p << 32, (p << 32) + each)).start())
                    .collect();
                let middle: Vec<_> = (0..between)
                    .map(|_| {
                        let pass = stages.producer_consumer(Pass::times(1));
                        let how = |p| Subscribe::to(p).max_demand(max);
                        producers.iter().fold(pass, |pass, p| pass.subscribe(how(p))).start()
                    })
                    .collect();
                let logs: Vec<Log<(SubscriptionId, u64)>> = (0..consumers)
                    .map(|_| {
                        let log = Log::new();
                        let sink = stages.consumer(Edges(log.clone()));
                        let how = |m| Subscribe::to(m).max_demand(max);
                        middle.iter().fold(sink, |sink, m| sink.subscribe(how(m))).start();
                        log
                    })
                    .collect();
                let count = producers.len() as u64 * each;
                drop((producers, middle));
                in_time(|| stages.join()).unwrap();
                let all: Vec<_> = logs.iter().flat_map(Log::all).map(|(_, n)| n).collect();
                let mut sorted = all.clone();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!((all.len() as u64, sorted.len() as u64), (count, count));
                // Along one way (producer, stage between, consumer) in order.
                for log in logs {
                    let mut last: BTreeMap<(SubscriptionId, u64), u64> = BTreeMap::new();
                    for (by, n) in log.all() {
                        let before = last.insert((by, n >> 32), n);
                        assert!(before.is_none_or(|before| before < n), "{before:?} before {n}");
                    }
                }
            }
        }
    }
}

/// Writes down by which subscription events came.
struct Edges(Log<(SubscriptionId, u64)>);

impl Consumer for Edges {
    type Item = u64;

    fn handle(&mut self, _: u64) -> Result<(), BoxError> {
        unreachable!("batches are taken whole")
    }

    fn handle_batch(&mut self, batch: Batch<'_, u64>) -> Result<(), BoxError> {
        let by = batch.from();
        let _: () = batch.for_each(|n| self.0.push((by, n)));
        Ok(())
    }
}

#[test]
fn callbacks_say_who_is_on_the_other_side() {
    for stages in runtimes() {
        let pass = Pass::times(1);
        let notes = pass.notes.clone();
        let idle = stages.producer(Idle::default()).named("first").start();
        let pass = stages.producer_consumer(pass).named("second").subscribe(&idle).start();
        let sink = stages.consumer(Sink::default()).named("third").start();
        until(&stages, "the first", || notes.len() == 1);
        let subscription = sink.subscribe(&pass).unwrap();
        until(&stages, "both", || notes.len() == 2);
        subscription.cancel();
        until(&stages, "one leaves", || notes.len() == 3);
        end(&idle);
        until(&stages, "the other ends", || notes.len() == 5);
        let expected = [
            "producer first joins",
            "consumer third joins",
            "consumer third leaves: cancelled",
            "producer first leaves: normal",
            "end",
        ];
        assert_eq!(notes.all(), expected);
        assert_eq!(pass.name().as_deref(), Some("second"));
    }
}

#[test]
fn another_producer_may_take_the_place_of_one() {
    for cancel in [Cancel::Permanent, Cancel::Transient] {
        for stages in runtimes() {
            let (first, second) = (
                stages.producer(Idle::default()).start(),
                stages.producer(Numbers::from(100, 150)).start(),
            );
            let (sink, events) = Sink::new();
            let notes = sink.notes.clone();
            let sink = stages.consumer(sink).start();
            let old = sink.subscribe(Subscribe::to(&first).cancel(cancel)).unwrap();
            emit(&first, 0..3);
            until(&stages, "of the first", || events.len() == 3);
            let how = Subscribe::to(&second).max_demand(5);
            let new = sink.resubscribe(&old, how).unwrap();
            assert_ne!(old.id(), new.id());
            let over = sink.clone();
            assert_eq!(reason(&in_time(move || over.join())), "normal");
            assert_eq!(events.all(), (0..3).chain(100..150).collect::<Vec<_>>());
            assert_eq!(notes.all().last().unwrap(), "end");
            // What is refused changes nothing.
            assert!(sink.resubscribe(&new, Subscribe::to(&first).max_demand(0)).is_err());
        }
    }
}

/// Asks from inside, one at a time, and leaves after so many.
struct ByItself {
    left: usize,
    from: Option<SubscriptionId>,
    log: Log<u64>,
    own: Log<StageRef<ByItself, u64>>,
}

impl Consumer for ByItself {
    type Item = u64;

    fn handle(&mut self, n: u64) -> Result<(), BoxError> {
        self.log.push(n);
        self.left -= 1;
        let (from, left) = (self.from.unwrap(), self.left);
        if let Some(own) = self.own.all().first() {
            let next = move |cx: &mut Context<'_, Infallible>| match left {
                0 => cx.cancel(from),
                _ => cx.ask(from, 1),
            };
            drop(own.call(move |_, cx| next(cx)));
        }
        Ok(())
    }

    fn on_subscribe(&mut self, peer: &Peer, cx: &mut Context<'_, Infallible>) {
        self.from = Some(peer.subscription());
        cx.ask(peer.subscription(), 1);
    }

    fn on_cancel(&mut self, _: &Peer, _: &Reason, cx: &mut Context<'_, Infallible>) {
        cx.stop();
    }
}

#[test]
fn a_stage_asks_and_leaves_by_itself() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::endless()).end_when_alone().start();
        let (log, own) = (Log::new(), Log::new());
        let stage = ByItself { left: 7, from: None, log: log.clone(), own: own.clone() };
        let stage = stages.consumer(stage).start();
        own.push(stage.clone());
        stage.subscribe(Subscribe::to(&numbers).manual()).unwrap();
        let (over, counts) = (stage.clone(), numbers.clone());
        assert_eq!(reason(&in_time(move || over.join())), "normal");
        assert_eq!(log.all(), (0..7).collect::<Vec<_>>());
        assert_eq!(counts.counts().events_out, 7);
    }
}

#[test]
fn stages_subscribe_others_from_inside() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(100)).start();
        let (second, events) = Sink::new();
        let second = stages.consumer(second).start();
        let (to, joins) = (numbers.clone(), second.clone());
        let mut seen = 0;
        let first = consume_with(move |_: u64| {
            seen += 1;
            if seen == 1 {
                joins.subscribe(Subscribe::to(&to).max_demand(2))?;
            }
            Ok(())
        });
        let how = Subscribe::to(&numbers).max_demand(1);
        let first = stages.consumer(first).subscribe(how).start();
        let counts = first.clone();
        let ends = (numbers, first);
        in_time(move || (ends.0.join(), ends.1.join()));
        until(&stages, "all", || counts.counts().events_in + events.len() as u64 == 100);
        until(&stages, "it ends too", || second.over().is_some());
    }
}

#[test]
fn finite_producers_that_are_over_before_anybody_comes_are_no_races() {
    for round in 0..40 {
        for executor in executors() {
            let stages = on(executor);
            let (sink, events) = Sink::new();
            // Producers of nothing, of one, of some: some of them are over at once.
            let producers: Vec<_> = (0..4)
                .map(|n| stages.producer(Numbers::from(n * 10, n * 10 + n % 3)).start())
                .collect();
            if round % 2 == 0 {
                thread::yield_now();
                stages.settle();
            }
            let sink = stages.consumer(sink);
            let how = |p| Subscribe::to(p).max_demand(1 + round % 3);
            producers.iter().fold(sink, |sink, p| sink.subscribe(how(p))).start();
            drop(producers);
            in_time(|| stages.join()).unwrap();
            let mut events = events.all();
            events.sort_unstable();
            assert_eq!(events, [10, 20, 21]);
        }
    }
}

#[test]
fn chains_of_stages_end_from_the_front() {
    for stages in runtimes() {
        let numbers = stages.iter(0..200_u64).start();
        let mut last = numbers.outlet();
        for _ in 0..30 {
            let pass = stages.producer_consumer(transform_with(|n: u64, out| {
                let _: () = out.emit(n);
                Ok(())
            }));
            last = pass.subscribe(&last).start().outlet();
        }
        let (sink, events) = Sink::new();
        stages.consumer(sink).subscribe(&last).start();
        drop((numbers, last));
        in_time(|| stages.join()).unwrap();
        assert_eq!(events.all(), (0..200).collect::<Vec<_>>());
    }
    no_thread_is_left();
}

#[test]
fn iterators_have_threads_of_their_own_that_end_with_them() {
    let stages = on(Executor::threads(2));
    for round in 0..50_u64 {
        let numbers = stages.iter(0..round).start();
        let (sink, events) = Sink::new();
        let sink = stages.consumer(sink).subscribe(&numbers).start();
        assert_eq!(reason(&in_time(move || sink.join())), "normal");
        assert_eq!(events.len() as u64, round);
    }
    support::until("their threads are gone", || flow_threads() <= 2);
    drop(stages);
    no_thread_is_left();
}

#[test]
fn an_iterator_that_waits_holds_up_nobody_else() {
    let stages = on(Executor::threads(1));
    let (sender, receiver) = std::sync::mpsc::channel::<u64>();
    let waits = stages.iter(receiver).start();
    let (first, seen) = Sink::new();
    stages.consumer(first).subscribe(&waits).start();
    let numbers = stages.producer(Numbers::to(1_000)).start();
    let (second, events) = Sink::new();
    let second = stages.consumer(second).subscribe(&numbers).start();
    in_time(move || second.join());
    assert_eq!((events.len(), seen.len()), (1_000, 0));
    sender.send(7).unwrap();
    until(&stages, "what has come goes on", || seen.len() == 1);
    drop((sender, waits, numbers));
    in_time(|| stages.join()).unwrap();
}

#[test]
fn consumers_come_crash_and_go_on_threads_and_nothing_is_lost_but_what_crashed() {
    for stages in on_threads() {
        const EVENTS: u64 = 20_000;
        let numbers = stages.producer(Numbers::to(EVENTS)).start();
        let logs: Vec<Log<Vec<u64>>> = (0..40).map(|_| Log::new()).collect();
        for (round, log) in logs.iter().enumerate() {
            let sink = Sink {
                batches: log.clone(),
                fails_at: (round % 4 == 1).then_some(round as u64 * 400),
                ..Sink::default()
            };
            let sink = stages.consumer(sink).unlinked().start();
            let how = Subscribe::to(&numbers).max_demand(1 + round * 3);
            let subscription = sink.subscribe(how).unwrap();
            match round % 4 {
                0 => {
                    thread::yield_now();
                    subscription.cancel();
                    drop(sink.call(|_, cx| cx.stop()));
                }
                2 => sink.stop(),
                _ => {}
            }
        }
        let counts = numbers.clone();
        assert_eq!(in_time(move || (numbers.join(), numbers)).0.to_string(), "normal");
        in_time(|| stages.join()).unwrap();
        let mut all: Vec<u64> = logs.iter().flat_map(Log::all).flatten().collect();
        let taken = all.len() as u64;
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len() as u64, taken, "twice");
        let counts = counts.counts();
        assert_eq!(counts.emitted, EVENTS);
        assert_eq!(counts.events_out - counts.given_back, taken, "{counts:?}");
        assert_eq!(taken + counts.dropped, EVENTS, "{counts:?}");
    }
}
