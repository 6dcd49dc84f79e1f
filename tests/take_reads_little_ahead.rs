//! `take` and `take_any`: as many events as were asked for, a clean end, and not much more read.

mod support;

use crossbeam_channel::Receiver;
use flow::{BoxError, Demand, Executor, Flow, FlowError, Produced, Producer};
use std::sync::Mutex;
use support::{Counter, Lives, alone, executors, in_time, no_thread_is_left};

/// How far a source may read ahead where so many are taken: as many again, or two for every core,
/// of which a simulation has four.
fn ahead(taken: usize) -> usize {
    taken.max(2 * std::thread::available_parallelism().map_or(1, usize::from).max(4))
}

/// How many are taken.
const TAKEN: [usize; 6] = [0, 1, 2, 10, 300, 5000];

#[test]
fn a_prefix_of_an_endless_source_ends() {
    let _alone = alone();
    for executor in executors() {
        for n in TAKEN {
            let on = executor.clone();
            let first: Vec<u64> =
                in_time(move || Flow::from_iter(0u64..).take(n).on(on).collect()).unwrap();
            assert_eq!(first, (0..n as u64).collect::<Vec<_>>());
            no_thread_is_left();
        }
    }
}

#[test]
fn it_reads_little_ahead() {
    for executor in executors() {
        for n in TAKEN {
            let given = Counter::default();
            let endless =
                Flow::from_iter((0u64..).inspect(|_| _ = given.up())).on(executor.clone());
            assert_eq!(endless.map(|x| x).take(n).count().unwrap(), n as u64);
            assert!(given.get() <= n + ahead(n), "{} for {n} on {executor:?}", given.get());
        }
    }
}

#[test]
fn it_counts_what_comes_and_not_what_is_read() {
    for executor in executors() {
        let given = Counter::default();
        let endless = Flow::from_iter((0u64..).inspect(|_| _ = given.up())).on(executor.clone());
        let third: Vec<u64> = endless.filter(|x| x % 3 == 2).take(10).collect().unwrap();
        assert_eq!(third, (0..10).map(|x| 3 * x + 2).collect::<Vec<_>>());
        assert!(given.get() <= 30 + 2 * ahead(10), "{} on {executor:?}", given.get());
    }
}

#[test]
fn one_event_may_give_them_all() {
    for executor in executors() {
        for n in TAKEN {
            let one = || Flow::from_vec(vec![7usize]).on(executor.clone());
            let first = one().flat_map(|x| x..).take(n);
            let first: Vec<_> = in_time(|| first.collect()).unwrap();
            assert_eq!(first, (7..7 + n).collect::<Vec<_>>());
            let any = one().flat_map(|x| x..).take_any(n);
            assert_eq!(in_time(|| any.count()).unwrap(), n as u64);
            let many = one().flat_map_emit(|x, out| out.extend(*x..10_000)).take_any(n);
            assert_eq!(in_time(|| many.count()).unwrap(), n as u64);
        }
    }
}

#[test]
fn a_source_may_have_fewer() {
    for executor in executors() {
        let few = || Flow::from_range(0..7u64).on(executor.clone());
        assert_eq!(few().take(10).count().unwrap(), 7);
        assert_eq!(few().take_any(10).count().unwrap(), 7);
        assert_eq!(few().filter(|_| false).take(10).count().unwrap(), 0);
        assert_eq!(few().take(7).count().unwrap(), 7);
    }
}

#[test]
fn any_events_of_an_endless_source() {
    let _alone = alone();
    for executor in executors() {
        for n in TAKEN {
            let on = executor.clone();
            let sources = Flow::from_iters([0u64.., 1u64 << 40..]).take_any(n).on(on);
            let mut some: Vec<u64> = in_time(|| sources.collect()).unwrap();
            some.sort_unstable();
            some.dedup();
            assert_eq!(some.len(), n, "{executor:?}");
            let on = executor.clone();
            let range = Flow::from_range(0..1u64 << 60).stages(3).take_any(n).on(on);
            assert_eq!(in_time(|| range.count()).unwrap(), n as u64);
            no_thread_is_left();
        }
    }
}

/// The largest range there is can be left early as well, by several workers at once.
#[test]
fn any_events_of_the_largest_range() {
    for round in 0..60u64 {
        let range = Flow::from_range(0..u64::MAX).stages(4).on(Executor::threads(4));
        let some = range.inspect(|_| support::spin(20)).take_any(20 + round as usize);
        let mut some: Vec<u64> = some.collect().unwrap();
        some.sort_unstable();
        some.dedup();
        assert_eq!(some.len(), 20 + round as usize);
    }
}

/// Emits what it is asked for.
struct Counting(Counter);

impl Producer for Counting {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        while demand.events() > 0 {
            demand.emit(self.0.up() as u64);
        }
        Ok(Produced::More)
    }
}

#[test]
fn a_producer_is_asked_for_little_more_than_its_demand() {
    for executor in executors() {
        for max_demand in [1, 10, 100] {
            let produced = Counter::default();
            let producer = Flow::from_stages([Counting(produced.clone())]).max_demand(max_demand);
            let one = producer.take_any(1).on(executor.clone());
            assert_eq!(one.count().unwrap(), 1);
            // What was asked for at first, and once more where other instances were quick.
            assert!(produced.get() <= 2 * max_demand, "{} on {executor:?}", produced.get());
        }
    }
}

#[test]
fn what_comes_behind_sees_no_more_than_was_taken() {
    for executor in executors() {
        for n in [0, 1, 100] {
            let seen = Mutex::new(Vec::new());
            let numbers = || Flow::from_range(0..1000u64).stages(3).on(executor.clone());
            numbers().take(n).for_each(|x| seen.lock().unwrap().push(x)).unwrap();
            assert_eq!(*seen.lock().unwrap(), (0..n as u64).collect::<Vec<_>>());
            let sum = numbers().take_any(n).partition().stages(2).reduce(|| 0, |sum, _| *sum += 1);
            assert_eq!(sum.emit_state().sum::<usize>().unwrap(), n);
        }
    }
}

/// Takes all the messages that a channel has, whose sender stays and says no more.
fn take_all_of_a_quiet_channel(take: fn(Receiver<u64>, Executor, usize) -> Result<u64, FlowError>) {
    for executor in [1, 2, 4].map(Executor::threads) {
        for n in [1, 2, 50] {
            let (sender, receiver) = crossbeam_channel::unbounded();
            (0..n as u64).for_each(|x| sender.send(x).unwrap());
            let on = executor.clone();
            assert_eq!(in_time(move || take(receiver, on, n)).unwrap(), n as u64);
            drop(sender);
        }
    }
}

#[test]
fn a_quiet_source_is_left_as_soon_as_the_first_are_there() {
    take_all_of_a_quiet_channel(|messages, executor, n| {
        Flow::from_channel(messages).on(executor).take(n).count()
    });
}

#[test]
fn a_quiet_source_is_left_as_soon_as_any_are_there() {
    take_all_of_a_quiet_channel(|messages, executor, n| {
        Flow::from_channel(messages).on(executor).stages(3).take_any(n).count()
    });
}

#[test]
fn a_quiet_source_is_left_as_soon_as_any_are_there_in_some_partitions() {
    take_all_of_a_quiet_channel(|messages, executor, n| {
        Flow::from_channel(messages).on(executor).partition().stages(3).take_any(n).count()
    });
}

#[test]
fn what_was_read_in_vain_is_dropped() {
    for executor in executors() {
        let lives = Lives::default();
        let living = || Flow::from_iter(0u64..).map(|x| lives.number(x)).on(executor.clone());
        let taken: Vec<_> = living().take(5).collect().unwrap();
        assert_eq!((taken.len(), lives.left()), (5, 5));
        drop(taken);
        let taken: Vec<_> = living().take_any(6).collect().unwrap();
        assert_eq!((taken.len(), lives.left()), (6, 6));
        drop(taken);
    }
}

#[test]
fn every_run_of_a_cloned_flow_takes_its_own() {
    let flow = Flow::from_range(0..100u64).take_any(30);
    assert_eq!(flow.clone().count().unwrap(), 30);
    assert_eq!(flow.count().unwrap(), 30);
    let flow = Flow::from_range(0..100u64).take(30);
    assert_eq!(flow.clone().count().unwrap(), 30);
    assert_eq!(flow.count().unwrap(), 30);
}

#[test]
fn one_take_behind_another_is_the_smaller() {
    for executor in executors() {
        let numbers = || Flow::from_range(0..1000u64).stages(3).on(executor.clone());
        assert_eq!(numbers().take_any(50).take_any(20).count().unwrap(), 20);
        assert_eq!(numbers().take_any(20).take_any(50).count().unwrap(), 20);
        assert_eq!(numbers().take(20).take_any(50).count().unwrap(), 20);
    }
}
