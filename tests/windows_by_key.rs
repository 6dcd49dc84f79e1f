//! Keyed windows through the public API.

use flow::testing::Script;
use flow::windows::Assigner;
use flow::{Executor, Flow, Pane, Span, Timestamp, Timing, Trigger, Window};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn executors() -> Vec<Executor> {
    let threads = [1, 2, 4].map(Executor::threads);
    threads.into_iter().chain((0..20).map(Executor::simulation)).collect()
}

#[test]
fn fixed_windows_count_by_key() {
    for executor in executors() {
        let events = (0..10_000i64).map(|i| (i, i % 3));
        let panes: Vec<Pane<i64, u64>> = Flow::from_iter(events)
            .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending())
            .key_by(|(_, key)| *key)
            .window(Window::fixed(SECOND))
            .count()
            .on(executor)
            .collect()
            .unwrap();
        assert_eq!(panes.len(), 30);
        assert_eq!(panes.iter().map(|pane| pane.value).sum::<u64>(), 10_000);
        assert!(panes.iter().all(|pane| pane.timing == Timing::OnTime && pane.last));
    }
}

#[test]
fn sessions_and_folds() {
    for executor in executors() {
        let clicks = vec![(0, 'a'), (500, 'a'), (5_000, 'a'), (100, 'b')];
        let source = || Flow::from_vec(clicks.clone()).on(executor.clone());
        let timed = source().timestamps(|(at, _)| Timestamp(*at), |w| w.bounded(10 * SECOND));
        let mut sessions: Vec<_> = timed
            .key_by(|(_, who)| *who)
            .window(Window::session(SECOND))
            .aggregate(|a| (a.count(), a.max(|(at, _)| *at)))
            .map(|pane| (pane.key, pane.window.start().0, pane.value))
            .collect::<Vec<_>>()
            .unwrap();
        sessions.sort_unstable();
        assert_eq!(sessions, [('a', 0, (2, 500)), ('a', 5_000, (1, 5_000)), ('b', 100, (1, 100))]);
        let timed = source().timestamps(|(at, _)| Timestamp(*at), |w| w.bounded(10 * SECOND));
        let lists: Vec<Pane<char, Vec<i64>>> = timed
            .key_by(|(_, who)| *who)
            .window(Window::global())
            .trigger(Trigger::every(2))
            .discarding()
            .fold(Vec::new, |list, (at, _)| list.push(at))
            .collect()
            .unwrap();
        assert_eq!(lists.iter().map(|pane| pane.value.len()).sum::<usize>(), 4);
    }
}

/// An assigner of one's own need neither be cloned nor shown.
#[test]
fn assigners_are_neither_cloned_nor_shown() {
    struct Length(AtomicI64);

    impl Assigner<i64> for Length {
        fn assign(&self, _event: &i64, at: Timestamp, windows: &mut Vec<Span>) {
            let length = self.0.load(Ordering::Relaxed);
            let start = at.0 - at.0.rem_euclid(length);
            windows.push(Span::new(Timestamp(start), Timestamp(start + length)));
        }
    }

    let events = Flow::from_vec(vec![1i64, 7, 12, 19, 20]);
    let timed = events.timestamps(|at| Timestamp(*at), |w| w.ascending());
    let windows = timed.key_by(|_| ()).window(Window::assigned(Length(AtomicI64::new(10))));
    assert_eq!(format!("{windows:?}"), "Windowed");
    let counts: Vec<u64> = windows.count().map(|pane| pane.value).collect().unwrap();
    assert_eq!(counts, [2, 2, 1]);
}

/// Who has enough in the middle of a window that closes wants nothing of what comes behind it, either.
#[test]
fn a_consumer_that_has_enough_leaves_windows_half_given() {
    for seed in 0..300 {
        let events = |script: Script<u8>, at, keys: std::ops::Range<u8>| {
            keys.fold(script, |script, key| script.event(Timestamp(at), key))
        };
        let script = events(Script::new(), 1, 0..20).watermark(Timestamp(100));
        let script = events(script, 101, 20..60).watermark(Timestamp(200));
        let windows = Flow::from_scripts([script]).on(Executor::simulation(seed)).key_by(|k| *k);
        let windows = windows.window(Window::fixed(Duration::from_millis(10)));
        let counts = windows.fold(|| 0, |count, _| *count += 1).stages(2);
        let few = 1 + seed as usize % 9;
        assert_eq!(counts.untimed().take_any(few).count().unwrap(), few as u64);
    }
}
