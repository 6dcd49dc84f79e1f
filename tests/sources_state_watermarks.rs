//! Producers state their watermarks themselves, between their events, and say when they are idle:
//! `timestamps(.., |w| w.from_source())`.

mod support;

use flow::testing::Script;
use flow::{
    BoxError, Demand, ErrorKind, Executor, Flow, Pane, Produced, Producer, Timestamp, Window,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use support::{Counter, executors, in_time};

const SECOND: Duration = Duration::from_secs(1);

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

/// What a source says.
#[derive(Clone, Copy, Debug)]
enum Say {
    Event(i64),
    Mark(i64),
    Idle,
}
use Say::{Event, Idle, Mark};

/// Says so many things at a time, whatever is asked for, and now and then nothing.
#[derive(Clone)]
struct Says {
    says: Vec<Say>,
    at_a_time: usize,
    next: usize,
    pause: bool,
}

impl Says {
    fn new(says: &[Say], at_a_time: usize) -> Self {
        Says { says: says.to_vec(), at_a_time, next: 0, pause: false }
    }
}

impl Producer for Says {
    type Item = i64;

    fn produce(&mut self, demand: &mut Demand<'_, i64>) -> Result<Produced, BoxError> {
        self.pause = !self.pause;
        if self.pause {
            return Ok(if self.next.is_multiple_of(2) {
                Produced::Pending
            } else {
                Produced::More
            });
        }
        for say in self.says[self.next..].iter().take(self.at_a_time) {
            match *say {
                Event(ms) => demand.emit(ms),
                Mark(to) => demand.watermark(at(to)),
                Idle => demand.idle(),
            }
        }
        self.next = (self.next + self.at_a_time).min(self.says.len());
        Ok(if self.next < self.says.len() { Produced::More } else { Produced::Done })
    }
}

/// Windows of ten, their events as they came, and what was late.
type Came = (Vec<(i64, Vec<i64>)>, Vec<i64>);

/// Runs what gives windows of ten. The panes of one source come in the order of time.
macro_rules! windows {
    ($flow:expr, $on:expr) => {
        windows!($flow, $on, 1_000)
    };
    ($flow:expr, $on:expr, $demand:expr) => {{
        let late = Mutex::new(Vec::new());
        let panes: Vec<Pane<(), Vec<i64>>> = $flow
            .key_by(|_| ())
            .window(Window::fixed(Duration::from_millis(10)))
            .fold(Vec::new, |list, ms| list.push(ms))
            .late_to(|too_late| late.lock().unwrap().push(too_late.event))
            .max_demand($demand)
            .on($on)
            .collect()
            .unwrap();
        let panes = panes.into_iter().map(|pane| (pane.window.start().0, pane.value));
        (panes.collect(), late.into_inner().unwrap())
    }};
}

fn says() -> impl Strategy<Value = Vec<Say>> {
    let say = prop_oneof![
        6 => (-30..60_i64).prop_map(Event),
        3 => (-30..60_i64).prop_map(Mark),
        1 => Just(Idle),
    ];
    prop::collection::vec(say, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The same windows and the same late events as the script that says the same, whatever is asked
    /// for at a time.
    #[test]
    fn where_they_were_stated(
        says in says(), at_a_time in 1..50_usize, demand in 1..9_usize, seed in any::<u64>()
    ) {
        let script = says.iter().fold(Script::new(), |script, say| match *say {
            Event(ms) => script.event(at(ms), ms),
            Mark(to) => script.watermark(at(to)),
            Idle => script.idle(),
        });
        let want: Came = windows!(Flow::from_scripts([script]), Executor::simulation(seed));
        for on in [Executor::simulation(seed), Executor::threads(2)] {
            let source = Flow::from_stages([Says::new(&says, at_a_time)]).max_demand(demand);
            let timed = source.timestamps(|ms| at(*ms), |w| w.from_source());
            let got: Came = windows!(timed, on, demand);
            prop_assert_eq!(&got, &want);
        }
    }

    /// Also behind operators that give many events for one, which they may have to hold back.
    #[test]
    fn behind_all_that_came_of_the_events_before(
        says in says(), at_a_time in 1..50_usize, demand in 1..4_usize, seed in any::<u64>()
    ) {
        let many = |says: &[Say]| -> Vec<Say> {
            says.iter().flat_map(|say| [*say; 3].into_iter().take(if matches!(say, Event(_)) { 3 } else { 1 })).collect()
        };
        let want: Came = windows!(
            Flow::from_stages([Says::new(&many(&says), 50)])
                .timestamps(|ms| at(*ms), |w| w.from_source()),
            Executor::simulation(0)
        );
        let source = Flow::from_stages([Says::new(&says, at_a_time)]).max_demand(demand);
        let three = source.flat_map(|ms| [ms; 3]).filter(|_| true).map(|ms| ms);
        let timed = three.timestamps(|ms| at(*ms), |w| w.from_source());
        let got: Came = windows!(timed, Executor::simulation(seed), demand);
        prop_assert_eq!(got, want);
    }
}

/// Of several producers the least counts: nothing of one that is far behind is late.
#[test]
fn for_each_producer() {
    for on in executors() {
        let says = |from: i64| -> Vec<Say> {
            let seconds = (0..20).flat_map(|second| {
                let start = from + 10 * second;
                [Event(start + 7), Event(start + 2), Mark(start + 10)]
            });
            seconds.collect()
        };
        let producers = [0, 5000, -300].map(|from| Says::new(&says(from), 4));
        let timed = Flow::from_stages(producers).timestamps(|ms| at(*ms), |w| w.from_source());
        let (panes, late): Came = windows!(timed, on);
        let mut want = BTreeMap::<i64, usize>::new();
        for from in [0, 5000, -300] {
            (0..20).for_each(|second| *want.entry(from + 10 * second).or_default() += 2);
        }
        let got: Vec<_> = panes.iter().map(|(start, events)| (*start, events.len())).collect();
        assert_eq!((got, late), (want.into_iter().collect(), vec![]));
    }
}

/// Without a word of its own, a producer says only that it has ended.
#[test]
fn one_that_says_nothing_holds_all_windows_to_its_end() {
    for on in executors() {
        let says: Vec<Say> = (0..500).rev().map(Event).collect();
        let talks: Vec<Say> = (0..100).map(Event).chain([Mark(100)]).collect();
        let both = [Says::new(&says, 7), Says::new(&talks, 7)];
        let timed = Flow::from_stages(both).timestamps(|ms| at(*ms), |w| w.from_source());
        let (panes, late): Came = windows!(timed, on);
        assert_eq!(panes.iter().map(|pane| pane.1.len()).sum::<usize>(), 600);
        assert_eq!((panes.len(), late.len()), (50, 0));
    }
}

/// Goes on when somebody has seen something.
struct AfterOthers<'a> {
    says_so: bool,
    seen: &'a Counter,
}

impl Producer for AfterOthers<'_> {
    type Item = i64;

    fn produce(&mut self, demand: &mut Demand<'_, i64>) -> Result<Produced, BoxError> {
        if std::mem::take(&mut self.says_so) {
            demand.emit(3);
            demand.idle();
        }
        if self.seen.get() == 0 {
            return Ok(Produced::Pending);
        }
        demand.emit(2500);
        Ok(Produced::Done)
    }
}

/// Producers of two kinds.
enum OneOf<'a> {
    Waits(AfterOthers<'a>),
    Says(Says),
}

impl Producer for OneOf<'_> {
    type Item = i64;

    fn produce(&mut self, demand: &mut Demand<'_, i64>) -> Result<Produced, BoxError> {
        match self {
            OneOf::Waits(waits) => waits.produce(demand),
            OneOf::Says(says) => says.produce(demand),
        }
    }
}

/// An idle producer is not waited for, also where watermarks are told from the times; when it is there
/// again it is waited for anew.
#[test]
fn idle_ones_hold_up_nobody() {
    for from_source in [true, false] {
        for on in executors() {
            in_time(move || {
                let seen = Counter::default();
                let late = Counter::default();
                let busy = (0..2000).map(|ms| [Event(ms), Mark(ms)]).collect::<Vec<_>>().concat();
                let waits = AfterOthers { says_so: true, seen: &seen };
                let sources =
                    Flow::from_stages([OneOf::Waits(waits), OneOf::Says(Says::new(&busy, 100))]);
                macro_rules! counts {
                    ($timed:expr) => {
                        $timed
                            .key_by(|_| ())
                            .window(Window::fixed(SECOND))
                            .count()
                            .late_to(|_| _ = late.up())
                            .on(on)
                            .inspect(|_| _ = seen.up())
                            .map(|pane| (pane.window.start().0, pane.value))
                            .collect::<Vec<_>>()
                            .unwrap()
                    };
                }
                let panes = if from_source {
                    counts!(sources.timestamps(|ms| at(*ms), |w| w.from_source()))
                } else {
                    counts!(sources.timestamps(|ms| at(*ms), |w| w.ascending()))
                };
                assert_eq!((panes, late.get()), (vec![(0, 1001), (1000, 1000), (2000, 1)], 0));
            });
        }
    }
}

/// Says something when so many milliseconds have passed, as far as it can tell.
struct InTime {
    says: Vec<(u32, Say)>,
    now: u32,
}

impl Producer for InTime {
    type Item = i64;

    fn produce(&mut self, demand: &mut Demand<'_, i64>) -> Result<Produced, BoxError> {
        while self.says.first().is_some_and(|say| say.0 <= self.now) {
            match self.says.remove(0).1 {
                Event(ms) => demand.emit(ms),
                Mark(to) => demand.watermark(at(to)),
                Idle => demand.idle(),
            }
        }
        // It is asked again a millisecond later.
        self.now += 1;
        Ok(if self.says.is_empty() { Produced::Done } else { Produced::Pending })
    }
}

/// Who was idle is waited for from its first event on, before anything comes of that event.
#[test]
fn who_was_idle_is_waited_for_again() {
    let back = [(0, Event(3)), (0, Idle), (10, Event(15)), (30, Event(16))];
    let other = [(0, Event(1)), (0, Mark(12)), (20, Event(50)), (20, Mark(50)), (40, Event(51))];
    let want = (vec![(0, 2), (10, 2), (50, 2)], 0);
    let count = |(panes, late): Came| -> (Vec<(i64, usize)>, usize) {
        (panes.iter().map(|(start, events)| (*start, events.len())).collect(), late.len())
    };
    for seed in 0..100 {
        let on = Executor::simulation(seed);
        let script = |says: &[(u32, Say)]| {
            says.iter().fold(Script::new(), |script, (ms, say)| {
                let script = script.clock(Duration::from_millis((*ms).into()));
                match *say {
                    Event(ms) => script.event(at(ms), ms),
                    Mark(to) => script.watermark(at(to)),
                    Idle => script.idle(),
                }
            })
        };
        let scripts = Flow::from_scripts([script(&back), script(&other)]);
        let linger = Duration::ZERO;
        assert_eq!(count(windows!(scripts.linger(linger), on.clone())), want, "seed {seed}");
        let producers = || {
            let producer = |says: &[(u32, Say)]| InTime { says: says.to_vec(), now: 0 };
            Flow::from_stages([producer(&back), producer(&other)]).linger(linger)
        };
        let stated = producers().timestamps(|ms| at(*ms), |w| w.from_source());
        assert_eq!(count(windows!(stated, on.clone())), want, "seed {seed}");
        let told = |ms: &i64| match *ms {
            1 => Some(at(12)),
            50 => Some(at(50)),
            _ => None,
        };
        let told = producers().timestamps(|ms| at(*ms), |w| w.punctuated(told));
        assert_eq!(count(windows!(told, on)), want, "seed {seed}");
    }
}

/// What a producer states counts only where it was asked for.
#[test]
fn only_where_they_were_asked_for() {
    let says = [Event(5), Mark(1000), Event(7), Event(2000)];
    let timed =
        Flow::from_stages([Says::new(&says, 1)]).timestamps(|ms| at(*ms), |w| w.ascending());
    let (panes, late): Came = windows!(timed, Executor::threads(1));
    assert_eq!((panes, late), (vec![(0, vec![5, 7]), (2000, vec![2000])], vec![]));
}

#[test]
fn sources_without_any_are_refused() {
    let refused = |error: flow::FlowError, line| {
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("timestamps")));
        assert!(error.to_string().contains("states no watermarks"), "{error}");
        assert_eq!(error.location().unwrap().line(), line);
    };
    let vec = Flow::from_vec(vec![1i64]);
    let (timed, line) = (vec.timestamps(|ms| at(*ms), |w| w.from_source()), line!());
    refused(timed.untimed().count().unwrap_err(), line);
    let iters = Flow::from_iters([[1i64]]).map(|x| x);
    let (timed, line) = (iters.timestamps(|ms| at(*ms), |w| w.from_source()), line!());
    refused(timed.untimed().count().unwrap_err(), line);
}
