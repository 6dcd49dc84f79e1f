//! Batches, stages of the user's own, sinks, merges, and what becomes one of all partitions.

use crate::support::{executors, in_time};
use crate::{Numbers, by_table, case, check, counter, two};
use flow::{
    BoxError, Collect, Emitter, ErrorKind, Executor, Flow, FlowError, Node, Part, ProducerConsumer,
    Sink,
};
use std::sync::{Arc, Mutex};

#[test]
fn unique_and_merged() {
    check([
        case(
            7,
            "one of each parity, from two stages",
            |on| two(2, on).unique_by(|x| x % 2).map(|x| x % 2).collect(),
            [0, 1],
        ),
        case(
            7,
            "one of each parity, from four stages",
            |on| two(4, on).unique_by(|x| x % 2).map(|x| x % 2).collect(),
            [0, 1],
        ),
        case(
            53,
            "one of each parity, in one partition",
            |on| {
                let numbers = Flow::from_iter(1..=100u64).on(on);
                numbers.unique_by(|x| x % 2).stages(1).map(|x| x % 2).collect()
            },
            [0, 1],
        ),
        case(
            53,
            "one of each parity, in any of four partitions",
            |on| {
                let numbers = Flow::from_iter(1..=100u64).on(on);
                numbers.unique_by(|x| x % 2).stages(4).map(|x| x % 2).collect()
            },
            [0, 1],
        ),
        case(
            44,
            "all events twice",
            |on| {
                let [one, other] = Flow::from_iter(1..=2u64).on(on).broadcast();
                one.merge(other).collect()
            },
            [1, 1, 2, 2],
        ),
    ]);
}

#[test]
fn batches_are_as_large_as_was_asked_for_and_exact_where_that_is_said() {
    for executor in executors() {
        for (max, min, most) in [(1000, 500, 500), (1000, 0, 1000)] {
            let numbers = Flow::from_stages([Numbers { next: 0, end: 2500 }]).stages(1);
            let numbers = numbers.max_demand(max).min_demand(min).on(executor.clone());
            let sizes = numbers.map_batch(|batch| Some(batch.len()));
            let sizes: Vec<usize> = sizes.collect().unwrap();
            assert_eq!(sizes.iter().sum::<usize>(), 2500, "case 14");
            assert!(sizes.iter().all(|size| (1..=most).contains(size)), "case 14: {sizes:?}");
        }

        let sums = Flow::from_iter(0u64..).chunks(500).map(|chunk| chunk.iter().sum());
        let sums: Vec<u64> = sums.take(5).on(executor.clone()).collect().unwrap();
        assert_eq!(sums, [124_750, 374_750, 624_750, 874_750, 1_124_750], "case 23");

        let parts =
            Flow::from_iters([1..=3u64, 4..=6, 7..=10]).on(executor).partition_with(by_table);
        let batches = parts.stages(4).map_batch(Some);
        let batches: Vec<Vec<u64>> = batches.collect().unwrap();
        for batch in &batches {
            let home = by_table(&batch[0], 4);
            assert!(batch.iter().all(|x| by_table(x, 4) == home), "case 38: {batch:?}");
        }
        assert_eq!(batches.concat().iter().sum::<u64>(), 55, "case 38");
    }
}

#[test]
fn case_31_results_come_one_by_one() {
    for executor in executors() {
        let twice = Flow::from_stages([Numbers { next: 1, end: 4 }]).stages(1).max_demand(1);
        let twice = twice.map(|x| 2 * x).on(executor);
        let read = twice.with_iter(|read| [read.next(), read.next(), read.next(), read.next()]);
        assert_eq!(read.unwrap(), [Some(2), Some(4), Some(6), None]);
    }
}

/// Fails, or has nothing against anything.
struct OnlySink {
    fails: bool,
}

struct OnlyPart(bool);

impl Sink<u64> for OnlySink {
    type Part = OnlyPart;
    type Output = ();

    fn part(self: &Arc<Self>, _instance: usize) -> OnlyPart {
        OnlyPart(self.fails)
    }

    fn commit(self: Arc<Self>, _parts: Vec<OnlyPart>) -> Result<(), BoxError> {
        Ok(())
    }
}

impl Part<u64> for OnlyPart {
    fn write(&mut self, _x: u64) -> Result<(), BoxError> {
        if self.0 { Err("killed".into()) } else { Ok(()) }
    }
}

#[test]
fn case_34_the_only_sink_fails_and_so_does_the_flow() {
    for executor in executors() {
        let on = executor.clone();
        let error = in_time(move || counter(on).to(OnlySink { fails: true }).run()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Sink);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "killed");
        two(2, executor).to(OnlySink { fails: false }).run().unwrap();
    }
}

/// Hands everything on, and notes what it has seen.
struct Sees(Arc<Mutex<Vec<u64>>>);

impl ProducerConsumer for Sees {
    type In = u64;
    type Out = u64;

    fn handle(&mut self, x: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(x);
        out.emit(x);
        Ok(())
    }
}

#[test]
fn case_35_stages_in_the_middle() {
    for executor in executors() {
        let (a, b) = (Arc::default(), Arc::default());
        let through_a = two(2, executor).through(|_| Sees(Arc::clone(&a)));
        let through_b = through_a.filter(|x| x % 2 == 0).through(|_| Sees(Arc::clone(&b)));
        let sink = through_b.to(Collect::<Vec<_>>::new()).run().unwrap();
        let seen = |seen: &Arc<Mutex<Vec<u64>>>| seen.lock().unwrap().clone();
        for (mut seen, want) in
            [(seen(&a), vec![1, 2, 3, 4, 5, 6]), (seen(&b), vec![2, 4, 6]), (sink, vec![2, 4, 6])]
        {
            seen.sort_unstable();
            assert_eq!(seen, want);
        }
    }
}

/// The sums of case 37, in one list.
fn listed(executor: Executor) -> Flow<impl Node<Item = Vec<u64>>> {
    let parts = Flow::from_iter(1..=10u64).partition_with(by_table).stages(4).on(executor);
    let sums = parts.reduce(|| 0, |sum, x| *sum += x);
    sums.merge_partitions(Vec::new, |list, sum| list.push(sum)).map(|mut list| {
        list.sort_unstable();
        list
    })
}

#[test]
fn case_47_all_partitions_become_one_list() {
    for executor in executors() {
        assert_eq!(listed(executor).collect::<Vec<_>>().unwrap(), [[7, 10, 16, 22]]);
    }
}

#[test]
fn case_50_and_go_on_in_a_started_flow_too() {
    for executor in executors() {
        let list: Result<Vec<u64>, FlowError> = listed(executor.clone()).flatten().collect();
        assert_eq!(list.unwrap(), [7, 10, 16, 22]);
        let started = listed(executor).to(Collect::<Vec<_>>::new()).start().unwrap();
        assert_eq!(started.join().unwrap(), [[7, 10, 16, 22]]);
    }
}
