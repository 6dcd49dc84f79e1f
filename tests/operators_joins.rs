//! Verbs with two inputs, in every setup: `zip`, `chain`, `merge_sorted` against the iterators that
//! they stand for, joins by key and `cross` against grouping and loops.

mod common;

use common::{Check, Setup, Watchdog, case, equal, run_all, same, same_events};
use flow::{ErrorKind, Flow};
use itertools::{EitherOrBoth, Itertools};
use std::collections::BTreeMap;
use std::time::Duration;

/// A flow of the numbers of a setup, with one order. No function: its type says that it has one.
macro_rules! numbers {
    ($setup:expr) => {
        $setup.source(Flow::from_vec($setup.numbers()))
    };
}

#[test]
fn in_order() {
    run_all(&[
        case("zip", |setup| {
            let other = setup.stage(Flow::from_iter(setup.numbers())).map(|x| x * 2);
            let zipped = setup.demand(numbers!(setup).zip(other));
            same(zipped.collect::<Vec<_>>()?, setup.numbers().into_iter().map(|x| (x, 2 * x)))
        }),
        case("zip with a longer one", |setup| {
            let longer = setup.stage(Flow::from_iter(7u64..)).filter(|x| x % 3 != 0);
            let zipped = setup.demand(numbers!(setup).zip(longer)).map(|(a, b)| (a, b + 1));
            let want = setup.numbers().into_iter().zip((7..).filter(|x| x % 3 != 0).map(|x| x + 1));
            same(zipped.collect::<Vec<_>>()?, want)
        }),
        case("zip of a longer one", |setup| {
            let zipped = setup.run(Flow::from_iter(7u64..)).zip(numbers!(setup));
            let want = (7u64..).zip(setup.numbers());
            same(setup.demand(zipped).collect::<Vec<_>>()?, want)
        }),
        case("zips of zips", |setup| {
            let third = Flow::from_vec(setup.numbers()).flat_map(|x| [x, x]).ordered();
            let pairs = numbers!(setup).zip(Flow::from_vec(setup.numbers())).in_flight(3);
            let zipped = setup.demand(third.zip(setup.demand(pairs))).ordered();
            let twice = setup.numbers().into_iter().flat_map(|x| [x, x]);
            let want = twice.zip(setup.numbers().into_iter().map(|x| (x, x)));
            same(zipped.collect::<Vec<_>>()?, want)
        }),
        case("zip read as an iterator", |setup| {
            let zipped = numbers!(setup).zip(Flow::from_iter(1u64..));
            let read = setup.demand(zipped).into_iter().collect::<Result<Vec<_>, _>>()?;
            same(read, setup.numbers().into_iter().zip(1..))
        }),
        case("zip and take", |setup| {
            let zipped = setup.demand(numbers!(setup).zip(Flow::from_iter(1u64..)));
            let some = zipped.filter(|(a, _)| a % 2 == 1).take(5);
            let want = setup.numbers().into_iter().zip(1..).filter(|(a, _)| a % 2 == 1).take(5);
            same(some.collect::<Vec<_>>()?, want)
        }),
        case("chain", |setup| {
            let second = setup.stage(Flow::from_iter(setup.numbers())).map(|x| x + 5);
            let third = Flow::from_vec(vec![1, 2]);
            let all = setup.demand(setup.demand(numbers!(setup).chain(second)).chain(third));
            let want = setup.numbers().into_iter();
            let want = want.chain(setup.numbers().into_iter().map(|x| x + 5)).chain([1, 2]);
            same(all.map(|x| x ^ 1).collect::<Vec<_>>()?, want.map(|x| x ^ 1))
        }),
        case("chain of an empty one and one without an end", |setup| {
            let many = setup.size as u64;
            let chained = setup.run(Flow::from_vec(Vec::new())).chain(Flow::from_iter(0u64..));
            same(setup.demand(chained).take(setup.size).collect::<Vec<_>>()?, 0..many)
        }),
        case("merge_sorted", |setup| {
            let other = setup.stage(Flow::from_iter(setup.numbers())).map(|x| x * x / 9 + 1);
            let merged = setup.demand(numbers!(setup).merge_sorted(other));
            let want = setup.numbers().into_iter();
            let want = want.merge(setup.numbers().into_iter().map(|x| x * x / 9 + 1));
            same(merged.collect::<Vec<_>>()?, want)
        }),
        case("merge_sorted_by is stable", |setup| {
            let of = |side| move |x: u64| (x / 3, side, x);
            let other = setup.stage(Flow::from_iter(setup.numbers())).map(of('r'));
            let merged = numbers!(setup).map(of('l')).merge_sorted_by(other, |a, b| a.0.cmp(&b.0));
            let want = setup.numbers().into_iter().map(of('l'));
            let want = want.chain(setup.numbers().into_iter().map(of('r')));
            let want = want.sorted_by_key(|x| x.0);
            same(setup.demand(merged).collect::<Vec<_>>()?, want)
        }),
        case("merge_sorted of many", |setup| {
            let flow = |k: u64| Flow::from_vec(setup.numbers()).map(move |x| 4 * x + k);
            let merged = flow(3).merge_sorted(flow(1)).merge_sorted(flow(0).merge_sorted(flow(2)));
            let merged = setup.run(setup.demand(merged));
            same(merged.collect::<Vec<_>>()?, 0..4 * setup.size as u64)
        }),
        case("merge_all_sorted", |setup| {
            for flows in [1, 2, 5] {
                // Equal events come in the order of their flows.
                let one =
                    |k| setup.stage(Flow::from_iter(setup.numbers())).map(move |x| (x / 2, k));
                let merged = Flow::merge_all_sorted((0..flows).map(one), |a, b| a.0.cmp(&b.0));
                let merged = setup.run(setup.demand(merged)).filter(|x| x.0 % 3 != 1);
                let numbers = setup.numbers();
                let all = (0..flows).flat_map(|k| numbers.iter().map(move |x| (x / 2, k)));
                let want = all.sorted_by_key(|x| x.0).filter(|x| x.0 % 3 != 1);
                same(merged.collect::<Vec<_>>()?, want)?;
            }
            let runs = (0..3u64).map(|k| Flow::from_vec(setup.numbers()).map(move |x| 3 * x + k));
            let merged = setup.run(setup.demand(Flow::merge_all_sorted(runs, Ord::cmp)));
            let read = merged.into_iter().collect::<Result<Vec<_>, _>>()?;
            same(read, 0..3 * setup.size as u64)
        }),
    ]);
}

/// Two of each key, and three of every other one: some keys are on one side only.
fn left_key(x: u64) -> u64 {
    x / 2
}

fn right_key(x: u64) -> u64 {
    x / 3 * 2
}

type Row = (u64, Option<u64>, Option<u64>);

/// What a full join of the numbers of a setup gives.
fn full(setup: &Setup) -> Vec<Row> {
    let mut keys = BTreeMap::<u64, (Vec<u64>, Vec<u64>)>::new();
    for x in setup.numbers() {
        keys.entry(left_key(x)).or_default().0.push(x);
        keys.entry(right_key(x)).or_default().1.push(x);
    }
    let mut rows = Vec::new();
    for (key, (left, right)) in keys {
        match (left.is_empty(), right.is_empty()) {
            (_, true) => rows.extend(left.iter().map(|l| (key, Some(*l), None))),
            (true, _) => rows.extend(right.iter().map(|r| (key, None, Some(*r)))),
            _ => {
                let pairs = left.iter().cartesian_product(&right);
                rows.extend(pairs.map(|(l, r)| (key, Some(*l), Some(*r))));
            }
        }
    }
    rows
}

/// A join of the numbers of a setup by their keys, of either held side, against what is left of a
/// full join.
macro_rules! joins {
    ($setup:expr, $verb:ident, $row:expr, $keep:expr) => {{
        let setup: &Setup = $setup;
        let left = || numbers!(setup).key_by(|x| left_key(*x));
        let right = || setup.stage(Flow::from_iter(setup.numbers())).key_by(|x| right_key(*x));
        let want: Vec<Row> = full(setup).into_iter().filter($keep).collect();
        let held_right = setup.stage(left().$verb(right())).map($row);
        same_events(held_right.collect::<Vec<Row>>()?, want.clone())?;
        let held_left = setup.stage(left().$verb(right()).build_left()).map($row);
        same_events(held_left.collect::<Vec<Row>>()?, want)
    }};
}

#[test]
fn by_key() {
    run_all(&[
        case("join", |setup| {
            joins!(setup, join, |(k, l, r)| (k, Some(l), Some(r)), |row| row.1.is_some()
                && row.2.is_some())
        }),
        case("left_join", |setup| {
            joins!(setup, left_join, |(k, l, r)| (k, Some(l), r), |row| row.1.is_some())
        }),
        case("right_join", |setup| {
            joins!(setup, right_join, |(k, l, r)| (k, l, Some(r)), |row| row.2.is_some())
        }),
        case("full_join", |setup| {
            let row = |(k, found): (u64, EitherOrBoth<u64, u64>)| {
                let (l, r) = found.left_and_right();
                (k, l, r)
            };
            joins!(setup, full_join, row, |_| true)
        }),
        case("join_map", |setup| {
            // Nothing is `Clone`.
            struct Number(u64);
            let left = numbers!(setup).map(Number).key_by(|x| left_key(x.0));
            let right = Flow::from_vec(setup.numbers()).map(Number).key_by(|x| right_key(x.0));
            let joined = left.join_map(right, |k, l, r| (*k, Some(l.0), Some(r.0)));
            let both = |row: &Row| row.1.is_some() && row.2.is_some();
            let want = full(setup).into_iter().filter(both);
            same_events(setup.stage(joined.build_left()).collect::<Vec<Row>>()?, want)
        }),
        case("semi_join and anti_join", |setup| {
            let left = || numbers!(setup).key_by(|x| left_key(*x));
            let right = || setup.stage(Flow::from_iter(setup.numbers())).key_by(|x| right_key(*x));
            let known: Vec<u64> = setup.numbers().into_iter().map(right_key).collect();
            let there = |x: &u64| known.binary_search(&left_key(*x)).is_ok();
            let semi = setup.stage(left().semi_join(right())).collect::<Vec<_>>()?;
            same_events(semi, setup.numbers().into_iter().filter(there))?;
            let anti = setup.stage(left().anti_join(right())).collect::<Vec<_>>()?;
            same_events(anti, setup.numbers().into_iter().filter(|x| !there(x)))
        }),
        case("joins keep the order of the side that streams past", |setup| {
            let left = || numbers!(setup).key_by(|x| left_key(*x));
            let right = || setup.stage(Flow::from_iter(setup.numbers())).key_by(|x| right_key(*x));
            let joined = setup.stage(left().left_join(right())).map(|row| row.1);
            let lefts = full(setup).into_iter().filter_map(|row| row.1).sorted();
            same(joined.collect::<Vec<_>>()?, lefts)?;
            let known: Vec<u64> = setup.numbers().into_iter().map(right_key).collect();
            let lonely = |x: &u64| known.binary_search(&left_key(*x)).is_err();
            let anti = setup.stage(left().anti_join(right())).ordered().in_flight(3);
            let read = setup.demand(anti).into_iter().collect::<Result<Vec<_>, _>>()?;
            same(read, setup.numbers().into_iter().filter(lonely))?;
            let pairs = setup.stage(left().join_map(right(), |_, l, r| (*l, *r)).build_left());
            let rights = full(setup).into_iter().filter_map(|row| row.1.and(row.2)).sorted();
            same(pairs.map(|row| row.1).ordered().collect::<Vec<_>>()?, rights)
        }),
        case("a merged side streams past, and the rest of the other comes once", |setup| {
            let left = || setup.source(Flow::from_vec(setup.numbers()));
            let merged = left().merge(setup.stage(Flow::from_iter(setup.numbers())));
            let right = Flow::from_vec(setup.numbers()).key_by(|x| right_key(*x));
            let joined = merged.key_by(|x| left_key(*x)).full_join(right);
            let row = |(k, found): (u64, EitherOrBoth<u64, u64>)| {
                let (l, r) = found.left_and_right();
                (k, l, r)
            };
            let twice = full(setup)
                .into_iter()
                .flat_map(|row| std::iter::repeat_n(row, if row.1.is_some() { 2 } else { 1 }));
            same_events(setup.demand(joined).map(row).collect::<Vec<Row>>()?, twice)
        }),
        case("lent keys, hashed in secret", |setup| {
            let text = |x: u64| (x / 2).to_string();
            let left = numbers!(setup).map(text).key_by_ref(|x| x.as_str());
            let right = Flow::from_vec(setup.numbers()).map(text).key_by_ref(|x| x.as_str());
            let joined = setup.stage(left.join(right.untrusted_keys()));
            let same_key = joined.map(|(k, l, r)| (k == l, l == r));
            let pairs: u64 = setup
                .numbers()
                .into_iter()
                .counts_by(|x| x / 2)
                .values()
                .map(|n| (n * n) as u64)
                .sum();
            let found = same_key.collect::<Vec<_>>()?;
            equal((found.len() as u64, found.iter().all(|x| *x == (true, true))), (pairs, true))
        }),
        case("a join behind a join, and keys behind it", |setup| {
            let by_half = || Flow::from_vec(setup.numbers()).key_by(|x| left_key(*x));
            let twice = numbers!(setup).key_by(|x| left_key(*x)).join(by_half());
            let again =
                setup.stage(twice).key_by(|x| x.0).join_map(by_half(), |k, x, y| (*k, x.2 + y));
            let sums = setup.stage(again).key_by(|x| x.0).count();
            let keys = setup.numbers().into_iter().counts_by(left_key);
            let want = keys.into_iter().map(|(k, n)| (k, (n * n * n) as u64));
            same_events(setup.stage(sums).collect::<Vec<_>>()?, want)
        }),
        case("into partitions", |setup| {
            // A join leaves the side that streams past in its partitions.
            let left = setup.stage(numbers!(setup).partition()).key_by(|x| *x);
            let joined = setup.demand(left.join(Flow::from_vec(setup.numbers()).key_by(|x| *x)));
            let parts = joined.into_partitions()?;
            equal(parts.len(), setup.instances)?;
            same_events(parts.concat(), setup.numbers().into_iter().map(|x| (x, x, x)))
        }),
        case("build_limit", |setup| {
            let join = |limit| {
                let left = numbers!(setup).key_by(|x| *x);
                let join = left.join(Flow::from_vec(setup.numbers()).key_by(|x| *x));
                setup.stage(join.build_limit(limit)).count()
            };
            equal(join(setup.size.max(1))?, setup.size as u64)?;
            if setup.size < 2 {
                return Ok(());
            }
            // A meter sees what a failed run left, too: not balanced.
            let left = Flow::from_vec(setup.numbers()).on(setup.executor.clone()).key_by(|x| *x);
            let join = left.full_join(Flow::from_vec(setup.numbers()).key_by(|x| *x));
            let error = setup.stage(join.build_limit(setup.size - 1)).count().unwrap_err();
            equal((error.kind(), error.operator()), (ErrorKind::Limit, Some("full_join")))?;
            equal(error.to_string().contains(&format!("limit of {}", setup.size - 1)), true)?;
            // Of equal keys a semi join holds one.
            let left = numbers!(setup).key_by(|x| x % 2);
            let semi = left.semi_join(Flow::from_vec(setup.numbers()).key_by(|x| x % 2));
            equal(setup.stage(semi.build_limit(2)).count()?, setup.size as u64)
        }),
    ]);
}

/// Few enough that all pairs are quickly there.
fn few(setup: &Setup) -> Vec<u64> {
    (0..setup.size.min(40) as u64).map(|x| x * 1000).collect()
}

#[test]
fn crossed() {
    fn pairs(setup: &Setup) -> Vec<(u64, u64)> {
        setup.numbers().into_iter().cartesian_product(few(setup)).collect()
    }
    run_all(&[
        case("cross", |setup| {
            let small = setup.stage(Flow::from_vec(few(setup))).filter(|x| x % 3 != 1);
            let crossed = numbers!(setup).cross(small).map(|x| x);
            let want = pairs(setup).into_iter().filter(|x| x.1 % 3 != 1);
            same(crossed.collect::<Vec<_>>()?, want)
        }),
        case("cross_map behind partitions", |setup| {
            let parts = setup.stage(numbers!(setup).partition());
            let crossed = parts.cross_map(Flow::from_iter(few(setup)), |a, b| a + b).partition();
            let want = pairs(setup).into_iter().map(|(a, b)| a + b);
            same_events(setup.stage(crossed).collect::<Vec<_>>()?, want)
        }),
        case("cross and take", |setup| {
            let crossed = setup.run(Flow::from_iter(0u64..)).cross(Flow::from_vec(few(setup)));
            let want = (0u64..200).cartesian_product(few(setup)).take(100);
            same(setup.demand(crossed.take(100)).collect::<Vec<_>>()?, want)
        }),
        case("cross in order", |setup| {
            let crossed = numbers!(setup).cross(Flow::from_vec(few(setup))).ordered().in_flight(3);
            let read = setup.demand(crossed).into_iter().collect::<Result<Vec<_>, _>>()?;
            same(read, pairs(setup))
        }),
        case("cross of merged flows", |setup| {
            let merged = numbers!(setup).merge(setup.stage(Flow::from_vec(vec![7])));
            let crossed = merged.cross(Flow::from_vec(few(setup)).merge(Flow::from_vec(vec![1])));
            let numbers = setup.numbers().into_iter().chain([7]);
            let small = few(setup).into_iter().chain([1]);
            same_events(crossed.collect::<Vec<_>>()?, numbers.cartesian_product(small))
        }),
    ]);
}

#[test]
fn empty_sides_stop_what_has_no_end() -> Check {
    let watchdog = Watchdog::new(Duration::from_secs(300));
    watchdog.at(|| "an empty side beside one without an end".to_owned());
    let none = || Flow::from_vec(Vec::<u64>::new());
    let endless = || Flow::from_iter(0u64..);
    equal(endless().zip(none()).count()?, 0)?;
    equal(none().zip(endless()).count()?, 0)?;
    equal(endless().key_by(|x| *x).join(none().key_by(|x| *x)).count()?, 0)?;
    equal(endless().key_by(|x| *x).semi_join(none().key_by(|x| *x)).count()?, 0)?;
    let right = endless().key_by(|x| *x).right_join(none().key_by(|x| *x));
    equal(right.count()?, 0)?;
    equal(none().key_by(|x| *x).left_join(endless().key_by(|x| *x)).build_left().count()?, 0)?;
    equal(endless().cross(none()).count()?, 0)
}
