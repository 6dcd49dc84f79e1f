//! Parity with Elixir's Flow: `docs/elixir-flow.md` names a test for what every capability does, and
//! what no other file shows is shown here.

mod parity;
mod support;

use flow::{
    BoxError, Demand, Emitter, ErrorKind, Firing, Flow, Meter, PaneView, Produced, Producer,
    ProducerConsumer, Span, Timestamp, Trigger, Window,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use support::{Counter, Lives, Living, executors, in_time};

#[test]
fn every_row_of_the_page_names_tests_that_exist() {
    assert!(parity::rows_with_their_tests("elixir-flow") >= 50);
}

/// Notes the largest demand that it is asked for.
struct Asked<'a> {
    left: usize,
    most: &'a Mutex<usize>,
}

impl Producer for Asked<'_> {
    type Item = usize;

    fn produce(&mut self, demand: &mut Demand<'_, usize>) -> Result<Produced, BoxError> {
        let mut most = self.most.lock().unwrap();
        *most = demand.events().max(*most);
        while demand.events() > 0 && self.left > 0 {
            self.left -= 1;
            demand.emit(self.left);
        }
        Ok(if self.left > 0 { Produced::More } else { Produced::Done })
    }
}

/// Flow ignores the options of sources that nothing is done with before the next exchange.
#[test]
fn options_of_a_source_count_without_operators_too() {
    for executor in executors() {
        let most = Mutex::new(0);
        let source = Flow::from_stages([Asked { left: 200, most: &most }]).max_demand(3);
        let parts = source.partition_by(|x| x % 2).stages(2).on(executor);
        assert_eq!(parts.count().unwrap(), 200);
        assert_eq!(most.into_inner().unwrap(), 3);
    }
}

/// Owns a number whose life is counted.
struct Owning(#[expect(dead_code)] Living);

impl Producer for Owning {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        demand.emit(1);
        Ok(Produced::Done)
    }
}

/// As `from_specs`, whose producers are the flow's.
#[test]
fn producers_are_gone_when_the_run_is_over() {
    for executor in executors() {
        let lives = Lives::default();
        let producers = [1, 2, 3].map(|x| Owning(lives.number(x)));
        assert_eq!(lives.left(), 3);
        assert_eq!(Flow::from_stages(producers).on(executor).sum::<u64>().unwrap(), 3);
        assert_eq!(lives.left(), 0);
    }
}

/// Knows its number, and tells it in the end.
struct Numbered(usize);

impl ProducerConsumer for Numbered {
    type In = u64;
    type Out = usize;

    fn handle(&mut self, _: u64, _: &mut Emitter<'_, usize>) -> Result<(), BoxError> {
        Ok(())
    }

    fn end(&mut self, out: &mut Emitter<'_, usize>) -> Result<(), BoxError> {
        out.emit(self.0);
        Ok(())
    }
}

/// What `on_init` is for.
#[test]
fn every_instance_is_made_once_and_knows_its_number() {
    for executor in executors() {
        let parts = Flow::from_range(0..100u64).partition().stages(3).on(executor.clone());
        let mut made: Vec<usize> = parts.through(Numbered).collect().unwrap();
        made.sort_unstable();
        assert_eq!(made, [0, 1, 2]);

        let parts = Flow::from_range(0..100u64).partition().stages(3).on(executor);
        let once = Counter::default();
        let seen = parts.map_init(|| once.up(), |number, _| *number);
        let seen: BTreeSet<usize> = seen.collect().unwrap();
        assert!(once.get() <= 3 && seen.len() == once.get());
    }
}

/// Flow ignores `key` and `hash` where there is one stage.
#[test]
fn one_partition_still_routes() {
    for executor in executors() {
        let meter = Meter::new();
        let some = Flow::from_range(1..7u64).partition_with(|x, _| (x % 3 != 0).then_some(0));
        let some = some.stages(1).on(executor.clone()).observe(&meter);
        assert_eq!(some.into_partitions().unwrap().concat().len(), 4);
        assert_eq!(meter.metrics().edges()[0].dropped, 2);

        let nowhere = Flow::from_range(1..7u64).partition_with(|_, partitions| partitions);
        let error = nowhere.stages(1).on(executor).run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Routing);
    }
}

/// Such options make a flow of Flow's hang, or start stages with the numbers 0 and -1.
#[test]
fn bad_options_are_refused_before_anything_runs() {
    let numbers = || Flow::from_range(0..9u64);
    let refused = |result: Result<(), flow::FlowError>, operator| {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some(operator)));
    };
    in_time(move || {
        refused(numbers().stages(0).run(), "stages");
        refused(numbers().partition().stages(0).run(), "stages");
        refused(numbers().max_demand(0).run(), "max_demand");
        refused(numbers().max_demand(5).min_demand(5).run(), "min_demand");
        refused(numbers().ordered().in_flight(0).run(), "in_flight");
    });
}

/// `emit(:events)`, `emit(:state)` and `emit(:nothing)`.
#[test]
fn an_accumulator_is_emitted_as_its_items_as_a_whole_or_not_at_all() {
    for executor in executors() {
        let counts = || {
            let letters = Flow::from_iter("abacab".chars()).on(executor.clone());
            let parts = letters.partition().stages(2);
            parts.reduce(BTreeMap::new, |counts, letter| *counts.entry(letter).or_insert(0) += 1)
        };
        let items: BTreeMap<char, u64> = counts().emit_items().collect().unwrap();
        assert_eq!(items, BTreeMap::from([('a', 3), ('b', 2), ('c', 1)]));
        let states: Vec<BTreeMap<char, u64>> = counts().emit_state().collect().unwrap();
        assert_eq!(states.len(), 2);
        assert_eq!(states.into_iter().flatten().collect::<BTreeMap<_, _>>(), items);
        assert_eq!(counts().emit_none().count().unwrap(), 0);
    }
}

/// A trigger fires once per partition, whether it had events or not, and is told which it is.
#[test]
fn a_trigger_fires_once_and_knows_its_partition() {
    for executor in executors() {
        let parts = Flow::from_range(1..5u64).partition_with(|_, _| 1).stages(3).on(executor);
        let sums = parts.reduce(|| 7, |sum, x| *sum += x);
        let sums = sums.on_trigger(|sum, pane| {
            assert!(pane.is_last());
            [(pane.partition(), pane.partitions(), *sum)]
        });
        let mut sums: Vec<(usize, usize, u64)> = sums.collect().unwrap();
        sums.sort_unstable();
        assert_eq!(sums, [(0, 3, 7), (1, 3, 17), (2, 3, 7)]);
    }
}

/// With triggers before the end Flow gives the accumulator before what was emitted until then.
#[test]
fn what_is_emitted_while_folding_comes_before_the_accumulator() {
    for executor in executors() {
        let parts = Flow::from_range(1..4u64).stages(1).partition().stages(1).on(executor);
        let emitted = parts.reduce_and_emit(Vec::new, |all: &mut Vec<u64>, x, out| {
            all.push(x);
            out.emit(10 * x);
        });
        let emitted: Vec<u64> = emitted.emit_items().collect().unwrap();
        assert_eq!(emitted, [10, 20, 30, 1, 2, 3]);
    }
}

/// Flow forbids it: what is behind a reduction are its results, with a type of their own.
#[test]
fn verbs_behind_a_reduction_see_its_results() {
    for executor in executors() {
        let sums = Flow::from_range(0..100u64).partition().stages(4).on(executor);
        let sums = sums.reduce(|| 0, |sum, x| *sum += x).emit_state();
        let texts = sums.map(|sum| sum.to_string()).filter(|text| !text.is_empty());
        let again = texts.partition().stages(2).reduce(Vec::new, |all, text| all.push(text));
        let texts: Vec<String> = again.emit_items().collect().unwrap();
        assert_eq!(texts.iter().map(|text| text.parse::<u64>().unwrap()).sum::<u64>(), 4950);
    }
}

/// Lists are in the order of what came, where Flow reverses them.
#[test]
fn groups_are_not_reversed() {
    for executor in executors() {
        let groups = Flow::from_range(0..10u64).stages(1).on(executor).group_by(|x| x % 2);
        let groups: BTreeMap<u64, Vec<u64>> = groups.collect().unwrap();
        assert_eq!(groups, BTreeMap::from([(0, vec![0, 2, 4, 6, 8]), (1, vec![1, 3, 5, 7, 9])]));
    }
}

/// `unique` partitions by itself, so that it is right whatever is before it, and says nothing twice.
#[test]
fn unique_is_right_without_a_partition_before_it() {
    for executor in executors() {
        let numbers = Flow::from_iters([1..=50u64, 26..=75, 1..=75]).stages(4).on(executor);
        let mut unique: Vec<u64> = numbers.unique().collect().unwrap();
        unique.sort_unstable();
        assert!(unique.into_iter().eq(1..=75));
    }
}

/// `take_sort`: the first of all partitions, and what becomes of too many and of none.
#[test]
fn the_first_few_are_those_of_all_partitions() {
    for executor in executors() {
        let few = |k: usize| {
            let numbers = Flow::from_vec(vec![5u64, 3, 1, 1005, 1001]).partition().stages(2);
            numbers.k_smallest(k).on(executor.clone()).collect::<Vec<_>>().unwrap()
        };
        assert_eq!(few(2), [1, 3]);
        assert_eq!(few(9), [1, 3, 5, 1001, 1005]);
        assert!(few(0).is_empty());
        let numbers = Flow::from_vec(vec![5u64, 3, 1, 1005, 1001]).partition().stages(2);
        let largest = numbers.k_smallest_by(2, |a, b| b.cmp(a)).on(executor.clone());
        assert_eq!(largest.collect::<Vec<_>>().unwrap(), [1005, 1001]);
    }
}

/// `departition`: nothing is waited for, also of partitions that had no event.
#[test]
fn every_partition_is_merged_once() {
    for executor in executors() {
        let parts = Flow::from_range(0..10u64).partition_with(|_, _| 0).stages(5).on(executor);
        let counts = parts.reduce(|| 0, |count, _| *count += 1);
        let merged = counts.merge_partitions(Vec::new, |all, count| all.push(count));
        let mut merged: Vec<Vec<u64>> = merged.collect().unwrap();
        merged[0].sort_unstable();
        assert_eq!(merged, [[0, 0, 0, 0, 10]]);
    }
}

/// Not only as the first of a layer, and with any number of events for a batch.
#[test]
fn batches_are_mapped_anywhere() {
    for executor in executors() {
        let numbers = Flow::from_range(0..1000u64).filter(|x| x % 2 == 0).on(executor);
        let sums = numbers.map_batch(|batch| [batch.len() as u64, batch.iter().sum()]);
        let all = sums.map(|x| x + 1).map_batch(|batch| batch).map(|x| x - 1);
        assert_eq!(all.sum::<u64>().unwrap(), 500 + (0..1000).step_by(2).sum::<u64>());
    }
}

/// Flow loses what a trigger of one's own holds back at the end.
#[test]
fn a_trigger_of_ones_own_loses_nothing() {
    for executor in executors() {
        let third = |_: &u64, seen: &mut u64, _: &PaneView| {
            *seen += 1;
            if seen.is_multiple_of(3) { Firing::Fire } else { Firing::Continue }
        };
        let windows = Flow::from_range(1..8u64).stages(1).key_by(|_| ()).window(Window::global());
        let lists = windows.trigger(Trigger::on(third)).discarding().fold(Vec::new, Vec::push);
        let lists: Vec<Vec<u64>> = lists.map(|pane| pane.value).on(executor).collect().unwrap();
        assert_eq!(lists, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    }
}

/// Flow fires once more at the end, with what was fired already.
#[test]
fn a_trigger_fires_at_its_events_and_the_end_says_nothing_twice() {
    for executor in executors() {
        for demand in [1, 5, 4096] {
            let numbers = Flow::from_range(1..101u64).stages(1).max_demand(demand);
            let windows = numbers.key_by(|_| ()).window(Window::global());
            let sums = windows.trigger(Trigger::every(10)).accumulating().sum(|x| *x);
            let sums: Vec<u64> =
                sums.map(|pane| pane.value).on(executor.clone()).collect().unwrap();
            assert_eq!(sums, [55, 210, 465, 820, 1275, 1830, 2485, 3240, 4095, 5050]);
        }
    }
}

/// Flow drops late events also where no window is kept: case 155 of the reference.
#[test]
fn nothing_is_late_where_there_is_no_window() {
    for executor in executors() {
        let times = Flow::from_vec(vec![5000i64, 1000]).stages(1);
        let timed = times.timestamps(|at| Timestamp(*at), |w| w.ascending()).map(|at| at);
        let all: Vec<i64> = timed.untimed().on(executor).collect().unwrap();
        assert_eq!(all, [5000, 1000]);
    }
}

/// Flow takes any structure that has its fields; here it is a closure.
#[test]
fn windows_may_be_ones_own() {
    for executor in executors() {
        // As long as the event says.
        let own = |event: &(i64, i64), at: Timestamp, windows: &mut Vec<Span>| {
            windows.push(Span::new(at, Timestamp(at.0 + event.1)));
        };
        let timed = Flow::from_vec(vec![(0, 5), (0, 5), (1, 3)])
            .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending());
        let panes = timed.key_by(|_| ()).window(Window::assigned(own)).count().on(executor);
        let panes = panes.map(|pane| (pane.window.start().0, pane.window.end().0, pane.value));
        let mut panes: Vec<(i64, i64, u64)> = panes.collect().unwrap();
        panes.sort_unstable();
        assert_eq!(panes, [(0, 5, 2), (1, 4, 1)]);
    }
}
