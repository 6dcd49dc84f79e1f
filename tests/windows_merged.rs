//! What all partitions have of a window, as one pane: `merge_partitions`.

mod support;

use flow::testing::Script;
use flow::{
    ErrorKind, Executor, Flow, FlowError, Meter, Pane, Span, Timestamp, Timing, Trigger, Window,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use support::executors;

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n as u64)
}

macro_rules! partitions {
    ($events:expr, $behind:expr, $executor:expr) => {
        Flow::from_vec($events.clone())
            .on($executor.clone())
            .timestamps(|ms: &i64| at(*ms), |w| w.bounded(millis($behind)))
            .partition()
    };
}

/// The list of each window, in the order of its numbers.
macro_rules! merged {
    ($windows:expr) => {
        $windows
            .reduce(Vec::new, |list, ms| list.push(ms))
            .merge_partitions(Vec::new, |all: &mut Vec<i64>, list| all.extend(list))
            .map(|pane| {
                pane.map(|mut list| {
                    list.sort_unstable();
                    list
                })
            })
            .collect::<Vec<Pane<(), Vec<i64>>>>()
    };
}

fn offline(events: &[i64], size: i64, every: i64) -> BTreeMap<i64, Vec<i64>> {
    let mut windows: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for ms in events {
        let starts = (-100..100).map(|k| k * every).filter(|s| s <= ms && *ms < s + size);
        starts.for_each(|start| windows.entry(start).or_default().push(*ms));
    }
    windows.values_mut().for_each(|list| list.sort_unstable());
    windows
}

/// One pane per window, in the order of windows.
fn once(panes: Vec<Pane<(), Vec<i64>>>) -> BTreeMap<i64, Vec<i64>> {
    let starts: Vec<i64> = panes.iter().map(|pane| pane.window.start().0).collect();
    assert!(starts.is_sorted() && starts.windows(2).all(|two| two[0] < two[1]), "{starts:?}");
    assert!(panes.iter().all(|pane| (pane.timing, pane.index) == (Timing::OnTime, 0)));
    panes.into_iter().map(|pane| (pane.window.start().0, pane.value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn all_partitions_have_all_events(
        events in prop::collection::vec(-50..50i64, 0..60),
        (size, every) in (1..20i64, 1..20i64),
        early in 1..4u32,
        (threads, seed) in (any::<bool>(), any::<u64>()),
    ) {
        let executor = if threads { Executor::threads(2) } else { Executor::simulation(seed) };
        let windows = || {
            partitions!(events, 100, executor).window(Window::sliding(millis(size), millis(every)))
        };
        let want = offline(&events, size, every);
        prop_assert_eq!(&once(merged!(windows()).unwrap()), &want);
        // Early panes of partitions are part of it, as their mode says.
        let trigger = || Trigger::at_watermark().early(Trigger::every(early));
        prop_assert_eq!(&once(merged!(windows().trigger(trigger()).accumulating()).unwrap()), &want);
        prop_assert_eq!(&once(merged!(windows().trigger(trigger()).discarding()).unwrap()), &want);
        prop_assert_eq!(&once(merged!(windows().trigger(trigger()).retracting()).unwrap()), &want);
        let every = || Trigger::every(early);
        prop_assert_eq!(&once(merged!(windows().trigger(every()).accumulating()).unwrap()), &want);
        prop_assert_eq!(&once(merged!(windows().trigger(every()).discarding()).unwrap()), &want);
    }

    /// With allowed lateness the last pane has everything, or all panes have it together.
    #[test]
    fn late_panes_are_merged_too(
        events in prop::collection::vec(0..50i64, 0..40),
        size in 1..20i64,
        seed in any::<u64>(),
    ) {
        let (executor, meter) = (Executor::simulation(seed), Meter::new());
        let windows = || {
            let windows = partitions!(events, 0, executor).window(Window::fixed(millis(size)));
            windows.allowed_lateness(millis(200))
        };
        let want = offline(&events, size, size);
        let mut last = BTreeMap::new();
        for pane in merged!(windows().accumulating()).unwrap() {
            last.insert(pane.window.start().0, pane.value);
        }
        prop_assert_eq!(&last, &want);
        let mut holds: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for pane in merged!(windows().retracting()).unwrap() {
            if pane.retraction {
                prop_assert_eq!(holds.remove(&pane.window.start().0), Some(pane.value));
            } else {
                prop_assert_eq!(holds.insert(pane.window.start().0, pane.value), None);
            }
        }
        prop_assert_eq!(&holds, &want);
        let mut all: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let sums = windows().discarding().reduce(Vec::new, |list, ms| list.push(ms));
        let sums = sums.merge_partitions(Vec::new, |all, list: Vec<i64>| all.extend(list));
        for pane in sums.observe(&meter).collect::<Vec<_>>().unwrap() {
            all.entry(pane.window.start().0).or_default().extend(pane.value);
        }
        all.values_mut().for_each(|list| list.sort_unstable());
        prop_assert_eq!(&all, &want);
        let metrics = meter.metrics();
        prop_assert!(metrics.stages().iter().all(|stage| stage.late_for_window == 0));
    }
}

/// A window comes as soon as all partitions have passed its end, and not before.
#[test]
fn a_window_does_not_wait_for_the_end_of_the_input() {
    for seed in 0..200 {
        for stages in [1, 4] {
            let first = Script::new().event(at(1), 1).event(at(11), 2).watermark(at(25));
            let first = first.clock(millis(2));
            let second = Script::new().event(at(2), 4).watermark(at(10)).clock(millis(1));
            let second = second.event(at(12), 8).watermark(at(19)).clock(millis(2)).unfinished();
            let seen = Mutex::new(Vec::new());
            let run = Flow::from_scripts([first.unfinished(), second])
                .linger(Duration::ZERO)
                .partition()
                .window(Window::fixed(millis(10)))
                .reduce(|| 0, |sum, x| *sum += x)
                .stages(stages)
                .linger(Duration::ZERO)
                .merge_partitions(|| 0, |total, sum| *total += sum)
                .linger(Duration::ZERO)
                .on(Executor::simulation(seed))
                .for_each(|pane| seen.lock().unwrap().push((pane.window.start().0, pane.value)));
            assert_eq!(run.unwrap_err().kind(), ErrorKind::Stopped);
            assert_eq!(seen.into_inner().unwrap(), [(0, 5)]);
        }
    }
}

/// The global window has one pane, also of no event.
#[test]
fn the_window_of_everything() {
    for executor in executors() {
        for events in [vec![], vec![7], (0..2000).collect()] {
            let panes = merged!(partitions!(events, 0, executor).window(Window::global())).unwrap();
            assert_eq!(panes.len(), 1);
            assert_eq!((panes[0].window, &panes[0].value), (Span::ALL, &events));
        }
        let none: Vec<i64> = Vec::new();
        let panes =
            merged!(partitions!(none, 0, executor).window(Window::fixed(millis(1)))).unwrap();
        assert_eq!(panes, []);
    }
}

#[test]
fn panics_in_either_closure_name_it() {
    let refused = |run: Result<u64, FlowError>| {
        let error = run.unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("merge_partitions")));
        assert_eq!(error.location().unwrap().file(), file!());
    };
    for executor in executors() {
        let sums = || {
            let windows = partitions!((0..100i64).collect::<Vec<_>>(), 0, executor);
            windows.window(Window::fixed(millis(10))).reduce(|| 0, |sum, x| *sum += x)
        };
        refused(sums().merge_partitions(|| -> i64 { panic!("init") }, |_, _| ()).count());
        refused(sums().merge_partitions(|| 0, |_, sum| assert!(sum < 300)).count());
    }
}

/// Merged panes are panes: windows go on behind, and late events of the partitions are had before.
#[test]
fn merged_panes_go_on() {
    for executor in executors() {
        let lists = partitions!(vec![1, 12, 3, 25, 26], 0, executor)
            .window(Window::fixed(millis(10)))
            .reduce(|| 0, |count, _| *count += 1);
        let (counts, late) = lists.split_late();
        let counts = counts
            .merge_partitions(|| 0, |total, count| *total += count)
            .key_by(|_| ())
            .window(Window::fixed(millis(20)))
            .sum(|pane| pane.value)
            .map(|pane| pane.value);
        let late = late.map(|late| late.event);
        let jobs = (
            counts.to(flow::Collect::<Vec<i32>>::new()),
            late.to(flow::Collect::<Vec<i64>>::new()),
        );
        assert_eq!(flow::run(jobs).unwrap(), (vec![2, 2], vec![3]));
    }
}
