//! What a value must be able to do to be aggregated: be compared, or be a number.
//!
//! **Invariant.** [`TotalOrd`] is a total order, so the extreme of some values does not depend on
//! how they were divided among accumulators.

use std::cmp::{Ordering, Reverse};
use std::num::NonZero;
use std::time::{Duration, Instant, SystemTime};

/// A type with one total order, in which `min` and `max` compare.
///
/// Why not [`Ord`]: floats have no `Ord`, and the usual wish is the hottest of some temperatures.
/// They are ordered by `total_cmp` here. For your own type that is `Ord`:
///
/// ```
/// #[derive(PartialEq, Eq, PartialOrd, Ord)]
/// enum Priority { Low, High }
///
/// impl flow::TotalOrd for Priority {
///     fn total_cmp(&self, other: &Self) -> std::cmp::Ordering {
///         self.cmp(other)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no order that `min` and `max` know",
    label = "values of type `{Self}` are compared here",
    note = "compare a part of it that is a number or text, or implement `flow::TotalOrd` for it by `Ord::cmp`"
)]
pub trait TotalOrd {
    /// Compares two values; equal only if neither is to be preferred.
    fn total_cmp(&self, other: &Self) -> Ordering;
}

macro_rules! by_ord {
    ($($name:ty),+ $(,)?) => {$(
        impl TotalOrd for $name {
            #[inline]
            fn total_cmp(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        }
    )+};
}

by_ord!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
by_ord!(
    (),
    bool,
    char,
    str,
    String,
    compact_str::CompactString,
    Duration,
    Instant,
    SystemTime,
    Ordering
);
by_ord!(NonZero<u8>, NonZero<u16>, NonZero<u32>, NonZero<u64>, NonZero<usize>);

macro_rules! by_total_cmp {
    ($($name:ident),+) => {$(
        impl TotalOrd for $name {
            #[inline]
            fn total_cmp(&self, other: &Self) -> Ordering {
                $name::total_cmp(self, other)
            }
        }
    )+};
}

by_total_cmp!(f32, f64);

impl<V: TotalOrd + ?Sized> TotalOrd for &V {
    #[inline]
    fn total_cmp(&self, other: &Self) -> Ordering {
        V::total_cmp(self, other)
    }
}

/// `None` is below every value, as in std.
impl<V: TotalOrd> TotalOrd for Option<V> {
    #[inline]
    fn total_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Some(one), Some(other)) => one.total_cmp(other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        }
    }
}

impl<V: TotalOrd> TotalOrd for Reverse<V> {
    #[inline]
    fn total_cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0)
    }
}

macro_rules! by_parts {
    ($($part:ident $at:tt),+) => {
        impl<$($part: TotalOrd),+> TotalOrd for ($($part,)+) {
            #[inline]
            fn total_cmp(&self, other: &Self) -> Ordering {
                Ordering::Equal$(.then_with(|| self.$at.total_cmp(&other.$at)))+
            }
        }
    };
}

by_parts!(A 0);
by_parts!(A 0, B 1);
by_parts!(A 0, B 1, C 2);
by_parts!(A 0, B 1, C 2, D 3);

/// A number that `mean` can take. Conversion rounds to the nearest `f64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number that `mean` knows",
    note = "return a primitive number from the closure (`as_secs_f64()` of a duration), or implement `flow::Number`"
)]
pub trait Number {
    /// The nearest `f64`.
    fn to_f64(self) -> f64;
}

macro_rules! numbers {
    ($($name:ty),+) => {$(
        impl Number for $name {
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks all pairs of values that are given in ascending order.
    fn ascending<V: TotalOrd>(values: &[V]) {
        for (i, one) in values.iter().enumerate() {
            for (j, other) in values.iter().enumerate() {
                assert_eq!(one.total_cmp(other), i.cmp(&j));
            }
        }
    }

    #[test]
    fn orders_are_those_of_std_and_total_for_floats() {
        ascending(&[f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN]);
        ascending(&[i64::MIN, -1, 0, i64::MAX]);
        ascending(&["", "a", "ab", "b"]);
        ascending(&[String::from("A"), String::from("a")]);
        ascending(&[None, Some(-1.5_f32), Some(2.0)]);
        ascending(&[Reverse(2.0), Reverse(1.0)]);
        ascending(&[(1.0, 'b'), (2.0, 'a'), (2.0, 'b')]);
        ascending(&[&Duration::ZERO, &Duration::MAX]);
        ascending(&[false, true]);
    }

    #[test]
    fn numbers_become_the_nearest_float() {
        assert_eq!(u64::MAX.to_f64(), 18_446_744_073_709_551_616.0);
        assert_eq!((-3_i8).to_f64(), -3.0);
        assert_eq!(0.5_f32.to_f64(), 0.5);
    }
}
