//! What a producer is asked for: `max_demand` at first, and the difference to it again whenever
//! `min_demand` events or fewer are still pending. Never are more events under way.

mod support;

use flow::{BoxError, Demand, Executor, Flow, Meter, Produced, Producer};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::{Counter, executors, in_time, spin};

/// Emits as many numbers as it is asked for, up to a last one, and notes what it is asked for.
#[derive(Clone)]
struct Noting {
    next: u64,
    last: u64,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Noting {
    fn up_to(last: u64) -> Self {
        Noting { next: 0, last, asked: Arc::default() }
    }
}

impl Producer for Noting {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.asked.lock().unwrap().push(demand.events());
        while demand.events() > 0 && self.next < self.last {
            demand.emit(self.next);
            self.next += 1;
        }
        Ok(if self.next == self.last { Produced::Done } else { Produced::More })
    }
}

/// Takes so long for an event that a worker lets other tasks run before the next one.
fn slowly(_event: u64) {
    spin(300);
}

/// What a producer of so many events is asked for, if it runs whenever it has been asked.
fn asked(max_demand: usize, min_demand: usize, events: u64) -> Vec<usize> {
    let producer = Noting::up_to(events);
    let asked = Arc::clone(&producer.asked);
    Flow::from_stages([producer])
        .stages(1)
        .max_demand(max_demand)
        .min_demand(min_demand)
        .on(Executor::threads(1))
        .for_each(slowly)
        .unwrap();
    asked.lock().unwrap().clone()
}

#[test]
fn a_high_min_demand_asks_often_for_few() {
    assert_eq!(asked(100, 80, 200), [100, 20, 20, 20, 20, 20]);
}

#[test]
fn a_low_min_demand_asks_seldom_for_many() {
    // 100 come as 80 and 20; the 20 leave 80 pending, which is too many to ask again.
    assert_eq!(asked(100, 20, 360), [100, 80, 100, 80]);
}

#[test]
fn half_of_the_demand_is_asked_for_again_by_default() {
    let producer = Noting::up_to(60);
    let asked = Arc::clone(&producer.asked);
    let flow = Flow::from_stages([producer]).stages(1).max_demand(20).on(Executor::threads(1));
    flow.for_each(slowly).unwrap();
    assert_eq!(*asked.lock().unwrap(), [20, 10, 10, 10, 10]);
}

#[test]
fn a_demand_of_one_asks_for_one() {
    assert_eq!(asked(1, 0, 5), [1, 1, 1, 1, 1]);
}

/// Emits bursts of a hundred, the next one when the one before has been seen through and some time
/// has passed, and notes what is wanted of it then.
struct Bursts {
    emitted: usize,
    bursts: usize,
    seen: Counter,
    /// How often it was asked since the last burst was through.
    patience: usize,
    wanted: Arc<Mutex<Vec<usize>>>,
}

impl Producer for Bursts {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        if self.seen.get() < self.emitted || self.patience < 5 {
            self.patience += 1;
            return Ok(Produced::Pending);
        }
        self.wanted.lock().unwrap().push(demand.events());
        if self.bursts == 0 {
            return Ok(Produced::Done);
        }
        (self.bursts, self.patience) = (self.bursts - 1, 0);
        self.emitted += 100;
        demand.extend(0..100);
        Ok(Produced::Pending)
    }
}

#[test]
fn bursts_below_the_demand_are_asked_for_when_enough_of_it_is_used_up() {
    in_time(|| {
        let (seen, wanted) = (Counter::default(), Arc::default());
        let (bursts, patience) = (6, 0);
        let wants = Arc::clone(&wanted);
        let producer = Bursts { emitted: 0, bursts, seen: seen.clone(), patience, wanted: wants };
        Flow::from_stages([producer])
            .stages(1)
            .max_demand(1000)
            .min_demand(750)
            .on(Executor::threads(1))
            .for_each(|_| _ = seen.up())
            .unwrap();
        // Nothing after the first and the second burst, 300 after the third.
        assert_eq!(*wanted.lock().unwrap(), [1000, 900, 800, 1000, 900, 800, 1000]);
    });
}

/// Emits a whole block of sixty or nothing.
struct Blocks(usize);

impl Producer for Blocks {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        if demand.events() < 60 {
            return Ok(Produced::Pending);
        }
        demand.extend(0..60);
        self.0 -= 1;
        Ok(if self.0 == 0 { Produced::Done } else { Produced::More })
    }
}

#[test]
fn a_producer_sees_the_whole_demand_also_where_it_left_some_of_it() {
    for executor in executors() {
        let sixty = move || Flow::from_stages([Blocks(5)]).stages(1).max_demand(100).on(executor);
        assert_eq!(in_time(|| sixty().count()).unwrap(), 300);
    }
}

/// Emits more than it is asked for.
struct Overflowing {
    calls: Counter,
    produced: Arc<AtomicUsize>,
}

impl Producer for Overflowing {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        assert!(demand.events() > 0, "asked for nothing");
        demand.extend(0..250);
        assert_eq!(demand.events(), 0);
        self.produced.fetch_add(250, Ordering::SeqCst);
        Ok(if self.calls.up() == 3 { Produced::Done } else { Produced::More })
    }
}

#[test]
fn what_is_emitted_beyond_the_demand_is_kept_and_nothing_is_asked_for_meanwhile() {
    for executor in executors() {
        let (calls, produced) = (Counter::default(), Arc::new(AtomicUsize::new(0)));
        let producer = Overflowing { calls: calls.clone(), produced: Arc::clone(&produced) };
        let consumed = AtomicUsize::new(0);
        Flow::from_stages([producer])
            .stages(1)
            .max_demand(10)
            .on(executor)
            .for_each(|_| {
                let before = consumed.fetch_add(1, Ordering::SeqCst);
                // The next burst comes when the last one is within the demand.
                assert!(produced.load(Ordering::SeqCst) - before <= 250 + 10);
            })
            .unwrap();
        assert_eq!((calls.get(), consumed.into_inner()), (4, 1000));
    }
}

#[test]
fn no_more_than_max_demand_is_under_way_from_a_producer() {
    for executor in executors() {
        for (max, min, stages) in [(1, 0, 1), (2, 1, 2), (7, 3, 1), (100, 80, 3), (100, 0, 2)] {
            let producer = Counting { produced: Arc::default(), left: 1000 };
            let produced = Arc::clone(&producer.produced);
            let handled = AtomicUsize::new(0);
            let most = AtomicUsize::new(0);
            Flow::from_stages([producer])
                .stages(stages)
                .max_demand(max)
                .min_demand(min)
                .on(executor.clone())
                .for_each(|_| {
                    // In this order: what is handled meanwhile does not look under way.
                    let produced = produced.load(Ordering::SeqCst);
                    let under_way = produced.saturating_sub(handled.load(Ordering::SeqCst));
                    most.fetch_max(under_way, Ordering::SeqCst);
                    handled.fetch_add(1, Ordering::SeqCst);
                })
                .unwrap();
            assert_eq!(handled.into_inner(), 1000);
            assert!(most.into_inner() <= max, "{executor:?}, {max}/{min}");
        }
    }
}

/// Emits what it is asked for and counts it.
struct Counting {
    produced: Arc<AtomicUsize>,
    left: usize,
}

impl Producer for Counting {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        let now = demand.events().min(self.left);
        self.left -= now;
        self.produced.fetch_add(now, Ordering::SeqCst);
        demand.extend((0..now).map(|x| x as u64));
        Ok(if self.left == 0 { Produced::Done } else { Produced::More })
    }
}

#[test]
fn every_producer_has_a_demand_of_its_own() {
    let producers = [Noting::up_to(40), Noting::up_to(40)];
    let asked = producers.clone().map(|producer| producer.asked);
    let sum = Flow::from_stages(producers).stages(1).max_demand(10).on(Executor::threads(1));
    assert_eq!(sum.sum::<u64>().unwrap(), 2 * (0..40).sum::<u64>());
    assert!(asked.iter().all(|asked| asked.lock().unwrap()[0] == 10));
}

#[test]
fn no_more_than_max_demand_lies_on_the_edge_into_a_partition() {
    for executor in executors() {
        for (max, stages) in [(1, 1), (1, 3), (10, 1), (10, 2)] {
            let meter = Meter::new();
            let most = AtomicUsize::new(0);
            Flow::from_range(0..2000u64)
                .stages(stages)
                .partition()
                .stages(1)
                .max_demand(max)
                .observe(&meter)
                .on(executor.clone())
                .for_each(|_| {
                    let held = meter.metrics().edges()[0].held as usize;
                    most.fetch_max(held, Ordering::SeqCst);
                })
                .unwrap();
            assert_eq!(meter.metrics().edges()[0].events_out, 2000);
            assert!(most.into_inner() <= max * stages, "{executor:?}, {max} from {stages}");
        }
    }
}

#[test]
fn an_event_is_made_only_where_there_is_room_for_it() {
    for executor in executors() {
        for (max, min) in [(1, 0), (4, 1), (100, 50)] {
            let made = AtomicUsize::new(0);
            let used = AtomicUsize::new(0);
            let most = AtomicUsize::new(0);
            Flow::from_range(0..1000u64)
                .stages(1)
                .inspect(|_| _ = made.fetch_add(1, Ordering::SeqCst))
                .partition()
                .stages(1)
                .max_demand(max)
                .min_demand(min)
                .on(executor.clone())
                .for_each(|_| {
                    let ahead = made.load(Ordering::SeqCst) - used.fetch_add(1, Ordering::SeqCst);
                    most.fetch_max(ahead, Ordering::SeqCst);
                })
                .unwrap();
            // The producing stage fills a batch, and may fill another before it looks at the demand.
            let bound = max + 2 * (max - min);
            assert!(most.into_inner() <= bound, "{executor:?}, {max}/{min}");
        }
    }
}
