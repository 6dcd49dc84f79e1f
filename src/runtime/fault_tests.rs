//! Planted bugs, to prove that the simulation finds bugs of this kind, and finds them again.
//!
//! A fault is planted for the runs of one closure on this thread. Where the code asks whether it
//! strikes, it does so now and then, as a seed says; without a fault the questions cost a look at
//! a thread-local, and outside of unit tests they do not exist.

use super::simulation::SplitMix;
use crate::error::{ErrorKind, FlowError};
use crate::{BoxError, Executor, Flow, Part, Sink};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A notification does not arrive.
    LosesWakes,
    /// Credit that is given does not arrive.
    LosesCredit,
    /// Credit that is given arrives twice.
    DoublesCredit,
    /// A consumer does not learn that its producers are through.
    LosesEnd,
    /// A batch that was sent does not arrive.
    LosesBatches,
    /// A batch overtakes those that were sent before it.
    ReordersBatches,
}

struct Planted {
    fault: Fault,
    random: SplitMix,
    /// It strikes once in so many times.
    one_in: usize,
    strikes: usize,
}

thread_local! {
    static PLANTED: RefCell<Option<Planted>> = const { RefCell::new(None) };
}

impl Fault {
    /// Whether the planted fault is this one, and strikes now.
    pub(crate) fn strikes(self) -> bool {
        PLANTED.with_borrow_mut(|planted| match planted {
            Some(planted) if planted.fault == self => {
                let strikes = planted.random.below(planted.one_in) == 0;
                planted.strikes += usize::from(strikes);
                strikes
            }
            _ => false,
        })
    }

    /// What arrives of credit that is given.
    pub(crate) fn misgive(credits: usize) -> usize {
        if credits > 0 && Fault::LosesCredit.strikes() {
            0
        } else if credits > 0 && Fault::DoublesCredit.strikes() {
            2 * credits
        } else {
            credits
        }
    }

    /// What becomes of messages, of which the last one was just sent.
    pub(crate) fn spoil<M>(messages: &mut VecDeque<M>) {
        if Fault::LosesBatches.strikes() {
            messages.pop_back();
        }
        if messages.len() > 1 && Fault::ReordersBatches.strikes() {
            messages.rotate_right(1);
        }
    }

    fn plant(self, seed: u64, one_in: usize) {
        let random = SplitMix(seed);
        PLANTED.set(Some(Planted { fault: self, random, one_in, strikes: 0 }));
    }

    /// Runs `run` with this fault; also says how often it struck.
    fn planted<R>(self, seed: u64, run: impl FnOnce() -> R) -> (R, usize) {
        self.plant(seed, 32);
        let result = run();
        (result, PLANTED.take().map_or(0, |planted| planted.strikes))
    }
}

/// How many seeds a fault may take to be found.
const SEEDS: u64 = 1_000;
const EVENTS: u64 = 200;

/// What is wrong with a run: it fails, or its results are not what they should be.
enum Wrong {
    Failed(FlowError),
    Results(String),
}

impl Wrong {
    fn unless(right: bool, what: impl FnOnce() -> String) -> Result<(), Wrong> {
        if right { Ok(()) } else { Err(Wrong::Results(what())) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Failed(error) => error.fmt(f),
            Wrong::Results(results) => results.fmt(f),
        }
    }
}

impl From<FlowError> for Wrong {
    fn from(error: FlowError) -> Self {
        Wrong::Failed(error)
    }
}

type Check = fn(u64) -> Result<(), Wrong>;

/// Several producers, two exchanges, little demand.
fn exchanges(seed: u64) -> Result<(), Wrong> {
    let mut events: Vec<u64> = Flow::from_range(0..EVENTS)
        .partition()
        .stages(3)
        .max_demand(4)
        .min_demand(2)
        .reduce(Vec::new, |events: &mut Vec<u64>, x| events.push(x))
        .emit_items()
        .partition_with(|x, _| (x % 2) as usize)
        .stages(2)
        .max_demand(3)
        .min_demand(0)
        .reduce(Vec::new, |events: &mut Vec<u64>, x| events.push(x))
        .emit_items()
        .on(Executor::simulation(seed))
        .collect()?;
    events.sort_unstable();
    Wrong::unless(events.iter().copied().eq(0..EVENTS), || format!("{events:?}"))
}

/// One producer: a consumer sees its events in their order.
fn one_producer(seed: u64) -> Result<(), Wrong> {
    let parts: Vec<Vec<u64>> = Flow::from_range(0..EVENTS)
        .stages(1)
        .partition_with(|x, _| (x % 2) as usize)
        .stages(2)
        .max_demand(4)
        .min_demand(2)
        .reduce(Vec::new, |events: &mut Vec<u64>, x| events.push(x))
        .emit_state()
        .on(Executor::simulation(seed))
        .collect()?;
    let right = [0, 1].map(|part| (part..EVENTS).step_by(2).collect::<Vec<_>>());
    Wrong::unless(parts == right, || format!("{parts:?}"))
}

/// A source that one task reads, instances that claim from it, and results in their order.
fn ordered(seed: u64) -> Result<(), Wrong> {
    let events: Vec<u64> = Flow::from_iter(0..EVENTS)
        .max_demand(4)
        .min_demand(2)
        .map(|x| x)
        .ordered()
        .in_flight(8)
        .on(Executor::simulation(seed))
        .with_iter(|events| events.collect())?;
    Wrong::unless(events.iter().copied().eq(0..EVENTS), || format!("{events:?}"))
}

/// How many events are under way between one producer and one consumer.
fn in_flight(seed: u64) -> Result<(), Wrong> {
    let (on_the_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Flow::from_range(0..EVENTS)
        .stages(1)
        .inspect(|_| {
            let now = on_the_way.fetch_add(1, Ordering::Relaxed) + 1;
            most.fetch_max(now, Ordering::Relaxed);
        })
        .partition()
        .stages(1)
        .max_demand(4)
        .min_demand(2)
        .reduce(|| (), |_, _| _ = on_the_way.fetch_sub(1, Ordering::Relaxed))
        .emit_state()
        .on(Executor::simulation(seed))
        .count()?;
    // Besides what was asked for, the producer may hold one batch for which it has no credit.
    // Besides the four that were asked for, the producer may hold a batch for which there is no credit
    // yet; it notices that when it has taken one event into it.
    let most = most.into_inner();
    Wrong::unless(most <= 4 + 2 + 1, || format!("{most} events were under way"))
}

/// Two inputs that are wanted in turns: both are sorted, and so is what comes of them.
fn two_in_turns(seed: u64) -> Result<(), Wrong> {
    let even = Flow::from_range(0..EVENTS / 2).map(|x| 2 * x);
    let odd = Flow::from_iter(0..EVENTS / 2).map(|x| 2 * x + 1);
    let merged = even.merge_sorted(odd).max_demand(4).min_demand(2).in_flight(8);
    let events: Vec<u64> = merged.on(Executor::simulation(seed)).collect()?;
    Wrong::unless(events.iter().copied().eq(0..EVENTS), || format!("{events:?}"))
}

/// Two inputs of which one is wanted first, to its end, then the other; something comes at the end.
fn two_in_a_row(seed: u64) -> Result<(), Wrong> {
    let held = Flow::from_range(0..EVENTS).key_by(|x| *x);
    let probe = Flow::from_range(EVENTS / 2..EVENTS * 3 / 2).key_by(|x| *x);
    let join = probe.full_join(held).stages(2).max_demand(4).min_demand(2);
    let mut keys: Vec<u64> = join.on(Executor::simulation(seed)).map(|(key, _)| key).collect()?;
    keys.sort_unstable();
    Wrong::unless(keys.iter().copied().eq(0..EVENTS * 3 / 2), || format!("{keys:?}"))
}

/// Finds a seed with which the fault makes the run go wrong, and goes wrong again.
fn find(fault: Fault, run: Check) -> Wrong {
    let found = (0..SEEDS).find_map(|seed| {
        let (result, strikes) = fault.planted(seed, || run(seed));
        match result {
            Ok(()) => None,
            Err(wrong) => Some((seed, wrong, strikes)),
        }
    });
    let Some((seed, wrong, strikes)) = found else {
        panic!("{fault:?} is not found within {SEEDS} seeds");
    };
    assert!(strikes > 0, "seed {seed} fails without a fault: {wrong}");
    let (again, strikes_again) = fault.planted(seed, || run(seed));
    let again = again.err().map(|wrong| wrong.to_string());
    assert_eq!(again, Some(wrong.to_string()), "a seed that fails, fails again");
    assert_eq!(strikes_again, strikes);
    if let Wrong::Failed(error) = &wrong {
        let named = format!("(simulation seed {seed})");
        assert!(error.to_string().ends_with(&named), "{error}");
    }
    wrong
}

fn find_stall(fault: Fault, run: Check) {
    let Wrong::Failed(error) = find(fault, run) else {
        panic!("{fault:?} does not fail the run");
    };
    assert_eq!(error.kind(), ErrorKind::Stalled, "{error}");
}

#[test]
fn without_a_fault_every_seed_succeeds() {
    for run in [exchanges, one_producer, ordered, in_flight, two_in_turns, two_in_a_row] {
        for seed in 0..SEEDS {
            run(seed).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        }
    }
}

#[test]
fn lost_wakes_stall_the_run() {
    for run in [exchanges, one_producer, ordered, two_in_turns, two_in_a_row] {
        find_stall(Fault::LosesWakes, run);
    }
}

#[test]
fn lost_credit_stalls_the_run() {
    for run in [exchanges, one_producer, ordered, two_in_turns, two_in_a_row] {
        find_stall(Fault::LosesCredit, run);
    }
}

#[test]
fn a_lost_end_stalls_the_run() {
    for run in [exchanges, one_producer, two_in_turns, two_in_a_row] {
        find_stall(Fault::LosesEnd, run);
    }
}

#[test]
fn credit_that_arrives_twice_is_found() {
    assert!(matches!(find(Fault::DoublesCredit, in_flight), Wrong::Results(_)));
}

#[test]
fn lost_batches_are_found() {
    for run in [exchanges, one_producer, two_in_turns, two_in_a_row] {
        find(Fault::LosesBatches, run);
    }
}

#[test]
fn batches_that_overtake_are_found() {
    for run in [one_producer, two_in_turns] {
        assert!(matches!(find(Fault::ReordersBatches, run), Wrong::Results(_)));
    }
}

/// A run in which a wake, credit or an end was lost may get by without it, but then it is right.
#[test]
fn what_is_lost_never_makes_results_wrong() {
    for fault in [Fault::LosesWakes, Fault::LosesCredit, Fault::LosesEnd] {
        for run in [exchanges, one_producer, ordered, two_in_turns, two_in_a_row] {
            for seed in 0..SEEDS / 4 {
                let (result, strikes) = fault.planted(seed, || run(seed));
                match result {
                    Ok(()) => {}
                    Err(Wrong::Failed(error)) if strikes > 0 => {
                        assert_eq!(error.kind(), ErrorKind::Stalled, "{error}");
                    }
                    Err(wrong) => panic!("{fault:?}, seed {seed}, {strikes} strikes: {wrong}"),
                }
            }
        }
    }
}

/// The last task goes idle on one thread while the reader of the flow sleeps on another: the reader
/// wakes and says that the run has stalled. Many rounds: any thread may be the last one.
#[test]
fn a_sleeping_reader_learns_of_a_stall() {
    const ROUNDS: usize = 100;
    let (sender, stalled) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..ROUNDS {
            let read = Flow::from_range(0..EVENTS)
                .inspect(|_| {
                    // On whatever thread it is, and dear enough for a second one.
                    Fault::LosesEnd.plant(0, 1);
                    let began = Instant::now();
                    while began.elapsed() < Duration::from_micros(20) {}
                })
                .partition()
                .stages(1)
                .reduce(|| 0, |sum, x| *sum += x)
                .emit_state()
                .on(Executor::threads(3))
                .with_iter(|events| events.count());
            sender.send(read.map_err(|error| error.kind())).unwrap();
        }
    });
    let mut stalls = 0;
    for round in 0..ROUNDS {
        let read = stalled.recv_timeout(Duration::from_secs(20));
        match read.unwrap_or_else(|_| panic!("round {round} hangs")) {
            Err(kind) => {
                assert_eq!(kind, ErrorKind::Stalled);
                stalls += 1;
            }
            // The end was sent by a thread that has handled no event.
            Ok(sums) => assert_eq!(sums, 1),
        }
    }
    assert!(stalls > 0, "no round stalls");
}

/// The order in which a healthy run of this seed handles its events.
fn trace(seed: u64) -> Vec<u64> {
    let trace = Mutex::new(Vec::new());
    Flow::from_range(0..EVENTS)
        .inspect(|&x| trace.lock().unwrap().push(x))
        .partition()
        .stages(3)
        .max_demand(4)
        .reduce(|| (), |_, x| trace.lock().unwrap().push(x))
        .emit_state()
        .on(Executor::simulation(seed))
        .count()
        .unwrap();
    trace.into_inner().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let traces = [0, 1, 2, 3].map(trace);
    assert_eq!([0, 1, 2, 3].map(trace), traces);
    assert!(traces.windows(2).all(|two| two[0] != two[1]), "seeds make no difference");
}

/// Whatever fails in a simulated run says which run it was; others name no seed.
#[test]
fn a_failure_names_its_seed() {
    fn failures(executor: Executor) -> Vec<FlowError> {
        let flow = || Flow::from_range(0..EVENTS).on(executor.clone());
        let panic = flow().map(|x| assert!(x < 9)).run();
        let sink = flow().to(Refuses { commit: false }).run();
        let commit = flow().to(Refuses { commit: true }).run();
        [panic, sink, commit].map(|failed| failed.unwrap_err()).into()
    }
    for error in failures(Executor::simulation(42)) {
        assert!(error.to_string().ends_with(" (simulation seed 42)"), "{error}");
    }
    for error in failures(Executor::threads(2)) {
        assert!(!error.to_string().contains("seed"), "{error}");
    }
}

/// A sink that fails, when it writes or when it commits.
#[derive(Clone, Copy)]
struct Refuses {
    commit: bool,
}

impl Sink<u64> for Refuses {
    type Part = Refuses;
    type Output = ();

    fn part(self: &Arc<Self>, _instance: usize) -> Refuses {
        **self
    }

    fn commit(self: Arc<Self>, _parts: Vec<Refuses>) -> Result<(), BoxError> {
        Err("refused".into())
    }
}

impl Part<u64> for Refuses {
    fn write(&mut self, _event: u64) -> Result<(), BoxError> {
        if self.commit { Ok(()) } else { Err("refused".into()) }
    }
}
