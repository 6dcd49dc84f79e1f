//! Panes are events, with times and watermarks: windows of windows.

mod support;

use flow::testing::Script;
use flow::{Executor, Flow, Meter, Pane, Timestamp, Timing, Trigger, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use support::executors;

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n as u64)
}

type Event = (i64, u8);

macro_rules! by_key {
    ($events:expr, $executor:expr) => {
        Flow::from_vec($events.clone())
            .on($executor.clone())
            .timestamps(|(ms, _): &Event| at(*ms), |w| w.bounded(millis(100)))
            .key_by(|(_, key): &Event| *key)
    };
}

/// How many events were late, anywhere.
fn lost(meter: &Meter) -> u64 {
    meter.metrics().stages().iter().map(|stage| stage.late_for_window).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Minutes, then hours, are hours.
    #[test]
    fn windows_of_windows_are_larger_windows(
        events in prop::collection::vec((-50..50i64, 0..4u8), 0..60),
        (minute, minutes) in (1..8i64, 1..6i64),
        (stages, demand) in (1..4usize, 1..20usize),
        (threads, seed) in (any::<bool>(), any::<u64>()),
    ) {
        let executor = if threads { Executor::threads(2) } else { Executor::simulation(seed) };
        let (hour, meter) = (minute * minutes, Meter::new());
        let twice = by_key!(events, executor)
            .window(Window::fixed(millis(minute)))
            .count()
            .stages(stages)
            .max_demand(demand)
            .key_by(|pane| pane.key)
            .window(Window::fixed(millis(hour)))
            .sum(|pane| pane.value)
            .stages(stages)
            .max_demand(demand)
            .observe(&meter);
        let twice: Vec<Pane<u8, u64>> = twice.collect().unwrap();
        let once: Vec<Pane<u8, u64>> =
            by_key!(events, executor).window(Window::fixed(millis(hour))).count().collect().unwrap();
        let show = |panes: Vec<Pane<u8, u64>>| {
            let panes = panes.into_iter().map(|pane| {
                assert_eq!((pane.timing, pane.last), (Timing::OnTime, true));
                ((pane.key, pane.window), pane.value)
            });
            panes.collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(show(twice), show(once));
        prop_assert_eq!(lost(&meter), 0);
    }

    /// The best keys of each window, of overlapping ones too.
    #[test]
    fn the_best_of_a_window(
        events in prop::collection::vec((-50..50i64, 0..6u8), 0..60),
        (size, every) in (1..20i64, 1..20i64),
        k in 1..4usize,
        seed in any::<u64>(),
    ) {
        let (executor, meter) = (Executor::simulation(seed), Meter::new());
        let best = by_key!(events, executor)
            .window(Window::sliding(millis(size), millis(every)))
            .count()
            .key_by(|_| ())
            .window(Window::of_panes())
            .aggregate(move |a| a.top_k(k, |pane| (pane.value, pane.key)))
            .observe(&meter);
        let best: Vec<Pane<(), Vec<(u64, u8)>>> = best.collect().unwrap();
        let mut want: BTreeMap<i64, BTreeMap<u8, u64>> = BTreeMap::new();
        for (ms, key) in &events {
            let starts = (-100..100).map(|k| k * every).filter(|s| s <= ms && *ms < s + size);
            starts.for_each(|start| *want.entry(start).or_default().entry(*key).or_default() += 1);
        }
        let want = want.into_iter().map(|(start, counts)| {
            let mut counts: Vec<_> = counts.into_iter().map(|(key, count)| (count, key)).collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            counts.truncate(k);
            (start, counts)
        });
        let got = best.into_iter().map(|pane| (pane.window.start().0, pane.value));
        prop_assert_eq!(got.collect::<Vec<_>>(), want.collect::<Vec<_>>());
        prop_assert_eq!(lost(&meter), 0);
    }

    /// Late panes come late to the windows behind, which have to allow it.
    #[test]
    fn late_panes_are_late_events(
        events in prop::collection::vec((0..50i64, 0..4u8), 0..40),
        size in 1..20i64,
        seed in any::<u64>(),
    ) {
        let meter = Meter::new();
        let counts = Flow::from_vec(events.clone())
            .on(Executor::simulation(seed))
            .timestamps(|(ms, _): &Event| at(*ms), |w| w.ascending())
            .key_by(|(_, key)| *key)
            .window(Window::fixed(millis(size)))
            .allowed_lateness(millis(200))
            .discarding()
            .count()
            .key_by(|_| ())
            .window(Window::of_panes())
            .allowed_lateness(millis(200))
            .discarding()
            .sum(|pane| pane.value)
            .observe(&meter);
        let mut got: BTreeMap<i64, u64> = BTreeMap::new();
        for pane in counts.collect::<Vec<_>>().unwrap() {
            *got.entry(pane.window.start().0).or_default() += pane.value;
        }
        let mut want: BTreeMap<i64, u64> = BTreeMap::new();
        events.iter().for_each(|(ms, _)| *want.entry(ms / size * size).or_default() += 1);
        prop_assert_eq!((got, lost(&meter)), (want, 0));
    }

    /// Panes that are of no time have one that is not late.
    #[test]
    fn panes_of_numbers_and_of_the_clock_are_never_late(
        events in prop::collection::vec((0..50i64, 0..4u8), 0..60),
        (size, every, hour) in (1..9u32, 1..9u32, 1..30i64),
        (behind, seed) in (0..60i64, any::<u64>()),
    ) {
        let (first, meter) = (1_700_000_000_000, Meter::new());
        let timed = || {
            Flow::from_vec(events.clone())
                .on(Executor::simulation(seed))
                .observe(&meter)
                .timestamps(move |(ms, _): &Event| at(first + ms), |w| w.bounded(millis(behind)))
                .key_by(|(_, key): &Event| *key)
        };
        let hours = Window::fixed(millis(hour));
        let sums = timed().window(Window::count(size)).count().key_by(|_| ()).window(hours);
        let sums: Vec<u64> = sums.sum(|pane| pane.value).map(|pane| pane.value).collect().unwrap();
        prop_assert_eq!((sums.iter().sum::<u64>(), lost(&meter)), (events.len() as u64, 0));
        let every = every.min(size);
        let sums = timed().window(Window::sliding_count(size, every)).count();
        let panes = sums.key_by(|_| ()).window(hours).count().map(|pane| pane.value);
        let panes: Vec<u64> = panes.collect().unwrap();
        let mut want: BTreeMap<u8, u64> = BTreeMap::new();
        events.iter().for_each(|(_, key)| *want.entry(*key).or_default() += 1);
        let want = want.into_values().map(|events| events.div_ceil(u64::from(every))).sum::<u64>();
        prop_assert_eq!((panes.iter().sum::<u64>(), lost(&meter)), (want, 0));
        let clock = Window::by_clock(Window::fixed(millis(3)));
        let sums = timed().window(clock).count().key_by(|_| ()).window(hours);
        let sums: Vec<u64> = sums.sum(|pane| pane.value).map(|pane| pane.value).collect().unwrap();
        prop_assert_eq!((sums.iter().sum::<u64>(), lost(&meter)), (events.len() as u64, 0));
    }
}

/// A pane does not wait for more than its own watermark.
#[test]
fn the_second_windows_close_with_the_first() {
    for seed in 0..200 {
        let script = Script::new()
            .event(at(1), 'a')
            .event(at(11), 'b')
            .watermark(at(20))
            .clock(millis(1))
            .event(at(21), 'c')
            .watermark(at(40))
            .clock(millis(2))
            .unfinished();
        let seen = std::sync::Mutex::new(Vec::new());
        let run = Flow::from_scripts([script])
            .linger(Duration::ZERO)
            .key_by(|name| *name)
            .window(Window::fixed(millis(10)))
            .count()
            .linger(Duration::ZERO)
            .key_by(|_| ())
            .window(Window::fixed(millis(20)))
            .trigger(Trigger::at_watermark())
            .count()
            .linger(Duration::ZERO)
            .on(Executor::simulation(seed))
            .for_each(|pane| seen.lock().unwrap().push((pane.window.start().0, pane.value)));
        assert_eq!(run.unwrap_err().kind(), flow::ErrorKind::Stopped);
        assert_eq!(seen.into_inner().unwrap(), [(0, 2), (20, 1)]);
    }
}

/// That one input has ended says nothing about those that are quiet.
#[test]
fn an_input_that_ends_does_not_make_a_quiet_one_late() {
    for seed in 0..300 {
        let short = Script::new().event(at(1), 1).watermark(at(2));
        let quiet = Script::new().idle().clock(millis(5)).event(at(3), 2).watermark(at(50));
        let meter = Meter::new();
        let sums: Vec<i32> = Flow::from_scripts([short, quiet])
            .linger(Duration::ZERO)
            .key_by(|_| ())
            .window(Window::fixed(millis(10)))
            .sum(|x| *x)
            .map(|pane| pane.value)
            .on(Executor::simulation(seed))
            .observe(&meter)
            .collect()
            .unwrap();
        assert_eq!((sums, lost(&meter)), (vec![3], 0));
    }
}

#[test]
fn nothing_and_one() {
    for executor in executors() {
        for events in [vec![], vec![(5, 1)]] {
            let again = by_key!(events, executor)
                .window(Window::session(millis(10)))
                .count()
                .max_demand(1)
                .key_by(|_| ())
                .window(Window::of_panes())
                .sum(|pane| pane.value)
                .max_demand(1);
            let panes: Vec<Pane<(), u64>> = again.collect().unwrap();
            let want: Vec<u64> = events.iter().map(|_| 1).collect();
            assert_eq!(panes.iter().map(|pane| pane.value).collect::<Vec<_>>(), want);
        }
    }
}
