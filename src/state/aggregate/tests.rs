//! Aggregators that merge against what iterators give; see `tests/` for whole flows.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// Folds each part by itself, then merges the parts, from the middle outwards.
fn run<T, G: Aggregator<T>>(aggregator: &G, parts: &[Vec<T>]) -> G::Output {
    let fold = |part: &Vec<T>| {
        let (first, rest) = part.split_first()?;
        let mut acc = aggregator.first(first);
        rest.iter().for_each(|event| aggregator.add(&mut acc, event));
        Some(acc)
    };
    let (left, right) = parts.split_at(parts.len() / 2);
    let mut parts = left.iter().rev().chain(right).filter_map(fold);
    let mut all = parts.next().expect("there is an event");
    parts.for_each(|part| aggregator.merge(&mut all, part));
    aggregator.finish(all)
}

/// As users write it: the closure alone decides all types.
fn aggregate<T, G: Aggregator<T>>(
    parts: &[Vec<T>],
    choose: impl FnOnce(&Aggregates<T>) -> G,
) -> G::Output {
    run(&choose(&Aggregates::new()), parts)
}

proptest! {
    #[test]
    fn parts_give_what_the_whole_gives(
        mut parts in prop::collection::vec(prop::collection::vec(-1000..1000_i32, 0..5), 1..8),
        one in any::<i32>(),
    ) {
        parts[0].push(one / 1000);
        let all = parts.concat();
        let (count, sum, min, max, mean) = aggregate(&parts, |a| {
            let widened = a.sum(|e| i64::from(*e));
            (a.count(), widened, a.min(|e| *e), a.max(|e| f64::from(*e)), a.mean(|e| *e))
        });
        let expected: i64 = all.iter().map(|&e| i64::from(e)).sum();
        prop_assert_eq!((count, sum), (all.len() as u64, expected));
        prop_assert_eq!(Some(&min), all.iter().min());
        prop_assert_eq!(Some(max as i32), all.iter().max().copied());
        prop_assert_eq!(mean, expected as f64 / all.len() as f64);
    }
}

proptest! {
    #[test]
    fn sets_are_all_that_have_the_extreme(
        mut parts in prop::collection::vec(prop::collection::vec((0..4_u32, 0..100_u32), 0..6), 1..6),
        one in (0..4_u32, 0..100_u32),
    ) {
        parts[0].push(one);
        let (largest, smallest) =
            aggregate(&parts, |a| (a.max_set(|e| e.0, |e| e.1), a.min_set(|e| e.0, |e| e.1)));
        for ((value, mut kept), extreme) in [
            (largest, parts.concat().iter().map(|e| e.0).max()),
            (smallest, parts.concat().iter().map(|e| e.0).min()),
        ] {
            prop_assert_eq!(Some(value), extreme);
            let all = parts.concat().into_iter().filter(|e| e.0 == value);
            let mut all: Vec<u32> = all.map(|e| e.1).collect();
            kept.sort_unstable();
            all.sort_unstable();
            prop_assert_eq!(kept, all);
        }
    }
}

#[test]
fn extremes_of_floats_follow_total_cmp() {
    let parts = [vec![1.5, f64::NAN], vec![], vec![-0.0, 0.0]];
    let (min, max) = aggregate(&parts, |a| (a.min(|e| *e), a.max(|e| *e)));
    assert!(min == 0.0 && min.is_sign_negative() && max.is_nan());
}

#[test]
fn values_may_be_borrowed_from_what_events_borrow() {
    let parts = [vec![("b", 1_u64), ("c", 2)], vec![("a", u64::MAX)]];
    let (first, longest, mean) =
        aggregate(&parts, |a| (a.min(|e| e.0), a.max(|e| (e.0.len(), e.0)), a.mean(|e| e.1)));
    assert_eq!((first, longest), ("a", (1, "c")));
    assert_eq!(mean, u64::MAX as f64 / 3.0);
}

#[test]
fn one_alone_and_eight_together() {
    let parts = [vec![1_u8], vec![2, 3]];
    assert_eq!(aggregate(&parts, |a| a.count()), 3);
    assert_eq!(
        aggregate(&parts, |a| (a.sum(|e| Duration::from_secs((*e).into())),)).0.as_secs(),
        6
    );
    let eight = aggregate(&parts, |a| {
        let sum = |e: &u8| u32::from(*e);
        (
            a.count(),
            a.sum(sum),
            a.sum(sum),
            a.sum(sum),
            a.min(|e| *e),
            a.max(|e| *e),
            a.mean(|e| *e),
            a.count(),
        )
    });
    assert_eq!(eight, (3, 6, 6, 6, 1, 3, 2.0, 3));
}

#[test]
fn the_builder_may_be_copied_and_all_can_be_printed() {
    let by_value = |a: Aggregates<(u8, String)>| {
        let copy = a;
        (a.max(|e| e.1.clone()), copy.mean(|e| e.0))
    };
    assert_eq!(format!("{:?}", by_value(Aggregates::new())), "(Max, Mean)");
}
