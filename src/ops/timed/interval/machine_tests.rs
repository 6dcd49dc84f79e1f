//! What an interval join holds, and until when.

use super::machine::Intervals;
use crate::time::Timestamp;
use crate::window::{Machine, Take};
use itertools::{Either, EitherOrBoth};

type Rows = Intervals<(), i64, i64>;

fn drain(rows: &mut Rows) -> Vec<(i64, EitherOrBoth<i64, i64>)> {
    std::iter::from_fn(|| rows.next()).map(|pane| (pane.timestamp().0, pane.value)).collect()
}

fn come(rows: &mut Rows, event: Either<i64, i64>) -> Vec<(i64, EitherOrBoth<i64, i64>)> {
    rows.event(7, (), Timestamp(event.into_inner()), event).unwrap();
    drain(rows)
}

/// One to `n` on both sides; all pairs `(left, right)`.
fn filled(lower: i64, upper: i64, n: i64) -> (Rows, Vec<(i64, i64)>) {
    let mut rows = Rows::new(lower, upper, (false, false));
    let mut pairs = Vec::new();
    for x in 1..=n {
        for event in [Either::Left(x), Either::Right(x)] {
            for (at, found) in come(&mut rows, event) {
                let (left, right) = found.both().unwrap();
                assert_eq!(at, left.max(right));
                pairs.push((left, right));
            }
        }
    }
    pairs.sort_unstable();
    (rows, pairs)
}

#[test]
fn pairs_are_within_the_interval() {
    assert_eq!(filled(-2, -1, 4).1, [(2, 1), (3, 1), (3, 2), (4, 2), (4, 3)]);
    let near = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3), (3, 4), (4, 3), (4, 4)];
    assert_eq!(filled(-1, 1, 4).1, near);
    assert_eq!(filled(1, 2, 4).1, [(1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]);
}

#[test]
fn rows_are_held_while_a_match_may_come() {
    for (lower, upper, held) in [(-1, 0, [9, 3, 0]), (0, 1, [9, 3, 0])] {
        let mut rows = filled(lower, upper, 5).0;
        for (to, held) in [2, 5, 7].into_iter().zip(held) {
            rows.watermark(Timestamp(to));
            assert_eq!(drain(&mut rows), []);
            assert_eq!((rows.held(), rows.passed()), (held, Timestamp(to)));
        }
        // Behind the watermark is too late.
        assert!(rows.event(7, (), Timestamp(6), Either::Left(6)).is_err());
        assert_eq!((rows.held(), rows.keys()), (0, 0));
    }
}

#[test]
fn rows_without_a_match_are_given_when_they_are_freed() {
    let mut rows = Rows::new(-1, 2, (true, true));
    for event in [Either::Left(1), Either::Right(5), Either::Left(9), Either::Right(10)] {
        come(&mut rows, event);
    }
    rows.watermark(Timestamp(3));
    assert_eq!(drain(&mut rows), []);
    rows.watermark(Timestamp(4));
    assert_eq!(drain(&mut rows), [(3, EitherOrBoth::Left(1))]);
    rows.end();
    assert_eq!(drain(&mut rows), [(6, EitherOrBoth::Right(5))]);
    assert_eq!((rows.held(), rows.keys()), (0, 0));
}

#[test]
fn keys_with_the_same_hash_are_told_apart() {
    let mut rows = Intervals::<u8, i64, i64>::new(0, 9, (false, false));
    for key in 0..5 {
        rows.event(1, key, Timestamp(0), Either::Left(key.into())).unwrap();
        assert!(rows.next().is_none());
    }
    for key in 0..6 {
        rows.event(1, key, Timestamp(3), Either::Right(key.into())).unwrap();
        let found: Vec<_> =
            std::iter::from_fn(|| rows.next()).map(|pane| (pane.key, pane.value)).collect();
        let want = (key < 5).then_some((key, EitherOrBoth::Both(key.into(), key.into())));
        assert_eq!(found, want.into_iter().collect::<Vec<_>>());
    }
    rows.end();
    assert!(rows.next().is_none());
    assert_eq!((rows.held(), rows.keys()), (0, 0));
}

#[test]
fn the_ends_of_time_are_not_passed() {
    let mut rows = Rows::new(i64::MIN, i64::MAX, (true, true));
    for event in [Either::Left(i64::MAX), Either::Right(i64::MIN), Either::Right(i64::MAX)] {
        come(&mut rows, event);
    }
    rows.end();
    drain(&mut rows);
    assert_eq!((rows.held(), rows.keys()), (0, 0));
}

mod model {
    use super::*;
    use proptest::prelude::*;

    type Row = EitherOrBoth<i64, i64>;

    /// What came, in lists, of which every one is looked at.
    #[derive(Default)]
    struct Model {
        lower: i64,
        upper: i64,
        outer: (bool, bool),
        /// Key, side, time, and whether it has had a match.
        rows: Vec<(u8, bool, i64, bool)>,
    }

    impl Model {
        /// The pairs of an event, of which the time is also the value.
        fn event(&mut self, key: u8, left: bool, at: i64) -> Vec<(u8, i64, Row)> {
            let (mut found, mut matched) = (Vec::new(), false);
            for row in self.rows.iter_mut().filter(|row| row.0 == key && row.1 != left) {
                let (l, r) = if left { (at, row.2) } else { (row.2, at) };
                if (self.lower..=self.upper).contains(&(r - l)) {
                    (row.3, matched) = (true, true);
                    found.push((key, l.max(r), Row::Both(l, r)));
                }
            }
            self.rows.push((key, left, at, matched));
            found
        }

        /// What is freed by a watermark.
        fn watermark(&mut self, to: i64) -> Vec<(u8, i64, Row)> {
            let (mut freed, (lower, upper, outer)) =
                (Vec::new(), (self.lower, self.upper, self.outer));
            self.rows.retain(|(key, left, at, matched)| {
                let until = at + if *left { upper } else { -lower }.max(0);
                let (wanted, row) =
                    if *left { (outer.0, Row::Left(*at)) } else { (outer.1, Row::Right(*at)) };
                if until < to && wanted && !matched {
                    freed.push((*key, until, row));
                }
                until >= to
            });
            freed
        }
    }

    fn given(rows: &mut Intervals<u8, i64, i64>) -> Vec<(u8, i64, Row)> {
        let pane = || rows.next().map(|pane| (pane.key, pane.timestamp().0, pane.value));
        std::iter::from_fn(pane).collect()
    }

    fn sorted(mut rows: Vec<(u8, i64, Row)>) -> Vec<(u8, i64, Row)> {
        rows.sort_by_key(|row| format!("{row:?}"));
        rows
    }

    proptest! {
        #[test]
        fn a_join_is_what_nested_loops_are(
            steps in prop::collection::vec((0..4_u8, any::<bool>(), -30..30_i64, 0..4_i64), 0..120),
            lower in -20..20_i64,
            length in 0..20_i64,
            outer in any::<(bool, bool)>(),
            same_hash in any::<bool>(),
            // Where times are far apart, rows are freed together.
            scale in prop::sample::select(vec![1, 100]),
        ) {
            let (lower, upper) = (lower * scale, (lower + length) * scale);
            let mut model = Model { lower, upper, outer, rows: Vec::new() };
            let mut rows = Intervals::new(lower, upper, outer);
            let mut watermark = 0_i64;
            rows.watermark(Timestamp(watermark));
            prop_assert_eq!(given(&mut rows), vec![]);
            for (key, left, near, advance) in steps {
                let at = watermark + (near + 20) * scale + i64::from(key);
                let event = if left { Either::Left(at) } else { Either::Right(at) };
                let hash = if same_hash { 1 } else { u64::from(key) << 40 };
                let taken = rows.event(hash, key, Timestamp(at), event);
                prop_assert_eq!(taken.is_ok(), at >= watermark);
                if taken.is_ok() {
                    prop_assert_eq!(sorted(given(&mut rows)), sorted(model.event(key, left, at)));
                }
                watermark += advance * scale;
                rows.watermark(Timestamp(watermark));
                let freed = given(&mut rows);
                prop_assert!(freed.is_sorted_by_key(|row| row.1));
                prop_assert_eq!(sorted(freed), sorted(model.watermark(watermark)));
                prop_assert!(rows.held() >= model.rows.len());
                if scale == 1 || outer == (true, true) {
                    prop_assert_eq!(rows.held(), model.rows.len());
                }
            }
            rows.end();
            prop_assert_eq!(sorted(given(&mut rows)), sorted(model.watermark(i64::MAX)));
            prop_assert_eq!((rows.held(), rows.keys()), (0, 0));
        }
    }
}
