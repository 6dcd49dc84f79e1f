//! Windows that are chosen at run time do what those do that are chosen by type.

mod support;

use flow::windows::AnyWindow;
use flow::{Aggregator, ErrorKind, Executor, Flow, Meter, Pane, Timestamp, Trigger, Window};
use proptest::prelude::*;
use std::time::Duration;

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
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

fn in_any_order<T: std::fmt::Debug>(mut rows: Vec<T>) -> Vec<String> {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows.iter().map(|row| format!("{row:?}")).collect()
}

/// Runs the same with windows by type and at run time.
macro_rules! compare {
    ($window:expr, |$w:ident| $panes:expr) => {{
        let $w = $window;
        let by_type: Vec<_> = $panes.collect().unwrap();
        let $w = AnyWindow::from($window);
        let chosen: Vec<_> = $panes.collect().unwrap();
        prop_assert_eq!(in_any_order(chosen), in_any_order(by_type));
    }};
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_kinds_give_the_same_panes(
        events in prop::collection::vec((-50..50i64, 0..4u8), 0..60),
        (size, every, n) in (1..20u64, 1..20u64, 1..6u32),
        (behind, lateness, early) in (0..60u64, 0..40u64, 1..4u32),
        seed in any::<u64>(),
    ) {
        let executor = Executor::simulation(seed);
        macro_rules! all_ways {
            ($window:expr) => {
                compare!($window, |w| windows!(events, behind, executor, w).count());
                compare!($window, |w| {
                    let trigger = Trigger::at_watermark().early(Trigger::every(early));
                    let windows = windows!(events, behind, executor, w).trigger(trigger);
                    windows.allowed_lateness(millis(lateness)).discarding().sum(|event| event.0)
                });
                compare!($window, |w| {
                    let right = Flow::from_vec(events.clone());
                    let right = right.timestamps(|(ms, _): &Event| at(*ms), |w| w.bounded(millis(200)));
                    windows!(events, 200, executor, w).full_join(right.key_by(|(ms, _)| (*ms % 4) as u8))
                });
            };
        }
        all_ways!(Window::global());
        all_ways!(Window::fixed(millis(size)));
        all_ways!(Window::sliding(millis(size), millis(every)));
        all_ways!(Window::session(millis(size)));
        compare!(Window::count(n), |w| windows!(events, behind, executor, w).count());
        compare!(Window::sliding_count(n + 2, n), |w| windows!(events, behind, executor, w).count());
    }
}

/// Panes of a number of events are known as such.
#[test]
fn panes_of_numbers_are_not_late() {
    for seed in 0..50 {
        let (executor, meter) = (Executor::simulation(seed), Meter::new());
        let events: Vec<Event> = (0..100).map(|n| (1_000_000 + n, 0)).collect();
        let counts = windows!(events, 0, executor, AnyWindow::from(Window::count(7))).count();
        let sums = counts.key_by(|_| ()).window(AnyWindow::from(Window::fixed(millis(10))));
        let sums = sums.sum(|pane: &Pane<u8, u64>| pane.value).observe(&meter);
        let sums: Vec<u64> = sums.map(|pane| pane.value).collect().unwrap();
        assert_eq!(sums.iter().sum::<u64>(), 100);
        assert!(meter.metrics().stages().iter().all(|stage| stage.late_for_window == 0));
    }
}

/// Keeps the last event; does not merge.
struct Last;

impl Aggregator<Event> for Last {
    type Acc = Event;
    type Output = Event;
    const MERGES: bool = false;

    fn first(&self, event: &Event) -> Event {
        *event
    }

    fn add(&self, last: &mut Event, event: &Event) {
        *last = *event;
    }

    fn finish(&self, last: Event) -> Event {
        last
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let executor = Executor::threads(1);
    let events: Vec<Event> = vec![(1, 1)];
    let fixed = AnyWindow::from(Window::fixed(millis(1)));
    let error = windows!(events, 0, executor, fixed).aggregate(|_| Last).run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("aggregate")));
    for none in [
        Window::fixed(Duration::ZERO).into(),
        Window::sliding(millis(1), Duration::ZERO).into(),
        Window::session(Duration::ZERO).into(),
        Window::count(0).into(),
        AnyWindow::from(Window::sliding_count(3, 0)),
    ] {
        let error = windows!(events, 0, executor, none).count().run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("window")));
    }
}
