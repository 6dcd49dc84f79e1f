//! Joins of two flows by key.

use crate::support::executors;
use crate::{case, check};
use flow::{Executor, Flow, Node};
use std::fmt::Debug;

/// What was found, in the order of its values.
fn sorted<T: Ord + Debug + Send>(flow: Flow<impl Node<Item = T>>) -> Vec<T> {
    let mut found = flow.collect::<Vec<_>>().unwrap();
    found.sort();
    found
}

/// The numbers from 0 to 3, each its own key, and others whose keys are so much less.
macro_rules! sides {
    ($on:expr, $right:expr, $less:literal) => {
        (
            Flow::from_iter(0..4u64).on($on.clone()).key_by(|x| *x),
            Flow::from_iter($right).key_by(|y: &u64| y - $less),
        )
    };
}

#[test]
fn case_55_all_of_the_left_side() {
    for executor in executors() {
        let (left, right) = sides!(executor, 4..7u64, 3);
        let found = sorted(left.left_join(right).map(|(_, x, y)| (x, y)));
        assert_eq!(found, [(0, None), (1, Some(4)), (2, Some(5)), (3, Some(6))]);

        let (left, right) = sides!(executor, 14..17u64, 3);
        let found = sorted(left.left_join(right).map(|(_, x, y)| (x, y)));
        assert_eq!(found, [(0, None), (1, None), (2, None), (3, None)]);
    }
}

#[test]
fn case_56_all_of_the_right_side() {
    for executor in executors() {
        let (left, right) = sides!(executor, 4..9u64, 3);
        let found = sorted(left.right_join(right).map(|(_, x, y)| (y, x)));
        assert_eq!(found, [(4, Some(1)), (5, Some(2)), (6, Some(3)), (7, None), (8, None)]);

        let (left, right) = sides!(executor, 14..17u64, 3);
        let found = sorted(left.right_join(right).map(|(_, x, y)| (y, x)));
        assert_eq!(found, [(14, None), (15, None), (16, None)]);
    }
}

/// The sums of what has the same key.
fn sums(on: Executor) -> Flow<impl Node<Item = u64>> {
    let (left, right) = sides!(on, 4..7u64, 3);
    left.join_map(right, |_, x, y| x + y)
}

#[test]
fn pairs() {
    check([
        case(58, "sums of pairs", |on| sums(on).collect(), [5, 7, 9]),
        case(
            58,
            "their sums in two partitions",
            |on| {
                let parts = sums(on).partition().stages(2).reduce(|| 0, |sum, x| *sum += x);
                Ok(vec![parts.emit_state().sum()?])
            },
            [21],
        ),
        case(
            59,
            "behind a partition, over two stages",
            |on| {
                let left = Flow::from_iter(0..10u64).on(on).partition().key_by(|x| *x);
                let right = Flow::from_iter(0..10u64).map(|y| y + 10).key_by(|y| y - 10);
                let pairs = left.join_map(right, |_, x, y| x + y).stages(2);
                Ok(vec![pairs.sum()?])
            },
            [190],
        ),
    ]);
}

/// Of one key with several events on both sides all pairs are found.
#[test]
fn duplicates_are_crossed() {
    for executor in executors() {
        let twice = || Flow::from_iter([1u64, 1, 2]).on(executor.clone()).key_by(|x| *x);
        let found = sorted(twice().join(twice()));
        assert_eq!(found, [(1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1), (2, 2, 2)]);
    }
}
