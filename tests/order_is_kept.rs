//! Order: along one edge it is kept; `ordered` keeps the source's over parallel instances, never
//! further ahead of its reader than `in_flight`.

mod support;

use flow::{Executor, Flow, Sequenced};
use std::hint;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{Counter, executors, in_time, until};

/// Sources whose instances take turns, in every schedule.
fn seeds() -> impl Iterator<Item = Executor> {
    executors().into_iter().chain((100..130).map(Executor::simulation))
}

#[test]
fn along_one_edge() {
    for executor in seeds() {
        let source = Flow::from_range(0..3000u64).stages(1).on(executor);
        let events: Vec<u64> = source.partition_with(|_, _| 0).stages(1).collect().unwrap();
        assert_eq!(events, (0..3000).collect::<Vec<_>>());
    }
}

#[test]
fn along_every_edge_between_many_instances() {
    for executor in seeds() {
        let instances = AtomicUsize::new(0);
        let partitions = Flow::from_range(0..5000u64)
            .stages(3)
            .map_init(|| instances.fetch_add(1, Ordering::SeqCst), |instance, x| (*instance, x))
            .partition_by(|(_, x)| x % 5)
            .stages(2)
            .max_demand(64)
            .on(executor)
            .into_partitions()
            .unwrap();
        assert_eq!(partitions.iter().map(Vec::len).sum::<usize>(), 5000);
        for partition in partitions {
            for instance in 0..3 {
                let of_one = partition.iter().filter(|event| event.0 == instance);
                assert!(of_one.is_sorted_by_key(|event| event.1));
            }
        }
    }
}

#[test]
fn along_two_edges_of_single_instances() {
    for executor in seeds() {
        let first = Flow::from_iter(0..2000u64).stages(1).partition_with(|_, _| 0).stages(1);
        let second = first.max_demand(10).flat_map(|x| [x, x]).partition_with(|_, _| 0).stages(1);
        let events: Vec<u64> = second.max_demand(3).on(executor).collect().unwrap();
        assert_eq!(events, (0..2000).flat_map(|x| [x, x]).collect::<Vec<_>>());
    }
}

/// Runs events in an order that is not theirs wherever there are several workers: every tenth waits
/// for a while for one that comes behind it. Counts how often that came.
struct Overtaking {
    latest: AtomicU64,
    overtaken: AtomicUsize,
}

impl Overtaking {
    fn new() -> Self {
        Overtaking { latest: AtomicU64::new(0), overtaken: AtomicUsize::new(0) }
    }

    fn handle(&self, event: u64) -> u64 {
        self.latest.fetch_max(event, Ordering::SeqCst);
        let began = Instant::now();
        let limit = Duration::from_micros(if event.is_multiple_of(10) { 3000 } else { 60 });
        while began.elapsed() < limit {
            if self.latest.load(Ordering::SeqCst) > event {
                self.overtaken.fetch_add(1, Ordering::SeqCst);
                break;
            }
            thread::yield_now();
            hint::spin_loop();
        }
        event
    }
}

fn check_overtaking<N: Sequenced<Item = u64>>(source: impl Fn() -> Flow<N>) {
    for in_flight in [8, 64, 4096] {
        let overtaking = Overtaking::new();
        let events = source().map(|x| overtaking.handle(x)).ordered().in_flight(in_flight);
        let events: Vec<u64> = events.on(Executor::threads(4)).collect().unwrap();
        assert_eq!(events, (0..300).collect::<Vec<_>>());
        assert!(overtaking.overtaken.into_inner() > 0, "no event was overtaken");
    }
}

#[test]
fn over_parallel_instances_when_events_overtake_each_other() {
    in_time(|| {
        check_overtaking(|| Flow::from_range(0..300u64));
        check_overtaking(|| Flow::from_vec((0..300u64).collect()));
        check_overtaking(|| Flow::from_iter(0..300u64));
        check_overtaking(|| Flow::from_iter((0..300u64).filter(|_| true)));
    });
}

#[test]
fn over_parallel_instances_in_every_schedule() {
    let mut overtaken = 0;
    for executor in seeds() {
        let started = Mutex::new(Vec::new());
        let events: Vec<u64> = Flow::from_range(0..500u64)
            .stages(3)
            .inspect(|x| started.lock().unwrap().push(*x))
            .filter(|x| x % 3 > 0)
            .flat_map(|x| vec![x; (x % 3) as usize])
            .ordered()
            .in_flight(40)
            .on(executor)
            .collect()
            .unwrap();
        let want = (0..500u64).flat_map(|x| vec![x; (x % 3) as usize]);
        assert_eq!(events, want.collect::<Vec<_>>());
        overtaken += usize::from(!started.into_inner().unwrap().is_sorted());
    }
    assert!(overtaken > 10, "only in {overtaken} schedules an event was overtaken");
}

#[test]
fn where_an_event_gives_much_more_than_fits() {
    for executor in executors() {
        let events =
            Flow::from_range(0..6u64).stages(3).flat_map(|x| (0..5000).map(move |y| (x, y)));
        let events: Vec<_> = events.ordered().in_flight(4).on(executor).collect().unwrap();
        assert_eq!(events.len(), 30_000);
        assert!(events.is_sorted());
    }
}

/// Reads an ordered flow, slowly, and checks how far its source runs ahead: `source` is given a
/// counter of the events that it has given.
fn check_ahead<N: Sequenced>(source: impl Fn(Counter) -> Flow<N>) {
    for executor in executors() {
        for in_flight in [1, 2, 16] {
            let given = Counter::default();
            let flow = source(given.clone()).ordered().in_flight(in_flight).on(executor.clone());
            let read = flow.with_iter(|events| {
                let mut taken = 0;
                loop {
                    let next = events.next();
                    // Whoever wants to run ahead may do so now.
                    for _ in 0..if taken % 50 == 0 { 2000 } else { 3 } {
                        thread::yield_now();
                        let ahead = given.get() - taken.min(given.get());
                        assert!(ahead <= in_flight + 1, "{ahead} of {in_flight}, {executor:?}");
                    }
                    if next.is_none() {
                        return taken;
                    }
                    taken += 1;
                    let ahead = given.get() - taken;
                    assert!(ahead <= in_flight, "{ahead} of {in_flight}, {executor:?}");
                }
            });
            assert_eq!(read.unwrap(), 400);
        }
    }
}

#[test]
fn a_range_is_never_further_ahead_of_its_reader_than_in_flight() {
    in_time(|| {
        check_ahead(|given| Flow::from_range(0..400u64).stages(3).inspect(move |_| _ = given.up()));
    });
}

#[test]
fn an_iterator_is_never_further_ahead_of_its_reader_than_in_flight() {
    in_time(|| {
        check_ahead(|given| Flow::from_iter((0..400u64).inspect(move |_| _ = given.up())));
        check_ahead(|given| Flow::from_iter((0..400u64).filter(move |_| given.up() < 400)));
    });
}

#[test]
fn a_vector_and_lines_are_never_further_ahead_of_their_reader_than_in_flight() {
    in_time(|| {
        let vec: Vec<u64> = (0..400).collect();
        check_ahead(|given| Flow::from_vec(vec.clone()).inspect(move |_| _ = given.up()));
        check_ahead(|given| Flow::from_slice(&vec).inspect(move |_| _ = given.up()));
        let text = "line\n".repeat(400);
        check_ahead(|given| Flow::from_text(&text).inspect(move |_| _ = given.up()));
    });
}

#[test]
fn an_iterator_runs_ahead_while_its_reader_is_busy() {
    in_time(|| {
        for (in_flight, ahead) in [(1, 1), (16, 8)] {
            let given = Counter::default();
            let counted = given.clone();
            let endless = Flow::from_iter((0u64..).inspect(move |_| _ = counted.up()));
            let flow = endless.ordered().in_flight(in_flight).on(Executor::threads(1));
            flow.with_iter(|events| {
                assert_eq!(events.next(), Some(0));
                until("the source runs ahead", || given.get() > ahead);
            })
            .unwrap();
        }
    });
}

#[test]
fn collecting_keeps_the_order_of_the_source_too() {
    for executor in seeds() {
        let events: Vec<u64> = Flow::from_range(0..3000u64)
            .stages(3)
            .filter(|x| x % 2 == 0)
            .on(executor)
            .collect()
            .unwrap();
        assert_eq!(events, (0..1500).map(|x| 2 * x).collect::<Vec<_>>());
    }
}

#[test]
fn an_order_that_is_there_can_be_asked_for_again() {
    in_time(|| {
        for executor in seeds() {
            let source = || Flow::from_range(0..300u64).stages(3).on(executor.clone());
            let all: Vec<u64> = source().ordered().map(|x| x + 1).ordered().collect().unwrap();
            assert_eq!(all, (1..301).collect::<Vec<_>>());
            let first: Vec<u64> = source().ordered().in_flight(5).take(30).collect().unwrap();
            assert_eq!(first, (0..30).collect::<Vec<_>>());
            let first: Vec<u64> =
                source().take(30).filter(|x| x % 2 > 0).take(5).collect().unwrap();
            assert_eq!(first, [1, 3, 5, 7, 9]);
            let read = source().take(30).ordered().with_iter(|events| events.collect::<Vec<_>>());
            assert_eq!(read.unwrap(), (0..30).collect::<Vec<_>>());
        }
    });
}

#[test]
fn taking_the_first_of_an_ordered_flow_reads_little_of_it() {
    in_time(|| {
        let given = Counter::default();
        let counted = given.clone();
        let long = Flow::from_iter((0..1_000_000u64).inspect(move |_| _ = counted.up()));
        let first: Vec<u64> =
            long.filter(|x| x % 7 == 0).ordered().in_flight(5).take(30).collect().unwrap();
        assert_eq!(first, (0..30).map(|x| 7 * x).collect::<Vec<_>>());
        assert!(given.get() < 1000, "{} were read", given.get());
    });
}

/// Ordered flows can be built where only the item is known.
#[test]
fn an_order_is_a_bound_that_functions_can_ask_for() {
    fn doubled<N: Sequenced<Item = u64>>(flow: Flow<N>) -> Flow<impl Sequenced<Item = u64>> {
        flow.map(|x| 2 * x).ordered()
    }
    let doubled: Vec<u64> = doubled(Flow::from_range(0..5u64)).collect().unwrap();
    assert_eq!(doubled, [0, 2, 4, 6, 8]);
}
