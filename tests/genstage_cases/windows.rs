//! Triggers, windows of a number of events and windows by the clock, over whole partitions. Where Flow's
//! own answer is a defect (H8 to H10, and 71, 76, 80, 82, 83 of the cases) the better one is expected.

use super::support::executors;
use flow::testing::Script;
use flow::{
    Executor, Firing, Flow, PaneInfo, PaneView, Partitioned, Span, Timestamp, Trigger, Window,
};
use std::time::Duration;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn add(sum: &mut u64, x: u64) {
    *sum += x;
}

/// 1 to `n` in one partition.
fn one_partition(n: u64, executor: &Executor, demand: usize) -> Flow<impl Partitioned<Item = u64>> {
    let numbers = Flow::from_range(1..n + 1).stages(1).on(executor.clone());
    numbers.partition_by(|_| ()).stages(1).max_demand(demand).min_demand(0)
}

/// All executors, with demands that cut anywhere.
fn setups() -> impl Iterator<Item = (Executor, usize)> {
    executors().into_iter().flat_map(|executor| [1, 5, 4096].map(|d| (executor.clone(), d)))
}

/// A script's events in one partition, handled before the clock goes on.
fn scripted(script: Script<u64>, seed: u64) -> Flow<impl Partitioned<Item = u64>> {
    let events = Flow::from_scripts([script]).untimed().on(Executor::simulation(seed));
    events.partition_by(|_| ()).stages(1).linger(Duration::ZERO)
}

/// 1 to 10.
fn ten() -> Script<u64> {
    (1..=10).fold(Script::new(), |script, x| script.event(Timestamp(0), x))
}

#[test]
fn case_65_a_trigger_fires_where_it_is_whatever_the_batches() {
    for (executor, demand) in setups() {
        let sums = one_partition(100, &executor, demand)
            .window(Window::global())
            .trigger(Trigger::every(10))
            .reduce(|| 0, add)
            .on_trigger(|sum, _| Some(*sum));
        let sums: Vec<u64> = sums.collect().unwrap();
        assert_eq!(sums, [55, 210, 465, 820, 1275, 1830, 2485, 3240, 4095, 5050, 5050]);
    }
}

/// Whatever has come fires, also of a source that is silent, and what has not changed does not.
#[test]
fn case_67_a_period_passes_in_silence() {
    for seed in 0..200 {
        let sums = scripted(ten().clock(millis(5_000)).event(Timestamp(0), 1), seed)
            .window(Window::global())
            .trigger(Trigger::periodic(millis(100)))
            .reduce(|| 0, add)
            .on_trigger(|sum, pane| {
                *sum *= 2;
                Some((*sum, pane.trigger()))
            });
        let sums: Vec<_> = sums.collect().unwrap();
        assert_eq!(sums, [(110, "periodic"), (222, "close")]);
    }
}

/// Where Flow arms a timer of its own whose message names the trigger.
#[test]
fn case_68_a_trigger_is_named_from_outside() {
    let script = ten().clock(millis(10)).fire("sample").clock(millis(20)).event(Timestamp(0), 1);
    for seed in 0..200 {
        let windows = scripted(script.clone(), seed).window(Window::global());
        let sums = windows.trigger(Trigger::on_signal("sample")).reduce(|| 0, add);
        let told = sums.on_trigger(|sum, pane| {
            *sum *= 2;
            Some((*sum, (pane.partition(), pane.partitions()), pane.window(), pane.trigger()))
        });
        let told: Vec<_> = told.collect().unwrap();
        assert_eq!((told[0].0, told[0].1, told[0].3), (110, (0, 1), "sample"));
        assert_eq!(told[0].2, Span::new(Timestamp::MIN, Timestamp::MAX));
        assert_eq!((told.len(), told[1].0, told[1].3), (2, 222, "close"));
    }
}

/// Where Flow's trigger holds events back to have them again, the closure keeps them.
#[test]
fn case_70_a_trigger_slides() {
    for (executor, demand) in setups() {
        let letters = Flow::from_iter("abcabc".chars()).stages(1).on(executor.clone());
        let letters = letters.partition_by(|_| ()).stages(1).max_demand(demand).min_demand(0);
        let pairs = letters
            .window(Window::global())
            .trigger(Trigger::every(1))
            .reduce(String::new, |pair, letter| pair.push(letter))
            .on_trigger(|pair, pane| {
                let full = (pair.len() == 2 && !pane.is_last()).then(|| pair.clone());
                pair.drain(..pair.len() - 1);
                full
            });
        assert_eq!(pairs.collect::<Vec<_>>().unwrap(), ["ab", "bc", "ca", "ab", "bc"]);
        let again = Flow::from_iter("abcabc".chars()).stages(1).on(executor.clone());
        let again = again.partition_by(|_| ()).stages(1).window(Window::sliding_count(2, 1));
        let again = again.reduce(String::new, |pair, letter| pair.push(letter)).emit_state();
        let again = again.map(|pane| pane.value).filter(|pair| pair.len() == 2);
        assert_eq!(again.collect::<Vec<_>>().unwrap(), ["ab", "bc", "ca", "ab", "bc"]);
    }
}

/// Flow loses what its trigger holds back (H9).
#[test]
fn case_71_nothing_is_lost_at_the_end() {
    for (executor, demand) in setups() {
        let third = |_: &u64, seen: &mut u64, _: &PaneView| {
            *seen += 1;
            if seen.is_multiple_of(3) { Firing::Fire } else { Firing::Continue }
        };
        let lists = one_partition(7, &executor, demand)
            .window(Window::global())
            .trigger(Trigger::on(third).named("third"))
            .reduce(Vec::new, |list, x| list.push(x))
            .on_trigger(|list, pane| Some((pane.trigger(), std::mem::take(list))));
        let want = [("third", vec![1, 2, 3]), ("third", vec![4, 5, 6]), ("close", vec![7])];
        assert_eq!(lists.collect::<Vec<_>>().unwrap(), want);
    }
}

#[test]
fn case_73_what_is_counted_is_what_is_folded() {
    for (executor, demand) in setups() {
        let counts = one_partition(8, &executor, demand)
            .map_batch(|batch| batch.into_iter().filter(|x| *x <= 5).collect::<Vec<_>>())
            .window(Window::global())
            .trigger(Trigger::every(4))
            .reduce(|| 0, |count, _| *count += 1)
            .on_trigger(|count, pane| Some((pane.trigger(), *count)));
        assert_eq!(counts.collect::<Vec<_>>().unwrap(), [("every", 4), ("close", 5)]);
    }
}

#[test]
fn case_74_every_partition_counts_for_itself() {
    for (executor, demand) in setups() {
        let numbers = Flow::from_range(1..9u64).stages(1).on(executor);
        let parts = numbers.partition_with(|x, n| *x as usize % n).stages(2);
        let lists = parts
            .max_demand(demand)
            .min_demand(0)
            .window(Window::global())
            .trigger(Trigger::every(3))
            .reduce(Vec::new, |list, x| list.push(x))
            .on_trigger(|list, pane| Some((pane.partition(), list.clone())));
        let mut lists: Vec<(usize, Vec<u64>)> = lists.collect().unwrap();
        lists.sort();
        let (even, odd) = (vec![2, 4, 6], vec![1, 3, 5]);
        let want = [(0, even), (0, vec![2, 4, 6, 8]), (1, odd), (1, vec![1, 3, 5, 7])];
        assert_eq!(lists, want);
    }
}

/// Flow puts what a trigger gives before what was emitted by the events that led to it (H8).
#[test]
fn case_76_what_is_emitted_comes_before_the_trigger_that_follows() {
    for (executor, demand) in setups() {
        let said = one_partition(4, &executor, demand)
            .window(Window::global())
            .trigger(Trigger::every(1))
            .reduce(Vec::new, |list, x| list.push(x))
            .on_trigger(|list, pane| match list.last() {
                _ if pane.is_last() => vec!["done".to_owned()],
                Some(x) if x % 2 == 0 => vec![format!("e{x}"), "t".to_owned()],
                x => x.map(|x| format!("e{x}")).into_iter().collect(),
            });
        let said: Vec<String> = said.collect().unwrap();
        assert_eq!(said, ["e1", "e2", "t", "e3", "e4", "t", "done"]);
    }
}

#[test]
fn case_77_partitions_without_events_are_done_once() {
    for executor in executors() {
        let none = Flow::from_range(0..0u64).on(executor).partition().stages(2);
        let done = none.window(Window::global()).trigger(Trigger::every(3)).reduce(|| 7, add);
        let done = done.on_trigger(|sum, pane| Some((pane.is_last(), *sum)));
        assert_eq!(done.collect::<Vec<_>>().unwrap(), [(true, 7), (true, 7)]);
    }
}

/// What a firing says: which window of how many events, what fired it, and whether it is done.
fn said(sum: u64, pane: &PaneInfo, size: i64) -> (u64, i64, bool) {
    (sum, pane.window().start().0 / size, pane.is_last())
}

/// Flow ends with a window that nothing is in.
#[test]
fn case_79_counts_begin_anew_in_every_window() {
    for (executor, demand) in setups() {
        let sums = one_partition(100, &executor, demand)
            .window(Window::count(50))
            .trigger(Trigger::every(12))
            .reduce(|| 0, add)
            .on_trigger(|sum, pane| Some(said(*sum, pane, 50)));
        let first = [78, 300, 666, 1176].map(|sum| (sum, 0, false));
        let second = [678, 1500, 2466, 3576].map(|sum| (sum, 1, false));
        let mut want = first.to_vec();
        want.push((1275, 0, true));
        want.extend(second);
        want.push((3775, 1, true));
        assert_eq!(sums.collect::<Vec<_>>().unwrap(), want);
    }
}

#[test]
fn case_80_windows_of_a_number_of_events() {
    for (executor, demand) in setups() {
        let sums = |n, size| {
            let windows = one_partition(n, &executor, demand).window(Window::count(size));
            let sums = windows.reduce(|| 0, add);
            let sums = sums.on_trigger(|sum, pane| Some(said(*sum, pane, size.into())));
            sums.collect::<Vec<_>>().unwrap()
        };
        let tens = (0..10).map(|k| (55 + 100 * k as u64, k, true));
        assert_eq!(sums(100, 10), tens.collect::<Vec<_>>());
        assert_eq!(sums(4, 2), [(3, 0, true), (7, 1, true)]);
        assert_eq!(sums(5, 2), [(3, 0, true), (7, 1, true), (5, 2, true)]);
        assert_eq!(sums(0, 2), []);
    }
}

/// Flow emits a window that nothing was in, and so for every period of a silence (H10).
#[test]
fn case_82_windows_by_the_clock_close_in_silence() {
    let script = ten().clock(millis(150)).clock(millis(31_536_000_000)).event(Timestamp(0), 1);
    for seed in 0..200 {
        let windows = Window::by_clock(Window::fixed(millis(100)));
        let sums = scripted(script.clone(), seed).window(windows).reduce(|| 0, add);
        let sums = sums.on_trigger(|sum, pane| Some(said(*sum, pane, 100)));
        let want = [(55, 0, true), (1, 315_360_000, true)];
        assert_eq!(sums.collect::<Vec<_>>().unwrap(), want);
    }
}

/// Flow says the same once more at the end of the period.
#[test]
fn case_83_a_trigger_in_windows_by_the_clock() {
    for seed in 0..200 {
        let told = |always: bool| {
            let windows = Window::by_clock(Window::fixed(millis(100)));
            let windows = scripted(ten().clock(millis(150)), seed).window(windows);
            let tell = |sum: &mut u64, pane: &PaneInfo| {
                Some((*sum, pane.window().start().0, pane.trigger()))
            };
            let told = if always {
                let trigger = Trigger::at_watermark().early(Trigger::every(5));
                windows.trigger(trigger).reduce(|| 0, add).on_trigger(tell).collect::<Vec<_>>()
            } else {
                windows.trigger(Trigger::every(5)).reduce(|| 0, add).on_trigger(tell).collect()
            };
            told.unwrap()
        };
        assert_eq!(told(false), [(15, 0, "every"), (55, 0, "every")]);
        assert_eq!(told(true), [(15, 0, "every"), (55, 0, "every"), (55, 0, "watermark")]);
    }
}

/// A year of windows of a second between two events is nothing to go through (H10).
#[test]
fn a_year_without_events_is_nothing() {
    for executor in executors() {
        let events = Flow::from_vec(vec![0, 31_536_000_000i64]).on(executor);
        let sums = events
            .timestamps(|ms| Timestamp(*ms), |w| w.ascending())
            .partition_by(|_| ())
            .window(Window::fixed(millis(1_000)))
            .reduce(|| 0, |count, _| *count += 1)
            .on_trigger(|count, pane| Some(said(*count, pane, 1_000)));
        let counts: Vec<_> = sums.stages(1).collect().unwrap();
        assert_eq!(counts, [(1, 0, true), (1, 31_536_000, true)]);
    }
}

/// The states of all partitions meet as they come, and in the end.
#[test]
fn case_49_states_are_merged_as_triggers_fire() {
    for (executor, demand) in setups() {
        let sums = |keep: bool| {
            let route = |x: &u64, _: usize| match x {
                1 | 5 | 7 | 9 => 0,
                2 | 6 | 8 => 1,
                3 | 4 => 2,
                _ => 3,
            };
            let numbers = Flow::from_range(1..11u64).stages(1).on(executor.clone());
            let windows = numbers.partition_with(route).stages(4).window(Window::global());
            let sums = windows.trigger(Trigger::every(2)).reduce(|| 0, add);
            let sums =
                sums.on_trigger(move |sum, _| Some(if keep { *sum } else { std::mem::take(sum) }));
            let one =
                sums.untimed().partition_by(|_| ()).stages(1).max_demand(demand).min_demand(0);
            let lists = one.reduce(Vec::new, |list: &mut Vec<u64>, sum| list.push(sum));
            let mut list: Vec<u64> = lists.emit_items().collect().unwrap();
            list.sort_unstable();
            list
        };
        assert_eq!(sums(true), [6, 7, 7, 8, 10, 16, 22, 22]);
        assert_eq!(sums(false).iter().sum::<u64>(), 55);
    }
}
