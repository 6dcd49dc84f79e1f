//! Whole flows that have a demand of one on every edge: one event at a time, the same results.

mod support;

use flow::{BoxError, Demand, Executor, Flow, Node, Partitioned, Produced, Producer};
use std::collections::BTreeMap;
use std::sync::Mutex;
use support::{executors, in_time};

/// Runs `flow`, which is given an executor, on all of them.
fn everywhere(flow: fn(Executor)) {
    for executor in executors() {
        eprintln!("{executor:?}");
        in_time(move || flow(executor));
    }
}

/// A demand of one on the edge into the stage that was begun last, and so many instances.
fn one<N>(flow: Flow<N>, stages: usize) -> Flow<N> {
    flow.max_demand(1).stages(stages)
}

fn numbers() -> Flow<impl Node<Item = u64>> {
    one(Flow::from_iter(0..300u64), 2)
}

fn sorted(mut events: Vec<u64>) -> Vec<u64> {
    events.sort_unstable();
    events
}

fn all() -> Vec<u64> {
    (0..300).collect()
}

#[test]
fn events_come_one_at_a_time() {
    in_time(|| {
        let log = Mutex::new(Vec::new());
        struct Noting<'a>(u64, &'a Mutex<Vec<(&'static str, u64)>>);
        impl Producer for Noting<'_> {
            type Item = u64;

            fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
                assert_eq!(demand.events(), 1);
                self.1.lock().unwrap().push(("made", self.0));
                demand.emit(self.0);
                self.0 += 1;
                Ok(if self.0 == 20 { Produced::Done } else { Produced::More })
            }
        }
        for executor in executors() {
            one(Flow::from_stages([Noting(0, &log)]), 3)
                .on(executor)
                .for_each(|x| log.lock().unwrap().push(("used", x)))
                .unwrap();
            let log: Vec<_> = log.lock().unwrap().drain(..).collect();
            let want = (0..20).flat_map(|x| [("made", x), ("used", x)]);
            assert_eq!(log, want.collect::<Vec<_>>());
        }
    });
}

#[test]
fn through_operators() {
    everywhere(|executor| {
        let events = numbers()
            .map(|x| x + 1)
            .filter(|x| x % 3 > 0)
            .flat_map(|x| [x, x])
            .flat_map_emit(|x, out| (0..x % 3).for_each(|_| out.emit(*x)))
            .on(executor)
            .collect::<Vec<u64>>();
        let want = (1..=300u64).flat_map(|x| std::iter::repeat_n(x, 2 * (x % 3) as usize));
        assert_eq!(sorted(events.unwrap()), want.collect::<Vec<_>>());
    });
}

#[test]
fn through_one_partition_after_the_other() {
    everywhere(|executor| {
        let events = one(numbers().partition(), 3);
        let events = one(events.partition_by(|x| x % 7), 2);
        let events = one(events.partition_with(|x, n| *x as usize % n), 4);
        assert_eq!(sorted(events.on(executor).collect().unwrap()), all());
    });
}

#[test]
fn through_reductions_that_emit_much() {
    everywhere(|executor| {
        let events = one(numbers().partition(), 2).reduce(Vec::new, |all, x| all.push(x));
        let events = one(events.emit_items().partition(), 3).reduce(Vec::new, |all, x| all.push(x));
        let events = one(events.on_trigger(|all, _| std::mem::take(all)).partition(), 1);
        assert_eq!(sorted(events.on(executor).collect().unwrap()), all());
    });
}

#[test]
fn through_keyed_verbs() {
    everywhere(|executor| {
        let by_key = |x: &u64| x % 10;
        let counts = one(numbers().key_by(by_key).count(), 2).on(executor.clone());
        let counts: BTreeMap<u64, u64> = counts.collect().unwrap();
        assert_eq!(counts, (0..10).map(|key| (key, 30)).collect());
        let folded = one(numbers().key_by(by_key).fold(|| 0, |sum, x| *sum += x), 3);
        let folded: BTreeMap<u64, u64> = folded.on(executor.clone()).collect().unwrap();
        assert_eq!(folded.values().sum::<u64>(), (0..300).sum::<u64>());
        let lent = one(Flow::from_lines(&b"a b a\nb a"[..]), 1);
        let lent =
            lent.key_each::<str>(|line, keys| line.split(' ').for_each(|word| keys.add(word)));
        let lent: BTreeMap<String, u64> = one(lent.count(), 2).on(executor).collect().unwrap();
        assert_eq!(lent, [("a".to_owned(), 3), ("b".to_owned(), 2)].into());
    });
}

#[test]
fn from_keyed_verbs_into_partitions() {
    everywhere(|executor| {
        let counts = one(numbers().key_by(|x| x / 3).count(), 2);
        let keys = one(counts.map(|(key, _)| key).partition(), 2);
        assert_eq!(sorted(keys.on(executor).collect().unwrap()), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn in_order() {
    everywhere(|executor| {
        let source = || Flow::from_iter(0..300u64).max_demand(1).stages(3).on(executor.clone());
        let events: Vec<u64> = source().map(|x| x).ordered().in_flight(1).collect().unwrap();
        assert_eq!(events, all());
        let events: Vec<u64> = source().filter(|x| x % 2 > 0).take(10).collect().unwrap();
        assert_eq!(events, (0..10).map(|x| 2 * x + 1).collect::<Vec<_>>());
        let events = source().ordered().in_flight(1).with_iter(|events| events.collect::<Vec<_>>());
        assert_eq!(events.unwrap(), all());
    });
}

#[test]
fn to_a_reader() {
    everywhere(|executor| {
        let events = numbers().on(executor.clone());
        assert_eq!(sorted(events.with_iter(|events| events.collect()).unwrap()), all());
        let events = one(numbers().partition(), 2).on(executor.clone());
        assert_eq!(sorted(events.with_iter(|events| events.collect()).unwrap()), all());
        let states = one(numbers().partition(), 2).reduce(Vec::new, |all, x| all.push(x));
        let states = states.emit_items().max_demand(1).on(executor);
        assert_eq!(sorted(states.with_iter(|events| events.collect()).unwrap()), all());
    });
}

#[test]
fn taking_any() {
    everywhere(|executor| {
        let some = numbers().take_any(17).on(executor.clone());
        assert_eq!(some.count().unwrap(), 17);
        let some = one(numbers().take_any(200).partition(), 2).on(executor.clone());
        assert_eq!(some.count().unwrap(), 200);
        let some = one(numbers().take_any(1000).partition(), 2).on(executor);
        assert_eq!(some.count().unwrap(), 300);
    });
}

#[test]
fn without_their_types() {
    everywhere(|executor| {
        let boxed = one(one(numbers().boxed().partition(), 2).boxed().partition(), 2).boxed();
        assert_eq!(sorted(boxed.on(executor).collect().unwrap()), all());
    });
}

#[test]
fn from_every_source() {
    fn check<N: Node>(flow: Flow<N>, events: usize) {
        let parts = one(flow.map(|_| 1u64).partition_with(|_, _| 0), 1);
        assert_eq!(parts_of(parts), events);
    }

    fn parts_of<N: Partitioned>(flow: Flow<N>) -> usize {
        flow.into_partitions().unwrap().iter().map(Vec::len).sum()
    }

    everywhere(|executor| {
        check(one(Flow::from_range(0..50u64), 2).on(executor.clone()), 50);
        check(one(Flow::from_slice(&[1; 50]), 2).on(executor.clone()), 50);
        check(one(Flow::from_vec(vec![1; 50]), 2).on(executor.clone()), 50);
        check(one(Flow::from_text("a\nb\nc"), 2).on(executor.clone()), 3);
        check(one(Flow::from_lines(&b"a\nb\nc"[..]), 2).on(executor.clone()), 3);
        check(one(Flow::from_reader(&b"abc"[..]), 2).on(executor.clone()), 1);
        check(one(Flow::from_iters([0..20, 0..30]), 2).on(executor.clone()), 50);
        check(one(Flow::from_iter((0..50).filter(|_| true)), 2).on(executor.clone()), 50);
        let (sender, receiver) = crossbeam_channel::unbounded();
        (0..50).for_each(|x| sender.send(x).unwrap());
        drop(sender);
        check(one(Flow::from_channel(receiver), 2).on(executor.clone()), 50);
    });
}
