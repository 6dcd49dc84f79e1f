//! `flat_map_with_state`: a state for each key, in every setup and under many schedules, against a map of
//! states and a loop.

mod common;

use common::{case, equal, run_all, same, same_events};
use flow::{ErrorKind, Executor, Flow};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// The sum so far, three times where it is odd; a key whose sum reaches 50 is forgotten.
fn running(state: &mut Option<u64>, key: u64, x: u64) -> Vec<(u64, u64)> {
    let sum = state.unwrap_or(0) + x;
    *state = (sum < 50).then_some(sum);
    vec![(key, sum); if sum % 2 == 1 { 3 } else { 1 }]
}

/// The same in one loop.
fn in_a_loop(events: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut states = HashMap::new();
    events.flat_map(|(key, x)| running(states.entry(key).or_default(), key, x)).collect()
}

/// The results of each key, in their order.
fn by_key(results: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut results = results;
    results.sort_by_key(|(key, _)| *key);
    results
}

#[test]
fn each_key_has_its_own_state() {
    run_all(&[
        case("in the order of one instance", |setup| {
            // One instance reads, so that what is of one key stays in its order.
            let numbers = setup.run(Flow::from_vec(setup.numbers())).stages(1);
            let flow = numbers.key_by(|x| x % 7).flat_map_with_state(|s, k, x| running(s, *k, x));
            let found = setup.stage(flow).collect::<Vec<_>>()?;
            let want = in_a_loop(setup.numbers().into_iter().map(|x| (x % 7, x)));
            same(by_key(found), by_key(want))
        }),
        case("with lent keys, and nothing where there is nothing", |setup| {
            let numbers =
                setup.source(Flow::from_vec(setup.numbers())).map(|x| (x / 2).to_string());
            let twice = numbers.key_by_ref(|x| x.as_str()).flat_map_with_state(|seen, key, x| {
                assert_eq!(key, x);
                seen.replace(())
            });
            let want = setup.size as u64 / 2;
            equal(setup.stage(twice).count()?, want)
        }),
        case("and goes on behind it", |setup| {
            let numbers = setup.source(Flow::from_vec(setup.numbers())).key_by(|x| x % 3);
            let numbered = numbers.flat_map_with_state(|n, key, _| {
                let next = n.unwrap_or(0) + 1;
                *n = Some(next);
                [(*key, next)]
            });
            let last = setup.stage(numbered).key_by(|x| x.0).max(|x| x.1);
            let want = (0..3u64).map(|k| (k, (setup.size as u64 + 2 - k) / 3)).filter(|x| x.1 > 0);
            same_events(setup.stage(last).collect::<Vec<_>>()?, want)
        }),
    ]);
}

#[test]
fn a_key_that_is_left_without_a_state_is_forgotten() {
    let state = Arc::new(());
    let live = {
        let state = Arc::clone(&state);
        let flow = Flow::from_range(0..10_000u64).on(Executor::threads(1)).stages(1);
        // Each key comes twice in a row.
        let flow = flow.key_by(|x| x / 2).flat_map_with_state(move |held, _, _| {
            *held = if held.is_none() { Some(Arc::clone(&state)) } else { None };
            [Arc::strong_count(&state)]
        });
        flow.stages(1).collect::<Vec<usize>>().unwrap()
    };
    assert!(live.iter().all(|count| *count <= 4), "{:?}", live.iter().max());
    assert_eq!(Arc::strong_count(&state), 1);
}

#[test]
fn an_event_may_give_more_than_there_is_demand_for() {
    for executor in [Executor::threads(2), Executor::simulation(7)] {
        let many = Flow::from_range(0..3u64).on(executor).key_by(|x| *x).flat_map_with_state(
            |state, _, x| {
                *state = Some(());
                (0..10_000u64).map(move |y| x + y)
            },
        );
        let some = many.max_demand(1).partition_by(|_| 0).max_demand(1).take_any(15_000);
        assert_eq!(some.count().unwrap(), 15_000);
    }
}

#[test]
fn a_panic_names_the_verb() {
    let flow = Flow::from_range(0..500u64).key_by(|x| x % 5);
    let error = flow
        .flat_map_with_state(|state: &mut Option<u64>, _, x| {
            assert!(x != 300, "three hundred");
            state.replace(x)
        })
        .count()
        .unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("flat_map_with_state")));
    assert!(error.location().unwrap().file().ends_with("states_per_key.rs"));
}

proptest! {
    #[test]
    fn it_is_a_loop_in_all_schedules(
        events in prop::collection::vec((0..6u64, 0..40u64), 0..200),
        seed in any::<u64>(),
        demand in 1..5usize,
        instances in 1..4usize,
    ) {
        let flow = Flow::from_vec(events.clone()).on(Executor::simulation(seed)).stages(1);
        let flow = flow.key_by(|x| x.0).flat_map_with_state(|s, k, x| running(s, *k, x.1));
        let setup = flow.stages(instances).max_demand(demand);
        let found: Vec<_> = setup.collect().unwrap();
        prop_assert_eq!(by_key(found), by_key(in_a_loop(events.into_iter())));
    }
}
