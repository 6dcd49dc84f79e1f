//! Order within windows: panes by key, events by time.

mod support;

use flow::testing::Script;
use flow::{ErrorKind, Executor, Flow, Pane, Timestamp, Timing, Trigger, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Lives, executors};

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n as u64)
}

type Event = (i64, u8);

macro_rules! windows {
    ($events:expr, $behind:expr, $executor:expr, $window:expr) => {
        Flow::from_vec($events.clone())
            .on($executor.clone())
            .timestamps(|(ms, _): &Event| at(*ms), |w| w.bounded(millis($behind)))
            .key_by(|(_, key): &Event| *key)
            .window($window)
    };
}

/// Checks that panes which a watermark causes are, of each window, in the order of their keys.
fn assert_sorted(panes: &[Pane<u8, u64>]) {
    for two in panes.windows(2) {
        let cause = |pane: &Pane<u8, u64>| (pane.window, pane.timing, pane.trigger);
        if cause(&two[0]) == cause(&two[1]) && ["watermark", "close"].contains(&two[0].trigger) {
            assert!(two[0].key <= two[1].key, "{two:?}");
        }
    }
}

fn in_any_order(mut panes: Vec<Pane<u8, u64>>) -> Vec<Pane<u8, u64>> {
    panes.sort_by_key(|pane| (pane.window, pane.key, pane.index, pane.retraction));
    panes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The same panes, each in its place.
    #[test]
    fn panes_are_sorted_by_key(
        events in prop::collection::vec((-50..50i64, 0..9u8), 0..80),
        (size, every) in (1..30i64, 1..30i64),
        (behind, lateness) in (0..100i64, 0..50i64),
        early in 1..4u32,
        demand in 1..20usize,
        (threads, seed) in (any::<bool>(), any::<u64>()),
    ) {
        let executor = if threads { Executor::threads(2) } else { Executor::simulation(seed) };
        let sliding = Window::sliding(millis(size), millis(every));
        let plain = || windows!(events, behind, executor, sliding);
        let sorted = plain().count().sorted_panes().stages(1).max_demand(demand);
        let sorted: Vec<_> = sorted.collect().unwrap();
        assert_sorted(&sorted);
        let starts: Vec<_> = sorted.iter().map(|pane| pane.window).collect();
        prop_assert!(starts.is_sorted());
        let unsorted: Vec<_> = plain().count().collect().unwrap();
        prop_assert_eq!(in_any_order(sorted), in_any_order(unsorted));
        // Several causes, and panes that are taken back.
        let trigger = || Trigger::at_watermark().early(Trigger::every(early));
        let many = || {
            plain().trigger(trigger()).allowed_lateness(millis(lateness)).retracting().count()
        };
        let sorted: Vec<_> = many().sorted_panes().stages(1).max_demand(demand).collect().unwrap();
        assert_sorted(&sorted);
        let mut holds = BTreeMap::new();
        for pane in &sorted {
            let place = (pane.window, pane.key);
            let before = if pane.retraction { holds.remove(&place) } else { holds.insert(place, pane.value) };
            prop_assert_eq!(before, pane.retraction.then_some(pane.value));
        }
        let unsorted: Vec<_> = many().collect().unwrap();
        prop_assert_eq!(in_any_order(sorted), in_any_order(unsorted));
    }

    /// Events that are not late are folded in the order of their times, those of one time in that of
    /// their arrival.
    #[test]
    fn events_are_folded_by_time(
        events in prop::collection::vec((-50..50i64, 0..3u8), 0..60),
        size in 1..30i64,
        (stages, demand) in (1..4usize, 1..20usize),
        (threads, seed) in (any::<bool>(), any::<u64>()),
    ) {
        let executor = if threads { Executor::threads(2) } else { Executor::simulation(seed) };
        let numbered: Vec<(i64, u8, usize)> =
            events.iter().enumerate().map(|(nth, (ms, key))| (*ms, *key, nth)).collect();
        let lists = Flow::from_vec(numbered.clone())
            .on(executor)
            .timestamps(|event| at(event.0), |w| w.bounded(millis(100)))
            .key_by(|event| event.1)
            .window(Window::fixed(millis(size)))
            .fold(Vec::new, |list, event| list.push(event))
            .sorted_events()
            .stages(stages)
            .max_demand(demand);
        let got: BTreeMap<_, _> = lists
            .map(|pane| ((pane.key, pane.window.start().0), pane.value))
            .collect::<Vec<_>>()
            .unwrap()
            .into_iter()
            .collect();
        let mut want: BTreeMap<(u8, i64), Vec<_>> = BTreeMap::new();
        for event in numbered {
            want.entry((event.1, event.0.div_euclid(size) * size)).or_default().push(event);
        }
        want.values_mut().for_each(|list| list.sort_by_key(|event| event.0));
        prop_assert_eq!(got, want);
    }

    /// What it is that is folded does not change: with late events, sessions and an aggregate.
    #[test]
    fn sorted_events_are_the_same_events(
        events in prop::collection::vec((0..60i64, 0..3u8), 0..60),
        (gap, behind, lateness) in (1..10i64, 0..30i64, 0..30i64),
        seed in any::<u64>(),
    ) {
        let executor = Executor::simulation(seed);
        let windows = || {
            let windows = windows!(events, behind, executor, Window::fixed(millis(gap)));
            windows.allowed_lateness(millis(lateness)).accumulating().count()
        };
        let last = |panes: Vec<Pane<u8, u64>>| {
            let panes = panes.into_iter().map(|pane| ((pane.key, pane.window), pane.value));
            panes.collect::<BTreeMap<_, _>>()
        };
        let plain = windows().collect().unwrap();
        let sorted = windows().sorted_events().max_demand(2).collect().unwrap();
        prop_assert_eq!(last(sorted), last(plain));
        let sessions = || windows!(events, 100, executor, Window::session(millis(gap))).count();
        let plain: Vec<_> = sessions().collect().unwrap();
        let sorted: Vec<_> = sessions().sorted_events().sorted_panes().collect().unwrap();
        prop_assert_eq!(in_any_order(sorted), in_any_order(plain));
    }
}

/// An early pane has what the watermark has passed, and a late event comes at once.
#[test]
fn an_event_waits_for_the_watermark() {
    for seed in 0..200 {
        let script = Script::new()
            .event(at(3), 'c')
            .event(at(1), 'a')
            .watermark(at(2))
            .event(at(2), 'b')
            .event(at(1), 'l')
            .watermark(at(10))
            .event(at(5), 'm');
        let texts = Flow::from_scripts([script])
            .key_by(|_| ())
            .window(Window::fixed(millis(10)))
            .trigger(Trigger::at_watermark().early(Trigger::every(1)))
            .allowed_lateness(millis(1))
            .accumulating()
            .fold(String::new, |text, name| text.push(name))
            .sorted_events()
            .on(Executor::simulation(seed));
        let texts: Vec<(Timing, String)> =
            texts.map(|pane| (pane.timing, pane.value)).collect().unwrap();
        let early = ["a", "al", "alb", "albc"].map(|text| (Timing::Early, text.to_owned()));
        assert_eq!(texts[..4], early);
        assert_eq!(texts[4..], [(Timing::OnTime, "albc".into()), (Timing::Late, "albcm".into())]);
    }
}

#[test]
fn nothing_is_left_behind() {
    for executor in executors() {
        let lives = Lives::default();
        let counted = lives.clone();
        let panes = Flow::from_range(0..1000i64)
            .on(executor)
            .timestamps(|ms| at(*ms), |w| w.bounded(millis(300)))
            .map(move |_| counted.number(1))
            .key_by(|_| ())
            .window(Window::fixed(millis(100)))
            .fold(Vec::new, |list, x| list.push(x))
            .sorted_events()
            .sorted_panes();
        assert_eq!(panes.untimed().take_any(3).count().unwrap(), 3);
        assert_eq!(lives.left(), 0);
    }
}

#[test]
fn by_the_clock_there_is_nothing_to_sort() {
    let events = vec![(1i64, 1u8)];
    let clock = Window::by_clock(Window::fixed(millis(10)));
    let panes = windows!(events, 0, Executor::threads(1), clock).count().sorted_events();
    let line = line!() - 1;
    let error = panes.run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("sorted_events")));
    assert_eq!(error.location().unwrap().line(), line);
}

/// A panic in a fold that waited is that of the fold.
#[test]
fn panics_name_the_fold() {
    for executor in executors() {
        let events = vec![(1i64, 1u8), (2, 1)];
        let lists = windows!(events, 5, executor, Window::fixed(millis(10)));
        let lists =
            lists.fold(|| 0, |sum, event| *sum += if event.0 == 2 { panic!("2") } else { 1 });
        let error = lists.sorted_events().run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("fold")));
    }
}
