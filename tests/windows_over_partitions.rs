//! Windows over whole partitions: one accumulator per partition and window, as the trigger and the
//! mode say, and the global window always has its last pane.

mod support;

use flow::testing::Script;
use flow::{ErrorKind, Executor, Flow, Meter, Pane, Timestamp, Timing, Trigger, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Counter, executors};

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// 1 to 100, one per millisecond.
fn hundred() -> Script<u64> {
    (1..=100).fold(Script::new(), |script, x| script.event(at(x as i64), x))
}

fn values(panes: Vec<Pane<usize, u64>>) -> Vec<u64> {
    panes.into_iter().map(|pane| pane.value).collect()
}

#[test]
fn the_global_window_closes_once_whatever_came_before() {
    for demand in [1, 7, 1000] {
        for executor in executors() {
            let windows = || {
                Flow::from_scripts([hundred()])
                    .on(executor.clone())
                    .partition_by(|_| ())
                    .window(Window::global())
                    .trigger(Trigger::every(10))
            };
            let add = |sum: &mut u64, x: u64| *sum += x;
            let kept = windows().accumulating().reduce(|| 0, add).emit_state();
            let kept = values(kept.stages(1).max_demand(demand).collect().unwrap());
            let want = [55, 210, 465, 820, 1275, 1830, 2485, 3240, 4095, 5050, 5050];
            assert_eq!(kept, want);
            let reset = windows().discarding().reduce(|| 0, add).emit_state();
            let reset = values(reset.stages(1).max_demand(demand).collect().unwrap());
            assert_eq!(reset, [55, 155, 255, 355, 455, 555, 655, 755, 855, 955, 0]);
            let replaced = windows().retracting().reduce(|| 0, add).emit_state();
            let last: Vec<_> = replaced.stages(1).collect().unwrap();
            assert_eq!((last.len(), last.last().map(|pane| pane.value)), (19, Some(5050)));
        }
    }
}

#[test]
fn every_partition_has_the_global_window() {
    for seed in 0..300 {
        let numbers = Flow::from_vec((1..=10u64).collect::<Vec<_>>());
        let sums = numbers
            .on(Executor::simulation(seed))
            .timestamps(|x| at(*x as i64), |w| w.ascending())
            .partition_by(|x| x % 2)
            .window(Window::global())
            .reduce(|| 0, |sum, x| *sum += x)
            .emit_state()
            .stages(5)
            .max_demand(1)
            .min_demand(0);
        // Behind it there is room for one at a time, and nothing of it is late.
        let again = sums
            .key_by(|pane| pane.key)
            .window(Window::global())
            .fold(Vec::new, |list, pane| list.push((pane.value, pane.last)))
            .max_demand(1);
        let meter = Meter::new();
        let mut panes: Vec<_> =
            again.observe(&meter).map(|pane| (pane.key, pane.value)).collect().unwrap();
        panes.sort();
        assert_eq!(panes.len(), 5);
        assert!(panes.iter().all(|(_, list)| list.len() == 1 && list[0].1), "{panes:?}");
        assert_eq!(panes.iter().map(|(_, list)| list[0].0).sum::<u64>(), 55);
        assert_eq!(meter.metrics().stages().iter().map(|stage| stage.dropped).sum::<u64>(), 0);
        let none = Flow::from_vec(Vec::<u64>::new())
            .on(Executor::simulation(seed))
            .timestamps(|_| at(0), |w| w.ascending())
            .partition()
            .window(Window::global())
            .reduce(|| 7, |sum, x| *sum += x)
            .emit_state();
        let panes: Vec<_> = none.stages(3).with_times().collect().unwrap();
        let panes = panes.into_iter().map(|(time, pane)| (pane.key, pane.value, time));
        let mut panes: Vec<_> = panes.collect();
        panes.sort_unstable();
        let end = at(i64::MAX - 1);
        assert_eq!(panes, [(0, 7, end), (1, 7, end), (2, 7, end)]);
    }
}

#[test]
fn windows_of_a_number_of_events_are_per_partition() {
    let windows = |trigger| {
        Flow::from_scripts([hundred()])
            .partition_by(|_| ())
            .window(Window::count(50))
            .trigger(trigger)
            .accumulating()
            .reduce(|| 0, |sum, x| *sum += x)
            .emit_state()
    };
    let sums = values(windows(Trigger::every(12)).stages(1).collect().unwrap());
    assert_eq!(sums, [78, 300, 666, 1176, 1275, 678, 1500, 2466, 3576, 3775]);
}

#[test]
fn windows_of_time_are_per_partition() {
    for executor in executors() {
        let ts = |x: &u64| at(if *x <= 50 { *x as i64 } else { 1000 + *x as i64 });
        let sums = |trigger| {
            Flow::from_vec((1..=100u64).collect::<Vec<_>>())
                .on(executor.clone())
                .timestamps(ts, |w| w.ascending())
                .partition_by(|_| ())
                .window(Window::fixed(millis(1000)))
                .trigger(Trigger::at_watermark().early(trigger))
                .accumulating()
                .reduce(|| 0, |sum, x| *sum += x)
                .emit_state()
                .stages(1)
        };
        let early = values(sums(Trigger::every(12)).collect().unwrap());
        assert_eq!(early, [78, 300, 666, 1176, 1275, 678, 1500, 2466, 3576, 3775]);
        let once = values(sums(Trigger::every(1000)).collect().unwrap());
        assert_eq!(once, [1275, 3775]);
    }
}

/// Words, their times, and what a window of an hour has of each.
#[test]
fn words_are_counted_by_the_hour() {
    let words = |first: bool| {
        let elixir = (0, "elixir");
        let mut words = vec![
            (1000, "elixir"),
            (60_000, "erlang"),
            (3_200_000, "concurrency"),
            (4_000_000, "elixir"),
            (5_000_000, "erlang"),
            (6_000_000, "erlang"),
        ];
        words.insert(if first { 0 } else { 6 }, elixir);
        words
    };
    let count = |first, lateness| {
        let late = Counter::default();
        let lost = late.clone();
        let panes: Vec<Pane<usize, BTreeMap<&str, u32>>> = Flow::from_vec(words(first))
            .timestamps(|(ms, _)| at(*ms), |w| w.ascending())
            .partition_by(|_| ())
            .window(Window::fixed(millis(3_600_000)))
            .accumulating()
            .allowed_lateness(lateness)
            .reduce(BTreeMap::new, |counts, (_, word)| *counts.entry(word).or_insert(0) += 1)
            .late_to(move |_| _ = lost.up())
            .emit_state()
            .collect()
            .unwrap();
        let show = |pane: Pane<usize, BTreeMap<&str, u32>>| {
            (pane.timing, pane.index, pane.value.values().copied().collect::<Vec<_>>())
        };
        (panes.into_iter().map(show).collect::<Vec<_>>(), late.get())
    };
    let (on, late) = (Timing::OnTime, Timing::Late);
    let zero = Duration::ZERO;
    assert_eq!(count(true, zero), (vec![(on, 0, vec![1, 2, 1]), (on, 0, vec![1, 2])], 0));
    assert_eq!(count(false, zero), (vec![(on, 0, vec![1, 1, 1]), (on, 0, vec![1, 2])], 1));
    assert_eq!(count(false, millis(300_000)).1, 1);
    let want = vec![(on, 0, vec![1, 1, 1]), (late, 1, vec![1, 2, 1]), (on, 0, vec![1, 2])];
    assert_eq!(count(false, millis(3_600_000)), (want, 0));
}

#[test]
fn items_have_the_time_of_their_window() {
    for executor in executors() {
        let lists = Flow::from_vec((0..3000i64).collect::<Vec<_>>())
            .on(executor)
            .timestamps(|x| at(*x), |w| w.ascending())
            .partition()
            .window(Window::fixed(millis(100)))
            .reduce(Vec::new, |list, x| list.push(x))
            .emit_items()
            .max_demand(1)
            .min_demand(0);
        let mut items: Vec<(Timestamp, i64)> = lists.with_times().collect().unwrap();
        items.sort_unstable_by_key(|item| item.1);
        let want = (0..3000).map(|x| (at(x / 100 * 100 + 99), x));
        assert_eq!(items, want.collect::<Vec<_>>());
    }
}

#[test]
fn stopped_runs_emit_nothing() {
    for seed in 0..100 {
        let script = Script::new().event(at(1), 1).watermark(at(5)).event(at(6), 2).unfinished();
        let seen = Counter::default();
        let runs = seen.clone();
        let run = Flow::from_scripts([script])
            .on(Executor::simulation(seed))
            .partition()
            .window(Window::global())
            .reduce(|| 0, |sum, x: i32| *sum += x)
            .emit_state()
            .stages(3)
            .for_each(move |_| _ = runs.up());
        assert_eq!((run.map_err(|error| error.kind()), seen.get()), (Err(ErrorKind::Stopped), 0));
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let events = || Flow::from_vec(vec![1i64]).timestamps(|x| at(*x), |w| w.ascending());
    let windows = events().partition().window(Window::fixed(Duration::ZERO));
    let run = windows.reduce(|| (), |(), _| ()).emit_state().run();
    assert_eq!(run.unwrap_err().kind(), ErrorKind::Option);
    let windows = events().partition().window(Window::global()).trigger(Trigger::every(3));
    let run = windows.reduce(|| (), |(), _| ()).emit_state().run();
    assert_eq!(run.unwrap_err().kind(), ErrorKind::Option);
}

#[test]
fn panics_name_their_operator() {
    let events = || Flow::from_vec(vec![1i64]).timestamps(|x| at(*x), |w| w.ascending());
    let key = |_: &i64| -> i64 { panic!("key") };
    let run = events().partition_by(key).window(Window::global()).reduce(|| (), |(), _| ());
    let error = run.emit_state().run().unwrap_err();
    assert!(error.to_string().contains("partition_by"), "{error}");
    let windows = || events().partition().window(Window::global());
    let error = windows().reduce(|| (), |(), _| panic!("f")).emit_state().run().unwrap_err();
    assert!(error.to_string().contains("reduce"), "{error}");
    let error = windows().reduce(|| panic!("init"), |(): &mut (), _| ()).emit_state().run();
    assert!(error.unwrap_err().to_string().contains("reduce"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Every event is in the panes of its windows, in one partition, or counted as late.
    #[test]
    fn windows_have_what_the_list_says(
        events in prop::collection::vec((0..60_i64, 0..9_u64), 0..60),
        disorder in 0..20_u64, size in 1..20_u64, every in 1..20_u64,
        stages in 1..4_usize, seed in any::<u64>(), demand in 1..5_usize
    ) {
        let late = Counter::default();
        let lost = late.clone();
        let panes: Vec<Pane<usize, Vec<(i64, u64)>>> = Flow::from_vec(events.clone())
            .on(Executor::simulation(seed))
            .timestamps(|(ms, _)| at(*ms), |w| w.bounded(millis(disorder)))
            .partition_by(|(_, key)| *key)
            .window(Window::sliding(millis(size), millis(every)))
            .reduce(Vec::new, |list, event| list.push(event))
            .late_to(move |_| _ = lost.up())
            .emit_state()
            .stages(stages)
            .max_demand(demand)
            .collect()
            .unwrap();
        let mut want: BTreeMap<(i64, i64), Vec<(i64, u64)>> = BTreeMap::new();
        let (mut watermark, mut missed) = (i64::MIN, 0);
        for (ms, key) in events {
            let starts = (-30..80).map(|k| k * every as i64);
            let windows: Vec<i64> =
                starts.filter(|start| *start <= ms && ms < start + size as i64).collect();
            let open = windows.iter().filter(|start| watermark < *start + size as i64);
            open.clone().for_each(|start| want.entry((*start, 0)).or_default().push((ms, key)));
            missed += u64::from(!windows.is_empty() && open.count() == 0);
            watermark = watermark.max(ms - disorder as i64);
        }
        let mut got: BTreeMap<(i64, i64), Vec<(i64, u64)>> = BTreeMap::new();
        let mut homes = BTreeMap::new();
        for pane in panes {
            prop_assert!(pane.key < stages && pane.last && !pane.value.is_empty());
            for (_, key) in &pane.value {
                prop_assert_eq!(*homes.entry(*key).or_insert(pane.key), pane.key);
            }
            got.entry((pane.window.start().0, 0)).or_default().extend(pane.value);
        }
        got.values_mut().for_each(|list| list.sort_unstable());
        want.values_mut().for_each(|list| list.sort_unstable());
        prop_assert_eq!((got, late.get() as u64), (want, missed));
    }
}
