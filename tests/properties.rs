//! Random flows against sequential iterators and maps: random chains of operators, data, demand and
//! executors, and the same flow under very many schedules of the simulation.
//!
//! `PROPTEST_CASES` sets how many cases each property gets.

mod common;

use common::{Check, Moody, Setup, Wakes, Watchdog, equal, same, same_events, some_of};
use flow::{BoxFlow, Executor, Flow, FlowError, Meter, Metrics, Notifier, Sequenced};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
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

// Random data and setups: few numbers, so that a case can be read.

/// Numbers that a few numbers stand for.
#[derive(Clone, Copy, Debug)]
struct Data {
    size: usize,
    /// All numbers are below this.
    below: u64,
    seed: u64,
}

impl Data {
    fn numbers(self) -> Vec<u64> {
        let mut state = self.seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % self.below
        };
        iter::repeat_with(next).take(self.size).collect()
    }

    /// Numbers of which a few make up the most.
    fn skewed(self) -> Vec<u64> {
        let squash = |x: u64| if x % 16 > 3 { x % 3 } else { x };
        self.numbers().into_iter().map(squash).collect()
    }

    /// Numbers that are all different.
    fn unique(self) -> Vec<u64> {
        (0..self.size as u64).map(|x| x.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect()
    }
}

fn data() -> impl Strategy<Value = Data> {
    let size = prop_oneof![0..4usize, 0..200usize, 0..5000usize];
    let below = prop_oneof![1..5u64, 5..2000u64];
    (size, below, any::<u64>()).prop_map(|(size, below, seed)| Data { size, below, seed })
}

/// How a flow is set up.
#[derive(Clone, Debug)]
struct Shape {
    executor: Executor,
    instances: usize,
    max_demand: usize,
    min_demand: usize,
    in_flight: usize,
}

impl Shape {
    fn setup(&self) -> Setup {
        let Shape { executor, instances, max_demand, min_demand, .. } = self;
        Setup::new(executor.clone(), *instances, (*max_demand, *min_demand), 0)
    }

    fn on(&self, executor: Executor) -> Setup {
        Shape { executor, ..self.clone() }.setup()
    }
}

fn executor() -> impl Strategy<Value = Executor> {
    prop_oneof![
        (1..=4usize).prop_map(Executor::threads),
        any::<u64>().prop_map(Executor::simulation),
        any::<u64>().prop_map(Executor::simulation),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let max_demand = || prop_oneof![1..4usize, 1..40usize, 1..5000usize];
    (executor(), 1..=5usize, max_demand(), any::<prop::sample::Index>(), max_demand()).prop_map(
        |(executor, instances, max_demand, min_demand, in_flight)| {
            let min_demand = min_demand.index(max_demand);
            Shape { executor, instances, max_demand, min_demand, in_flight }
        },
    )
}

// Chains with one order: the types are fixed to a depth, what they do is random.

/// An operator that leaves a flow its order.
#[derive(Clone, Copy, Debug)]
enum InOrder {
    Map(u64),
    Filter(u64),
    FilterMap(u64),
    FlatMap(u64),
    Ordered(usize),
    Take(usize),
}

fn in_order() -> impl Strategy<Value = InOrder> {
    let small = || 0..7u64;
    prop_oneof![
        small().prop_map(InOrder::Map),
        small().prop_map(InOrder::Filter),
        small().prop_map(InOrder::FilterMap),
        small().prop_map(InOrder::FlatMap),
        prop_oneof![1..4usize, 1..5000usize].prop_map(InOrder::Ordered),
        prop_oneof![0..4usize, 0..5000usize].prop_map(InOrder::Take),
    ]
}

/// What the operators of random chains do with an event.
fn mapped(k: u64, x: u64) -> u64 {
    (x * 31 + k) % 4001
}

fn filtered(k: u64, x: u64) -> bool {
    x % 5 != k % 5
}

fn filter_mapped(k: u64, x: u64) -> Option<u64> {
    (x % 3 != k % 3).then_some(x / 2 + k)
}

/// Mostly few, and now and then many.
fn flat_mapped(k: u64, x: u64) -> impl ExactSizeIterator<Item = u64> + Send + 'static {
    let many = if x % 499 == 10 + k { 1200 } else { (x + k) % 3 };
    (0..many as usize).map(move |y| x + y as u64)
}

/// More events than this are too many to wait for.
const MANY: usize = 20_000;

/// What random operators give of some events, if there are never too many.
fn of_all<T: Copy>(
    operators: &[T],
    of: impl Fn(T, Vec<u64>) -> Vec<u64>,
    events: Vec<u64>,
) -> Option<Vec<u64>> {
    let few = |events: Vec<u64>| Some(events).filter(|events| events.len() <= MANY);
    operators.iter().try_fold(events, |events, operator| few(of(*operator, events)))
}

impl InOrder {
    /// What the operator gives of a sequence.
    fn of(self, events: Vec<u64>) -> Vec<u64> {
        let events = events.into_iter();
        match self {
            InOrder::Map(k) => events.map(|x| mapped(k, x)).collect(),
            InOrder::Filter(k) => events.filter(|x| filtered(k, *x)).collect(),
            InOrder::FilterMap(k) => events.filter_map(|x| filter_mapped(k, x)).collect(),
            InOrder::FlatMap(k) => events.flat_map(|x| flat_mapped(k, x)).collect(),
            InOrder::Ordered(_) => events.collect(),
            InOrder::Take(n) => events.take(n).collect(),
        }
    }
}

/// What becomes of a chain.
#[derive(Clone, Debug)]
enum End {
    Collect,
    /// Put in order and read.
    Read(usize),
    /// Goes on without an order.
    Steps(Vec<Step>),
}

/// A chain of at most so many operators more, which says what type it has.
trait Chain {
    fn go<N>(flow: Flow<N>, chain: &[InOrder], end: &End, s: &Setup) -> Result<Vec<u64>, FlowError>
    where
        N: Sequenced<Item = u64> + 'static;
}

struct More<C>(C);
struct Last;

impl Chain for Last {
    fn go<N>(flow: Flow<N>, _: &[InOrder], end: &End, s: &Setup) -> Result<Vec<u64>, FlowError>
    where
        N: Sequenced<Item = u64> + 'static,
    {
        match end {
            End::Collect => flow.collect(),
            End::Read(most) => flow.ordered().in_flight(*most).with_iter(|got| got.collect()),
            End::Steps(steps) => {
                let flow = steps.iter().fold(flow.boxed(), |flow, step| step.behind(flow, s));
                flow.collect()
            }
        }
    }
}

impl<C: Chain> Chain for More<C> {
    fn go<N>(flow: Flow<N>, chain: &[InOrder], end: &End, s: &Setup) -> Result<Vec<u64>, FlowError>
    where
        N: Sequenced<Item = u64> + 'static,
    {
        let Some((first, rest)) = chain.split_first() else {
            return Last::go(flow, &[], end, s);
        };
        match *first {
            InOrder::Map(k) => C::go(flow.map(move |x| mapped(k, x)), rest, end, s),
            InOrder::Filter(k) => C::go(flow.filter(move |x| filtered(k, *x)), rest, end, s),
            InOrder::FilterMap(k) => {
                C::go(flow.filter_map(move |x| filter_mapped(k, x)), rest, end, s)
            }
            InOrder::FlatMap(k) => C::go(flow.flat_map(move |x| flat_mapped(k, x)), rest, end, s),
            InOrder::Ordered(most) => C::go(flow.ordered().in_flight(most), rest, end, s),
            InOrder::Take(n) => C::go(flow.take(n), rest, end, s),
        }
    }
}

/// As deep as is compiled in bearable time.
type Deep = More<More<Last>>;
const DEPTH: usize = 2;

#[test]
fn chains_with_an_order_give_what_iterators_give() {
    let chain = prop::collection::vec(in_order(), 0..=DEPTH);
    let end = prop_oneof![Just(End::Collect), (1..200usize).prop_map(End::Read)];
    let from = 0..3usize;
    holds(600, (chain, end, from, data(), shape()), |(chain, end, from, data, shape)| {
        let s = shape.setup();
        let numbers = data.numbers();
        let Some(want) = of_all(&chain, InOrder::of, numbers.clone()) else {
            return Ok(());
        };
        let got = match from {
            0 => Deep::go(s.source(Flow::from_vec(numbers)), &chain, &end, &s)?,
            1 => Deep::go(s.source(Flow::from_iter(numbers)), &chain, &end, &s)?,
            _ => {
                let mut numbers = numbers.into_iter();
                let iter = iter::from_fn(move || numbers.next());
                Deep::go(s.source(Flow::from_iter(iter)), &chain, &end, &s)?
            }
        };
        same(got, want)?;
        s.balanced()
    });
}

/// Long chains of a few fixed types.
#[test]
fn long_chains_of_fixed_types_give_what_iterators_give() {
    let parts = (0..7u64, 0..7u64, 0..7u64, 0..3000usize);
    holds(300, (0..5usize, parts, data(), shape()), |(which, (a, b, c, n), data, shape)| {
        let s = shape.setup();
        let most = shape.in_flight;
        let numbers = data.numbers();
        let slice = numbers.clone();
        let events = numbers.iter().copied();
        let source = s.source(Flow::from_slice(&slice)).map(|x| *x);
        let (got, want): (Vec<_>, Vec<_>) = match which {
            0 => {
                let flow = source.map(move |x| mapped(a, x)).filter(move |x| filtered(b, *x));
                let flow = flow.flat_map(move |x| flat_mapped(c, x)).map(move |x| mapped(b, x));
                let events = events.map(|x| mapped(a, x)).filter(|x| filtered(b, *x));
                let events = events.flat_map(|x| flat_mapped(c, x)).map(|x| mapped(b, x));
                (flow.collect()?, events.collect())
            }
            1 => {
                let flow = source.flat_map(move |x| flat_mapped(a, x)).ordered().in_flight(most);
                let flow = flow.filter_map(move |x| filter_mapped(b, x));
                let flow = flow.flat_map(move |x| flat_mapped(c, x));
                let events = events.flat_map(|x| flat_mapped(a, x));
                let events = events.filter_map(|x| filter_mapped(b, x));
                let events = events.flat_map(|x| flat_mapped(c, x));
                (flow.with_iter(|got| got.collect())?, events.collect())
            }
            2 => {
                let flow = source.flat_map_emit(move |x, out| out.extend(flat_mapped(a, *x)));
                let flow = flow.inspect(|x| {
                    std::hint::black_box(x);
                });
                let flow = flow.map_init(|| a, move |k, x| mapped(*k, x)).take(n);
                let events = events.flat_map(|x| flat_mapped(a, x)).map(|x| mapped(a, x)).take(n);
                (flow.map(move |x| x + b).collect()?, events.map(|x| x + b).collect())
            }
            3 => {
                let flow = source.map(move |x| flat_mapped(a, x).collect::<Vec<_>>()).flatten();
                let flow = flow.take(n).flat_map(move |x| flat_mapped(b, x)).ordered();
                let events = events.flat_map(|x| flat_mapped(a, x)).take(n);
                let events = events.flat_map(|x| flat_mapped(b, x));
                (flow.with_iter(|got| got.collect())?, events.collect())
            }
            _ => {
                let flow = source.map(move |x| mapped(a, x)).ordered().in_flight(most);
                let flow = flow.filter(move |x| filtered(b, *x)).take(n);
                let flow = flow.flat_map_emit(move |x, out| out.extend(flat_mapped(c, *x)));
                let events = events.map(|x| mapped(a, x)).filter(|x| filtered(b, *x)).take(n);
                let events = events.flat_map(|x| flat_mapped(c, x));
                (flow.with_iter(|got| got.collect())?, events.collect())
            }
        };
        same(got, want)?;
        s.balanced()
    });
}

// Programs without an order, put together at run time.

/// An operator, or a piece of a flow, that needs no order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Map(u64),
    Filter(u64),
    FilterMap(u64),
    FlatMap(u64),
    FlatMapEmit(u64),
    MapInit(u64),
    Inspect,
    Boxed,
    Partition(usize),
    PartitionBy(usize, u64),
    PartitionWith(usize, u64),
    /// Every event is kept in its partition until the end.
    Reduce(usize),
    /// Equal events are counted and given again as often.
    CountKeys(usize),
    /// As they are, but through a table of one's own.
    FoldKeys(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (small, stages) = (|| 0..7u64, || 1..5usize);
    prop_oneof![
        small().prop_map(Step::Map),
        small().prop_map(Step::Filter),
        small().prop_map(Step::FilterMap),
        small().prop_map(Step::FlatMap),
        small().prop_map(Step::FlatMapEmit),
        small().prop_map(Step::MapInit),
        Just(Step::Inspect),
        Just(Step::Boxed),
        stages().prop_map(Step::Partition),
        (stages(), small()).prop_map(|(stages, k)| Step::PartitionBy(stages, k)),
        (stages(), small()).prop_map(|(stages, k)| Step::PartitionWith(stages, k)),
        stages().prop_map(Step::Reduce),
        stages().prop_map(Step::CountKeys),
        stages().prop_map(Step::FoldKeys),
    ]
}

impl Step {
    /// The flow with this step behind it.
    fn behind(self, flow: BoxFlow<'static, u64>, s: &Setup) -> BoxFlow<'static, u64> {
        match self {
            Step::Map(k) => flow.map(move |x| mapped(k, x)).boxed(),
            Step::Filter(k) => flow.filter(move |x| filtered(k, *x)).boxed(),
            Step::FilterMap(k) => flow.filter_map(move |x| filter_mapped(k, x)).boxed(),
            Step::FlatMap(k) => flow.flat_map(move |x| flat_mapped(k, x)).boxed(),
            Step::FlatMapEmit(k) => {
                flow.flat_map_emit(move |x, out| out.extend(flat_mapped(k, *x))).boxed()
            }
            Step::MapInit(k) => flow.map_init(move || k, |k, x| mapped(*k, x)).boxed(),
            Step::Inspect => {
                let look = |x: &u64| {
                    std::hint::black_box(*x);
                };
                flow.inspect(look).boxed()
            }
            Step::Boxed => flow.boxed(),
            Step::Partition(stages) => s.demand(flow.partition()).stages(stages).boxed(),
            Step::PartitionBy(stages, k) => {
                let flow = flow.partition_by(move |x| x % (k + 1));
                s.demand(flow).stages(stages).boxed()
            }
            Step::PartitionWith(stages, k) => {
                let flow = flow.partition_with(move |x, partitions| {
                    filtered(k, *x).then_some(*x as usize / 2 % partitions)
                });
                s.demand(flow).stages(stages).boxed()
            }
            Step::Reduce(stages) => {
                let flow = s.demand(flow.partition()).stages(stages);
                flow.reduce(Vec::new, Vec::push).emit_items().boxed()
            }
            Step::CountKeys(stages) => {
                let flow = s.demand(flow.key_by(|x| *x).count()).stages(stages);
                flow.flat_map(|(x, count)| iter::repeat_n(x, count as usize)).boxed()
            }
            Step::FoldKeys(stages) => {
                let flow = flow.key_by(|x| x % 100).fold(Vec::new, Vec::push);
                s.demand(flow).stages(stages).flat_map(|(_, group)| group).boxed()
            }
        }
    }

    /// What the step gives of some events.
    fn of(self, events: Vec<u64>) -> Vec<u64> {
        let all = events.into_iter();
        match self {
            Step::Map(k) | Step::MapInit(k) => all.map(|x| mapped(k, x)).collect(),
            Step::Filter(k) | Step::PartitionWith(_, k) => {
                all.filter(|x| filtered(k, *x)).collect()
            }
            Step::FilterMap(k) => all.filter_map(|x| filter_mapped(k, x)).collect(),
            Step::FlatMap(k) | Step::FlatMapEmit(k) => {
                all.flat_map(|x| flat_mapped(k, x)).collect()
            }
            _ => all.collect(),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..6)
}

#[test]
fn programs_give_the_events_that_iterators_give() {
    holds(600, (steps(), data(), shape()), |(steps, data, shape)| {
        let s = shape.setup();
        let Some(want) = of_all(&steps, Step::of, data.numbers()) else {
            return Ok(());
        };
        let source = s.source(Flow::from_vec(data.numbers())).boxed();
        let flow = steps.iter().fold(source, |flow, step| step.behind(flow, &s));
        same_events(flow.collect::<Vec<_>>()?, want)?;
        s.balanced()
    });
}

#[test]
fn programs_behind_an_order_give_the_events_that_iterators_give() {
    let chain = prop::collection::vec(in_order(), 0..=DEPTH);
    holds(300, (chain, steps(), data(), shape()), |(chain, steps, data, shape)| {
        let s = shape.setup();
        let want = of_all(&chain, InOrder::of, data.numbers());
        let Some(want) = want.and_then(|events| of_all(&steps, Step::of, events)) else {
            return Ok(());
        };
        let source = s.source(Flow::from_vec(data.numbers()));
        same_events(Deep::go(source, &chain, &End::Steps(steps), &s)?, want)?;
        s.balanced()
    });
}

#[test]
fn programs_that_are_read_or_taken_from_give_as_many_as_they_say() {
    holds(200, (steps(), data(), shape(), 0..3000usize), |(steps, data, shape, n)| {
        let s = shape.setup();
        let Some(want) = of_all(&steps, Step::of, data.numbers()) else {
            return Ok(());
        };
        let there = n.min(want.len());
        let flow = || {
            let source = s.source(Flow::from_iter(data.numbers())).boxed();
            steps.iter().fold(source, |flow, step| step.behind(flow, &s))
        };
        let read = s.demand(flow()).with_iter(|got| got.collect::<Vec<_>>())?;
        same_events(read, want.iter().copied())?;
        let read = s.demand(flow()).with_iter(|got| got.take(n).collect::<Vec<_>>())?;
        some_of(read, want.iter().copied(), there)?;
        let read = flow().into_iter().take(n).collect::<Result<Vec<_>, _>>()?;
        some_of(read, want.iter().copied(), there)?;
        some_of(flow().take_any(n).collect::<Vec<_>>()?, want.iter().copied(), there)?;
        let taken = s.stage(flow().take_any(n).partition()).collect::<Vec<_>>()?;
        some_of(taken, want.iter().copied(), there)?;
        s.balanced()
    });
}

#[test]
fn producers_are_read_to_their_ends() {
    let sources = prop::collection::vec((data(), 0..9usize, 0..3usize), 1..4);
    holds(150, (sources, steps(), shape()), |(sources, steps, shape)| {
        let s = shape.setup();
        let all = sources.iter().flat_map(|(data, ..)| data.numbers()).collect();
        let Some(want) = of_all(&steps, Step::of, all) else {
            return Ok(());
        };
        let (bell, bells) = mpsc::channel::<Notifier>();
        let ringing = thread::spawn(move || bells.iter().for_each(|bell| bell.notify()));
        let wakes = [Wakes::ByItself, Wakes::AtOnce, Wakes::By(bell)];
        let producers = sources
            .iter()
            .map(|(data, mood, how)| Moody::new(data.numbers(), *mood, wakes[*how].clone()));
        let source = s.source(Flow::from_stages(producers)).boxed();
        drop(wakes);
        let flow = steps.iter().fold(source, |flow, step| step.behind(flow, &s));
        same_events(flow.collect::<Vec<_>>()?, want)?;
        ringing.join().map_err(|_| "the ringing thread panicked")?;
        s.balanced()
    });
}

// Keys.

/// The groups of a map.
fn grouped<K: Hash + Eq>(events: &[u64], key: impl Fn(u64) -> K) -> HashMap<K, Vec<u64>> {
    let mut groups = HashMap::<K, Vec<u64>>::new();
    for event in events {
        groups.entry(key(*event)).or_default().push(*event);
    }
    groups
}

/// All verbs for one kind of key.
fn keyed<K>(s: &Setup, numbers: &[u64], key: impl Fn(u64) -> K + Send + Sync) -> Check
where
    K: Hash + Eq + Ord + Clone + Debug + Send + 'static,
{
    let source = || s.source(Flow::from_slice(numbers)).map(|x| *x);
    let want = grouped(numbers, &key);
    let of = |f: fn(&[u64]) -> u64| want.iter().map(move |(key, group)| (key.clone(), f(group)));
    let sum = |group: &[u64]| group.iter().fold(0, |sum: u64, x| sum.wrapping_add(x % 1000));

    let flow = s.stage(source().key_by(|x| key(*x)).count());
    same_events(flow.collect::<Vec<_>>()?, of(|group| group.len() as u64))?;
    let flow = s.stage(source().key_by(|x| key(*x)).sum(|x| x % 1000));
    same_events(flow.collect::<Vec<_>>()?, of(sum))?;
    let flow = source().key_by(|x| key(*x)).fold(|| 0, |sum, x| *sum += x % 1000);
    same_events(s.stage(flow).collect::<Vec<_>>()?, of(sum))?;
    let flow = source()
        .key_by(|x| key(*x))
        .aggregate(|a| (a.count(), a.min(|x| *x), a.max(|x| *x), a.sum(|x| x % 1000)));
    let all = |group: &Vec<u64>| {
        let (min, max) = (group.iter().min().copied(), group.iter().max().copied());
        (group.len() as u64, min, max, sum(group))
    };
    let want_all = want.iter().map(|(key, group)| (key.clone(), all(group)));
    let got = s.stage(flow).map(|(key, (n, min, max, sum))| (key, (n, Some(min), Some(max), sum)));
    same_events(got.collect::<Vec<_>>()?, want_all)?;
    let flow = source().map(|x| (key(x), x)).key_by_ref(|pair| &pair.0).sum(|pair| pair.1 % 1000);
    same_events(s.stage(flow).collect::<Vec<_>>()?, of(sum))?;
    // Each key is in one partition.
    let parts = s.stage(source().key_by(|x| key(*x)).count()).into_partitions()?;
    equal(parts.len(), s.instances)?;
    same_events(parts.concat(), of(|group| group.len() as u64))?;
    s.balanced()
}

#[test]
fn keyed_verbs_give_what_a_map_gives() {
    holds(150, (0..3usize, any::<bool>(), data(), shape()), |(kind, text, data, shape)| {
        let numbers = [Data::numbers, Data::skewed, Data::unique][kind](data);
        let s = shape.setup();
        if text {
            // Some keys are short enough to lie in their tables, others are not.
            keyed(&s, &numbers, |x| format!("{}{x}", ["", "a rather long key: "][x as usize % 2]))
        } else {
            keyed(&s, &numbers, |x| x)
        }
    });
}

/// More keys than any table that stays in the cache holds, and some that come again and again.
#[test]
fn keyed_verbs_give_what_a_map_gives_of_many_keys() {
    let numbers: Vec<u64> = (0..60_000).map(|x| if x % 3 == 0 { x % 300 } else { x }).collect();
    let executors = [1, 4].map(Executor::threads).into_iter();
    for executor in executors.chain((0..2).map(Executor::simulation)) {
        let s = Setup::new(executor, 3, (4096, 2048), 0);
        let flow = s.source(Flow::from_slice(&numbers)).key_by(|x| **x).count();
        let want = grouped(&numbers, |x| x);
        let want = want.iter().map(|(key, group)| (*key, group.len() as u64));
        same_events(s.stage(flow).collect::<Vec<_>>().unwrap(), want).unwrap();
        s.balanced().unwrap();
    }
}

#[test]
fn lent_keys_of_text_are_counted_as_a_map_counts_them() {
    let text = prop_oneof![
        "([a-c]{1,3} ?\r?\n?){0,400}",
        "(\\PC{0,12} ){0,60}",
        "(a-word-that-is-too-long-for-its-place|b|\n| ){0,300}"
    ];
    holds(150, (text, shape()), |(text, shape)| {
        let s = shape.setup();
        let mut want = HashMap::<&str, u64>::new();
        for word in text.lines().flat_map(str::split_whitespace) {
            *want.entry(word).or_insert(0) += 1;
        }
        let want = || want.iter().map(|(word, count)| ((*word).to_owned(), *count));
        let flow = s.source(Flow::from_text(&text)).key_each::<str>(|line, keys| {
            line.split_whitespace().for_each(|word| keys.add(word));
        });
        same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want())?;
        let flow = s.source(Flow::from_lines(text.as_bytes())).key_each::<str>(|line, keys| {
            line.split_whitespace().for_each(|word| keys.add(word));
        });
        same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want())?;
        let flow = s.source(Flow::from_text(&text)).flat_map(str::split_whitespace);
        let flow = flow.key_by(|word| *word).count().map(|(word, count)| (word.to_owned(), count));
        same_events(s.stage(flow).collect::<Vec<_>>()?, want())?;
        let lines = s.source(Flow::from_text(&text)).ordered().in_flight(shape.in_flight);
        same(lines.with_iter(|lines| lines.collect::<Vec<_>>())?, text.lines())?;
        s.balanced()
    });
}

// Partitions and order.

#[test]
fn partitions_are_reduced_each_for_itself() {
    holds(200, (data(), shape(), 1..6usize), |(data, shape, stages)| {
        let s = shape.setup();
        let numbers = data.numbers();
        let route = |x: u64| (x / 3) as usize % stages;
        let flow = || {
            let flow = s.source(Flow::from_vec(numbers.clone()));
            s.demand(flow.partition_with(move |x, _| route(*x))).stages(stages)
        };
        let of = |at| numbers.iter().copied().filter(move |x| route(*x) == at);
        let sums = flow().reduce(|| 0, |sum, x| *sum += x).emit_state().collect::<Vec<u64>>()?;
        same(sums, (0..stages).map(|at| of(at).sum()))?;
        let parts = flow().reduce(Vec::new, Vec::push).emit_state().into_partitions()?;
        for (at, part) in parts.into_iter().enumerate() {
            same_events(part.concat(), of(at))?;
        }
        let flow = flow().reduce(BTreeMap::new, |counts, x| *counts.entry(x).or_insert(0) += 1);
        let items = flow.on_trigger(|counts, pane| {
            let at = pane.partition();
            std::mem::take(counts).into_iter().map(move |(x, count): (u64, u64)| (at, x, count))
        });
        let want = grouped(&numbers, |x| (route(x), x));
        let want = want.iter().map(|((at, x), group)| (*at, *x, group.len() as u64));
        same(items.collect::<Vec<_>>()?, {
            let mut want: Vec<_> = want.collect();
            want.sort_unstable();
            want
        })?;
        s.balanced()
    });
}

/// Takes a while, which depends on the event.
fn work(x: u64) -> u64 {
    let rounds = if x.is_multiple_of(61) { 4_000 } else { x % 50 };
    (0..rounds).fold(x, |sum, x| std::hint::black_box(sum ^ x));
    x
}

#[test]
fn ordered_keeps_the_order_and_is_never_too_far_ahead() {
    holds(100, (data(), shape(), 0..7u64), |(data, shape, k)| {
        let s = shape.setup();
        // What gives nothing is done with, however far the reader is.
        let one_and_more = |x| iter::once(x).chain(flat_mapped(k, x));
        let begun = AtomicUsize::new(0);
        let numbers: Vec<_> = data.numbers().into_iter().enumerate().collect();
        let flow = s.source(Flow::from_slice(&numbers)).inspect(|_| {
            begun.fetch_add(1, Ordering::SeqCst);
        });
        let flow = flow
            .map(|(at, x)| (*at, work(*x)))
            .flat_map(|(at, x)| one_and_more(x).map(move |x| (at, x)));
        let flow = flow.ordered().in_flight(shape.in_flight);
        let mut ahead = 0;
        let got = flow.with_iter(|got| {
            let read = got.inspect(|(at, _)| {
                ahead = ahead.max(begun.load(Ordering::SeqCst).saturating_sub(*at + 1));
            });
            read.collect::<Vec<_>>()
        })?;
        let want = numbers.iter().flat_map(|(at, x)| one_and_more(*x).map(|x| (*at, x)));
        same(got, want)?;
        if ahead > shape.in_flight {
            return Err(format!("{ahead} events ahead of the reader").into());
        }
        s.balanced()
    });
}

#[test]
fn results_do_not_depend_on_the_workers() {
    holds(80, (steps(), data(), shape(), any::<u64>()), |(steps, data, shape, seed)| {
        if of_all(&steps, Step::of, data.numbers()).is_none() {
            return Ok(());
        }
        let mut runs = Vec::new();
        for executor in
            [1, 2, 4].map(Executor::threads).into_iter().chain([Executor::simulation(seed)])
        {
            let s = shape.on(executor);
            let source = s.source(Flow::from_vec(data.numbers())).boxed();
            let flow = steps.iter().fold(source, |flow, step| step.behind(flow, &s));
            // The partition of every event, and its sums in the order of the partitions.
            let parts = s.stage(flow.partition());
            let mut events = parts.into_partitions()?;
            events.iter_mut().for_each(|part| part.sort_unstable());
            let source = s.source(Flow::from_vec(data.numbers())).boxed();
            let flow = steps.iter().fold(source, |flow, step| step.behind(flow, &s));
            let sums = s.stage(flow.partition_by(|x| x % 10)).reduce(|| 0, |sum, x| *sum += x);
            runs.push((events, sums.emit_state().collect::<Vec<u64>>()?));
            s.balanced()?;
        }
        runs.iter().try_for_each(|run| equal(run, &runs[0]))
    });
}

// The simulation.

/// What is seen of a simulated run: the order in which events came to a place behind an exchange,
/// and everything that was counted.
fn trace(seed: u64, steps: &[Step], data: Data) -> Result<(Vec<u64>, Metrics), FlowError> {
    let s = Setup::new(Executor::simulation(seed), 3, (5, 2), 0);
    let seen = Mutex::new(Vec::new());
    let meter = Meter::new();
    let producers = (0..2).map(|mood| Moody::new(data.numbers(), mood, Wakes::ByItself));
    let source = s.source(Flow::from_stages(producers)).boxed();
    let flow = steps.iter().fold(source, |flow, step| step.behind(flow, &s));
    let flow = s.stage(flow.partition()).inspect(|x| seen.lock().unwrap().push(*x));
    flow.observe(&meter).run()?;
    Ok((seen.into_inner().unwrap(), meter.metrics()))
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let small = (0..300usize, 1..2000u64, any::<u64>());
    let data = small.prop_map(|(size, below, seed)| Data { size, below, seed });
    holds(200, (any::<u64>(), steps(), data), |(seed, steps, data)| {
        if of_all(&steps, Step::of, data.numbers()).is_none() {
            return Ok(());
        }
        let (one, other) = (trace(seed, &steps, data)?, trace(seed, &steps, data)?);
        same(one.0, other.0)?;
        equal(one.1, other.1)
    });
}

#[test]
fn the_same_seed_is_read_in_the_same_way() {
    holds(200, (any::<u64>(), data(), shape()), |(seed, data, shape)| {
        let read = || {
            let s = shape.on(Executor::simulation(seed));
            let flow = s.source(Flow::from_iter(data.numbers())).flat_map(|x| flat_mapped(1, x));
            let flow = s.stage(flow.key_by(|x| x % 100).count());
            flow.with_iter(|got| got.collect::<Vec<_>>())
        };
        same(read()?, read()?)
    });
}

#[test]
fn other_seeds_give_other_runs() {
    let data = Data { size: 200, below: 1000, seed: 1 };
    let runs = (0..50).map(|seed| trace(seed, &[Step::FlatMap(1)], data).unwrap().0);
    let runs: HashSet<_> = runs.collect();
    assert!(runs.len() > 40, "{} different runs of 50", runs.len());
}

/// Runs a flow under very many schedules.
fn under_seeds(flow: impl Fn(&Setup) -> Check) {
    let watchdog = Watchdog::new(Duration::from_secs(300));
    let mut failures = Vec::new();
    for seed in 0..1000 {
        let (max_demand, instances) = ([1, 2, 5, 40][seed as usize % 4], 1 + seed as usize % 3);
        let demand = (max_demand, max_demand / 2);
        let s = Setup::new(Executor::simulation(seed), instances, demand, 60);
        watchdog.at(|| s.to_string());
        if let Err(wrong) = flow(&s).and_then(|()| s.balanced()) {
            failures.push(format!("{wrong}\n    with {s}"));
        }
    }
    let first = failures.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of 1000 seeds fail:\n{first}", failures.len());
}

#[test]
fn partition_and_reduce_under_many_seeds() {
    under_seeds(|s| {
        let flow = s.source(Flow::from_vec(s.numbers())).flat_map(|x| [x, x]);
        let flow = s.stage(flow.partition_by(|x| x % 7)).reduce(|| 0, |sum, x| *sum += x);
        let sums = flow.emit_state().collect::<Vec<u64>>()?;
        equal(sums.len(), s.instances)?;
        equal(sums.iter().sum::<u64>(), 2 * s.numbers().iter().sum::<u64>())
    });
}

#[test]
fn reduced_items_behind_another_exchange_under_many_seeds() {
    under_seeds(|s| {
        let flow = s.stage(s.source(Flow::from_vec(s.numbers())).partition());
        let flow = flow.reduce(Vec::new, Vec::push).emit_items().flat_map(|x| [x, x + 1]);
        let got = s.stage(flow.partition_by(|x| x % 5)).collect::<Vec<_>>()?;
        same_events(got, s.numbers().into_iter().flat_map(|x| [x, x + 1]))
    });
}

#[test]
fn keyed_count_under_many_seeds() {
    under_seeds(|s| {
        let flow = s.source(Flow::from_iter(s.numbers())).key_by(|x| x % 9).count();
        let want = grouped(&s.numbers(), |x| x % 9);
        let want = want.iter().map(|(key, group)| (*key, group.len() as u64));
        let flow = s.stage(s.stage(flow).partition_by(|pair| pair.0 % 2));
        same_events(flow.with_iter(|got| got.collect::<Vec<_>>())?, want)
    });
}

#[test]
fn ordered_and_read_under_many_seeds() {
    under_seeds(|s| {
        let want = || s.numbers().into_iter().flat_map(|x| flat_mapped(2, x));
        let flow = s.source(Flow::from_vec(s.numbers())).flat_map(|x| flat_mapped(2, x)).ordered();
        let got = flow.in_flight(s.max_demand).with_iter(|got| got.collect::<Vec<_>>())?;
        same(got, want())?;
        let flow = s.source(Flow::from_iter(s.numbers())).flat_map(|x| flat_mapped(2, x)).ordered();
        let flow = flow.in_flight(s.max_demand).map(|x| x + 1).ordered();
        same(flow.with_iter(|got| got.collect::<Vec<_>>())?, want().map(|x| x + 1))
    });
}

#[test]
fn take_under_many_seeds() {
    under_seeds(|s| {
        let flow = || s.source(Flow::from_iter(0u64..)).filter(|x| x % 3 == 0);
        let want = || (0u64..).step_by(3).take(20);
        same(flow().take(20).collect::<Vec<_>>()?, want())?;
        same(flow().take(20).with_iter(|got| got.collect::<Vec<_>>())?, want())?;
        same_events(s.stage(flow().take(20).partition()).collect::<Vec<_>>()?, want())?;
        let flow = s.stage(s.source(Flow::from_vec(s.numbers())).partition()).take_any(50);
        let got = s.stage(flow.partition_by(|x| x % 5)).collect::<Vec<_>>()?;
        some_of(got, s.numbers(), 50)
    });
}

#[test]
fn pending_producers_under_many_seeds() {
    under_seeds(|s| {
        for wakes in [Wakes::ByItself, Wakes::AtOnce] {
            let producers = (0..3).map(|mood| Moody::new(s.numbers(), mood, wakes.clone()));
            let flow = s.source(Flow::from_stages(producers)).flat_map(|x| [x, x + 1]);
            let want = || s.numbers().into_iter().flat_map(|x| [x, x + 1]);
            let got = s.stage(flow.partition()).collect::<Vec<_>>()?;
            same_events(got, want().chain(want()).chain(want()))?;
        }
        Ok(())
    });
}

#[test]
fn boxed_programs_under_many_seeds() {
    under_seeds(|s| {
        let steps = [
            Step::FlatMapEmit(1),
            Step::Partition(2),
            Step::FilterMap(1),
            Step::MapInit(3),
            Step::CountKeys(2),
        ];
        let source = s.source(Flow::from_vec(s.numbers())).boxed();
        let flow = steps.iter().fold(source, |flow, step| step.behind(flow, s));
        let want = of_all(&steps, Step::of, s.numbers());
        same_events(flow.collect::<Vec<_>>()?, want.unwrap_or_default())
    });
}
