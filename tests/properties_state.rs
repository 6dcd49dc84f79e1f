//! Random data, demand and executors: what keeps state against maps, sets and sorts, and the same
//! flow under many schedules of the simulation.
//!
//! `PROPTEST_CASES` sets how many cases each property gets.

mod common;

use common::{Check, Setup, Watchdog, equal, same, same_events};
use flow::{Executor, Flow};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Checks a property for so many random flows, or as many as the environment says.
fn holds(cases: u32, property: impl Fn(&Setup, &[u64], usize) -> Check) {
    let from_environment = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let config = if from_environment { default } else { ProptestConfig { cases, ..default } };
    let watchdog = Watchdog::new(Duration::from_secs(300));
    let run = |(executor, instances, (max, min), events, k): (_, _, _, Vec<u64>, usize)| {
        watchdog.at(|| format!("{executor:?}, {instances}, {max}/{min}, k {k}, {events:?}"));
        let setup = Setup::new(executor, instances, (max, min), events.len());
        let checked = property(&setup, &events, k).and_then(|()| setup.balanced());
        checked.map_err(|wrong| TestCaseError::fail(wrong.to_string()))
    };
    if let Err(failure) = TestRunner::new(config).run(&flows(), run) {
        panic!("{failure}");
    }
}

/// Who runs it with how many instances, the demand, the events, and how many of them are wanted.
fn flows() -> impl Strategy<Value = (Executor, usize, (usize, usize), Vec<u64>, usize)> {
    let executor = prop_oneof![
        (1..=4usize).prop_map(Executor::threads),
        any::<u64>().prop_map(Executor::simulation),
        any::<u64>().prop_map(Executor::simulation),
    ];
    let max_demand = prop_oneof![1..4usize, 1..40usize, 1..5000usize];
    let demand =
        (max_demand, any::<prop::sample::Index>()).prop_map(|(max, i)| (max, i.index(max)));
    let below = prop_oneof![Just(3u64), Just(50), Just(u64::MAX)];
    let events = (below, prop_oneof![0..4usize, 0..300usize, 0..3000usize])
        .prop_flat_map(|(below, size)| prop::collection::vec(0..below, size));
    (executor, 1..=5usize, demand, events, prop_oneof![0..4usize, 0..2000usize])
}

fn source<'a>(setup: &Setup, events: &'a [u64]) -> flow::BoxFlow<'a, u64> {
    setup.source(Flow::from_slice(events)).map(|x| *x).boxed()
}

#[test]
fn sorted_is_a_sort() {
    holds(200, |setup, events, n| {
        let mut want = events.to_vec();
        want.sort_unstable();
        same(setup.demand(source(setup, events).sorted()).collect::<Vec<_>>()?, want.clone())?;
        let some = setup.demand(source(setup, events).sorted()).take(n);
        same(some.collect::<Vec<_>>()?, want.iter().copied().take(n))?;
        want.sort_by_key(|x| (x % 5, Reverse(*x)));
        let sorted = source(setup, events).sorted_by_key(|x| (x % 5, Reverse(*x)));
        let read = setup.demand(sorted).with_iter(|events| events.collect::<Vec<_>>())?;
        same(read, want)
    });
}

#[test]
fn the_k_first_are_those_of_a_sort() {
    holds(200, |setup, events, k| {
        let mut want = events.to_vec();
        want.sort_unstable();
        let smallest = setup.demand(source(setup, events).k_smallest(k));
        same(smallest.collect::<Vec<_>>()?, want.iter().copied().take(k))?;
        let largest = setup.demand(source(setup, events).k_largest(k));
        same(largest.collect::<Vec<_>>()?, want.into_iter().rev().take(k))
    });
}

#[test]
fn unique_is_a_set() {
    holds(200, |setup, events, _| {
        let unique = setup.stage(source(setup, events).unique()).collect::<Vec<_>>()?;
        same_events(unique, events.iter().copied().collect::<BTreeSet<_>>())?;
        let unique =
            setup.stage(source(setup, events).unique_by(|x| x % 40)).collect::<Vec<_>>()?;
        equal(unique.iter().all(|x| events.contains(x)), true)?;
        let keys = unique.iter().map(|x| x % 40);
        same_events(keys, events.iter().map(|x| x % 40).collect::<BTreeSet<_>>())
    });
}

#[test]
fn aggregates_are_those_of_a_map() {
    holds(200, |setup, events, k| {
        let mut groups = BTreeMap::<u64, Vec<u64>>::new();
        events.iter().for_each(|x| groups.entry(x % 13).or_default().push(*x));
        let flow = source(setup, events).key_by(|x| x % 13).aggregate(|a| {
            (
                (a.min(|x| *x), a.max(|x| *x), a.count(), a.mean(|x| x % 100)),
                a.top_k(k, |x| *x),
                a.bottom_k(k, |x| *x),
                a.distinct(|x| *x),
                a.reduce_with(|x| *x, |x, y| x ^ y),
            )
        });
        let got = setup.stage(flow).map(|(key, (basic, top, bottom, distinct, xor))| {
            let (min, max, count, mean) = basic;
            let distinct = distinct.into_iter().collect::<BTreeSet<_>>();
            (key, (min, max, count, mean.to_bits()), top, bottom, distinct, xor)
        });
        let want = groups.iter().map(|(key, group)| {
            let mut sorted = group.clone();
            sorted.sort_unstable();
            let count = group.len() as u64;
            let mean = group.iter().map(|x| x % 100).sum::<u64>() as f64 / count as f64;
            let basic = (sorted[0], sorted[group.len() - 1], count, mean.to_bits());
            let top = sorted.iter().rev().copied().take(k).collect();
            let bottom = sorted.iter().copied().take(k).collect();
            let xor = group.iter().fold(0, |xor, x| xor ^ x);
            (*key, basic, top, bottom, sorted.into_iter().collect(), xor)
        });
        same_events(got.collect::<Vec<_>>()?, want)?;
        let grouped = setup.stage(source(setup, events).group_by(|x| x % 13));
        let mut grouped = grouped.collect::<Vec<_>>()?;
        grouped.iter_mut().for_each(|(_, group)| group.sort_unstable());
        groups.values_mut().for_each(|group| group.sort_unstable());
        same_events(grouped, groups)
    });
}

#[test]
fn reductions_emit_in_order() {
    holds(200, |setup, events, k| {
        // Now and then many at once.
        let many = |x: u64| if x.is_multiple_of(17) { k as u64 % 400 } else { x % 3 };
        let flow = setup.demand(source(setup, events).stages(1).partition()).stages(1);
        let flow = flow.reduce_and_emit(
            || 0u64,
            |count, x, out| {
                *count += 1;
                out.extend((0..many(x)).map(|i| x ^ i));
            },
        );
        let now = events.iter().flat_map(|x| (0..many(*x)).map(move |i| x ^ i));
        let want: Vec<u64> = now.chain([events.len() as u64]).collect();
        same(flow.emit_state().collect::<Vec<_>>()?, want.clone())?;
        let flow = setup
            .stage(source(setup, events).partition())
            .reduce_and_emit(|| (), |(), x, out| out.extend((0..many(x)).map(|i| x ^ i)));
        let got = setup.stage(flow.emit_none().partition()).collect::<Vec<_>>()?;
        same_events(got, want.into_iter().take(want_now(events, many)))
    });
}

/// How many events are emitted while folding.
fn want_now(events: &[u64], many: impl Fn(u64) -> u64) -> usize {
    events.iter().map(|x| many(*x) as usize).sum()
}
