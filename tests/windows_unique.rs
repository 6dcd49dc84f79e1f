//! Every event of a window once, as soon as it comes.

mod support;

use flow::testing::{Script, assert_panes};
use flow::{ErrorKind, Executor, Flow, Pane, Timestamp, Timing, Window};
use proptest::prelude::*;
use std::collections::HashSet;
use std::time::Duration;
use support::executors;

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n as u64)
}

/// A time, a key and a value.
type Event = (i64, u8, u8);

/// Start and end of a window, and an event.
type Found = (i64, i64, Event);

fn found(pane: Pane<u8, Event>) -> Found {
    (pane.window.start().0, pane.window.end().0, pane.value)
}

/// The first event of every window, key and value, in the order of arrival.
fn oracle(events: &[Event], size: i64, every: i64) -> Vec<Found> {
    let mut seen = HashSet::new();
    let mut new = Vec::new();
    for &(time, key, value) in events {
        let last = time.div_euclid(every) * every;
        let starts = (0..).map(|back| last - back * every).take_while(|start| start + size > time);
        for start in starts {
            if seen.insert((start, key, value)) {
                new.push((start, start + size, (time, key, value)));
            }
        }
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_comes_once_per_window_and_key(
        events in prop::collection::vec((-50..50i64, 0..4u8, 0..6u8), 0..120),
        (size, every) in (1..30i64, 1..30i64),
        demand in 1..20usize,
        (threads, seed) in (any::<bool>(), any::<u64>()),
    ) {
        let executor = if threads { Executor::threads(2) } else { Executor::simulation(seed) };
        let windows = || {
            Flow::from_vec(events.clone())
                .on(executor.clone())
                .timestamps(|(ms, ..): &Event| at(*ms), |w| w.bounded(millis(100)))
                .key_by(|(_, key, _)| *key)
                .window(Window::sliding(millis(size), millis(every)))
        };
        let mut expected = oracle(&events, size, every);
        let by = windows().unique_by(|(.., value)| *value).stages(2).max_demand(demand);
        let mut given: Vec<Found> = by.collect::<Vec<_>>().unwrap().into_iter().map(found).collect();
        expected.sort_unstable();
        given.sort_unstable();
        prop_assert_eq!(&given, &expected);
        // Whole events: their times tell them apart, too.
        let whole: HashSet<Found> =
            windows().unique().collect::<Vec<_>>().unwrap().into_iter().map(found).collect();
        let distinct: HashSet<Event> = events.iter().copied().collect();
        let events: Vec<Event> = distinct.into_iter().collect();
        let each: HashSet<Found> = events
            .iter()
            .flat_map(|event| oracle(std::slice::from_ref(event), size, every))
            .collect();
        prop_assert_eq!(whole, each);
    }
}

/// What is new goes on at once, is late where its window is, and is forgotten with it.
#[test]
fn what_is_new_goes_on_at_once() {
    let script = Script::new()
        .event(at(1), "a")
        .event(at(2), "a")
        .event(at(3), "b")
        .watermark(at(12))
        .event(at(4), "b")
        .event(at(5), "c")
        .event(at(14), "a")
        .watermark(at(20))
        .event(at(6), "a");
    for seed in 0..200 {
        let panes: Vec<Pane<(), &str>> = Flow::from_scripts([script.clone()])
            .key_by(|_| ())
            .window(Window::fixed(millis(10)))
            .allowed_lateness(millis(5))
            .unique()
            .on(Executor::simulation(seed))
            .collect()
            .unwrap();
        let told: Vec<_> = panes.iter().map(|pane| (pane.value, pane.timing, pane.index)).collect();
        let (early, late) = (Timing::Early, Timing::Late);
        assert_eq!(told, [("a", early, 0), ("b", early, 1), ("c", late, 2), ("a", early, 0)]);
        assert_panes(
            panes,
            ["[0,10)=\"a\" E0", "[0,10)=\"b\" E1", "[0,10)=\"c\" L2", "[10,20)=\"a\" E0"],
        );
    }
}

#[test]
fn nothing_one_and_more_than_a_batch() {
    for executor in executors() {
        let unique = |events: Vec<u64>| -> Vec<u64> {
            let timed = Flow::from_vec(events).on(executor.clone());
            let mut values: Vec<u64> = timed
                .timestamps(|_| at(0), |w| w.ascending())
                .key_by(|x| x % 3)
                .window(Window::fixed(millis(10)))
                .unique()
                .map(|pane| pane.value)
                .collect()
                .unwrap();
            values.sort_unstable();
            values
        };
        assert!(unique(vec![]).is_empty());
        assert_eq!(unique(vec![7]), [7]);
        let many = (0..20_000).map(|x| x * x % 5_003).collect::<Vec<_>>();
        let mut expected: Vec<u64> = many.clone();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(unique(many), expected);
    }
}

/// A stream that never ends is freed of duplicates in the memory of a window.
#[test]
fn an_endless_stream_goes_on() {
    let some: Vec<i64> = Flow::from_iter(0i64..)
        .timestamps(|x| at(*x), |w| w.ascending())
        .key_by(|x| x / 4 % 2)
        .window(Window::fixed(millis(1_000)))
        .unique_by(|x| x % 10)
        .map(|pane| pane.value)
        .untimed()
        .take_any(25)
        .collect()
        .unwrap();
    assert_eq!(some.len(), 25);
}

#[test]
fn a_key_that_panics_is_named() {
    for executor in executors() {
        let unique = Flow::from_range(0..100i64)
            .on(executor)
            .timestamps(|x| at(*x), |w| w.ascending())
            .key_by(|x| x % 3)
            .window(Window::fixed(millis(10)))
            .unique_by(|x| assert!(*x != 50, "fifty"));
        let error = unique.collect::<Vec<_>>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert_eq!(error.operator(), Some("unique_by"), "{error}");
        assert!(error.to_string().contains("windows_unique.rs"), "{error}");
    }
}
