//! Demand of stages and their buffers: who asks when for how much, what is kept that nobody has asked
//! for, and where calls stand among events.

mod stage_support;
mod support;

use flow::stage::{CallError, Overflow, StageRef, Subscribe, consume_with, transform_with};
use flow::{ErrorKind, Executor};
use stage_support::{
    Idle, Log, Numbers, Pass, Sink, emit, end, on, on_threads, reason, runtimes, until,
};
use std::convert::Infallible;
use support::{Lives, executors, in_time};

#[test]
fn batches_are_the_difference_of_the_demands() {
    // What a consumer asks for by its two demands shows in the batches that it gets.
    let cases: [(usize, usize, u64, &[usize]); 7] = [
        (100, 80, 300, &[20; 15]),
        (100, 20, 280, &[80, 20, 80, 80, 20]),
        (7, 3, 18, &[4, 3, 4, 4, 3]),
        (10, 0, 25, &[10, 10, 5]),
        (1, 0, 4, &[1, 1, 1, 1]),
        (2, 1, 5, &[1, 1, 1, 1, 1]),
        (1000, 500, 2000, &[500, 500, 500, 500]),
    ];
    for (max, min, events, batches) in cases {
        for stages in on_threads() {
            let sink = Sink::default();
            let got = sink.batches.clone();
            let numbers = stages.producer(Numbers::to(events)).start();
            let how = Subscribe::to(&numbers).max_demand(max).min_demand(min);
            stages.consumer(sink).subscribe(how).start();
            drop(numbers);
            in_time(|| stages.join()).unwrap();
            let got = got.all();
            let sizes: Vec<usize> = got.iter().map(Vec::len).collect();
            assert_eq!(sizes, batches, "{max}/{min}");
            assert_eq!(got.concat(), (0..events).collect::<Vec<_>>());
        }
    }
}

#[test]
fn half_of_the_demand_is_asked_for_again_where_nothing_is_said() {
    for stages in on_threads() {
        let sink = Sink::default();
        let got = sink.batches.clone();
        let numbers = stages.producer(Numbers::to(2_000)).start();
        stages.consumer(sink).subscribe(&numbers).start();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        assert_eq!(got.all().iter().map(Vec::len).collect::<Vec<_>>(), [500; 4]);
    }
}

#[test]
fn a_producer_consumer_stands_between_two_demands() {
    for stages in on_threads() {
        let (pass, sink) = (Pass::times(2), Sink::default());
        let (taken, given) = (pass.batches.clone(), sink.batches.clone());
        let numbers = stages.producer(Numbers::to(200)).start();
        let upstream = Subscribe::to(&numbers).max_demand(100).min_demand(80);
        let pass = stages.producer_consumer(pass).subscribe(upstream).start();
        let downstream = Subscribe::to(&pass).max_demand(100).min_demand(50);
        stages.consumer(sink).subscribe(downstream).start();
        drop((numbers, pass));
        in_time(|| stages.join()).unwrap();
        assert!(taken.all().iter().all(|batch| batch.len() == 20), "{:?}", taken.all());
        assert!(given.all().iter().all(|batch| batch.len() <= 50), "{:?}", given.all());
        let twice: Vec<u64> = (0..200).flat_map(|n| [n, n]).collect();
        assert_eq!(given.all().concat(), twice);
    }
}

#[test]
fn a_producer_is_not_asked_for_more_than_there_is_demand() {
    for stages in runtimes() {
        let numbers = Numbers::to(500);
        let asked = numbers.asked.clone();
        let numbers = stages.producer(numbers).start();
        let pass = stages.producer_consumer(Pass::times(1));
        let pass = pass.subscribe(Subscribe::to(&numbers).max_demand(10)).start();
        for _ in 0..2 {
            let how = Subscribe::to(&pass).max_demand(3);
            stages.consumer(consume_with(|_: u64| Ok(()))).subscribe(how).start();
        }
        drop((numbers, pass));
        in_time(|| stages.join()).unwrap();
        assert!(asked.all().iter().all(|asked| (1..=10).contains(asked)), "{:?}", asked.all());
    }
}

#[test]
fn a_demand_of_one_means_one_at_a_time() {
    for stages in runtimes() {
        let lives = Lives::default();
        let (made, seen) = (lives.clone(), Log::new());
        let numbers = stages.iter((0..50).map(move |n| made.number(n))).start();
        let gauge = (lives.clone(), seen.clone());
        let sink = consume_with(move |_| {
            gauge.1.push(gauge.0.left());
            Ok(())
        });
        stages.consumer(sink).subscribe(Subscribe::to(&numbers).max_demand(1)).start();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        assert_eq!(seen.all(), [1; 50]);
    }
}

#[test]
fn a_filter_that_drops_everything_does_not_stall() {
    for max in [1, 2, 100] {
        for stages in runtimes() {
            let numbers = stages.producer(Numbers::to(300)).start();
            let none = stages.producer_consumer(Pass::times(0));
            let none = none.subscribe(Subscribe::to(&numbers).max_demand(max)).start();
            let (sink, events) = Sink::new();
            let notes = sink.notes.clone();
            stages.consumer(sink).subscribe(&none).start();
            drop((numbers, none));
            in_time(|| stages.join()).unwrap();
            assert!(events.all().is_empty());
            assert_eq!(notes.all().last().map(String::as_str), Some("end"));
        }
    }
}

#[test]
fn many_for_one_go_into_the_buffer_and_the_stage_waits() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(20)).start();
        let many = stages.producer_consumer(Pass::times(100));
        let many = many.subscribe(Subscribe::to(&numbers).max_demand(4)).start();
        let sink = stages.consumer(Sink::default()).start();
        let by_hand = sink.subscribe(Subscribe::to(&many).max_demand(10).manual()).unwrap();
        until(&stages, "it waits", || many.counts().events_in == 0);
        by_hand.ask(1);
        until(&stages, "one batch is handled", || sink.counts().events_in == 1);
        let counts = many.counts();
        assert!(counts.events_in <= 2, "{counts:?}");
        assert_eq!(counts.buffered, counts.events_in * 100 - 1);
        by_hand.ask(5_000);
        drop((numbers, many, by_hand));
        let sink_counts = move || sink.counts().events_in;
        in_time(|| stages.join()).unwrap();
        assert_eq!(sink_counts(), 2_000);
    }
}

#[test]
fn demand_is_held_back_until_all_is_wired() {
    for stages in runtimes() {
        let numbers = Numbers::to(5);
        let asked = numbers.asked.clone();
        let numbers = stages.producer(numbers).accumulate().start();
        let (sinks, events): (Vec<_>, Vec<_>) = (0..2).map(|_| Sink::new()).unzip();
        for sink in sinks {
            stages.consumer(sink).subscribe(Subscribe::to(&numbers).max_demand(2)).start();
        }
        // Said twice, meant once.
        numbers.accumulate();
        let reply = numbers.call(|_, _| 7);
        let (reply, stages) = in_time(move || (reply.wait(), stages));
        assert_eq!(reply.unwrap(), 7);
        assert_eq!(asked.len(), 0);
        assert_eq!(events[0].len() + events[1].len(), 0);
        numbers.forward();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        assert_eq!(events[0].len() + events[1].len(), 5);
    }
}

#[test]
fn held_demand_counts_in_full_when_it_is_let_through() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::to(5)).accumulate().start();
        let (sinks, events): (Vec<_>, Vec<_>) = (0..2).map(|_| Sink::new()).unzip();
        for sink in sinks {
            stages.consumer(sink).subscribe(Subscribe::to(&numbers).max_demand(2)).start();
        }
        stages.settle();
        numbers.forward();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        assert_eq!(events[0].len() + events[1].len(), 5);
        assert!(events.iter().all(|events| events.len() >= 1), "both have asked");
    }
}

#[test]
fn by_hand_nothing_comes_that_was_not_asked_for() {
    for stages in runtimes() {
        let numbers = stages.producer(Numbers::endless()).start();
        let (sink, events) = Sink::new();
        let sink = stages.consumer(sink).start();
        let by_hand = sink.subscribe(Subscribe::to(&numbers).manual()).unwrap();
        by_hand.ask(0);
        drop(sink.call(|_, _| ()));
        stages.settle();
        assert_eq!(events.len(), 0);
        for asked in [50, 100] {
            by_hand.ask(50);
            until(&stages, "they come", || events.len() == asked);
        }
        stages.settle();
        assert_eq!(events.all(), (0..100).collect::<Vec<_>>());
        assert_eq!(numbers.counts().events_out, 100);
        stages.stop();
        drop((numbers, sink, by_hand));
        in_time(|| stages.join()).unwrap();
    }
}

#[test]
fn what_is_buffered_goes_out_before_anything_newer() {
    for stages in on_threads() {
        let numbers = stages.producer(Numbers::to(7)).start();
        let early = numbers.call(|_, cx| (100..105).for_each(|event| cx.emit(event)));
        assert!(early.wait().is_ok());
        until(&stages, "they are kept", || numbers.counts().buffered == 5);
        let sink = Sink::default();
        let batches = sink.batches.clone();
        let how = Subscribe::to(&numbers).max_demand(4).min_demand(0);
        stages.consumer(sink).subscribe(how).start();
        drop(numbers);
        in_time(|| stages.join()).unwrap();
        let expected: [&[u64]; 4] = [&[100, 101, 102, 103], &[104], &[0, 1, 2], &[3, 4, 5, 6]];
        assert_eq!(batches.all(), expected);
    }
}

#[test]
fn a_full_buffer_does_what_its_policy_says() {
    // Bound, policy; what is kept of 0..5, how many are dropped.
    let cases: [(usize, Overflow, &[u64], u64); 9] = [
        (3, Overflow::Block, &[0, 1, 2, 3, 4], 0),
        (3, Overflow::KeepFirst, &[0, 1, 2], 2),
        (3, Overflow::KeepLast, &[2, 3, 4], 2),
        (0, Overflow::KeepFirst, &[], 5),
        (0, Overflow::KeepLast, &[], 5),
        (0, Overflow::Block, &[0, 1, 2, 3, 4], 0),
        (5, Overflow::KeepLast, &[0, 1, 2, 3, 4], 0),
        (5, Overflow::Fail, &[0, 1, 2, 3, 4], 0),
        (usize::MAX, Overflow::KeepFirst, &[0, 1, 2, 3, 4], 0),
    ];
    for (bound, overflow, kept, dropped) in cases {
        for stages in runtimes() {
            let idle = stages.producer(Idle::default()).buffer(bound, overflow).start();
            emit(&idle, 0..5);
            until(&stages, "they are kept", || idle.counts().emitted == 5);
            until(&stages, "it is counted", || idle.counts().buffered == kept.len() as u64);
            until(&stages, "what is dropped", || idle.counts().dropped == dropped);
            let (sink, events) = Sink::new();
            stages.consumer(sink).subscribe(&idle).start();
            end(&idle);
            drop(idle);
            in_time(|| stages.join()).unwrap();
            assert_eq!(events.all(), kept, "{bound} {overflow:?}");
        }
    }
}

#[test]
fn a_full_buffer_may_be_a_failure() {
    for stages in runtimes() {
        let idle =
            stages.producer(Idle::default()).named("small").buffer(3, Overflow::Fail).start();
        emit(&idle, 0..5);
        drop(idle);
        let error = in_time(|| stages.join()).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Limit, Some("small")), "{error}");
    }
}

#[test]
fn what_is_buffered_is_counted() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        emit(&idle, 0..5);
        until(&stages, "five", || idle.counts().buffered == 5);
        emit(&idle, 5..8);
        until(&stages, "eight", || idle.counts().buffered == 8);
        let (sink, events) = Sink::new();
        stages.consumer(sink).subscribe(&idle).start();
        until(&stages, "none", || idle.counts().buffered == 0 && events.len() == 8);
        assert_eq!(idle.counts().events_out, 8);
        stages.stop();
        drop(idle);
        in_time(|| stages.join()).unwrap();
    }
}

#[test]
fn a_blocked_stage_takes_no_call_that_could_emit() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).buffer(3, Overflow::Block).start();
        // One call is kept whole; the next one waits.
        emit(&idle, 0..5);
        emit(&idle, 5..6);
        until(&stages, "the first call", || idle.counts().buffered == 5);
        stages.settle();
        assert_eq!(idle.counts().emitted, 5);
        let (sink, events) = Sink::new();
        stages.consumer(sink).subscribe(&idle).start();
        until(&stages, "all", || events.len() == 6);
        assert_eq!(events.all(), [0, 1, 2, 3, 4, 5]);
        stages.stop();
        drop(idle);
        in_time(|| stages.join()).unwrap();
    }
}

#[test]
fn calls_come_in_their_order() {
    for stages in runtimes() {
        let log = Log::new();
        let idle = stages.producer(Idle::default()).start();
        for n in 0..20 {
            let log = log.clone();
            drop(idle.call(move |_, _| log.push(n)));
        }
        assert_eq!(in_time(move || (idle.call(|_, _| 1).wait().unwrap(), stages)).0, 1);
        assert_eq!(log.all(), (0..20).collect::<Vec<_>>());
    }
}

#[test]
fn a_call_stands_behind_the_events_that_have_arrived() {
    for stages in runtimes() {
        let log = Log::new();
        let idle = stages.producer(Idle::default()).start();
        let seen = log.clone();
        let sink = consume_with(move |n: u64| {
            let _: () = seen.push(n);
            Ok(())
        });
        let sink = stages.consumer(sink).subscribe(Subscribe::to(&idle).manual()).start();
        // By one stage's hand: what it sends one after the other arrives so.
        let (to, seen) = (sink.clone(), log.clone());
        emit(&idle, 0..3);
        let by_hand = sink.subscribe(Subscribe::to(&idle).max_demand(3)).unwrap();
        until(&stages, "they are there", || log.len() == 3);
        drop(to.call(move |_, _| seen.push(99)));
        until(&stages, "the call", || log.len() == 4);
        assert_eq!(log.all(), [0, 1, 2, 99]);
        stages.stop();
        drop((idle, sink, to, by_hand));
        in_time(|| stages.join()).unwrap();
    }
}

#[test]
fn a_call_after_what_is_buffered_waits_for_it() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        emit(&idle, 0..5);
        for marker in [100, 101] {
            drop(idle.call_after_buffered(move |_, cx| cx.emit(marker)));
        }
        // In order with the events that are there: this one does not wait.
        assert_eq!(idle.call(|_, _| 3).wait().unwrap(), 3);
        let (sink, events) = Sink::new();
        let how = Subscribe::to(&idle).max_demand(2);
        stages.consumer(sink).subscribe(how).start();
        until(&stages, "all", || events.len() == 7);
        assert_eq!(events.all(), [0, 1, 2, 3, 4, 100, 101]);
        // At once where nothing is buffered.
        assert_eq!(idle.call_after_buffered(|_, _| 4).wait().unwrap(), 4);
        stages.stop();
        drop(idle);
        in_time(|| stages.join()).unwrap();
    }
}

#[test]
fn a_call_after_what_is_buffered_comes_although_the_buffer_fills_again_and_again() {
    for stages in runtimes() {
        // Emits twice what it is asked for.
        let mut next = 0;
        let bursts = flow::stage::produce_with(move |demand| {
            for _ in 0..2 * demand.events() {
                demand.emit(next);
                next += 1;
            }
            Ok(flow::Produced::More)
        });
        let bursts = stages.producer(bursts).start();
        let how = Subscribe::to(&bursts).max_demand(5);
        stages.consumer(consume_with(|_: u64| Ok(()))).subscribe(how).start();
        let called = bursts.call_after_buffered(|_, _| true);
        let (stages, called) = in_time(|| (stages, called.wait()));
        assert!(called.unwrap());
        stages.stop();
        drop(bursts);
        in_time(|| stages.join()).unwrap();
    }
}

#[test]
fn so_many_calls_wait_and_no_more() {
    let stages = on(Executor::simulation(1));
    let idle = stages.producer(Idle::default()).start();
    let first: Vec<_> = (0..10_000).map(|n| idle.call(move |_, _| n)).collect();
    assert!(first.iter().all(|reply| reply.refused().is_none()));
    let refused = idle.call(|_, _| 0);
    assert!(matches!(refused.refused(), Some(CallError::Full)));
    assert!(matches!(refused.wait(), Err(CallError::Full)));
    for (n, reply) in first.into_iter().enumerate() {
        assert_eq!(reply.wait().unwrap(), n);
    }
    assert_eq!(idle.call(|_, _| 5).wait().unwrap(), 5);
}

#[test]
fn a_call_says_how_its_stage_ended() {
    for executor in executors() {
        let stages = on(executor);
        let failing = stages.producer(Idle::default()).unlinked().start();
        let reply = failing.call(|_, _| -> u64 { panic!("no") });
        let later = failing.call(|_, _| 1);
        let (reply, later) = in_time(move || (reply.wait(), later.wait()));
        for reply in [reply, later] {
            match reply {
                Err(CallError::Ended(why)) => assert_eq!(reason(&why), "failed"),
                other => panic!("{other:?}"),
            }
        }
        let stopped = stages.producer(Idle::default()).start();
        stopped.stop();
        let reply = stopped.call(|_, _| 1);
        match in_time(move || reply.wait()) {
            Err(CallError::Ended(why)) => assert_eq!(reason(&why), "shutdown"),
            other => panic!("{other:?}"),
        }
        drop((failing, stopped));
        in_time(|| stages.join()).unwrap();
    }
}

#[test]
fn a_stage_that_ends_still_takes_calls_until_its_buffer_is_out() {
    for stages in runtimes() {
        let idle = stages.producer(Idle::default()).start();
        emit(&idle, 0..5);
        end(&idle);
        assert_eq!(idle.call(|_, _| 1).wait().unwrap(), 1);
        let (sink, events) = Sink::new();
        stages.consumer(sink).subscribe(&idle).start();
        drop(idle);
        in_time(|| stages.join()).unwrap();
        assert_eq!(events.all(), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn bad_demands_are_refused_with_the_line_where_they_stand() {
    for (max, min) in [(0, None), (0, Some(0)), (5, Some(5)), (5, Some(6))] {
        let how = |to: &StageRef<Numbers, Infallible, u64>| {
            let how = Subscribe::to(to).max_demand(max);
            if let Some(min) = min { how.min_demand(min) } else { how }
        };
        for stages in runtimes() {
            let numbers = stages.producer(Numbers::endless()).start();
            let sink = stages.consumer(consume_with(|_: u64| Ok(()))).start();
            let line = line!() + 1;
            let error = sink.subscribe(how(&numbers)).unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("subscribe")));
            assert_eq!(error.location().map(|at| at.line()), Some(line));
            assert_eq!(error.location().map(|at| at.file()), Some(file!()));
            // Refused once more while the stage is built: the stage fails, and says where.
            let pass = stages.producer_consumer(transform_with(|n: u64, out| {
                let _: () = out.emit(n);
                Ok(())
            }));
            let line = line!() + 1;
            let pass = pass.named("pass").subscribe(how(&numbers)).start();
            drop((numbers, sink, pass));
            let error = in_time(|| stages.join()).unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("subscribe")));
            assert_eq!(error.location().map(|at| at.line()), Some(line), "{error}");
        }
    }
}
