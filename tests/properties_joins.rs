//! Verbs with two inputs on random data, demand and executors against nested loops and iterators,
//! and the same flows under very many schedules of the simulation.
//!
//! `PROPTEST_CASES` sets how many cases each property gets.

mod common;

use common::{Check, Setup, Watchdog, equal, same, same_events};
use flow::{Executor, Flow, Sequenced};
use itertools::Itertools;
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

/// Two sides of events: a key, of which there are few, and a value.
type Sides = (Vec<(u8, u16)>, Vec<(u8, u16)>);

fn sides() -> impl Strategy<Value = Sides> {
    let side = || prop::collection::vec((0..12u8, any::<u16>()), 0..80);
    (side(), side())
}

/// How a flow is set up: demand, instances, who runs it.
fn shape() -> impl Strategy<Value = (usize, usize, Executor)> {
    let executor = prop_oneof![
        (1..4usize).prop_map(Executor::threads),
        any::<u64>().prop_map(Executor::simulation),
    ];
    (prop_oneof![1..4usize, Just(4096)], 1..4usize, executor)
}

type Row = (u8, Option<u16>, Option<u16>);

/// A full join, by nested loops.
fn full((left, right): &Sides) -> Vec<Row> {
    let mut rows = Vec::new();
    for l in left {
        let before = rows.len();
        let matches = right.iter().filter(|r| r.0 == l.0);
        rows.extend(matches.map(|r| (l.0, Some(l.1), Some(r.1))));
        if rows.len() == before {
            rows.push((l.0, Some(l.1), None));
        }
    }
    let lonely = right.iter().filter(|r| left.iter().all(|l| l.0 != r.0));
    rows.extend(lonely.map(|r| (r.0, None, Some(r.1))));
    rows
}

/// Both sides, keyed, in the given shape.
macro_rules! keyed {
    ($sides:expr, $demand:expr, $instances:expr) => {{
        let (left, right) = $sides.clone();
        let left = Flow::from_vec(left).stages($instances).max_demand($demand);
        let right = Flow::from_iter(right).max_demand($demand);
        (left.key_by(|x| x.0), right.key_by(|x| x.0))
    }};
}

#[test]
fn joins_find_what_nested_loops_find() {
    holds(150, (sides(), shape(), any::<bool>()), |(sides, shape, build_left)| {
        let (demand, instances, executor) = shape;
        let want = full(&sides);
        macro_rules! check {
            ($verb:ident, $row:expr, $keep:expr) => {{
                let (left, right) = keyed!(sides, demand, instances);
                let join = left.$verb(right);
                let want = want.iter().copied().filter($keep);
                let got: Vec<Row> = if build_left {
                    let join = join.build_left().on(executor.clone()).max_demand(demand);
                    join.stages(instances).map($row).collect()?
                } else {
                    let join = join.on(executor.clone()).max_demand(demand);
                    join.stages(instances).map($row).collect()?
                };
                same_events(got, want)?;
            }};
        }
        let both = |row: &Row| row.1.is_some() && row.2.is_some();
        check!(join, |(k, l, r)| (k, Some(l.1), Some(r.1)), both);
        check!(left_join, |(k, l, r)| (k, Some(l.1), r.map(|r| r.1)), |row| row.1.is_some());
        check!(right_join, |(k, l, r)| (k, l.map(|l| l.1), Some(r.1)), |row| row.2.is_some());
        check!(
            full_join,
            |(k, found)| {
                let (l, r) = found.left_and_right();
                (k, l.map(|l| l.1), r.map(|r| r.1))
            },
            |_| true
        );
        Ok(())
    });
}

#[test]
fn semi_and_anti_joins_divide_a_flow() {
    holds(150, (sides(), shape()), |(sides, (demand, instances, executor))| {
        let (left, right) = &sides;
        let there = |l: &&(u8, u16)| right.iter().any(|r| r.0 == l.0);
        let (l, r) = keyed!(sides, demand, instances);
        let semi = l.semi_join(r).on(executor.clone()).max_demand(demand).stages(instances);
        same_events(&semi.collect::<Vec<_>>()?, left.iter().filter(there))?;
        let (l, r) = keyed!(sides, demand, instances);
        let anti = l.anti_join(r).on(executor).max_demand(demand).stages(instances);
        same_events(&anti.collect::<Vec<_>>()?, left.iter().filter(|l| !there(l)))
    });
}

/// `zip`, `chain` and `merge_sorted` in a shape, with a `take` behind.
fn check_ordered<N, M>(
    flows: impl Fn() -> (Flow<N>, Flow<M>),
    (left, right): (&[u64], &[u64]),
    (demand, executor, take): (usize, &Executor, usize),
) -> Check
where
    N: Sequenced<Item = u64>,
    M: Sequenced<Item = u64>,
{
    let (l, r) = flows();
    let zip = l.zip(r).max_demand(demand).on(executor.clone());
    same(zip.take(take).collect::<Vec<_>>()?, zipped(left, right).take(take))?;
    let (l, r) = flows();
    let zip = l.zip(r).max_demand(demand).in_flight(demand).on(executor.clone());
    same(zip.collect::<Vec<_>>()?, zipped(left, right))?;
    let (l, r) = flows();
    let chain = l.chain(r).max_demand(demand).on(executor.clone());
    let want = left.iter().chain(right).copied();
    same(chain.take(take).collect::<Vec<_>>()?, want.take(take))?;
    let (l, r) = flows();
    let merged = l.merge_sorted(r).max_demand(demand).on(executor.clone());
    let read = merged.with_iter(|merged| merged.collect::<Vec<_>>())?;
    same(read, left.iter().merge(right).copied())
}

fn zipped<'a>(left: &'a [u64], right: &'a [u64]) -> impl Iterator<Item = (u64, u64)> + 'a {
    left.iter().copied().zip(right.iter().copied())
}

#[test]
fn flows_in_order_are_what_iterators_are() {
    let sorted = || {
        prop::collection::vec(0..300u64, 0..120).prop_map(|mut side| {
            side.sort_unstable();
            side
        })
    };
    holds(120, (sorted(), sorted(), shape(), 0..200usize), |(left, right, shape, take)| {
        let (demand, instances, executor) = shape;
        let flows = || {
            let l = Flow::from_vec(left.clone()).stages(instances).map(|x| x);
            let r = Flow::from_iter(right.clone()).max_demand(demand).filter(|_| true);
            (l, r)
        };
        check_ordered(flows, (&left, &right), (demand, &executor, take))
    });
}

#[test]
fn crossed_flows_are_products() {
    let side = |most| prop::collection::vec(any::<u16>(), 0..most);
    holds(150, (side(60), side(12), shape()), |(left, right, (demand, instances, executor))| {
        let small = Flow::from_iter(right.clone()).stages(instances).max_demand(demand);
        let flow = Flow::from_vec(left.clone()).stages(instances).on(executor).cross(small);
        let behind = flow.partition_by(|x| x.1).max_demand(demand).stages(instances);
        same_events(behind.collect::<Vec<_>>()?, left.into_iter().cartesian_product(right))
    });
}

/// Schedules of the simulation: 1,500 for each.
const SEEDS: u64 = 1_500;

/// Runs in a setup that has a meter, which must be balanced in the end.
fn in_all_schedules(check: impl Fn(&Setup) -> Check) {
    let watchdog = Watchdog::new(Duration::from_secs(300));
    for seed in 0..SEEDS {
        let demand = [(1, 0), (2, 0), (7, 3)][seed as usize % 3];
        let setup = Setup::new(Executor::simulation(seed), 2, demand, 17);
        watchdog.at(|| setup.to_string());
        if let Err(wrong) = check(&setup).and_then(|()| setup.balanced()) {
            panic!("{wrong}\n    with {setup}");
        }
    }
}

#[test]
fn sides_that_take_turns_in_all_schedules() {
    in_all_schedules(|setup| {
        let odd = setup.source(Flow::from_vec(setup.numbers())).map(|x| 2 * x + 1);
        let even = setup.stage(Flow::from_iter((0..).map(|x| 2 * x)));
        let merged = setup.demand(odd.merge_sorted(even)).in_flight(2).take(30);
        same(merged.collect::<Vec<_>>()?, 0..30)
    });
}

#[test]
fn sides_that_end_at_different_times_in_all_schedules() {
    in_all_schedules(|setup| {
        let left = setup.source(Flow::from_vec(setup.numbers())).filter(|x| x % 3 > 0);
        let right = setup.stage(Flow::from_iter(setup.numbers()));
        let zipped =
            setup.demand(setup.demand(left.zip(right)).chain(Flow::from_vec(vec![(9, 9)])));
        let want = setup.numbers().into_iter().filter(|x| x % 3 > 0).zip(0..).chain([(9, 9)]);
        same(zipped.collect::<Vec<_>>()?, want)
    });
}

#[test]
fn a_join_with_leftovers_in_all_schedules() {
    in_all_schedules(|setup| {
        let left = setup.source(Flow::from_vec(setup.numbers())).key_by(|x| x / 2);
        let right = setup.stage(Flow::from_iter(setup.numbers())).key_by(|x| x / 4 * 3);
        let join = setup.stage(left.full_join(right)).map(|(k, found)| {
            let (l, r) = found.left_and_right();
            (k as u8, l.map(|l| l as u16), r.map(|r| r as u16))
        });
        let side = |key: fn(u64) -> u64| {
            setup.numbers().into_iter().map(|x| (key(x) as u8, x as u16)).collect::<Vec<_>>()
        };
        let want = full(&(side(|x| x / 2), side(|x| x / 4 * 3)));
        same_events(join.collect::<Vec<Row>>()?, want)
    });
}

#[test]
fn a_join_that_ends_early_in_all_schedules() {
    in_all_schedules(|setup| {
        let endless = setup.source(Flow::from_iter(0u64..)).key_by(|x| x % 5);
        let few = Flow::from_vec(vec![1u64, 3, 3]).key_by(|x| *x);
        let some = setup.stage(endless.join(few)).take_any(setup.size).collect::<Vec<_>>()?;
        equal(some.iter().all(|(k, l, r)| l % 5 == *k && r == k), true)?;
        equal(some.len(), setup.size)
    });
}

#[test]
fn a_cross_in_all_schedules() {
    in_all_schedules(|setup| {
        let small = setup.stage(Flow::from_iter(0..5u64)).filter(|x| *x != 2);
        let flow = setup.source(Flow::from_vec(setup.numbers())).cross(small);
        let some = setup.demand(flow).take(40).collect::<Vec<_>>()?;
        same(some, setup.numbers().into_iter().cartesian_product([0, 1, 3, 4]).take(40))
    });
}
