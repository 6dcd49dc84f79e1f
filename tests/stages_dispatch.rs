//! Who gets which event: dispatchers by demand, to all, by partition, and of one's own.

mod stage_support;
mod support;

use flow::stage::{
    Broadcast, Consumers, Dispatcher, Partition, Subscribe, Subscription, consume_with,
};
use flow::{BoxError, ErrorKind};
use stage_support::{Idle, IdleRef, Log, Numbers, Pass, Sink, emit, end, runtimes, until};
use std::collections::VecDeque;
use support::in_time;

/// A consumer that asks by hand, with what it has got.
fn by_hand(
    stages: &flow::stage::Stages,
    how: Subscribe<u64>,
) -> (flow::stage::StageRef<Sink, u64>, Subscription, Log<u64>) {
    let (sink, events) = Sink::new();
    let sink = stages.consumer(sink).unlinked().start();
    let subscription = sink.subscribe(how.manual()).unwrap();
    (sink, subscription, events)
}

/// Asks, and waits until the producer knows.
fn ask(
    stages: &flow::stage::Stages,
    consumer: &flow::stage::StageRef<Sink, u64>,
    by: &Subscription,
    n: usize,
) {
    by.ask(n);
    // What a consumer is told by one is done in order.
    consumer.call(|_, _| ()).wait().unwrap();
    stages.settle();
}

/// Waits until the producer has read what was sent to it.
fn told(idle: &IdleRef) {
    idle.call(|_, _| ()).wait().unwrap();
}

#[test]
fn by_demand_the_largest_is_served_first_and_ties_in_order() {
    // Demands of three consumers, how many events; who gets how many.
    let cases: [([usize; 3], u64, [usize; 3]); 6] = [
        ([3, 5, 0], 6, [1, 5, 0]),
        ([3, 3, 3], 4, [3, 1, 0]),
        ([1, 2, 4], 7, [1, 2, 4]),
        ([1, 2, 4], 9, [1, 2, 4]),
        ([0, 0, 2], 1, [0, 0, 1]),
        ([5, 5, 6], 12, [5, 1, 6]),
    ];
    for (demands, events, shares) in cases {
        for stages in runtimes() {
            let idle = stages.producer(Idle::default()).start();
            let all: Vec<_> =
                demands.iter().map(|_| by_hand(&stages, Subscribe::to(&idle))).collect();
            for ((sink, by, _), demand) in all.iter().zip(demands) {
                ask(&stages, sink, by, demand);
            }
            told(&idle);
            emit(&idle, 0..events);
            let sum = shares.iter().sum::<usize>();
            until(&stages, "they come", || idle.counts().events_out == sum as u64);
            stages.settle();
            for ((.., got), share) in all.iter().zip(shares) {
                until(&stages, "its share", || got.len() == share);
            }
            assert_eq!(idle.counts().buffered, events - sum as u64);
        }
    }
}

#[test]
fn demand_of_a_consumer_that_left_is_forgotten() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        let (first, by, _) = by_hand(&stages, Subscribe::to(&idle));
        ask(&stages, &first, &by, 10);
        by.cancel();
        first.call(|_, _| ()).wait().unwrap();
        until(&stages, "it is gone", || {
            first.call(|sink, _| sink.notes.len()).wait().unwrap() == 2
        });
        // Nobody is there: it is kept.
        emit(&idle, 0..3);
        until(&stages, "kept", || idle.counts().buffered == 3);
        let (second, by, got) = by_hand(&stages, Subscribe::to(&idle));
        ask(&stages, &second, &by, 5);
        emit(&idle, 3..9);
        until(&stages, "five", || got.len() == 5);
        assert_eq!(got.all(), [0, 1, 2, 3, 4]);
        until(&stages, "the rest is kept", || idle.counts().buffered == 4);
    }
}

#[test]
fn after_a_crash_the_buffer_comes_first_and_comes_to_a_smaller_consumer() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        let (first, by, _) = by_hand(&stages, Subscribe::to(&idle));
        ask(&stages, &first, &by, 100);
        drop(first.call(|_, _| panic!("crashes")));
        until(&stages, "it has crashed", || first.over().is_some());
        emit(&idle, [1, 2, 3]);
        until(&stages, "they are kept", || idle.counts().buffered == 3);
        let (_second, by, got) = by_hand(&stages, Subscribe::to(&idle));
        emit(&idle, [4]);
        by.ask(1);
        until(&stages, "one", || got.len() == 1);
        emit(&idle, [5, 6, 7]);
        by.ask(3);
        until(&stages, "four", || got.len() == 4);
        by.ask(100);
        until(&stages, "all", || got.len() == 7);
        assert_eq!(got.all(), [1, 2, 3, 4, 5, 6, 7]);
    }
}

#[test]
fn a_slow_consumer_holds_nobody_up_by_demand() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(1_000)).start();
        // Takes ten and never asks again.
        let (slow, by, taken) = by_hand(&stages, Subscribe::to(&numbers));
        ask(&stages, &slow, &by, 10);
        until(&stages, "ten", || taken.len() == 10);
        let (fast, events) = Sink::new();
        let fast = stages.consumer(fast).subscribe(&numbers).start();
        drop((numbers, slow, by, fast));
        in_time(|| stages.join()).unwrap();
        assert_eq!(events.len(), 990);
    }
}

#[test]
fn a_broadcast_gives_all_to_all_at_the_pace_of_the_slowest() {
    for stages in runtimes() {
        let numbers = Numbers::to(100);
        let asked = numbers.asked.clone();
        let numbers = stages.producer(numbers).broadcast().accumulate().start();
        let all: Vec<Log<u64>> = [1, 7, 1000]
            .into_iter()
            .map(|max| {
                let (sink, events) = Sink::new();
                stages.consumer(sink).subscribe(Subscribe::to(&numbers).max_demand(max)).start();
                events
            })
            .collect();
        numbers.forward();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        assert!(asked.all().iter().all(|asked| *asked == 1), "{:?}", asked.all());
        for events in all {
            assert_eq!(events.all(), (0..100).collect::<Vec<_>>());
        }
    }
}

#[test]
fn who_has_not_asked_holds_up_a_broadcast_until_it_asks_or_leaves() {
    for leaves in [false, true] {
        for stages in runtimes() {
            let idle = stages.producer(Idle::default()).broadcast().start();
            let (a, by_a, got_a) = by_hand(&stages, Subscribe::to(&idle));
            let (b, by_b, got_b) = by_hand(&stages, Subscribe::to(&idle));
            ask(&stages, &a, &by_a, 10);
            emit(&idle, 0..20);
            until(&stages, "all are kept", || idle.counts().buffered == 20);
            if leaves {
                by_b.cancel();
            } else {
                ask(&stages, &b, &by_b, 20);
            }
            until(&stages, "ten come", || got_a.len() == 10);
            let others = if leaves { 0 } else { 10 };
            until(&stages, "to both", || got_b.len() == others);
            assert_eq!(idle.counts().buffered, 10);
            assert_eq!(got_a.all(), (0..10).collect::<Vec<_>>());
        }
    }
}

#[test]
fn who_joins_a_broadcast_gets_what_is_not_yet_out() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).broadcast().start();
        let (a, by_a, got_a) = by_hand(&stages, Subscribe::to(&idle));
        ask(&stages, &a, &by_a, 3);
        emit(&idle, 0..10);
        until(&stages, "three", || got_a.len() == 3);
        let (b, by_b, got_b) = by_hand(&stages, Subscribe::to(&idle));
        ask(&stages, &b, &by_b, 20);
        ask(&stages, &a, &by_a, 7);
        until(&stages, "seven to both", || got_a.len() == 10 && got_b.len() == 7);
        assert_eq!(got_b.all(), (3..10).collect::<Vec<_>>());
    }
}

#[test]
fn selectors_let_everybody_choose_and_what_is_refused_costs_no_demand() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(200)).broadcast().accumulate().start();
        let residues: Vec<Log<u64>> = (0..3)
            .map(|rest| {
                let (sink, events) = Sink::new();
                let how = Subscribe::to(&numbers).max_demand(2).selector(move |n| n % 3 == rest);
                stages.consumer(sink).subscribe(how).start();
                events
            })
            .collect();
        let (none, nothing) = Sink::new();
        let how = Subscribe::to(&numbers).max_demand(1).selector(|_| false);
        stages.consumer(none).subscribe(how).start();
        numbers.forward();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        for (rest, events) in (0..3).zip(residues) {
            assert_eq!(events.all(), (0..200).filter(|n| n % 3 == rest).collect::<Vec<_>>());
        }
        assert!(nothing.all().is_empty());
    }
}

#[test]
fn a_stage_may_subscribe_twice() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(10)).broadcast().accumulate().start();
        let (sink, events) = Sink::new();
        stages.consumer(sink).subscribe(&numbers).subscribe(&numbers).start();
        numbers.forward();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        let mut events = events.all();
        events.sort_unstable();
        assert_eq!(events, (0..10).flat_map(|n| [n, n]).collect::<Vec<_>>());
    }
}

#[test]
fn partitions_have_their_own_consumers_and_what_has_none_is_dropped_and_counted() {
    for stages in runtimes() {
        let route = |n: &u64| if n.is_multiple_of(3) { None } else { Some((n % 2) as usize) };
        let numbers = stages.producer(Numbers::from(1, 13)).partition(2, route).start();
        let all: Vec<Log<u64>> = (0..2)
            .map(|partition| {
                let (sink, events) = Sink::new();
                let how = Subscribe::to(&numbers).max_demand(4).partition(partition);
                stages.consumer(sink).subscribe(how).start();
                events
            })
            .collect();
        let counts = numbers.clone();
        assert_eq!(in_time(move || numbers.join()).to_string(), "normal");
        until(&stages, "both", || all[0].len() + all[1].len() == 8);
        assert_eq!(all[0].all(), [2, 4, 8, 10]);
        assert_eq!(all[1].all(), [1, 5, 7, 11]);
        assert_eq!(counts.counts().dropped, 4);
    }
}

#[test]
fn nothing_is_routed_that_nobody_has_asked_for() {
    for stages in runtimes() {
        let routed = Log::new();
        let seen = routed.clone();
        let route = move |n: &u64| {
            seen.push(*n);
            Some((n % 2) as usize)
        };
        let idle = stages.producer(Idle::default()).partition(2, route).start();
        let (a, by_a, got_a) = by_hand(&stages, Subscribe::to(&idle).partition(0));
        let (b, by_b, got_b) = by_hand(&stages, Subscribe::to(&idle).partition(1));
        ask(&stages, &a, &by_a, 2);
        ask(&stages, &b, &by_b, 2);
        told(&idle);
        emit(&idle, 0..10);
        until(&stages, "two each", || got_a.len() == 2 && got_b.len() == 2);
        stages.settle();
        assert_eq!(routed.all(), [0, 1, 2, 3]);
        assert_eq!(idle.counts().buffered, 6);
    }
}

#[test]
fn a_hot_partition_starves_no_other() {
    for stages in runtimes() {
        // Of ten events nine are for partition 0, whose consumer never asks.
        let route = |n: &u64| Some(usize::from(n.is_multiple_of(10)));
        let partition = Partition::new(2, route).ahead(900);
        let numbers = stages.producer(Numbers::endless()).dispatcher(partition).start();
        let (_hot, by_hot, got_hot) = by_hand(&stages, Subscribe::to(&numbers).partition(0));
        let (cold, got_cold) = Sink::new();
        let how = Subscribe::to(&numbers).max_demand(10).partition(1);
        stages.consumer(cold).unlinked().subscribe(how).start();
        until(&stages, "the cold one goes on", || got_cold.len() >= 100);
        until(&stages, "until so many wait", || numbers.counts().buffered > 900);
        stages.settle();
        assert!(numbers.counts().buffered <= 900 + 10, "{:?}", numbers.counts());
        assert_eq!(got_hot.len(), 0);
        // Asking lets all go on.
        let cold_has = got_cold.len();
        by_hot.ask(500);
        until(&stages, "both go on", || got_hot.len() == 500 && got_cold.len() > cold_has);
        assert!(got_hot.all().is_sorted() && got_cold.all().is_sorted());
        stages.stop();
    }
}

#[test]
fn a_partition_waits_for_its_consumer() {
    for stages in runtimes() {
        let idle =
            stages.producer(Idle::default()).partition(2, |n| Some((n % 2) as usize)).start();
        let (a, by_a, got_a) = by_hand(&stages, Subscribe::to(&idle).partition(0));
        ask(&stages, &a, &by_a, 100);
        told(&idle);
        emit(&idle, 0..6);
        until(&stages, "those of one", || got_a.len() == 3);
        assert_eq!(idle.counts().buffered, 3);
        let after = idle.call_after_buffered(|_, _| 5);
        let (b, by_b, got_b) = by_hand(&stages, Subscribe::to(&idle).partition(1));
        ask(&stages, &b, &by_b, 100);
        until(&stages, "those of the other", || got_b.len() == 3);
        assert_eq!(after.wait().unwrap(), 5);
        assert_eq!((got_a.all(), got_b.all()), (vec![0, 2, 4], vec![1, 3, 5]));
        end(&idle);
    }
}

#[test]
fn what_a_consumer_of_a_partition_has_not_handled_goes_to_the_next_one() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).partition(1, |_| Some(0)).start();
        let failing = Sink { fails_at: Some(0), ..Sink::default() };
        let failing = stages.consumer(failing).unlinked();
        // It fails at the first event, and the others wait in its mailbox.
        let how = Subscribe::to(&idle).max_demand(2).min_demand(1).partition(0);
        let failing = failing.subscribe(how).start();
        emit(&idle, 0..4);
        until(&stages, "it has failed", || failing.over().is_some());
        let (_next, by, got) = by_hand(&stages, Subscribe::to(&idle).partition(0));
        by.ask(10);
        until(&stages, "the others", || got.len() == 3);
        assert_eq!(got.all(), [1, 2, 3]);
    }
}

#[test]
fn a_partition_that_there_is_not_fails_the_producer() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(10)).named("numbers");
        let numbers = numbers.partition(2, |n| Some(*n as usize)).start();
        for partition in 0..2 {
            let sink = stages.consumer(Sink::default()).unlinked();
            sink.subscribe(Subscribe::to(&numbers).partition(partition)).start();
        }
        let counts = numbers.clone();
        let error = in_time(|| stages.join()).unwrap_err();
        drop(numbers);
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Routing, Some("numbers")), "{error}");
        let counts = counts.counts();
        assert_eq!(counts.emitted, counts.events_out + counts.dropped, "{counts:?}");
    }
}

#[test]
fn who_asks_for_what_a_producer_does_not_have_is_refused() {
    type How = fn(Subscribe<u64>) -> Subscribe<u64>;
    type Producer = fn(&flow::stage::Stages) -> IdleRef;
    let by_demand: Producer = |stages| stages.producer(Idle::default()).start();
    let broadcast: Producer = |stages| stages.producer(Idle::default()).broadcast().start();
    let partition: Producer =
        |stages| stages.producer(Idle::default()).partition(2, |_| Some(0)).start();
    let cases: [(Producer, How); 6] = [
        (by_demand, |how| how.partition(0)),
        (by_demand, |how| how.selector(|_| true)),
        (broadcast, |how| how.partition(0)),
        (partition, |how| how),
        (partition, |how| how.partition(2)),
        (partition, |how| how.partition(0).selector(|_| true)),
    ];
    for (producer, how) in cases {
        for stages in runtimes() {
            let idle = producer(&stages);
            let sink = stages.consumer(Sink::default()).unlinked().start();
            sink.subscribe(how(Subscribe::to(&idle))).unwrap();
            let ended = {
                let sink = sink.clone();
                in_time(move || sink.join())
            };
            let error = ended.error().expect("it fails").clone();
            assert_eq!(error.kind(), ErrorKind::Option, "{error}");
            // The producer goes on.
            told(&idle);
            end(&idle);
            drop((idle, sink));
            in_time(|| stages.join()).unwrap();
        }
    }
}

/// To everybody in turn.
struct InTurn(usize);

impl Dispatcher<u64> for InTurn {
    fn wanted(&self, consumers: &Consumers<u64>) -> usize {
        let credits = (0..consumers.len()).map(|at| consumers.credit(at));
        credits.min().unwrap_or(0) * consumers.len()
    }

    fn dispatch(
        &mut self,
        events: &mut VecDeque<u64>,
        consumers: &mut Consumers<u64>,
    ) -> Result<(), BoxError> {
        while !consumers.is_empty() && consumers.credit(self.0 % consumers.len()) > 0 {
            match events.pop_front() {
                Some(13) => return Err("no luck".into()),
                Some(event) => consumers.send(self.0 % consumers.len(), event),
                None => break,
            }
            self.0 += 1;
        }
        Ok(())
    }
}

#[test]
fn a_dispatcher_may_be_ones_own() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(12)).dispatcher(InTurn(0)).accumulate().start();
        let all: Vec<Log<u64>> = (0..3)
            .map(|_| {
                let (sink, events) = Sink::new();
                stages.consumer(sink).subscribe(Subscribe::to(&numbers).max_demand(2)).start();
                events
            })
            .collect();
        numbers.forward();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        for (first, events) in (0..3).zip(all) {
            assert_eq!(events.all(), (first..12).step_by(3).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_dispatcher_that_fails_fails_its_stage() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(20)).named("own").dispatcher(InTurn(0)).start();
        stages.consumer(Sink::default()).subscribe(&numbers).start();
        drop(numbers);
        let error = in_time(|| stages.join()).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Routing, Some("own")));
        assert!(format!("{error}").contains("dispatched"), "{error}");
    }
}

#[test]
fn producer_consumers_dispatch_as_producers_do() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(100)).start();
        let pass = stages.producer_consumer(Pass::times(1)).dispatcher(Broadcast::new());
        let pass = pass.accumulate().subscribe(&numbers).start();
        let seen: Vec<Log<u64>> = (0..2)
            .map(|_| {
                let log = Log::new();
                let to = log.clone();
                let sink = consume_with(move |n| {
                    let _: () = to.push(n);
                    Ok(())
                });
                stages.consumer(sink).subscribe(Subscribe::to(&pass).max_demand(3)).start();
                log
            })
            .collect();
        pass.forward();
        drop((numbers, pass));
        in_time(|| stages.join()).unwrap();
        assert!(seen.iter().all(|seen| seen.all() == (0..100).collect::<Vec<_>>()));
    }
}
