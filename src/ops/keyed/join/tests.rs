//! Joins whose held side counts as far away, so that events are looked up a block at a time.

use crate::{EitherOrBoth, Executor, Flow};
use proptest::prelude::*;

type Row = (u16, Option<u32>, Option<u32>);

/// A full join, by nested loops.
fn full(left: &[(u16, u32)], right: &[(u16, u32)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for l in left {
        let matches = right.iter().filter(|r| r.0 == l.0);
        let before = rows.len();
        rows.extend(matches.map(|r| (l.0, Some(l.1), Some(r.1))));
        if rows.len() == before {
            rows.push((l.0, Some(l.1), None));
        }
    }
    let lonely = right.iter().filter(|r| left.iter().all(|l| l.0 != r.0));
    rows.extend(lonely.map(|r| (r.0, None, Some(r.1))));
    rows
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_unstable();
    rows
}

fn side(keys: u16) -> impl Strategy<Value = Vec<(u16, u32)>> {
    prop::collection::vec((0..keys, any::<u32>()), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn blocks_find_what_nested_loops_find(
        left in side(150),
        right in prop_oneof![side(100), side(8)],
        demand in prop_oneof![1..4usize, Just(4096)],
        instances in 1..4usize,
        seed in prop::option::of(any::<u64>()),
        text in any::<bool>(),
    ) {
        let on = seed.map_or_else(|| Executor::threads(instances), Executor::simulation);
        let want = full(&left, &right);
        let flow = |side: &[(u16, u32)]| {
            let flow = Flow::from_vec(side.to_vec()).max_demand(demand).stages(instances);
            flow.on(on.clone())
        };
        let row = |(k, found): (u16, EitherOrBoth<_, _>)| -> Row {
            let (l, r): (Option<(u16, u32)>, Option<(u16, u32)>) = found.left_and_right();
            (k, l.map(|l| l.1), r.map(|r| r.1))
        };
        let keyed = |side| flow(side).key_by(|x: &(u16, u32)| x.0);
        let rows = keyed(&left).full_join(keyed(&right)).max_demand(demand).map(row);
        prop_assert_eq!(sorted(rows.collect().unwrap()), sorted(want.clone()));
        let rows = keyed(&left).full_join(keyed(&right)).build_left().map(row);
        prop_assert_eq!(sorted(rows.collect().unwrap()), sorted(want.clone()));

        // What streams past keeps its order, also where it has several matches.
        let pairs = want.iter().filter_map(|row| Some((row.1?, row.2?)));
        let both = keyed(&left).join_map(keyed(&right), |_, l, r| (l.1, r.1)).max_demand(demand);
        let found: Vec<(u32, u32)> = both.collect().unwrap();
        let lefts: Vec<u32> = found.iter().map(|pair| pair.0).collect();
        prop_assert_eq!(sorted(found), sorted(pairs.clone().collect()));
        prop_assert_eq!(lefts, pairs.map(|pair| pair.0).collect::<Vec<_>>());

        // Of keys that are text, which is had again where it is looked up.
        let there = |key: u16| right.iter().any(|r| r.0 == key);
        if text {
            let texts = |side| flow(side).map(|x: (u16, u32)| (x.0.to_string(), x));
            let right = texts(&right).key_by_ref(|x| x.0.as_str());
            let lonely = texts(&left).key_by_ref(|x| x.0.as_str()).anti_join(right);
            let lonely: Vec<_> = lonely.map(|x| x.1).collect().unwrap();
            let want = left.iter().copied().filter(|l| !there(l.0));
            prop_assert_eq!(lonely, want.collect::<Vec<_>>());
        } else {
            let known = keyed(&left).semi_join(keyed(&right));
            let want = left.iter().copied().filter(|l| there(l.0));
            prop_assert_eq!(known.collect::<Vec<_>>().unwrap(), want.collect::<Vec<_>>());
        }
    }
}
