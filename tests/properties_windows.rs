//! Random events, windows, triggers, sources, workers and demands: the same panes as the list of events
//! says, or as one slow run says, whatever runs them.

use flow::{
    Aggregator, BoxError, Demand, Executor, Flow, Meter, Pane, Produced, Producer, Timestamp,
    Timing, Trigger, Window,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// When it happened, its key, its number.
type Event = (i64, u8, u32);

/// How many cases a property has: `FLOW_PROPERTIES=50` makes it 50 times as many.
fn cases(cases: u32) -> ProptestConfig {
    let times = std::env::var("FLOW_PROPERTIES").ok().and_then(|times| times.parse().ok());
    ProptestConfig::with_cases(cases * times.unwrap_or(1))
}

fn millis(ticks: i64) -> Duration {
    Duration::from_millis(ticks as u64)
}

/// The numbers of a window's events, in order.
#[derive(Clone, Copy)]
struct Numbers;

impl Aggregator<Event> for Numbers {
    type Acc = Vec<u32>;
    type Output = Vec<u32>;

    fn first(&self, event: &Event) -> Vec<u32> {
        vec![event.2]
    }

    fn add(&self, numbers: &mut Vec<u32>, event: &Event) {
        numbers.push(event.2);
    }

    fn merge(&self, into: &mut Vec<u32>, mut from: Vec<u32>) {
        into.append(&mut from);
    }

    fn finish(&self, mut numbers: Vec<u32>) -> Vec<u32> {
        numbers.sort_unstable();
        numbers
    }
}

/// Which windows.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Fixed(i64),
    Sliding(i64, i64),
    Session(i64),
}

impl Kind {
    /// The windows of a time, by their bounds; of sessions what one event opens.
    fn of(self, at: i64) -> Vec<(i64, i64)> {
        let (size, every) = match self {
            Kind::Session(gap) => return vec![(at, at + gap)],
            Kind::Fixed(size) => (size, size),
            Kind::Sliding(size, every) => (size, every),
        };
        let last = at - at.rem_euclid(every);
        let starts = (0..).map(|nth| last - nth * every).take_while(|start| at < start + size);
        starts.map(|start| (start, start + size)).collect()
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1..15_i64).prop_map(Kind::Fixed),
        (1..15_i64, 1..15_i64).prop_map(|(size, every)| Kind::Sliding(size, every)),
        (1..10_i64).prop_map(Kind::Session),
    ]
}

/// Who runs it, and how.
#[derive(Clone, Debug)]
struct Setup {
    executor: Executor,
    stages: usize,
    demand: usize,
}

fn setups() -> impl Strategy<Value = Setup> {
    let executor = prop_oneof![
        3 => any::<u64>().prop_map(Executor::simulation),
        1 => (1..4_usize).prop_map(Executor::threads),
    ];
    let demand = prop_oneof![1..5_usize, Just(1_000)];
    let parts = (executor, 1..4_usize, demand);
    parts.prop_map(|(executor, stages, demand)| Setup { executor, stages, demand })
}

/// The events of some sources, each out of order by at most `disorder`.
fn sources(disorder: i64) -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = (0..3_u8, 0..6_i64, 0..=disorder);
    let source = (-60..60_i64, prop::collection::vec(event, 0..40));
    prop::collection::vec(source, 1..4).prop_map(|sources| {
        let mut number = 0;
        let source = |(from, events): (i64, Vec<(u8, i64, i64)>)| {
            let mut highest = from;
            let event = |(key, step, behind)| {
                highest += step;
                number += 1;
                (highest - behind, key, number)
            };
            events.into_iter().map(event).collect()
        };
        sources.into_iter().map(source).collect()
    })
}

/// Events in any order.
fn wild() -> impl Strategy<Value = Vec<Event>> {
    let event = (-15..15_i64, 0..3_u8, prop_oneof![9 => 0..4_i64, 1 => 20..60_i64]);
    prop::collection::vec(event, 0..60).prop_map(|events| {
        let mut now = 0;
        let event = |(number, (off, key, step)): (usize, (i64, u8, i64))| {
            now += step;
            (now + off, key, number as u32)
        };
        events.into_iter().enumerate().map(event).collect()
    })
}

/// States that nothing more than `disorder` behind its highest event is to come.
struct Says {
    events: std::vec::IntoIter<Event>,
    disorder: i64,
    highest: i64,
}

impl Producer for Says {
    type Item = Event;

    fn produce(&mut self, demand: &mut Demand<'_, Event>) -> Result<Produced, BoxError> {
        while demand.events() > 0 {
            let Some(event) = self.events.next() else {
                return Ok(Produced::Done);
            };
            self.highest = self.highest.max(event.0);
            demand.emit(event);
            demand.watermark(Timestamp(self.highest - self.disorder));
        }
        Ok(Produced::More)
    }
}

/// What came: panes in the order of each key, late events, and how many were counted as dropped.
#[derive(Clone, Debug, Default, PartialEq)]
struct Came {
    panes: Vec<Pane<u8, Vec<u32>>>,
    late: Vec<u32>,
    dropped: u64,
}

impl Came {
    /// Without what has no order: keys, and of late events those of several partitions.
    fn by_key(mut self) -> Self {
        self.panes.sort_by_key(|pane| pane.key);
        self.late.sort_unstable();
        self
    }
}

/// Folds windows. Macros, since kinds, triggers and modes are types.
macro_rules! run {
    ($timed:expr, $setup:expr, $window:expr, |$windows:ident| $more:expr) => {{
        let Setup { executor, stages, demand } = $setup.clone();
        let (late, meter) = (Mutex::new(Vec::new()), Meter::new());
        let $windows = $timed.max_demand(demand).key_by(|event: &Event| event.1).window($window);
        let panes = $more.aggregate(|_| Numbers);
        let panes = panes.late_to(|too_late| late.lock().unwrap().push(too_late.event.2));
        let panes = panes.stages(stages).max_demand(demand);
        let panes = panes.observe(&meter).on(executor).collect().unwrap();
        let dropped = meter.metrics().stages().iter().map(|stage| stage.dropped).sum();
        Came { panes, late: late.into_inner().unwrap(), dropped }
    }};
}

macro_rules! with_kind {
    ($timed:expr, $setup:expr, $kind:expr, |$windows:ident| $more:expr) => {
        match $kind {
            Kind::Fixed(size) => {
                run!($timed, $setup, Window::fixed(millis(size)), |$windows| $more)
            }
            Kind::Sliding(size, every) => {
                let window = Window::sliding(millis(size), millis(every));
                run!($timed, $setup, window, |$windows| $more)
            }
            Kind::Session(gap) => {
                run!($timed, $setup, Window::session(millis(gap)), |$windows| $more)
            }
        }
    };
}

/// The windows of all events, from their list alone.
fn offline(kind: Kind, events: &[Event]) -> BTreeMap<(u8, (i64, i64)), Vec<u32>> {
    let mut windows: BTreeMap<(u8, (i64, i64)), Vec<u32>> = BTreeMap::new();
    let mut sorted: Vec<Event> = events.to_vec();
    sorted.sort_unstable_by_key(|event| (event.1, event.0));
    let Kind::Session(gap) = kind else {
        for (at, key, number) in sorted {
            for window in kind.of(at) {
                windows.entry((key, window)).or_default().push(number);
            }
        }
        windows.values_mut().for_each(|numbers| numbers.sort_unstable());
        return windows;
    };
    for session in sorted.chunk_by(|one, next| one.1 == next.1 && next.0 - one.0 < gap) {
        let bounds = (session[0].0, session[session.len() - 1].0 + gap);
        let mut numbers: Vec<u32> = session.iter().map(|event| event.2).collect();
        numbers.sort_unstable();
        windows.insert((session[0].1, bounds), numbers);
    }
    windows
}

fn bounds(pane: &Pane<u8, Vec<u32>>) -> (i64, i64) {
    (pane.window.start().0, pane.window.end().0)
}

proptest! {
    #![proptest_config(cases(600))]

    /// With no more disorder than was said, every window has one pane, which is the right one, and
    /// nothing is late: for any number of sources, of both ways to know their watermarks.
    #[test]
    fn every_window_has_the_right_pane(
        (disorder, sources) in (0..12_i64).prop_flat_map(|disorder| (Just(disorder), sources(disorder))),
        kind in kinds(),
        setup in setups(),
        told in any::<bool>(),
    ) {
        let all = sources.concat();
        let came = if told {
            let iters = sources.into_iter().map(|events| events.into_iter().filter(|_| true));
            with_kind!(
                Flow::from_iters(iters).timestamps(|e| Timestamp(e.0), |w| w.bounded(millis(disorder))),
                setup, kind, |windows| windows
            )
        } else {
            let says = |events: Vec<Event>| {
                Says { events: events.into_iter(), disorder, highest: i64::MIN / 2 }
            };
            with_kind!(
                Flow::from_stages(sources.into_iter().map(says))
                    .timestamps(|e| Timestamp(e.0), |w| w.from_source()),
                setup, kind, |windows| windows
            )
        };
        prop_assert_eq!((&came.late[..], came.dropped), (&[][..], 0));
        let mut windows = BTreeMap::new();
        for pane in came.panes {
            prop_assert_eq!((pane.timing, pane.index, pane.last), (Timing::OnTime, 0, true));
            let before = windows.insert((pane.key, bounds(&pane)), pane.value);
            prop_assert_eq!(before, None);
        }
        prop_assert_eq!(windows, offline(kind, &all));
    }

    /// With more, an event is in all its windows that are open when it comes, and late if there is
    /// none; of a session every event is in one pane or late.
    #[test]
    fn every_event_is_in_its_windows_or_late(
        events in wild(), kind in kinds(), disorder in 0..8_i64, setup in setups()
    ) {
        let came = with_kind!(
            Flow::from_vec(events.clone())
                .timestamps(|e| Timestamp(e.0), |w| w.bounded(millis(disorder))),
            setup, kind, |windows| windows
        );
        if let Kind::Session(_) = kind {
            let mut numbers: Vec<u32> = came.panes.iter().flat_map(|pane| pane.value.clone()).collect();
            numbers.extend(&came.late);
            numbers.sort_unstable();
            prop_assert!(numbers.into_iter().eq(0..events.len() as u32));
            return Ok(());
        }
        let (mut want, mut late, mut highest) = (BTreeMap::<_, Vec<u32>>::new(), Vec::new(), i64::MIN);
        for (at, key, number) in events {
            let watermark = highest.saturating_sub(disorder);
            let windows = kind.of(at);
            let mut open = windows.iter().filter(|window| watermark < window.1).peekable();
            if !windows.is_empty() && open.peek().is_none() {
                late.push(number);
            }
            open.for_each(|window| want.entry((key, *window)).or_default().push(number));
            highest = highest.max(at);
        }
        let came = came.by_key();
        prop_assert_eq!(came.late, late);
        let got: BTreeMap<_, _> =
            came.panes.iter().map(|pane| ((pane.key, bounds(pane)), pane.value.clone())).collect();
        prop_assert_eq!((got.len(), got), (came.panes.len(), want));
    }

    /// Early, late and retracted panes are the same, and come in the same order for a key, whatever
    /// the batches, the demand, the partitions and the workers.
    #[test]
    fn panes_are_those_of_a_slow_run(
        events in wild(), kind in kinds(), disorder in 0..8_i64, lateness in 0..12_i64, setup in setups(),
        n in 1..5_u32, mode in 0..3,
    ) {
        let slow = Setup { executor: Executor::simulation(0), stages: 1, demand: 1 };
        let run = |setup: &Setup| {
            let timed = Flow::from_slice(&events)
                .map(|event| *event)
                .timestamps(|e| Timestamp(e.0), |w| w.bounded(millis(disorder)));
            let trigger = || Trigger::at_watermark().early(Trigger::every(n));
            let lateness = millis(lateness);
            match mode {
                0 => with_kind!(timed, setup, kind, |windows| {
                    windows.trigger(trigger()).allowed_lateness(lateness).accumulating()
                }),
                1 => with_kind!(timed, setup, kind, |windows| {
                    windows.trigger(trigger()).allowed_lateness(lateness).discarding()
                }),
                _ => with_kind!(timed, setup, kind, |windows| {
                    windows.trigger(trigger()).allowed_lateness(lateness).retracting()
                }),
            }
        };
        prop_assert_eq!(run(&setup).by_key(), run(&slow).by_key());
    }

    /// What windows give is never late in windows behind them: a watermark goes on behind the panes
    /// that it has closed.
    #[test]
    fn panes_are_never_late_in_windows_behind(
        events in wild(), kind in kinds(), disorder in 0..8_i64, size in 1..40_i64, setup in setups(),
        n in 1..5_u32,
    ) {
        macro_rules! twice {
            ($window:expr) => {{
                let (late, too_late) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let counts: Vec<usize> = Flow::from_slice(&events)
                    .map(|event| *event)
                    .timestamps(|e| Timestamp(e.0), |w| w.bounded(millis(disorder)))
                    .max_demand(setup.demand)
                    .key_by(|event| event.1)
                    .window($window)
                    .trigger(Trigger::at_watermark().early(Trigger::every(n)))
                    .discarding()
                    .aggregate(|_| Numbers)
                    .late_to(|_| _ = late.fetch_add(1, Ordering::Relaxed))
                    .stages(setup.stages)
                    .max_demand(setup.demand)
                    .key_by(|pane| pane.key % 2)
                    .window(Window::fixed(millis(size)))
                    .fold(|| 0, |sum, pane| *sum += pane.value.len())
                    .late_to(|_| _ = too_late.fetch_add(1, Ordering::Relaxed))
                    .stages(setup.stages)
                    .max_demand(setup.demand)
                    .on(setup.executor.clone())
                    .map(|pane| pane.value)
                    .collect()
                    .unwrap();
                (counts.iter().sum::<usize>(), late.into_inner(), too_late.into_inner())
            }};
        }
        let (counted, late, too_late) = match kind {
            Kind::Fixed(size) => twice!(Window::fixed(millis(size))),
            Kind::Session(gap) => twice!(Window::session(millis(gap))),
            // Of windows that do not slide past an event it is in one at most.
            Kind::Sliding(size, every) => {
                twice!(Window::sliding(millis(size.min(every)), millis(every)))
            }
        };
        prop_assert_eq!(too_late, 0);
        let inside = |event: &&Event| match kind {
            Kind::Sliding(size, every) => event.0.rem_euclid(every) < size.min(every),
            _ => true,
        };
        prop_assert_eq!(counted + late, events.iter().filter(inside).count());
    }
}
