//! Joins of flows whose events have times: in windows, and by the distance of their times.

mod support;

use flow::EitherOrBoth::{self, Both, Left, Right};
use flow::testing::Script;
use flow::{ErrorKind, Executor, Flow, Meter, Timestamp, Trigger, Window};
use proptest::prelude::*;
use std::ops::Bound;
use std::time::Duration;
use support::{Counter, executors};

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn numbers(events: &[i64]) -> Script<i64> {
    events.iter().fold(Script::new(), |script, x| script.event(at(*x), *x))
}

type Row = EitherOrBoth<i64, i64>;

/// In some order, the same for the same rows.
fn sorted<T: std::fmt::Debug>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

#[test]
fn all_four_joins_find_the_same_pairs() {
    let (lefts, rights) = ([0, 1, 2, 3, 9, 10, 11], [4, 5, 6, 7, 8, 12, 13]);
    let full: Vec<Row> = vec![
        Left(0),
        Both(1, 4),
        Both(2, 5),
        Both(3, 6),
        Left(9),
        Both(10, 13),
        Left(11),
        Right(7),
        Right(8),
        Right(12),
    ];
    let full = sorted(full);
    for executor in executors() {
        for demand in [1, 1000] {
            let left = || {
                let flow = Flow::from_scripts([numbers(&lefts)]).on(executor.clone());
                flow.key_by(|x| *x).window(Window::fixed(millis(10)))
            };
            let right = || Flow::from_scripts([numbers(&rights)]).key_by(|y| y - 3);
            let rows = left().full_join(right()).max_demand(demand);
            let rows: Vec<(Timestamp, (i64, Row))> = rows.with_times().collect().unwrap();
            for (time, (key, row)) in &rows {
                let of =
                    row.as_ref().left().map_or_else(|| row.as_ref().right().unwrap() - 3, |x| *x);
                let first = row.as_ref().left().or(row.as_ref().right()).unwrap();
                assert_eq!((*key, *time), (of, at(first / 10 * 10 + 9)));
            }
            assert_eq!(sorted(rows.into_iter().map(|(_, (_, row))| row).collect()), full);
            let inner = left().join(right()).max_demand(demand).map(|(_, l, r)| Both(l, r));
            let inner: Vec<Row> = inner.collect().unwrap();
            let both = full.iter().filter(|row| matches!(row, Both(..))).cloned();
            assert_eq!(sorted(inner), both.collect::<Vec<_>>());
            let rows = left().left_join(right()).max_demand(demand).map(|(_, l, r)| (l, r));
            let lefts =
                full.iter().filter_map(|row| Some((*row.as_ref().left()?, row.clone().right())));
            assert_eq!(
                sorted(rows.collect::<Vec<_>>().unwrap()),
                sorted(lefts.collect::<Vec<_>>())
            );
            let rows = left().right_join(right()).max_demand(demand).map(|(_, l, r)| (l, r));
            let rights =
                full.iter().filter_map(|row| Some((row.clone().left(), *row.as_ref().right()?)));
            assert_eq!(
                sorted(rows.collect::<Vec<_>>().unwrap()),
                sorted(rights.collect::<Vec<_>>())
            );
        }
    }
}

/// What has no match is known when the window closes, not when it fires.
#[test]
fn rows_without_a_match_come_when_the_window_closes() {
    for seed in 0..300 {
        let run = |late: bool| {
            // Both sides pause together: the clock puts them in step.
            let left = Script::new().event(at(1), 'a').watermark(at(10)).clock(millis(2));
            let left = left.watermark(at(15)).event(at(20), 'z').clock(millis(4)).unfinished();
            let right = Script::new().watermark(at(10)).clock(millis(1));
            let right = if late { right.event(at(3), 'b') } else { right };
            let right = right.watermark(at(15)).clock(millis(9)).unfinished();
            let rows = std::sync::Mutex::new(Vec::new());
            let run = Flow::from_scripts([left])
                .linger(Duration::ZERO)
                .key_by(|_| ())
                .window(Window::fixed(millis(10)))
                .allowed_lateness(millis(5))
                .full_join(Flow::from_scripts([right]).linger(Duration::ZERO).key_by(|_| ()))
                .linger(Duration::ZERO)
                .stages(1)
                .on(Executor::simulation(seed))
                .for_each(|((), row)| rows.lock().unwrap().push(row));
            assert_eq!(run.unwrap_err().kind(), ErrorKind::Stopped);
            rows.into_inner().unwrap()
        };
        assert_eq!(run(true), [Both('a', 'b')]);
        assert_eq!(run(false), [Left('a')]);
    }
}

#[test]
fn early_pairs_come_once() {
    for seed in 0..300 {
        let left = Flow::from_scripts([numbers(&[0, 1, 2, 3])]).key_by(|x| x % 2);
        let right = Flow::from_scripts([numbers(&[4, 5, 6, 7])]).key_by(|x| x % 2);
        let early = Trigger::at_watermark().early(Trigger::every(1));
        let rows = left.window(Window::fixed(millis(10))).trigger(early).full_join(right);
        let rows: Vec<(i64, Row)> = rows.on(Executor::simulation(seed)).collect().unwrap();
        let pairs = (0..4).flat_map(|l| (4..8).map(move |r| (l, r)));
        let want = pairs.filter(|(l, r)| l % 2 == r % 2).map(|(l, r)| (l % 2, Both(l, r)));
        assert_eq!(sorted(rows), sorted(want.collect::<Vec<_>>()));
    }
}

#[test]
fn late_events_of_either_side_are_counted() {
    for seed in 0..200 {
        let meter = Meter::new();
        let left = Script::new().event(at(1), 1).watermark(at(10)).clock(millis(2));
        let left = left.event(at(2), 2).event(at(40), 40);
        let right = Script::new().watermark(at(30)).clock(millis(3)).event(at(3), 3);
        let rows = Flow::from_scripts([left])
            .linger(Duration::ZERO)
            .key_by(|_| ())
            .window(Window::fixed(millis(10)))
            .full_join(Flow::from_scripts([right]).linger(Duration::ZERO).key_by(|_| ()))
            .linger(Duration::ZERO)
            .on(Executor::simulation(seed))
            .observe(&meter);
        let rows: Vec<_> = rows.map(|(_, row)| row).collect().unwrap();
        let dropped = meter.metrics().stages().iter().map(|stage| stage.dropped).sum::<u64>();
        assert_eq!((sorted(rows), dropped), (vec![Left(1), Left(40)], 2));
    }
}

#[test]
fn stopped_joins_emit_nothing() {
    for seed in 0..200 {
        let seen = Counter::default();
        let rows = seen.clone();
        let left = Flow::from_scripts([numbers(&[1, 2]).unfinished()]).key_by(|_| ());
        let right = Flow::from_scripts([numbers(&[1, 2])]).key_by(|_| ());
        let run = left
            .window(Window::global())
            .full_join(right)
            .on(Executor::simulation(seed))
            .for_each(move |_| _ = rows.up());
        assert_eq!((run.map_err(|error| error.kind()), seen.get()), (Err(ErrorKind::Stopped), 0));
    }
}

#[test]
fn a_large_window_is_joined_row_by_row() {
    for executor in [Executor::threads(2), Executor::simulation(3)] {
        let left = Flow::from_vec((0..3000i64).collect::<Vec<_>>()).on(executor);
        let left = left.timestamps(|_| at(5), |w| w.ascending()).key_by(|_| ());
        let right = Flow::from_vec((0..3000i64).collect::<Vec<_>>());
        let right = right.timestamps(|_| at(5), |w| w.ascending()).key_by(|_| ());
        // Nine million pairs, of which nobody wants more than a few.
        let rows = left.window(Window::fixed(millis(10))).join(right).untimed().take_any(20);
        assert_eq!(rows.count().unwrap(), 20);
    }
}

#[test]
fn panics_in_either_key_name_it() {
    let events = || Flow::from_vec(vec![1i64]).timestamps(|x| at(*x), |w| w.ascending());
    let good = || events().key_by(|x| *x);
    let bad = || events().key_by(|_| -> i64 { panic!("key") });
    let fixed = Window::fixed(millis(10));
    let runs = [
        good().window(fixed).join(bad()).run(),
        bad().window(fixed).join(good()).run(),
        good().interval_join(bad(), 0..9).run(),
        bad().interval_join(good(), 0..9).run(),
    ];
    for run in runs {
        let error = run.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert!(error.to_string().contains("key_by"), "{error}");
    }
}

#[test]
fn intervals_pair_events_in_any_order() {
    let pairs = |lower, upper, open| {
        let left = Flow::from_scripts([numbers(&[3, 1, 4, 2])]).key_by(|_| ());
        let right = Flow::from_scripts([numbers(&[2, 4, 1, 3])]).key_by(|_| ());
        let rows = if open {
            let bounds = (Bound::Excluded(lower - 1), Bound::Excluded(upper + 1));
            left.interval_join(right, bounds)
        } else {
            left.interval_join(right, (Bound::Included(lower), Bound::Included(upper)))
        };
        sorted(rows.map(|((), l, r)| (l, r)).collect::<Vec<_>>().unwrap())
    };
    let near = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3), (3, 4), (4, 3), (4, 4)];
    for open in [false, true] {
        assert_eq!(pairs(-2, -1, open), [(2, 1), (3, 1), (3, 2), (4, 2), (4, 3)]);
        assert_eq!(pairs(-1, 1, open), near);
        assert_eq!(pairs(1, 2, open), [(1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]);
    }
}

#[test]
fn intervals_that_make_no_sense_are_refused() {
    let side = || Flow::from_scripts([numbers(&[1])]).key_by(|_| ());
    let kinds = [
        side().interval_join(side(), (Bound::Included(1), Bound::Included(0))).run(),
        side().interval_join(side(), 3..3).run(),
        side().interval_join(side(), ..3).run(),
        side().interval_join(side(), 0..).run(),
    ];
    kinds.into_iter().for_each(|run| assert_eq!(run.unwrap_err().kind(), ErrorKind::Option));
}

#[test]
fn stopped_interval_joins_emit_no_leftovers() {
    for seed in 0..200 {
        let left = Flow::from_scripts([numbers(&[1, 2]).unfinished()]).key_by(|_| ());
        let right = Flow::from_scripts([numbers(&[70])]).key_by(|_| ());
        let seen = Counter::default();
        let rows = seen.clone();
        let joined = left.interval_full_join(right, -5..=5).on(Executor::simulation(seed));
        let run = joined.for_each(move |_| _ = rows.up());
        assert_eq!((run.map_err(|error| error.kind()), seen.get()), (Err(ErrorKind::Stopped), 0));
    }
}

#[test]
fn many_matches_of_one_event_come_one_by_one() {
    for executor in executors() {
        let left = Flow::from_vec((0..2000i64).collect::<Vec<_>>()).on(executor);
        let left = left.timestamps(|_| at(5), |w| w.ascending()).key_by(|_| ());
        let right = Flow::from_vec(vec![0i64, 1]);
        let right = right.timestamps(|_| at(5), |w| w.ascending()).key_by(|_| ());
        let rows = left.interval_join(right, 0..=0).max_demand(1).min_demand(0);
        let partitions = rows.untimed().partition_by(|_| ()).stages(1).max_demand(1).min_demand(0);
        let count = partitions.reduce(|| 0, |count, _| *count += 1).emit_state();
        assert_eq!(count.collect::<Vec<i32>>().unwrap(), [4000]);
    }
}

/// Events `(key, time)` of one side.
type Events = Vec<(u8, i64)>;

fn events() -> impl Strategy<Value = Events> {
    prop::collection::vec((0..3_u8, 0..40_i64), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn windows_join_what_brute_force_joins(
        left in events(), right in events(), size in 1..15_u64, every in 1..15_u64,
        seed in any::<u64>(), stages in 1..4_usize, demand in 1..4_usize
    ) {
        let timed = |events: &Events| {
            let events = Flow::from_vec(events.clone());
            events.timestamps(|(_, ms)| at(*ms), |w| w.bounded(millis(100))).key_by(|x| x.0)
        };
        let windows = timed(&left).window(Window::sliding(millis(size), millis(every)));
        let rows: Vec<_> = windows
            .full_join(timed(&right))
            .on(Executor::simulation(seed))
            .stages(stages)
            .max_demand(demand)
            .with_times()
            .collect()
            .unwrap();
        let mut want = Vec::new();
        for start in (-20..60).map(|k| k * every as i64) {
            let end = start + size as i64;
            for key in 0..3 {
                let of = |events: &Events| -> Events {
                    let inside = |x: &&(u8, i64)| x.0 == key && start <= x.1 && x.1 < end;
                    events.iter().filter(inside).copied().collect()
                };
                let (left, right) = (of(&left), of(&right));
                let mut row = |row| want.push((at(end - 1), (key, row)));
                for l in &left {
                    right.iter().for_each(|r| row(Both(*l, *r)));
                    if right.is_empty() {
                        row(Left(*l));
                    }
                }
                if left.is_empty() {
                    right.iter().for_each(|r| row(Right(*r)));
                }
            }
        }
        prop_assert_eq!(sorted(rows), sorted(want));
    }

    #[test]
    fn intervals_join_what_brute_force_joins(
        left in events(), right in events(), lower in -12..12_i64, length in 0..12_i64,
        seed in any::<u64>(), stages in 1..4_usize, demand in 1..4_usize
    ) {
        let upper = lower + length;
        let timed = |events: &Events| {
            let events = Flow::from_vec(events.clone());
            events.timestamps(|(_, ms)| at(*ms), |w| w.bounded(millis(100))).key_by(|x| x.0)
        };
        let rows: Vec<_> = timed(&left)
            .interval_full_join(timed(&right), lower..=upper)
            .on(Executor::simulation(seed))
            .stages(stages)
            .max_demand(demand)
            .with_times()
            .collect()
            .unwrap();
        let near = |l: &(u8, i64), r: &(u8, i64)| {
            l.0 == r.0 && l.1 + lower <= r.1 && r.1 <= l.1 + upper
        };
        let mut want = Vec::new();
        for l in &left {
            let found = right.iter().filter(|r| near(l, r));
            want.extend(found.map(|r| (at(l.1.max(r.1)), (l.0, Both(*l, *r)))));
            if !right.iter().any(|r| near(l, r)) {
                want.push((at(l.1 + upper.max(0)), (l.0, Left(*l))));
            }
        }
        for r in right.iter().filter(|r| !left.iter().any(|l| near(l, r))) {
            want.push((at(r.1 - lower.min(0)), (r.0, Right(*r))));
        }
        prop_assert_eq!(sorted(rows), sorted(want));
    }

    /// With watermarks that make some events late, what is not late is joined as if the others had
    /// never been, and no result is behind the watermark that was there before it.
    #[test]
    fn what_is_joined_is_never_late(
        left in events(), right in events(), lower in -12..12_i64, length in 0..12_i64,
        disorder in 0..40_u64, seed in any::<u64>()
    ) {
        let upper = lower + length;
        let timed = |events: &Events| {
            let events = Flow::from_vec(events.clone());
            events.timestamps(|(_, ms)| at(*ms), move |w| w.bounded(millis(disorder))).key_by(|x| x.0)
        };
        let meter = Meter::new();
        let rows = timed(&left).interval_full_join(timed(&right), lower..=upper);
        let again = rows.key_by(|row| row.0).window(Window::fixed(millis(1)));
        let late = Counter::default();
        let lost = late.clone();
        let lists: Vec<_> = again
            .fold(Vec::new, |list, row| list.push(row))
            .late_to(move |_| _ = lost.up())
            .on(Executor::simulation(seed))
            .observe(&meter)
            .collect()
            .unwrap();
        let dropped = meter.metrics().stages().iter().map(|stage| stage.dropped).sum::<u64>();
        prop_assert_eq!(late.get(), 0);
        let (mut lefts, mut rights) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        for (_, row) in lists.into_iter().flat_map(|pane| pane.value) {
            if let Both(l, r) = row {
                prop_assert!(l.0 == r.0 && l.1 + lower <= r.1 && r.1 <= l.1 + upper);
            }
            lefts.extend(row.as_ref().left().copied());
            rights.extend(row.as_ref().right().copied());
        }
        // What is in no result was late.
        let gone = |events: &Events, seen: &std::collections::BTreeSet<(u8, i64)>| {
            events.iter().filter(|x| !seen.contains(x)).count() as u64
        };
        prop_assert!(gone(&left, &lefts) + gone(&right, &rights) <= dropped);
    }
}
