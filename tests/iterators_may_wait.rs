//! Sources that wait for what the flow itself does: an iterator of unknown length, a reader or a
//! channel gives some events and goes on when their results were seen. The threads that this takes
//! are gone afterwards.

mod support;

use flow::{Executor, Flow};
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Counter, alone, flow_threads, in_time, no_thread_is_left, spin, until};

/// Whoever has threads: the simulation pulls iterators inline.
fn executors() -> [Executor; 3] {
    [Executor::threads(1), Executor::threads(2), Executor::threads(4)]
}

/// How many events come at a time.
const AT_A_TIME: [usize; 4] = [1, 2, 7, 100];

/// Numbers that come so many at a time, the next ones when these have been `seen`.
fn in_steps(step: usize, seen: Counter) -> impl Iterator<Item = u64> + Send {
    (0..400u64).filter(move |x| {
        let before = *x as usize / step * step;
        until("the events before were seen", || seen.get() >= before);
        true
    })
}

/// Runs flows made of an iterator in steps, whose results are to be counted.
fn check(run: fn(Box<dyn Iterator<Item = u64> + Send>, Counter, Executor)) {
    let _alone = alone();
    for executor in executors() {
        for step in AT_A_TIME {
            let seen = Counter::default();
            let (steps, on) = (in_steps(step, seen.clone()), executor.clone());
            let counted = seen.clone();
            in_time(move || run(Box::new(steps), counted, on));
            assert_eq!(seen.get(), 400);
            no_thread_is_left();
        }
    }
}

#[test]
fn for_the_last_operator() {
    check(|steps, seen, on| Flow::from_iter(steps).on(on).for_each(|_| _ = seen.up()).unwrap());
}

#[test]
fn for_what_is_behind_partitions() {
    check(|steps, seen, on| {
        let partitions = Flow::from_iter(steps).partition().stages(2).map(|x| x + 1).partition();
        partitions.stages(3).on(on).for_each(|_| _ = seen.up()).unwrap();
    });
}

#[test]
fn for_what_is_behind_operators_that_hold_events() {
    check(|steps, seen, on| {
        let many =
            Flow::from_iter(steps).flat_map(|x| [x]).boxed().flat_map_emit(|x, out| out.emit(*x));
        many.partition().max_demand(3).on(on).for_each(|_| _ = seen.up()).unwrap();
    });
}

#[test]
fn for_a_reader() {
    check(|steps, seen, on| {
        let flow = Flow::from_iter(steps).map(|x| x).on(on);
        flow.with_iter(|events| events.for_each(|_| _ = seen.up())).unwrap();
    });
    check(|steps, seen, on| {
        let flow = Flow::from_iter(steps).partition().stages(2).on(on);
        flow.into_iter().for_each(|event| _ = (event.unwrap(), seen.up()));
    });
}

#[test]
fn for_a_reader_in_order() {
    check(|steps, seen, on| {
        // Whole steps have to be under way.
        let flow = Flow::from_iter(steps).ordered().in_flight(100).on(on);
        let in_order = |events: &mut flow::FlowIter<'_, u64>| {
            (0..400).for_each(|x| assert_eq!((events.next(), seen.up()), (Some(x), x as usize)));
        };
        flow.with_iter(in_order).unwrap();
    });
}

#[test]
fn for_take_any() {
    check(|steps, seen, on| {
        let taken = Flow::from_iter(steps).take_any(400).on(on);
        taken.for_each(|_| _ = seen.up()).unwrap();
    });
}

#[test]
fn several_of_them_for_each_other() {
    check(|steps, seen, on| {
        let watched = seen.clone();
        let waits = (1000..1005u64).filter(move |x| {
            until("the other one goes on", || watched.get() > (*x as usize - 1000) * 50);
            true
        });
        let both: [Box<dyn Iterator<Item = u64> + Send>; 2] = [steps, Box::new(waits)];
        let of_the_first = Flow::from_iters(both).filter(|x| *x < 1000).on(on);
        of_the_first.for_each(|_| _ = seen.up()).unwrap();
    });
}

/// A reader that gives a line when the one before was seen.
struct Lines {
    line: usize,
    seen: Counter,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line == 50 {
            return Ok(0);
        }
        until("the line before was seen", || self.seen.get() >= self.line);
        self.line += 1;
        buffer[..5].copy_from_slice(b"line\n");
        Ok(5)
    }
}

#[test]
fn readers() {
    let _alone = alone();
    for executor in executors() {
        let (seen, lines) = (Counter::default(), Counter::default());
        let counted = seen.clone();
        let on = executor.clone();
        in_time(move || {
            let blocks = Flow::from_reader(Lines { line: 0, seen: counted.clone() }).on(on);
            blocks.for_each(|_| _ = counted.up()).unwrap();
        });
        assert_eq!(seen.get(), 50);
        let counted = lines.clone();
        in_time(move || {
            let flow = Flow::from_lines(Lines { line: 0, seen: counted.clone() }).on(executor);
            flow.for_each(|_| _ = counted.up()).unwrap();
        });
        assert_eq!(lines.get(), 50);
        no_thread_is_left();
    }
}

#[test]
fn channels() {
    let _alone = alone();
    for executor in executors() {
        in_time(move || {
            let (send, receive) = crossbeam_channel::unbounded();
            send.send(0u64).unwrap();
            // Every event sends the next one; the last one none.
            let messages = Flow::from_channel(receive).on(executor).take(301).partition().stages(2);
            let sent = messages.inspect(|x| {
                if *x < 300 {
                    send.send(x + 1).unwrap()
                }
            });
            assert_eq!(sent.count().unwrap(), 301);
        });
        no_thread_is_left();
    }
}

#[test]
fn what_is_seen_while_the_iterator_waits_for_something_else() {
    let _alone = alone();
    in_time(|| {
        let seen = Counter::default();
        let watched = seen.clone();
        let (release, released) = crossbeam_channel::bounded::<()>(0);
        let slow = (0..11u64).filter(move |x| *x < 10 || released.recv().is_err());
        let flow = Flow::from_iter(slow).on(Executor::threads(1)).inspect(move |_| _ = seen.up());
        let handle = flow.start().unwrap();
        until("ten were seen", || watched.get() == 10);
        drop(release);
        handle.join().unwrap();
        assert_eq!(watched.get(), 11);
    });
}

/// An iterator that knows its length is read by the caller while that is quick.
#[test]
fn a_short_iterator_of_known_length_starts_no_thread() {
    let _alone = alone();
    let flow = Flow::from_iter(0..10u64).on(Executor::threads(1));
    flow.for_each(|_| assert_eq!(flow_threads(), 0)).unwrap();
}

/// It is not kept waiting because its length is known.
#[test]
fn a_slow_iterator_of_known_length_is_read_while_its_events_are_handled() {
    let _alone = alone();
    let (given, first) = (Counter::default(), AtomicUsize::new(usize::MAX));
    let slow = (0..200u64).inspect(|_| {
        spin(500);
        given.up();
    });
    let handled = Flow::from_iter(slow).on(Executor::threads(2));
    handled.for_each(|_| _ = first.fetch_min(given.get(), Ordering::SeqCst)).unwrap();
    let first = first.into_inner();
    assert!(first < 150, "{first} were read before one was handled");
}
