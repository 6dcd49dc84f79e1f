//! Memory does not grow with the number of events: measured with an allocator that counts.

mod support;

use flow::{Executor, Flow};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{self, Read};
use std::sync::atomic::{AtomicIsize, Ordering};
use support::{Counter, alone, no_thread_is_left, until};

/// Counts the bytes that live, and the most that lived at once.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: isize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: everything is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's contract is that of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes more than before live at once while `run` runs.
fn peak(run: impl FnOnce()) -> isize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    run();
    PEAK.load(Ordering::Relaxed) - before
}

/// What schedules may make of a difference: some batches.
const SLACK: isize = 1 << 20;

/// Runs a flow over `events`, and over ten times as many, and compares what they need.
fn check(events: u64, run: fn(u64, Executor)) {
    let _alone = alone();
    for executor in [Executor::threads(1), Executor::threads(3), Executor::simulation(1)] {
        // What is made once for the process does not count.
        run(events / 10, executor.clone());
        let few = peak(|| run(events, executor.clone()));
        let many = peak(|| run(10 * events, executor.clone()));
        println!("{executor:?}: {few} and {many} bytes");
        assert!(many <= few + SLACK, "{few}, then {many} bytes on {executor:?}");
    }
}

#[test]
fn over_a_range_without_an_end() {
    check(50_000, |events, on| {
        let seen = Counter::default();
        let range =
            Flow::from_range(0..u64::MAX >> 1).on(on).map(|x| x ^ 1).take_any(events as usize);
        range.for_each(|_| _ = seen.up()).unwrap();
        assert_eq!(seen.get(), events as usize);
    });
}

#[test]
fn over_an_iterator_without_an_end() {
    check(20_000, |events, on| {
        let endless = Flow::from_iter(0u64..).on(on).map(|x| x ^ 1).filter(|x| x % 2 == 0);
        assert_eq!(endless.take_any(events as usize).count().unwrap(), events);
    });
}

#[test]
fn over_a_started_flow_that_is_cancelled() {
    let _alone = alone();
    let run = |events| {
        let seen = Counter::default();
        let seeing = seen.clone();
        let endless = Flow::from_iter(0u64..).map(|x| vec![x; 10]).on(Executor::threads(2));
        let handle = endless.inspect(move |_| _ = seeing.up()).start().unwrap();
        until("so many were seen", || seen.get() > events);
        handle.cancel();
        let _ = handle.join();
    };
    run(1000);
    let few = peak(|| run(10_000));
    let many = peak(|| run(100_000));
    assert!(many <= few + SLACK, "{few}, then {many} bytes");
}

/// A kilobyte.
fn large(x: u64) -> Vec<u64> {
    vec![x; 128]
}

#[test]
fn before_a_slow_consumer() {
    check(1500, |events, on| {
        let large = Flow::from_iter(0..events).max_demand(64).map(large).on(on);
        let slow = large.partition_with(|_, _| 0).stages(1).max_demand(64);
        let peak = peak(|| {
            slow.for_each(|x| {
                support::spin(3);
                black_box(x);
            })
            .unwrap();
        });
        // The demand, two batches in the producer of each instance, and what the engine needs.
        let instances = 3.max(std::thread::available_parallelism().map_or(1, usize::from)) as isize;
        let bound = (64 + 2 * 32) * instances * 1024 + SLACK;
        assert!(peak < bound, "{peak} of {bound} bytes");
    });
}

#[test]
fn before_a_reader_that_is_busy() {
    check(1000, |events, on| {
        let large =
            Flow::from_iter(0..events).max_demand(64).map(large).ordered().in_flight(64).on(on);
        let read = large.with_iter(|large| large.inspect(|_| support::spin(5)).count());
        assert_eq!(read.unwrap() as u64, events);
    });
    check(1000, |events, on| {
        let large =
            Flow::from_iter(0u64..).max_demand(64).map(large).partition().max_demand(64).on(on);
        let large = large.into_iter().take(events as usize).map(Result::unwrap);
        assert_eq!(large.inspect(|_| support::spin(5)).count() as u64, events);
    });
}

#[test]
fn where_one_event_gives_very_many() {
    check(20_000, |events, on| {
        let many = Flow::from_vec(vec![events]).flat_map(|n| (0..n).map(large)).on(on);
        let behind = many.partition_with(|_, _| 0).stages(1).max_demand(16);
        assert_eq!(behind.count().unwrap(), events);
    });
}

#[test]
fn where_state_is_emitted() {
    let _alone = alone();
    let run = |events: u64| {
        let partitions = Flow::from_range(0..events).partition_with(|_, _| 0).stages(1);
        let counted = partitions.reduce(|| 0u64, |count, _| *count += 1);
        // The state is small, and what comes of it is large.
        let large = counted.on_trigger(|count, _| (0..*count).map(large));
        let behind = large.partition_with(|_, _| 0).stages(1).max_demand(16);
        assert_eq!(behind.on(Executor::threads(1)).count().unwrap(), events);
    };
    run(100);
    let few = peak(|| run(2000));
    let many = peak(|| run(20_000));
    assert!(many <= few + SLACK, "{few}, then {many} bytes");
}

#[test]
fn over_keys_that_come_again() {
    check(50_000, |events, on| {
        let numbers = || Flow::from_range(0..events).stages(2).on(on.clone());
        // Partial results wait for others of the same range of hashes: few, where the demand is small.
        let counts = numbers().key_by(|x| x % 1000).count().max_demand(64);
        assert_eq!(counts.count().unwrap(), 1000);
        let folded = numbers().key_by(|x| x % 100).fold(|| 0, |sum, x| *sum += x).max_demand(64);
        assert_eq!(folded.count().unwrap(), 100);
    });
}

/// Lines without an end.
struct Lines;

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'x');
        buffer.iter_mut().step_by(50).for_each(|byte| *byte = b'\n');
        Ok(buffer.len())
    }
}

#[test]
fn over_the_lines_of_a_long_reader() {
    let _alone = alone();
    let run = |megabytes: u64| {
        let lines = Flow::from_lines(Lines.take(megabytes << 20)).on(Executor::threads(2));
        assert!(lines.filter(|line| line.is_empty()).count().unwrap() < 100_000);
    };
    // So many that all buffers have their size.
    let few = peak(|| run(20));
    let many = peak(|| run(60));
    assert!(many <= few + (4 << 20), "{few}, then {many} bytes");
}

#[test]
fn after_a_run_all_is_given_back() {
    let _alone = alone();
    let runs = |n: u64| {
        for round in 0..n {
            let numbers = || Flow::from_iter((0..200).filter(|_| true)).on(Executor::threads(2));
            let boxes = || numbers().map(|x: u64| Box::new(x));
            assert_eq!(boxes().partition().count().unwrap(), 200);
            boxes().ordered().with_iter(|boxes| _ = boxes.nth(round as usize % 200)).unwrap();
            drop(boxes().into_iter().next());
            let fails = boxes().partition().inspect(|x| {
                if **x == 7 {
                    std::panic::panic_any(())
                }
            });
            assert!(fails.reduce(Vec::new, |all, x| all.push(x)).emit_items().run().is_err());
            drop(boxes().start().unwrap());
        }
        no_thread_is_left();
    };
    std::panic::set_hook(Box::new(|_| ()));
    runs(20);
    let before = LIVE.load(Ordering::Relaxed);
    runs(200);
    let _ = std::panic::take_hook();
    let left = LIVE.load(Ordering::Relaxed) - before;
    assert!(left < 64 << 10, "{left} bytes are left after 1000 runs");
}
