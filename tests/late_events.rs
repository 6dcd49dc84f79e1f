//! What becomes of events that are too late for their windows: nothing is lost without a count, and
//! the flow of late events is a flow like any other.

mod support;

use flow::testing::Script;
use flow::{
    Collect, Either, ErrorKind, Executor, Flow, Ignore, LateEvent, LateSide, Meter, Node, Pane,
    Timestamp, Window,
};
use proptest::prelude::*;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use support::{Counter, Lives, executors, in_time, no_thread_is_left};

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n as u64)
}

type Event = (i64, u8);

/// A source that is in no order and says that it is.
fn unruly(
    events: &[Event],
    executor: &Executor,
) -> Flow<impl flow::Stampable<Item = Event> + use<>> {
    Flow::from_vec(events.to_vec()).on(executor.clone())
}

/// The events that are late for all of their windows and how many windows were missed, told from the
/// sequence.
fn late_for_all(events: &[Event], size: i64, every: i64, lateness: i64) -> (Vec<Event>, u64, u64) {
    let (mut watermark, mut late, mut missed, mut folded) = (i64::MIN, Vec::new(), 0, 0);
    for &(ms, key) in events {
        let starts = (-200..200).map(|k| k * every);
        let windows: Vec<i64> = starts.filter(|s| *s <= ms && ms < s + size).collect();
        let open = windows.iter().filter(|s| watermark < **s + size + lateness).count();
        (missed, folded) = (missed + (windows.len() - open) as u64, folded + open as u64);
        if open == 0 && !windows.is_empty() {
            late.push((ms, key));
        }
        watermark = watermark.max(ms);
    }
    (late, missed, folded)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Each event is in a pane, at the late side or outside of all windows, and what was to be folded
    /// was folded or is counted.
    #[test]
    fn no_event_is_lost(
        events in prop::collection::vec((0..100i64, 0..4u8), 0..60),
        size in 1..30i64,
        every in 1..30i64,
        lateness in 0..20i64,
        (stages, demand, batch) in (1..4usize, 1..20usize, prop::bool::ANY),
        seed in any::<u64>(),
    ) {
        let executor = if batch { Executor::threads(3) } else { Executor::simulation(seed) };
        let meter = Meter::new();
        let (counts, late) = unruly(&events, &executor)
            .observe(&meter)
            .timestamps(|(ms, _)| at(*ms), |w| w.ascending())
            .key_by(|(_, key)| *key)
            .window(Window::sliding(millis(size), millis(every)))
            .allowed_lateness(millis(lateness))
            .discarding()
            .count()
            .split_late();
        let counts = counts.stages(stages).max_demand(demand).map(|pane| pane.value);
        let late = late.max_demand(demand);
        let jobs = (counts.to(Collect::<Vec<u64>>::new()), late.to(Collect::<Vec<_>>::new()));
        let (counts, late) = flow::run(jobs).unwrap();
        let (mut want, missed, folded) = late_for_all(&events, size, every, lateness);
        let mut got = Vec::new();
        for LateEvent { key, at, event, watermark, .. } in late {
            prop_assert_eq!((at.0, key), event);
            prop_assert!(watermark > at);
            got.push(event);
        }
        got.sort_unstable();
        want.sort_unstable();
        prop_assert_eq!(&got, &want);
        prop_assert_eq!(counts.iter().sum::<u64>(), folded);
        let metrics = meter.metrics();
        let stage = metrics.stages().iter().find(|stage| stage.name.contains("count")).unwrap();
        prop_assert_eq!((stage.late_for_window, stage.dropped), (missed, 0));
        prop_assert_eq!(stage.diverted, want.len() as u64);
        for edge in metrics.edges() {
            prop_assert_eq!(edge.events_in, edge.events_out + edge.dropped + edge.held);
        }
    }

    /// Both sides of a join can be late; each event is joined, without a match, or late.
    #[test]
    fn no_event_of_a_join_is_lost(
        lefts in prop::collection::vec((0..60i64, 0..3u8), 0..30),
        rights in prop::collection::vec((0..60i64, 0..3u8), 0..30),
        seed in any::<u64>(),
    ) {
        let executor = Executor::simulation(seed);
        let timed = |events: &[Event]| {
            unruly(events, &executor).timestamps(|(ms, _)| at(*ms), |w| w.ascending())
        };
        let (rows, late) = timed(&lefts)
            .key_by(|(_, key)| *key)
            .window(Window::fixed(millis(10)))
            .full_join(timed(&rights).key_by(|(_, key)| *key))
            .split_late();
        let jobs = (rows.to(Collect::<Vec<_>>::new()), late.to(Collect::<Vec<_>>::new()));
        let (rows, late) = flow::run(jobs).unwrap();
        let mut left: Vec<Event> = rows.iter().filter_map(|row| row.1.clone().left()).collect();
        let mut right: Vec<Event> = rows.iter().filter_map(|row| row.1.clone().right()).collect();
        left.sort_unstable();
        right.sort_unstable();
        left.dedup();
        right.dedup();
        for late in &late {
            let event = match late.event {
                Either::Left(event) => event,
                Either::Right(event) => event,
            };
            prop_assert_eq!((late.at.0, late.key), event);
        }
        left.extend(late.iter().filter_map(|late| late.event.left()));
        right.extend(late.iter().filter_map(|late| late.event.right()));
        // Equal events may be joined and late: each at least once.
        prop_assert!(lefts.iter().all(|event| left.contains(event)));
        prop_assert!(rights.iter().all(|event| right.contains(event)));
        let (rows, late) = timed(&lefts)
            .key_by(|(_, key)| *key)
            .interval_full_join(timed(&rights).key_by(|(_, key)| *key), -5..=5)
            .split_late();
        let jobs = (rows.to(Collect::<Vec<_>>::new()), late.to(Collect::<Vec<_>>::new()));
        let (rows, late) = flow::run(jobs).unwrap();
        let seen = |event: &Event, left: bool| {
            late.iter().any(|late| late.event == if left { Either::Left(*event) } else { Either::Right(*event) })
                || rows.iter().any(|row| {
                    let one = if left { row.1.clone().left() } else { row.1.clone().right() };
                    one == Some(*event)
                })
        };
        prop_assert!(lefts.iter().all(|event| seen(event, true)));
        prop_assert!(rights.iter().all(|event| seen(event, false)));
    }
}

/// 0, 1, 2, …, and an old one after each of them.
fn every_other_is_late(events: i64) -> Vec<Event> {
    (0..events).flat_map(|n| [(100 + 10 * n, 0), (n % 10, 1)]).collect()
}

#[test]
fn a_flow_of_late_events_is_a_flow() {
    let events = every_other_is_late(1000);
    for executor in executors() {
        for demand in [1, 7, 4000] {
            let (panes, late) = unruly(&events, &executor)
                .timestamps(|(ms, _)| at(*ms), |w| w.ascending())
                .key_by(|(_, key)| *key)
                .window(Window::fixed(millis(10)))
                .count()
                .map(|pane: Pane<u8, u64>| pane.value)
                .split_late();
            let panes = panes.stages(3).max_demand(demand).linger(Duration::ZERO);
            // Mapped, keyed, counted; merged with what the main flow gives.
            let late = late.max_demand(demand).key_by(|late| late.event.0).count().map(|of| of.1);
            let all: Vec<u64> = panes.untimed().merge(late).collect().unwrap();
            assert_eq!(all.iter().sum::<u64>(), 2000);
        }
    }
}

#[test]
fn partitions_have_late_events_too() {
    for executor in executors() {
        let (lists, late) = unruly(&every_other_is_late(100), &executor)
            .timestamps(|(ms, _)| at(*ms), |w| w.ascending())
            .partition_by(|(ms, _)| *ms)
            .window(Window::fixed(millis(10)))
            .reduce(Vec::new, |list, event| list.push(event))
            .split_late();
        let lists = lists.emit_items().stages(3);
        let late = late.map(|late: LateEvent<(), Event>| late.event);
        let jobs = (lists.to(Collect::<Vec<_>>::new()), late.to(Collect::<Vec<_>>::new()));
        let (folded, late) = flow::run(jobs).unwrap();
        assert!(folded.iter().all(|(_, key)| *key == 0) && late.iter().all(|(_, key)| *key == 1));
        assert_eq!((folded.len(), late.len()), (100, 100));
    }
}

#[test]
fn a_run_without_late_events_is_refused_with_both_lines() {
    let touched = Counter::default();
    let windows = || {
        let touched = touched.clone();
        let events = Flow::from_iter((0..10i64).inspect(move |_| _ = touched.up()));
        let timed = events.timestamps(|ms| at(*ms), |w| w.ascending());
        timed.key_by(|_| ()).window(Window::fixed(millis(10))).count()
    };
    let (panes, late) = windows().split_late();
    let split = line!() - 1;
    let error = panes.collect::<Vec<_>>().unwrap_err();
    let collect = line!() - 1;
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("collect")));
    assert_eq!(error.location().unwrap().line(), collect);
    let text = error.to_string();
    assert!(text.contains(&format!("`split_late` at {}:{split}:", file!())), "{text}");
    let error = late.to(Ignore).run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("to")));
    let (panes, _) = windows().split_late();
    assert_eq!(panes.into_iter().next().unwrap().unwrap_err().operator(), Some("into_iter"));
    // Nor joined with each other, where one side is read before the other.
    let (panes, late) = windows().split_late();
    let joined = panes.untimed().key_by(|_| 0).join(late.key_by(|_| 0));
    let error = joined.run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("join")));
    assert!(error.to_string().contains("split_late"), "{error}");
    assert_eq!(touched.get(), 0);
}

#[test]
fn who_wants_no_more_holds_up_nobody() {
    for executor in executors() {
        let split = || {
            let lives = Lives::default();
            let counted = lives.clone();
            let numbers = unruly(&every_other_is_late(1000), &executor)
                .timestamps(|(ms, _)| at(*ms), |w| w.ascending())
                .map(move |(ms, key)| (ms, key, counted.number(1)))
                .key_by(|(_, key, _)| *key)
                .window(Window::fixed(millis(10)))
                .fold(Vec::new, |list, event| list.push(event))
                .split_late();
            (numbers, lives)
        };
        for most in [0, 1, 10] {
            let ((panes, late), lives) = split();
            let panes = panes.max_demand(3).untimed().take_any(most);
            let late = late.max_demand(3).map(|_| ());
            let jobs = (panes.to(Ignore), late.to(Collect::<Vec<()>>::new()));
            let ((), late) = in_time(|| flow::run(jobs)).unwrap();
            assert_eq!((late.len(), lives.left()), (1000, 0));
            let ((panes, late), lives) = split();
            let panes = panes.max_demand(3).map(|pane| pane.value.len());
            let late = late.max_demand(3).take_any(most);
            let jobs = (panes.to(Collect::<Vec<usize>>::new()), late.to(Ignore));
            let (panes, ()) = in_time(|| flow::run(jobs)).unwrap();
            assert_eq!((panes.iter().sum::<usize>(), lives.left()), (1000, 0));
            let ((panes, late), lives) = split();
            let jobs = (panes.untimed().take_any(most).to(Ignore), late.take_any(most).to(Ignore));
            in_time(|| flow::run(jobs)).unwrap();
            assert_eq!(lives.left(), 0);
        }
    }
    no_thread_is_left();
}

#[test]
fn what_a_closure_cannot_deliver_fails_the_run() {
    for executor in executors() {
        let counts = || {
            unruly(&every_other_is_late(100), &executor)
                .timestamps(|(ms, _)| at(*ms), |w| w.ascending())
                .key_by(|(_, key)| *key)
                .window(Window::fixed(millis(10)))
                .count()
        };
        let (sender, receiver) = mpsc::channel();
        drop(receiver);
        let error = counts().late_to(|late| sender.send(late)).run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("late_to")));
        assert_eq!(error.location().unwrap().line(), line!() - 2);
        let error = counts().late_to(|late| assert!(late.at > at(3))).run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("late_to")));
        let (counts, late) = counts().split_late();
        let late = late.map(|late| if late.at.0 == 7 { panic!("seven") } else { late.at });
        let error = flow::run((counts.to(Ignore), late.to(Ignore))).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")));
    }
}

/// Two windows, and three late events.
fn three_late(meter: &Meter) -> (Flow<impl Node<Item = Pane<(), u64>> + use<>>, Late) {
    let numbers = Flow::from_vec(vec![1i64, 20, 2, 3, 4]).observe(meter).on(Executor::threads(2));
    let timed = numbers.timestamps(|ms| at(*ms), |w| w.ascending());
    let (counts, late) =
        timed.key_by(|_| ()).window(Window::fixed(millis(10))).count().split_late();
    (counts.untimed(), late)
}

type Late = Flow<LateSide<(), i64>>;

#[test]
fn the_plan_and_the_metrics_have_the_edge_of_late_events() {
    let meter = Meter::new();
    let (counts, late) = three_late(&meter);
    assert!(counts.explain().edges().iter().all(|edge| edge.routing != "late events"));
    assert_eq!((late.explain().stages().len(), late.explain().edges().len()), (1, 0));
    for late_first in [true, false] {
        let (counts, late) = three_late(&meter);
        // A further edge on each side.
        let (counts, late) = (counts.rebalance().to(Ignore), late.rebalance().to(Ignore));
        let run = if late_first {
            flow::run((late, counts)).map(|_| ())
        } else {
            flow::run((counts, late)).map(|_| ())
        };
        run.unwrap();
        let metrics = meter.metrics();
        let mut sent: Vec<u64> = metrics.edges().iter().map(|edge| edge.events_in).collect();
        sent.sort_unstable();
        assert_eq!(sent[..3], [2, 3, 3], "{metrics}");
        let side = metrics.stages().iter().find(|stage| stage.name.contains("split_late"));
        assert_eq!(side.unwrap().events_in, 3, "{metrics}");
    }
}

/// A late event says what it was late for.
#[test]
fn late_events_say_how_late_they_are() {
    for seed in 0..100 {
        let script = Script::new()
            .event(at(1), 'a')
            .watermark(at(15))
            .event(at(2), 'b')
            .watermark(at(20))
            .event(at(3), 'c');
        let seen = Arc::new(Mutex::new(Vec::new()));
        let late = Arc::clone(&seen);
        Flow::from_scripts([script])
            .key_by(|_| 'k')
            .window(Window::fixed(millis(10)))
            .allowed_lateness(millis(10))
            .accumulating()
            .count()
            .late_to(move |event| late.lock().unwrap().push(event))
            .on(Executor::simulation(seed))
            .run()
            .unwrap();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let [LateEvent { key, at: when, event, watermark, .. }] = &seen[..] else {
            panic!("{seen:?}")
        };
        assert_eq!((*key, *when, *event, *watermark), ('k', at(3), 'c', at(20)));
    }
}
