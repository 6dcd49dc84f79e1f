//! Which windows timestamps are in.

use super::*;
use proptest::prelude::*;

fn of(kind: impl Assign<()>, at: i64) -> Vec<(i64, i64)> {
    let mut windows = Vec::new();
    kind.windows(&(), Timestamp(at), &mut windows);
    windows.iter().map(|window| (window.start().0, window.end().0)).collect()
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n as u64)
}

#[test]
fn fixed_windows_are_aligned_on_both_sides_of_zero() {
    let starts = |offset| {
        let kind = Window::fixed(millis(10)).offset(millis(offset));
        [-11, -10, -1, 0, 5, 9, 10].map(|at| of(kind, at)[0].0)
    };
    assert_eq!(starts(0), [-20, -10, -10, 0, 0, 0, 10]);
    assert_eq!(starts(3), [-17, -17, -7, -7, 3, 3, 3]);
    assert_eq!(starts(23), starts(3));
}

#[test]
fn the_windows_at_the_ends_of_time_reach_to_them() {
    let kind = Window::fixed(millis(10)).offset(millis(3));
    assert_eq!(of(kind, i64::MAX), [(i64::MAX - 4, i64::MAX)]);
    assert_eq!(of(kind, i64::MIN), [(i64::MIN, i64::MIN + 1)]);
    let kind = Window::sliding(Duration::MAX, millis(1 << 61));
    assert!(of(kind, 0).contains(&(0, i64::MAX)));
}

/// Windows `k * every` of `size`, as they are known from another system.
#[test]
fn sliding_windows_begin_at_multiples() {
    let ids = |every: i64, at| -> Vec<i64> {
        let kind = Window::sliding(millis(10), millis(every));
        of(kind, at).iter().map(|window| window.0 / every).collect()
    };
    let cases: [(i64, i64, &[i64]); 16] = [
        (5, 13, &[1, 2]),
        (5, -3, &[-2, -1]),
        (5, 3, &[-1, 0]),
        (5, -5, &[-2, -1]),
        (5, 0, &[-1, 0]),
        (5, 10, &[1, 2]),
        (3, 11, &[1, 2, 3]),
        (3, -1, &[-3, -2, -1]),
        (3, 5, &[-1, 0, 1]),
        (7, 14, &[1, 2]),
        (7, -7, &[-2, -1]),
        (7, 17, &[2]),
        (7, -4, &[-1]),
        (10, 15, &[1]),
        (10, -5, &[-1]),
        (10, -10, &[-1]),
    ];
    for (every, at, expected) in cases {
        assert_eq!(ids(every, at), expected, "every {every} at {at}");
    }
    let sampled = Window::sliding(millis(5), millis(10));
    assert_eq!((of(sampled, 4), of(sampled, 7)), (vec![(0, 5)], vec![]));
}

#[test]
fn sizes_that_make_no_sense_are_named() {
    let wrong = [
        Window::fixed(Duration::ZERO).invalid(),
        Window::fixed(Duration::from_micros(999)).invalid(),
        Window::sliding(millis(1), millis(0)).invalid(),
        Window::sliding(millis(0), millis(1)).invalid(),
        Window::session(millis(0)).invalid(),
        Window::count(0).invalid(),
        Window::sliding_count(3, 0).invalid(),
        Window::by_clock(Window::fixed(millis(0))).invalid(),
    ];
    assert!(wrong.iter().all(Option::is_some));
    assert_eq!(Window::sliding(millis(10), millis(3)).invalid(), None);
}

#[test]
fn watermarks_need_only_be_as_fine_as_what_they_close() {
    assert_eq!(Window::fixed(millis(60)).granularity(0), 60);
    assert_eq!(Window::fixed(millis(60)).offset(millis(9)).granularity(0), 3);
    assert_eq!(Window::fixed(millis(60)).granularity(45), 15);
    assert_eq!(Window::sliding(millis(10), millis(4)).granularity(0), 2);
    assert_eq!(Window::global().granularity(7), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_slice_is_what_has_the_same_windows(
        size in 1..30_i64, every in 1..30_i64, offset in 0..30_i64, at in -100..100_i64
    ) {
        let kind = Window::sliding(millis(size), millis(every)).offset(millis(offset));
        let windows = of(kind, at);
        let expected: Vec<_> = (-300..300)
            .map(|k| k * every + offset)
            .filter(|start| *start <= at && at < start + size)
            .map(|start| (start, start + size))
            .collect();
        prop_assert_eq!(&windows, &expected);
        prop_assert!(windows.len() as i64 <= kind.overlap());
        let slice = kind.slice(Timestamp(at));
        prop_assert!(slice.contains(Timestamp(at)));
        for inside in slice.start().0..slice.end().0 {
            prop_assert_eq!(&of(kind, inside), &windows);
        }
        let outside = [slice.start().0 - 1, slice.end().0];
        let parted = (-300..300).map(|k| k * every + offset).any(|start| {
            [start, start + size].contains(&slice.start().0)
        });
        prop_assert!(parted && outside.iter().all(|at| !slice.contains(Timestamp(*at))));
    }
}
