//! What surprises users of Elixir's Flow about windows, with the same inputs: windows that fire twice,
//! events that are lost without a word, answers that depend on the size of batches, windows without
//! events, and producers that hold up everything.

mod support;

use flow::testing::Script;
use flow::{
    BoxError, Demand, Executor, Flow, Pane, Produced, Producer, Timestamp, Timing, Trigger, Window,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use support::{Counter, executors, in_time};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: i64 = 365 * 86_400_000;

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

/// There, with lateness, the end of the input and a timer both finish a window: 9,995 outputs for 5,000
/// windows of an event each.
#[test]
fn a_window_is_finished_once() {
    for on in executors() {
        for lateness in [Duration::from_millis(1), SECOND, HOUR] {
            let windows = Flow::from_iter(0..5_000i64)
                .timestamps(|ms| at(*ms), |w| w.ascending())
                .key_by(|_| ())
                .window(Window::fixed(Duration::from_millis(1)))
                .allowed_lateness(lateness)
                .accumulating()
                .count();
            let panes: Vec<Pane<(), u64>> = windows.on(on.clone()).collect().unwrap();
            assert_eq!(panes.len(), 5_000);
            let mut starts: Vec<i64> = panes.iter().map(|pane| pane.window.start().0).collect();
            starts.dedup();
            assert!(starts.into_iter().eq(0..5_000));
            assert!(panes.iter().all(|pane| pane.timing == Timing::OnTime && pane.value == 1));
        }
    }
}

/// The same over partitions, with as little demand as can be.
#[test]
fn a_window_of_a_partition_is_finished_once() {
    for on in executors() {
        let windows = Flow::from_iter(0..5_000i64)
            .timestamps(|ms| at(*ms), |w| w.ascending())
            .partition_by(|ms| ms % 7)
            .window(Window::fixed(Duration::from_millis(1)))
            .allowed_lateness(SECOND)
            .accumulating()
            .reduce(Vec::new, |list, ms| list.push(ms))
            .emit_items()
            .stages(2)
            .max_demand(1)
            .min_demand(0);
        let mut all: Vec<i64> = windows.untimed().on(on).collect().unwrap();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..5_000));
    }
}

/// There, lateness is for windows that are open already: of these only 5000 is left.
#[test]
fn lateness_is_for_every_window() {
    for on in executors() {
        let late = Counter::default();
        let panes: Vec<_> = Flow::from_vec(vec![5_000i64, 1_000, 1_200])
            .timestamps(|ms| at(*ms), |w| w.ascending())
            .key_by(|_| ())
            .window(Window::fixed(SECOND))
            .allowed_lateness(HOUR)
            .accumulating()
            .fold(Vec::new, |list, ms| list.push(ms))
            .late_to(|_| _ = late.up())
            .on(on)
            .map(|pane| (pane.window.start().0, pane.value, pane.timing))
            .collect()
            .unwrap();
        let want = [
            // Late events give their panes at once, and windows close in order at the end.
            (1_000, vec![1_000], Timing::Late),
            (1_000, vec![1_000, 1_200], Timing::Late),
            (5_000, vec![5_000], Timing::OnTime),
        ];
        assert_eq!((&panes[..], late.get()), (&want[..], 0));
    }
}

/// Gives its events whatever the demand, so many at a time.
struct Gives {
    events: Vec<i64>,
    at_a_time: usize,
}

impl Producer for Gives {
    type Item = i64;

    fn produce(&mut self, demand: &mut Demand<'_, i64>) -> Result<Produced, BoxError> {
        demand.extend(self.events.drain(..self.at_a_time.min(self.events.len())));
        Ok(if self.events.is_empty() { Produced::Done } else { Produced::More })
    }
}

/// The sums of windows of 10, and what was late.
fn sums(
    events: &[i64],
    at_a_time: usize,
    demand: usize,
    on: Executor,
) -> (Vec<(i64, i64)>, Vec<i64>) {
    let late = Mutex::new(Vec::new());
    let source = Gives { events: events.to_vec(), at_a_time };
    let sums = Flow::from_stages([source])
        .max_demand(demand)
        .timestamps(|ms| at(*ms), |w| w.ascending())
        .key_by(|_| ())
        .window(Window::fixed(Duration::from_millis(10)))
        .sum(|ms| *ms)
        .late_to(|too_late| late.lock().unwrap().push(too_late.event))
        .max_demand(demand)
        .map(|pane| (pane.window.start().0, pane.value))
        .on(on)
        .collect()
        .unwrap();
    (sums, late.into_inner().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// There, the watermark moves once per batch.
    #[test]
    fn what_is_late_does_not_depend_on_batches(
        events in prop::collection::vec(-40..60_i64, 0..60),
        at_a_time in 1..70_usize,
        demand in prop_oneof![Just(1_usize), 2..9_usize, Just(1_000)],
        seed in any::<u64>(),
    ) {
        // One after the other: an event goes into its window unless an earlier one is past its end.
        let (mut windows, mut late, mut highest) = (BTreeMap::new(), Vec::new(), i64::MIN);
        for event in &events {
            highest = highest.max(*event);
            let start = event - event.rem_euclid(10);
            if highest >= start + 10 {
                late.push(*event);
            } else {
                *windows.entry(start).or_insert(0) += event;
            }
        }
        let want = (windows.into_iter().collect(), late);
        prop_assert_eq!(&sums(&events, at_a_time, demand, Executor::simulation(seed)), &want);
        prop_assert_eq!(&sums(&events, at_a_time, demand, Executor::threads(2)), &want);
    }
}

/// There, a division that goes towards zero makes one window of both sides of it.
#[test]
fn windows_around_zero_are_two() {
    let events: Vec<i64> = (-999..=999).collect();
    let windows = Flow::from_slice(&events)
        .map(|ms| *ms)
        .timestamps(|ms| at(*ms), |w| w.ascending())
        .key_by(|_| ())
        .window(Window::fixed(SECOND))
        .count()
        .map(|pane| (pane.window.start().0, pane.value));
    assert_eq!(windows.collect::<Vec<_>>().unwrap(), [(-1_000, 999), (0, 1_000)]);
}

/// There, a jump of a year fires 31 million windows of a second that nobody has sent anything for.
#[test]
fn a_jump_of_a_year_costs_nothing() {
    in_time(|| {
        for on in executors() {
            let events = || {
                let events = Flow::from_vec(vec![0i64, 1, YEAR, YEAR + 1, 5 * YEAR]).on(on.clone());
                events.timestamps(|ms| at(*ms), |w| w.bounded(SECOND)).key_by(|_| ())
            };
            macro_rules! counts {
                ($window:expr, $lateness:expr) => {{
                    let trigger = Trigger::at_watermark().early(Trigger::periodic(SECOND));
                    let windows = events().window($window).trigger(trigger);
                    let panes = windows.allowed_lateness($lateness).discarding().count();
                    let counts = panes.map(|pane| pane.value);
                    counts.collect::<Vec<u64>>().unwrap().into_iter().sum::<u64>()
                }};
            }
            for lateness in [Duration::ZERO, HOUR, Duration::MAX] {
                assert_eq!(counts!(Window::fixed(SECOND), lateness), 5);
                assert_eq!(counts!(Window::sliding(3 * SECOND, SECOND), lateness), 15);
                assert_eq!(counts!(Window::session(SECOND), lateness), 5);
            }
        }
    });
}

/// Nor do timers of the clock, which nobody waits for while there is nothing to fire.
#[test]
fn a_year_without_events_costs_nothing() {
    in_time(|| {
        for seed in 0..20 {
            let script = Script::new()
                .event(at(0), 1)
                .clock(Duration::from_millis(YEAR as u64))
                .event(at(1), 2)
                .clock(Duration::from_millis(2 * YEAR as u64));
            let panes: Vec<i32> = Flow::from_scripts([script])
                .key_by(|_| ())
                .window(Window::by_clock(Window::fixed(SECOND)))
                .trigger(
                    Trigger::at_watermark().early(Trigger::periodic(Duration::from_millis(10))),
                )
                .accumulating()
                .sum(|x| *x)
                .linger(Duration::ZERO)
                .on(Executor::simulation(seed))
                .map(|pane| pane.value)
                .collect()
                .unwrap();
            assert_eq!(panes, [1, 1, 2, 2]);
        }
    });
}

/// There, a window closes in a stage when every producer has sent something later to that stage.
#[test]
fn a_watermark_reaches_partitions_that_get_no_events() {
    for seed in 0..100 {
        let fired = Counter::default();
        let (one, other) = (Script::new(), Script::new());
        let one = (0..100).fold(one, |script, key| script.event(at(key), key));
        // The later events have one key, so they go to one partition.
        let one = one.event(at(5_000), 0).watermark(at(5_000)).clock(SECOND).unfinished();
        let other = other
            .event(at(50), 1)
            .event(at(6_000), 0)
            .watermark(at(6_000))
            .clock(SECOND)
            .unfinished();
        let windows =
            Flow::from_scripts([one, other]).key_by(|key| *key).window(Window::fixed(SECOND));
        let panes = windows.count().stages(5).on(Executor::simulation(seed));
        let stopped = panes.for_each(|pane| {
            assert_eq!(pane.window.start(), at(0));
            fired.up();
        });
        assert!(stopped.is_err());
        assert_eq!(fired.get(), 100);
    }
}

/// There, a producer that has come to its end holds up the others for ever.
#[test]
fn a_producer_that_has_ended_holds_up_nobody() {
    for seed in 0..100 {
        let fired = Counter::default();
        let ended = Script::new().event(at(1), 1);
        let goes_on = Script::new().event(at(2), 2).watermark(at(3_000)).clock(SECOND).unfinished();
        let windows =
            Flow::from_scripts([ended, goes_on]).key_by(|_| ()).window(Window::fixed(SECOND));
        let panes = windows.count().on(Executor::simulation(seed));
        let stopped = panes.for_each(|pane| {
            assert_eq!(pane.value, 2);
            fired.up();
        });
        assert!(stopped.is_err());
        assert_eq!(fired.get(), 1);
    }
    let run = || {
        let (seen, passed) = (Counter::default(), Counter::default());
        let numbers = (0..3_000i64).chain(std::iter::once_with(|| {
            // Goes on when the first window has fired, which the other iterator must not hold up.
            support::until("the first window has fired", || seen.get() > 0);
            passed.up();
            3_000
        }));
        let iters: [Box<dyn Iterator<Item = i64> + Send>; 2] =
            [Box::new(numbers.filter(|_| true)), Box::new([5i64].into_iter())];
        let counts: Vec<u64> = Flow::from_iters(iters)
            .timestamps(|ms| at(*ms), |w| w.ascending())
            .key_by(|_| ())
            .window(Window::fixed(SECOND))
            .count()
            .inspect(|_| _ = seen.up())
            .map(|pane| pane.value)
            .collect()
            .unwrap();
        assert_eq!((counts, passed.get()), (vec![1_001, 1_000, 1_000, 1], 1));
    };
    in_time(run);
}

/// There, what lies in a window that was never filled comes once more at the end, also when it is
/// nothing: 1 to 100 by ten give 955, and then 0.
#[test]
fn full_windows_are_not_followed_by_an_empty_one() {
    for on in executors() {
        // One stage: the order in which events come is that of the iterator.
        let numbers = Flow::from_iter(1..=100u64).stages(1);
        let panes = numbers.key_by(|_| ()).window(Window::count(10)).sum(|x| *x);
        let sums: Vec<u64> = panes.on(on).map(|pane| pane.value).collect().unwrap();
        assert_eq!(sums.len(), 10);
        assert_eq!((sums[0], sums[9]), (55, 955));
    }
}
