//! Random chains of the verbs along one order and of batches against iterators, on threads and under
//! very many schedules of the simulation; and the terminals that search, compare and accumulate.

mod common;

use common::{Check, Setup, Watchdog, equal, same};
use flow::{Executor, Flow, FlowError, MinMax, Sequenced};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
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

/// Few numbers and few different ones, so that some are equal to the one before; or many.
fn data() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        prop::collection::vec(0..4u64, 0..12),
        prop::collection::vec(0..1000u64, 0..200),
        (0..4000u64).prop_map(|size| (0..size).map(|x| x * x % 13).collect()),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let executor = prop_oneof![
        (1..=4usize).prop_map(Executor::threads),
        any::<u64>().prop_map(Executor::simulation),
        any::<u64>().prop_map(Executor::simulation),
    ];
    let max_demand = prop_oneof![1..4usize, 1..40usize, 1..5000usize];
    (executor, 1..=5usize, max_demand, any::<prop::sample::Index>()).prop_map(
        |(executor, instances, max_demand, min_demand)| {
            let demand = (max_demand, min_demand.index(max_demand));
            Setup::new(executor, instances, demand, 0)
        },
    )
}

/// A verb that leaves a flow its order.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Scan(u64),
    Enumerate,
    TakeWhile(u64),
    MapWhile(u64),
    Skip(usize),
    SkipWhile(u64),
    StepBy(usize),
    Dedup,
    DedupByKey(u64),
    DedupBy(u64),
    Chunks(usize),
    MapBatch(u64),
    Filter,
}

fn verb() -> impl Strategy<Value = Verb> {
    let many = || prop_oneof![1..4usize, 1..50usize, 1..5000usize];
    prop_oneof![
        (0..100_000u64).prop_map(Verb::Scan),
        Just(Verb::Enumerate),
        (0..1000u64).prop_map(Verb::TakeWhile),
        (0..1000u64).prop_map(Verb::MapWhile),
        (0..1000usize).prop_map(Verb::Skip),
        (0..1000u64).prop_map(Verb::SkipWhile),
        many().prop_map(Verb::StepBy),
        Just(Verb::Dedup),
        (1..9u64).prop_map(Verb::DedupByKey),
        (1..9u64).prop_map(Verb::DedupBy),
        many().prop_map(Verb::Chunks),
        (0..3u64).prop_map(Verb::MapBatch),
        Just(Verb::Filter),
    ]
}

fn scanned(most: u64) -> impl Fn(&mut u64, u64) -> Option<u64> + Send + Sync {
    move |sum, x| {
        *sum += x % 1000;
        (*sum <= most).then_some(*sum)
    }
}

fn repeated(many: u64, x: u64) -> impl Iterator<Item = u64> + Send {
    (0..(x + many) % 3).map(move |y| x + y)
}

impl Verb {
    /// What the verb gives of a sequence.
    fn of(self, events: Vec<u64>) -> Vec<u64> {
        let mut all = events.clone();
        let events = events.into_iter();
        match self {
            Verb::Scan(most) => events.scan(0, scanned(most)).collect(),
            Verb::Enumerate => (0..).zip(events).map(|(at, x)| at * 3 + x).collect(),
            Verb::TakeWhile(most) => events.take_while(|x| *x < most).collect(),
            Verb::MapWhile(most) => events.map_while(|x| most.checked_sub(x)).collect(),
            Verb::Skip(n) => events.skip(n).collect(),
            Verb::SkipWhile(most) => events.skip_while(|x| *x < most).collect(),
            Verb::StepBy(n) => events.step_by(n).collect(),
            Verb::Dedup => {
                all.dedup();
                all
            }
            Verb::DedupByKey(k) => {
                all.dedup_by_key(|x| *x / k);
                all
            }
            Verb::DedupBy(k) => {
                all.dedup_by(|x, kept| kept.abs_diff(*x) < k);
                all
            }
            Verb::Chunks(n) => all.chunks(n).map(|chunk| chunk.iter().sum()).collect(),
            Verb::MapBatch(many) => events.flat_map(|x| repeated(many, x)).collect(),
            Verb::Filter => events.filter(|x| x % 2 == 0).collect(),
        }
    }
}

/// A chain of at most so many verbs more, which says what type it has.
trait Chain {
    fn go<N>(flow: Flow<N>, chain: &[Verb], s: &Setup) -> Result<Vec<u64>, FlowError>
    where
        N: Sequenced<Item = u64>;
}

struct More<C>(C);
struct Last;

impl Chain for Last {
    fn go<N>(flow: Flow<N>, _: &[Verb], s: &Setup) -> Result<Vec<u64>, FlowError>
    where
        N: Sequenced<Item = u64>,
    {
        if s.instances.is_multiple_of(2) {
            return flow.ordered().with_iter(|got| got.collect());
        }
        flow.collect()
    }
}

impl<C: Chain> Chain for More<C> {
    fn go<N>(flow: Flow<N>, chain: &[Verb], s: &Setup) -> Result<Vec<u64>, FlowError>
    where
        N: Sequenced<Item = u64>,
    {
        let Some((first, rest)) = chain.split_first() else {
            return Last::go(flow, &[], s);
        };
        match *first {
            Verb::Scan(most) => C::go(flow.scan(|| 0, scanned(most)), rest, s),
            Verb::Enumerate => C::go(flow.enumerate().map(|(at, x)| at * 3 + x), rest, s),
            Verb::TakeWhile(most) => C::go(flow.take_while(move |x| *x < most), rest, s),
            Verb::MapWhile(most) => C::go(flow.map_while(move |x| most.checked_sub(x)), rest, s),
            Verb::Skip(n) => C::go(flow.skip(n), rest, s),
            Verb::SkipWhile(most) => C::go(flow.skip_while(move |x| *x < most), rest, s),
            Verb::StepBy(n) => C::go(flow.step_by(n), rest, s),
            Verb::Dedup => C::go(flow.dedup(), rest, s),
            Verb::DedupByKey(k) => C::go(flow.dedup_by_key(move |x| x / k), rest, s),
            Verb::DedupBy(k) => C::go(flow.dedup_by(move |kept, x| kept.abs_diff(*x) < k), rest, s),
            Verb::Chunks(n) => {
                C::go(flow.chunks(n).map(|chunk| chunk.iter().sum::<u64>()), rest, s)
            }
            Verb::MapBatch(many) => {
                let f =
                    move |batch: Vec<u64>| batch.into_iter().flat_map(move |x| repeated(many, x));
                C::go(flow.map_batch(f), rest, s)
            }
            Verb::Filter => C::go(flow.filter(|x| x % 2 == 0), rest, s),
        }
    }
}

/// As deep as is compiled in bearable time.
type Deep = More<More<Last>>;
const DEPTH: usize = 2;

#[test]
fn chains_give_what_iterators_give() {
    let chain = prop::collection::vec(verb(), 1..=DEPTH);
    holds(1500, (chain, 0..2usize, data(), setup()), |(chain, from, data, s)| {
        let want = chain.iter().fold(data.clone(), |events, verb| verb.of(events));
        let got = match from {
            0 => Deep::go(s.source(Flow::from_slice(&data)).map(|x| *x), &chain, &s)?,
            _ => Deep::go(s.source(Flow::from_iter(data)), &chain, &s)?,
        };
        same(got, want)?;
        s.balanced()
    });
}

#[test]
fn batches_keep_the_order_under_every_schedule() {
    let data: Vec<u64> = (0..300).collect();
    let want: Vec<u64> = data.iter().flat_map(|x| repeated(1, *x)).collect();
    for seed in 0..2000 {
        let flow = Flow::from_slice(&data).on(Executor::simulation(seed)).stages(3);
        let flow = flow.max_demand(9).min_demand(3);
        let flow = flow.map_batch(|batch| batch.into_iter().flat_map(|x| repeated(1, *x)));
        let flow = flow.map_batch(|batch| batch);
        let got: Vec<u64> = if seed % 2 == 0 {
            flow.collect().unwrap()
        } else {
            flow.ordered().in_flight(20).collect().unwrap()
        };
        assert_eq!(got, want, "seed {seed}");
    }
}

/// Others find later ones while the first is still on its way.
#[test]
fn the_first_is_found_under_every_schedule() {
    let data: Vec<u64> = (0..400).collect();
    for seed in 0..3000 {
        let flow = || Flow::from_slice(&data).on(Executor::simulation(seed)).stages(4);
        let first = seed % 90;
        let found = flow().filter(|x| **x >= first).find_first(|x| **x % 3 == 1).unwrap();
        let want = data.iter().find(|x| **x >= first && **x % 3 == 1);
        assert_eq!(found, want, "seed {seed}");
        let iter = Flow::from_iter(data.iter()).on(Executor::simulation(seed)).stages(4);
        assert_eq!(iter.find_first(|x| **x >= first).unwrap(), Some(&first), "seed {seed}");
    }
}

#[test]
fn terminals_give_what_iterators_give() {
    let at = prop_oneof![0..20u64, 0..2000u64];
    holds(800, (data(), at, setup()), |(data, at, s)| {
        let pairs: Vec<(u64, usize)> = data.iter().copied().zip(0..).collect();
        let flow = || s.source(Flow::from_slice(&pairs)).map(|x| *x);
        let want = || pairs.iter().copied();
        equal(flow().find_first(|x| x.0 == at)?, want().find(|x| x.0 == at))?;
        let found = flow().find_any(|x| x.0 == at)?;
        equal(found.map(|x| x.0), want().find(|x| x.0 == at).map(|x| x.0))?;
        equal(flow().any(|x| x.0 == at)?, want().any(|x| x.0 == at))?;
        equal(flow().all(|x| x.0 <= at)?, want().all(|x| x.0 <= at))?;
        let place = want().position(|x| x.0 == at).map(|at| at as u64);
        equal(flow().position(|x| x.0 == at)?, place)?;
        let odd = || flow().filter(|x| x.0 % 2 == 1);
        let want_odd = || want().filter(|x| x.0 % 2 == 1);
        equal(odd().first()?, want_odd().next())?;
        equal(odd().last()?, want_odd().next_back())?;
        equal(odd().nth(at as usize)?, want_odd().nth(at as usize))?;
        equal(flow().min_by_key(|x| x.0)?, want().min_by_key(|x| x.0))?;
        equal(flow().max_by_key(|x| x.0)?, want().max_by_key(|x| x.0))?;
        let compare = |a: &(u64, usize), b: &(u64, usize)| (a.0 / 3).cmp(&(b.0 / 3));
        equal(flow().min_by(compare)?, want().min_by(compare))?;
        equal(flow().max_by(compare)?, want().max_by(compare))?;
        let pair = flow().minmax()?;
        equal(matches!(pair, MinMax::One(_)), pairs.len() == 1)?;
        equal(pair.into_pair(), want().min().zip(want().max()))?;
        let sum = || want().map(|x| x.0).sum::<u64>();
        equal(flow().fold(|| 0, |sum, x| *sum += x.0, |sum, x| *sum += x)?, sum())?;
        let reduced = flow().map(|x| x.0).reduce_with(|a, b| a + b)?;
        equal(reduced, want().map(|x| x.0).reduce(|a, b| a + b))?;
        let most = 1000 * at;
        let add = |a: u64, b: u64| a.checked_add(b).filter(|sum| *sum <= most).ok_or("too much");
        let tried = flow().map(|x| x.0).try_reduce(|| 0, add);
        equal(tried.ok(), Some(sum()).filter(|sum| *sum <= most))?;
        let add = |sum: &mut u64, x: u64| {
            *sum += x;
            if *sum <= most { Ok(()) } else { Err("too much") }
        };
        let tried = flow().map(|x| x.0).try_fold(|| 0, add, add);
        equal(tried.ok(), Some(sum()).filter(|sum| *sum <= most))?;
        s.balanced()
    });
}
