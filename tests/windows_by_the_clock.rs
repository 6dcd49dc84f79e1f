//! Windows and triggers that go by the clock of the run, on a clock that the script moves: what is due
//! happens when it is due, and nobody waits for it.

use flow::testing::Script;
use flow::{Aggregator, Executor, Flow, Pane, Timestamp, Timing, Trigger, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis as u64)
}

/// An event: its key, its number, and what the clock says when it comes.
type Event = (u8, usize, i64);

/// Events of some keys, some milliseconds apart.
fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(
        (0..3_u8, prop_oneof![2 => Just(0_i64), 3 => 1..5_i64, 1 => 5..60_i64]),
        0..40,
    )
    .prop_map(|steps| {
        let mut now = 0;
        let event = |(number, (key, step)): (usize, (u8, i64))| {
            now += step;
            (key, number, now)
        };
        steps.into_iter().enumerate().map(event).collect()
    })
}

/// The events when the clock says so, and some time behind them in which everything comes due.
fn script(events: &[Event]) -> Script<Event> {
    let clock = |script: Script<Event>, event: &Event| {
        script.clock(ms(event.2)).event(Timestamp(0), *event)
    };
    let end = events.last().map_or(0, |event| event.2);
    events
        .iter()
        .fold(Script::new(), clock)
        .clock(ms(end + 1_000))
        .event(Timestamp(0), (9, 0, end + 1_000))
}

/// What happened, in its order.
#[derive(Clone, Debug, PartialEq)]
enum Happened {
    /// An event came, when the clock said so.
    Came(i64),
    /// A pane of a key, with the bounds of its window.
    Fired { key: u8, window: (i64, i64), numbers: Vec<usize>, timing: Timing },
}

/// The numbers of a window's events.
struct Numbers;

impl Aggregator<Event> for Numbers {
    type Acc = Vec<usize>;
    type Output = Vec<usize>;

    fn first(&self, event: &Event) -> Vec<usize> {
        vec![event.1]
    }

    fn add(&self, numbers: &mut Vec<usize>, event: &Event) {
        numbers.push(event.1);
    }

    fn merge(&self, into: &mut Vec<usize>, mut from: Vec<usize>) {
        into.append(&mut from);
    }

    fn finish(&self, mut numbers: Vec<usize>) -> Vec<usize> {
        numbers.sort_unstable();
        numbers
    }
}

/// Runs windows, and notes what happens. A macro, since kinds of windows are types.
macro_rules! happens {
    ($events:expr, $seed:expr, $partitions:expr, $window:expr, $trigger:expr) => {{
        let log = Arc::new(Mutex::new(Vec::new()));
        let (came, fired) = (Arc::clone(&log), Arc::clone(&log));
        Flow::from_scripts([script($events)])
            .inspect(move |event| came.lock().unwrap().push(Happened::Came(event.2)))
            .key_by(|event| event.0)
            .window($window)
            .trigger($trigger)
            .discarding()
            .aggregate(|_| Numbers)
            .stages($partitions)
            .linger(Duration::ZERO)
            .on(Executor::simulation($seed))
            .for_each(move |pane: Pane<u8, Vec<usize>>| {
                let Pane { key, window, value, timing, .. } = pane;
                let window = (window.start().0, window.end().0);
                let fired_now = Happened::Fired { key, window, numbers: value, timing };
                fired.lock().unwrap().push(fired_now);
            })
            .unwrap();
        let log = std::mem::take(&mut *log.lock().unwrap());
        log
    }};
}

/// What a key was given, and when it was due.
type Due = BTreeMap<(u8, i64, Vec<usize>), i64>;

/// Panes come when they are due: behind all events before, and before all later ones. Gives them.
fn in_their_time(log: &[Happened], due: impl Fn(&Happened) -> Option<i64>) -> Vec<Happened> {
    let mut now = 0;
    let mut fired = Vec::new();
    for happened in log {
        match happened {
            Happened::Came(at) => now = *at,
            pane => {
                if pane_key(pane) != 9 {
                    if let Some(due) = due(pane) {
                        assert!(now < due, "{pane:?} came after {now} and was due at {due}");
                    }
                    fired.push(pane.clone());
                }
            }
        }
    }
    fired
}

fn pane_key(pane: &Happened) -> u8 {
    match pane {
        Happened::Fired { key, .. } => *key,
        Happened::Came(_) => unreachable!("not a pane"),
    }
}

/// What windows of the clock give: as those of event time whose events happened when they came.
fn windows_of<W>(events: &[Event], windows: &W) -> Due
where
    W: Fn(i64) -> Vec<(i64, i64)>,
{
    let mut all: BTreeMap<(u8, (i64, i64)), Vec<usize>> = BTreeMap::new();
    for (key, number, at) in events {
        for window in windows(*at) {
            all.entry((*key, window)).or_default().push(*number);
        }
    }
    all.into_iter().map(|((key, window), numbers)| ((key, window.0, numbers), window.1)).collect()
}

fn as_due(fired: Vec<Happened>) -> Due {
    let due = |pane| match pane {
        Happened::Fired { key, window, numbers, timing } => {
            assert_eq!(timing, Timing::OnTime);
            ((key, window.0, numbers), window.1)
        }
        Happened::Came(_) => unreachable!("not a pane"),
    };
    fired.into_iter().map(due).collect()
}

fn end_of(pane: &Happened) -> Option<i64> {
    match pane {
        Happened::Fired { window, .. } => Some(window.1),
        Happened::Came(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn fixed(events in events(), size in 1..30_i64, seed in any::<u64>(), partitions in 1..4_usize) {
        let windows = Window::by_clock(Window::fixed(ms(size)));
        let log = happens!(&events, seed, partitions, windows, Trigger::at_watermark());
        let start = |at: i64| at - at.rem_euclid(size);
        let want = windows_of(&events, &|at| vec![(start(at), start(at) + size)]);
        prop_assert_eq!(as_due(in_their_time(&log, end_of)), want);
    }

    #[test]
    fn sliding(
        events in events(), size in 1..30_i64, every in 1..30_i64, seed in any::<u64>(), partitions in 1..4_usize
    ) {
        let windows = Window::by_clock(Window::sliding(ms(size), ms(every)));
        let log = happens!(&events, seed, partitions, windows, Trigger::at_watermark());
        let windows = |at: i64| {
            let starts = (0..=at).filter(|start| start % every == 0);
            let before = (1..size).map(|back| -back).filter(|start| start % every == 0);
            let starts = before.chain(starts).filter(|start| at < start + size);
            starts.map(|start| (start, start + size)).collect()
        };
        prop_assert_eq!(as_due(in_their_time(&log, end_of)), windows_of(&events, &windows));
    }

    #[test]
    fn sessions(events in events(), gap in 1..30_i64, seed in any::<u64>(), partitions in 1..4_usize) {
        let windows = Window::by_clock(Window::session(ms(gap)));
        let log = happens!(&events, seed, partitions, windows, Trigger::at_watermark());
        let mut want = Due::new();
        for key in 0..3 {
            let of_key: Vec<&Event> = events.iter().filter(|event| event.0 == key).collect();
            for session in of_key.chunk_by(|one, next| next.2 - one.2 < gap) {
                let numbers = session.iter().map(|event| event.1).collect();
                want.insert((key, session[0].2, numbers), session[session.len() - 1].2 + gap);
            }
        }
        prop_assert_eq!(as_due(in_their_time(&log, end_of)), want);
    }

    /// So long after the first event of a pane.
    #[test]
    fn after_a_delay(
        events in events(), delay in 1..30_i64, seed in any::<u64>(), partitions in 1..4_usize
    ) {
        let log = happens!(&events, seed, partitions, Window::global(), Trigger::after_delay(ms(delay)));
        let mut want: BTreeMap<Vec<usize>, i64> = BTreeMap::new();
        for key in 0..3 {
            let mut of_key = events.iter().filter(|event| event.0 == key).peekable();
            while let Some(first) = of_key.next() {
                let due = first.2 + delay;
                let mut numbers = vec![first.1];
                while let Some(next) = of_key.next_if(|event| event.2 < due) {
                    numbers.push(next.1);
                }
                want.insert(numbers, due);
            }
        }
        early(&log, &want)?;
    }

    /// At multiples of the period, where there is something new.
    #[test]
    fn periodically(
        events in events(), period in 1..30_i64, seed in any::<u64>(), partitions in 1..4_usize
    ) {
        let log = happens!(&events, seed, partitions, Window::global(), Trigger::periodic(ms(period)));
        let mut want: BTreeMap<Vec<usize>, i64> = BTreeMap::new();
        for key in 0..3 {
            let of_key: Vec<&Event> = events.iter().filter(|event| event.0 == key).collect();
            for part in of_key.chunk_by(|one, next| one.2 / period == next.2 / period) {
                want.insert(part.iter().map(|event| event.1).collect(), (part[0].2 / period + 1) * period);
            }
        }
        early(&log, &want)?;
    }
}

/// Early panes, each when it was due, and nothing at the end.
fn early(log: &[Happened], want: &BTreeMap<Vec<usize>, i64>) -> Result<(), TestCaseError> {
    let due = |pane: &Happened| match pane {
        Happened::Fired { numbers, .. } => want.get(numbers).copied(),
        Happened::Came(_) => None,
    };
    let fired = in_their_time(log, due);
    let mut got: Vec<Vec<usize>> = Vec::new();
    for pane in fired {
        let Happened::Fired { numbers, timing, .. } = pane else { continue };
        prop_assert_eq!(timing, Timing::Early);
        got.push(numbers);
    }
    got.sort();
    prop_assert_eq!(got, want.keys().cloned().collect::<Vec<_>>());
    Ok(())
}

/// A source is idle so long after its last event, not after the beginning.
#[test]
fn a_source_is_idle_so_long_after_its_last_event() {
    for seed in 0..100 {
        for last in [0, 4, 9] {
            let log = Arc::new(Mutex::new(Vec::new()));
            let (came, fired) = (Arc::clone(&log), Arc::clone(&log));
            let mut busy = Script::new().watermark(Timestamp(1_000));
            for now in 1..40 {
                busy = busy.clock(ms(now)).event(Timestamp(1_000 + now), now);
            }
            let quiet = Script::new().clock(ms(last)).event(Timestamp(5), -1).clock(ms(100));
            Flow::from_scripts([busy.unfinished(), quiet])
                .idle_after(Duration::from_micros(9_500))
                .inspect(move |now| came.lock().unwrap().push(*now))
                .key_by(|_| ())
                .window(Window::fixed(ms(1_000)))
                .count()
                .linger(Duration::ZERO)
                .on(Executor::simulation(seed))
                .for_each(move |pane| fired.lock().unwrap().push(-100 - pane.value as i64))
                .unwrap_err();
            let log = log.lock().unwrap();
            let fired = log.iter().position(|what| *what == -101).expect("the window has fired");
            let before = log[..fired].iter().max().copied();
            assert_eq!(before, Some(last + 9), "seed {seed}, last {last}: {log:?}");
        }
    }
}
