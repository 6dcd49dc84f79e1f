//! Random flows of events that fail, now and then or for good, against the sequential iterator: on
//! threads and under very many schedules of the simulation.
//!
//! `PROPTEST_CASES` sets how many cases each property gets.

mod common;

use common::{Check, Watchdog, equal, same, same_events};
use flow::{ErrorKind, Executor, Flow, Meter, Retry};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// Checks a property for so many values, or as many as the environment says.
fn holds<S: Strategy>(cases: u32, values: S, property: impl Fn(S::Value) -> Check) {
    let from_environment = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let config = if from_environment { default } else { ProptestConfig { cases, ..default } };
    let watchdog = Watchdog::new(Duration::from_secs(300));
    let run = |value: S::Value| {
        watchdog.at(|| format!("{value:?}"));
        property(value).map_err(|wrong| TestCaseError::fail(wrong.to_string()))
    };
    if let Err(failure) = TestRunner::new(config).run(&values, run) {
        panic!("{failure}");
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bad(u64);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is bad", self.0)
    }
}

impl Error for Bad {}

/// A flow whose events fail.
#[derive(Clone, Debug)]
struct Failing {
    executor: Executor,
    instances: usize,
    size: u64,
    max_demand: usize,
    in_flight: usize,
    /// Which events there are: those not a multiple of this.
    keep: u64,
    /// An event fails so often: its number by `by`, of `of`.
    by: u64,
    of: u64,
    retry: Retry,
    wanted: usize,
}

impl Failing {
    /// How often an event fails before it succeeds.
    fn failures(&self, x: u64) -> u32 {
        u32::try_from(x.wrapping_mul(self.by) / 7 % self.of).unwrap()
    }

    fn events(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.size).filter(|x| !x.is_multiple_of(self.keep))
    }

    /// What comes of each event, with the number of attempts.
    fn results(&self, times: u32) -> impl Iterator<Item = Result<u64, (u64, u32)>> + '_ {
        self.events().map(
            move |x| {
                if self.failures(x) <= times { Ok(x + 1) } else { Err((x, times + 1)) }
            },
        )
    }
}

/// Counts how often each event was tried.
struct Tries<'a>(&'a Failing, Mutex<HashMap<u64, u32>>);

impl<'a> Tries<'a> {
    fn new(failing: &'a Failing) -> Self {
        Tries(failing, Mutex::default())
    }

    fn once(&self, x: u64) -> Result<u64, Bad> {
        let mut tries = self.1.lock().unwrap();
        let tried = tries.entry(x).or_default();
        *tried += 1;
        if *tried <= self.0.failures(x) { Err(Bad(x)) } else { Ok(x + 1) }
    }

    /// Whether every event was tried exactly as often as it has to be.
    fn all_made(&self, times: u32) -> Check {
        let made = self.1.lock().unwrap();
        let want: HashMap<_, _> =
            self.0.events().map(|x| (x, self.0.failures(x).min(times) + 1)).collect();
        equal(made.len(), want.len())?;
        made.iter().try_for_each(|(x, tries)| equal((x, tries), (x, &want[x])))
    }
}

fn executor() -> impl Strategy<Value = Executor> {
    prop_oneof![
        (1..=4usize).prop_map(Executor::threads),
        any::<u64>().prop_map(Executor::simulation),
        any::<u64>().prop_map(Executor::simulation),
    ]
}

fn retry() -> impl Strategy<Value = (u32, usize, bool)> {
    (0..5u32, prop_oneof![1..4usize, 1..300usize], any::<bool>())
}

fn failing() -> impl Strategy<Value = Failing> {
    let shape = (executor(), 1..=5usize, prop_oneof![0..5u64, 0..200u64, 0..3000u64]);
    let demand = || prop_oneof![1..4usize, 1..40usize, 1..5000usize];
    let pattern = (2..6u64, 1..100u64, 1..6u64);
    (shape, (demand(), demand()), pattern, retry(), 0..50usize).prop_map(
        |(shape, (max_demand, in_flight), (keep, by, of), (times, window, exponential), wanted)| {
            let (executor, instances, size) = shape;
            // Real workers do wait.
            let simulated = executor != Executor::threads(1)
                && (2..=4).all(|workers| executor != Executor::threads(workers));
            let wait =
                if simulated { Duration::from_secs(3600) } else { Duration::from_nanos(300) };
            let retry = if exponential { Retry::exponential(wait) } else { Retry::every(wait) };
            let retry = retry.times(times).window(window);
            let (of, retry) = if times == 0 { (of.min(2), retry) } else { (of, retry) };
            Failing {
                executor,
                instances,
                size,
                max_demand,
                in_flight,
                keep,
                by,
                of,
                retry,
                wanted,
            }
        },
    )
}

/// How often `retry` tries again: read off its public face.
fn times(failing: &Failing) -> u32 {
    let letters = Flow::from_vec(vec![0]).attempt(|x: &u64| Err::<u64, _>(Bad(*x)));
    let letters = letters.retry(failing.retry).on(Executor::simulation(0)).collect::<Vec<_>>();
    letters.unwrap()[0].as_ref().unwrap_err().attempts - 1
}

/// The events of a case, with one order.
macro_rules! events {
    ($failing:expr) => {{
        let keep = $failing.keep;
        Flow::from_iter(0..$failing.size)
            .stages($failing.instances)
            .max_demand($failing.max_demand)
            .on($failing.executor.clone())
            .filter(move |x| !x.is_multiple_of(keep))
    }};
}

#[test]
fn retries_keep_their_order() {
    holds(150, failing(), |failing| {
        let (tries, meter, times) = (Tries::new(&failing), Meter::new(), times(&failing));
        let tried = events!(failing).attempt(|x| tries.once(*x)).retry(failing.retry);
        let got = tried.observe(&meter).collect::<Vec<_>>()?;
        let got = got.into_iter().map(|x| x.map_err(|letter| (letter.event, letter.attempts)));
        same(got, failing.results(times))?;
        tries.all_made(times)?;
        let retried: u64 = meter.metrics().stages().iter().map(|stage| stage.retried).sum();
        equal(retried, failing.events().map(|x| u64::from(failing.failures(x).min(times))).sum())
    });
}

#[test]
fn retries_keep_their_order_through_ordered_and_take() {
    holds(150, failing(), |failing| {
        let (tries, times) = (Tries::new(&failing), times(&failing));
        let tried = events!(failing).attempt(|x| tries.once(*x)).retry(failing.retry);
        let ordered =
            tried.ordered().in_flight(failing.in_flight).map_err(|l| (l.event, l.attempts));
        same(ordered.collect::<Vec<_>>()?, failing.results(times))?;
        tries.all_made(times)?;
        let tries = Tries::new(&failing);
        let tried = events!(failing).attempt(|x| tries.once(*x)).retry(failing.retry);
        let some = tried.take(failing.wanted).map_err(|l| (l.event, l.attempts));
        same(some.collect::<Vec<_>>()?, failing.results(times).take(failing.wanted))
    });
}

#[test]
fn retries_in_any_order_lose_nothing() {
    holds(150, failing(), |failing| {
        let (tries, meter, times) = (Tries::new(&failing), Meter::new(), times(&failing));
        let tried = events!(failing).attempt(|x| tries.once(*x)).retry(failing.retry);
        let tried = tried.in_any_order().observe(&meter).skip_errors().partition();
        let got = tried.max_demand(failing.max_demand).collect::<Vec<_>>()?;
        let metrics = meter.metrics();
        equal(metrics.skipped() + got.len() as u64, failing.events().count() as u64)?;
        for edge in metrics.edges() {
            equal(edge.events_in, edge.events_out + edge.dropped + edge.held)?;
        }
        same_events(got, failing.results(times).flatten())?;
        tries.all_made(times)
    });
}

#[test]
fn the_first_error_is_that_of_the_iterator_or_some_error() {
    holds(150, failing(), |failing| {
        let once = |x: u64| if failing.failures(x) > 2 { Err(Bad(x)) } else { Ok(x + 1) };
        let want: Result<Vec<u64>, Bad> = failing.events().map(once).collect();
        equal(events!(failing).map(once).try_collect::<Vec<_>>()?, want.clone())?;
        equal(events!(failing).map(once).collect::<Result<Vec<_>, _>>()?, want.clone())?;
        match (events!(failing).try_map(once).collect::<Vec<_>>(), want) {
            (Ok(got), Ok(want)) => same(got, want),
            (Err(error), Err(_)) => {
                equal((error.kind(), error.operator()), (ErrorKind::Event, Some("try_map")))?;
                let bad = error.source().and_then(|source| source.downcast_ref::<Bad>());
                equal(bad.is_some_and(|Bad(x)| once(*x).is_err()), true)
            }
            (got, want) => Err(format!("{got:?} for {want:?}").into()),
        }
    });
}

/// One shape, very many schedules.
#[test]
fn under_every_schedule() {
    let mut failing = Failing {
        executor: Executor::simulation(0),
        instances: 3,
        size: 60,
        max_demand: 6,
        in_flight: 9,
        keep: 5,
        by: 11,
        of: 4,
        retry: Retry::exponential(Duration::from_secs(3600)).times(2).window(3),
        wanted: 0,
    };
    let watchdog = Watchdog::new(Duration::from_secs(300));
    for seed in 0..1500 {
        watchdog.at(|| format!("seed {seed}"));
        failing.executor = Executor::simulation(seed);
        let tries = Tries::new(&failing);
        let tried = events!(failing).attempt(|x| tries.once(*x)).retry(failing.retry);
        let got = tried.ordered().in_flight(failing.in_flight).map_err(|l| (l.event, l.attempts));
        let got: Vec<_> = got.collect().unwrap();
        assert!(got.into_iter().eq(failing.results(2)), "seed {seed}");
        tries.all_made(2).unwrap();
    }
}
