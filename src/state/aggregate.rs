//! Aggregators: what keyed state folds the events of a key into.
//!
//! **Invariant.** All aggregators merge: however the events of a key are divided among
//! accumulators, and in whatever order these are merged, the result is the same (up to the rounding
//! of floats). This is what allows source instances to aggregate before they ship, and results not
//! to depend on the number of workers.

use super::value::{Number, TotalOrd};
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::ops::AddAssign;

/// Folds the events of one key into one result, in parts that can be merged.
///
/// [`Aggregates`] makes the usual ones, and a tuple of up to eight aggregators is an aggregator
/// whose output is the tuple of their outputs. Implement the trait for your own, for instance a
/// sketch or a histogram:
///
/// ```
/// use flow::{Aggregator, Flow};
/// use std::collections::HashMap;
///
/// /// Which lengths occur: bit `n` is set where a word had length `n`.
/// struct Lengths;
///
/// impl<T: AsRef<str>> Aggregator<T> for Lengths {
///     type Acc = u64;
///     type Output = Vec<u32>;
///
///     fn init(&self) -> u64 {
///         0
///     }
///     fn add(&self, acc: &mut u64, word: &T) {
///         *acc |= 1 << word.as_ref().len().min(63);
///     }
///     fn merge(&self, into: &mut u64, from: u64) {
///         *into |= from;
///     }
///     fn finish(&self, acc: u64) -> Vec<u32> {
///         (0..64).filter(|n| acc >> n & 1 == 1).collect()
///     }
/// }
///
/// let words = ["to", "be", "or", "take", "arms"];
/// let lengths: HashMap<_, _> = Flow::from_slice(&words)
///     .key_by(|word| word.chars().next())
///     .aggregate(|_| Lengths)
///     .collect()?;
/// assert_eq!(lengths[&Some('t')], [2, 4]);
/// # Ok::<(), flow::FlowError>(())
/// ```
///
/// The laws: `merge` is associative and commutative; merging with an untouched `init` changes
/// nothing; adding an event equals merging an accumulator that was given this event alone. An
/// accumulator is finished only after it, or one that was merged into it, was given an event.
///
/// Cost: one `add` per event, and one `merge` for each time the key leaves a source instance.
/// Accumulators lie in tables beside their keys, so they should be small.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregator of `{T}`",
    label = "the closure gives an aggregator, or a tuple of up to eight",
    note = "make aggregators of what the closure is given: `|a| (a.count(), a.max(|event| event.size))`"
)]
pub trait Aggregator<T>: Send + Sync {
    /// What is kept for each key (and window).
    type Acc: Send;
    /// What a key's accumulator becomes in the end.
    type Output: Send;

    /// The accumulator of no events.
    fn init(&self) -> Self::Acc;

    /// Adds one event.
    fn add(&self, acc: &mut Self::Acc, event: &T);

    /// Adds all events of another accumulator.
    fn merge(&self, into: &mut Self::Acc, from: Self::Acc);

    /// The result of at least one event.
    fn finish(&self, acc: Self::Acc) -> Self::Output;
}

/// Makes aggregators for events of type `T`; what the closure of `aggregate` is given.
///
/// It exists so that closures need no type annotations. Combine aggregators by a tuple:
///
/// ```
/// # use std::collections::HashMap;
/// # struct Event { device: u32, celsius: f64 }
/// # let events = [(7, 20.0), (8, 4.5), (7, 21.0)].map(|(device, celsius)| Event { device, celsius });
/// let devices = flow::Flow::from_slice(&events)
///     .key_by(|e| e.device)
///     .aggregate(|a| (a.count(), a.mean(|e| e.celsius), a.max(|e| e.celsius)))
///     .collect::<HashMap<_, _>>()?;
/// assert_eq!(devices[&7], (2, 20.5, 21.0));
/// # Ok::<(), flow::FlowError>(())
/// ```
pub struct Aggregates<T>(PhantomData<fn(T)>);

impl<T> Aggregates<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    /// The number of events, as `u64`.
    #[must_use]
    pub fn count(&self) -> Count {
        Count
    }

    /// The sum of a value: of integers, floats, durations, or any type whose default is its zero.
    ///
    /// It is kept in the type that the closure returns, and overflows as `+` does: it panics in
    /// debug builds, which fails the run, and wraps in release builds. So widen small values:
    /// `a.sum(|e| u64::from(e.bytes))`. Sums of floats may differ in their last digits from run to
    /// run, because the order of events does.
    #[must_use]
    pub fn sum<V, F>(&self, value: F) -> Sum<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Default + AddAssign + Send,
    {
        Sum(value)
    }

    /// The smallest value. Floats are ordered by `total_cmp`: a positive NaN is above infinity, a
    /// negative one below all. Among equal values any one is kept.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # struct Event { device: u32, celsius: f64, at: u64 }
    /// # let events = [(7, 9.5, 1), (7, -2.0, 2)].map(|(device, celsius, at)| Event { device, celsius, at });
    /// let coldest_and_when = flow::Flow::from_slice(&events)
    ///     .key_by(|e| e.device)
    ///     .aggregate(|a| a.min(|e| (e.celsius, e.at)))
    ///     .collect::<HashMap<_, _>>()?;
    /// assert_eq!(coldest_and_when[&7], (-2.0, 2));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn min<V, F>(&self, value: F) -> Min<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: TotalOrd + Send,
    {
        Min(value)
    }

    /// The largest value; the order is that of [`min`](Aggregates::min).
    #[must_use]
    pub fn max<V, F>(&self, value: F) -> Max<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: TotalOrd + Send,
    {
        Max(value)
    }

    /// The arithmetic mean of a number, as `f64`.
    ///
    /// Values are converted one by one and summed as `f64`, so integers beyond 2⁵³ are rounded, and
    /// the last digits may differ from run to run where sums are not exact.
    #[must_use]
    pub fn mean<V, F>(&self, value: F) -> Mean<F>
    where
        F: Fn(&T) -> V + Send + Sync,
        V: Number,
    {
        Mean(value)
    }
}

/// Counts events; made by [`Aggregates::count`].
#[derive(Clone, Copy, Debug)]
pub struct Count;

/// Sums a value; made by [`Aggregates::sum`].
#[derive(Clone, Copy)]
pub struct Sum<F>(F);

/// Keeps the smallest value; made by [`Aggregates::min`].
#[derive(Clone, Copy)]
pub struct Min<F>(F);

/// Keeps the largest value; made by [`Aggregates::max`].
#[derive(Clone, Copy)]
pub struct Max<F>(F);

/// Takes the mean of a number; made by [`Aggregates::mean`].
#[derive(Clone, Copy)]
pub struct Mean<F>(F);

impl<T> Aggregator<T> for Count {
    type Acc = u64;
    type Output = u64;

    #[inline]
    fn init(&self) -> u64 {
        0
    }

    #[inline]
    fn add(&self, acc: &mut u64, _: &T) {
        *acc += 1;
    }

    #[inline]
    fn merge(&self, into: &mut u64, from: u64) {
        *into += from;
    }

    #[inline]
    fn finish(&self, acc: u64) -> u64 {
        acc
    }
}

impl<T, V, F> Aggregator<T> for Sum<F>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Default + AddAssign + Send,
{
    type Acc = V;
    type Output = V;

    #[inline]
    fn init(&self) -> V {
        V::default()
    }

    #[inline]
    fn add(&self, acc: &mut V, event: &T) {
        *acc += (self.0)(event);
    }

    #[inline]
    fn merge(&self, into: &mut V, from: V) {
        *into += from;
    }

    #[inline]
    fn finish(&self, acc: V) -> V {
        acc
    }
}

/// The two that keep the value which stands on one side of all others.
macro_rules! extreme {
    ($name:ident, $side:pat) => {
        impl<T, V, F> Aggregator<T> for $name<F>
        where
            F: Fn(&T) -> V + Send + Sync,
            V: TotalOrd + Send,
        {
            type Acc = Option<V>;
            type Output = V;

            #[inline]
            fn init(&self) -> Option<V> {
                None
            }

            #[inline]
            fn add(&self, acc: &mut Option<V>, event: &T) {
                let value = (self.0)(event);
                if acc.as_ref().is_none_or(|kept| matches!(value.total_cmp(kept), $side)) {
                    *acc = Some(value);
                }
            }

            #[inline]
            fn merge(&self, into: &mut Option<V>, from: Option<V>) {
                let Some(value) = from else { return };
                if into.as_ref().is_none_or(|kept| matches!(value.total_cmp(kept), $side)) {
                    *into = Some(value);
                }
            }

            #[inline]
            fn finish(&self, acc: Option<V>) -> V {
                acc.expect("an accumulator is finished only after an event")
            }
        }
    };
}

extreme!(Min, Ordering::Less);
extreme!(Max, Ordering::Greater);

impl<T, V, F> Aggregator<T> for Mean<F>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Number,
{
    type Acc = (f64, u64);
    type Output = f64;

    #[inline]
    fn init(&self) -> (f64, u64) {
        (0.0, 0)
    }

    #[inline]
    fn add(&self, (sum, count): &mut (f64, u64), event: &T) {
        *sum += (self.0)(event).to_f64();
        *count += 1;
    }

    #[inline]
    fn merge(&self, into: &mut (f64, u64), from: (f64, u64)) {
        into.0 += from.0;
        into.1 += from.1;
    }

    #[inline]
    fn finish(&self, (sum, count): (f64, u64)) -> f64 {
        sum / count as f64
    }
}

macro_rules! tuple {
    ($($part:ident $at:tt),+) => {
        impl<T, $($part: Aggregator<T>),+> Aggregator<T> for ($($part,)+) {
            type Acc = ($($part::Acc,)+);
            type Output = ($($part::Output,)+);

            #[inline]
            fn init(&self) -> Self::Acc {
                ($(self.$at.init(),)+)
            }

            #[inline]
            fn add(&self, acc: &mut Self::Acc, event: &T) {
                $(self.$at.add(&mut acc.$at, event);)+
            }

            #[inline]
            fn merge(&self, into: &mut Self::Acc, from: Self::Acc) {
                $(self.$at.merge(&mut into.$at, from.$at);)+
            }

            #[inline]
            fn finish(&self, acc: Self::Acc) -> Self::Output {
                ($(self.$at.finish(acc.$at),)+)
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

impl<T> Clone for Aggregates<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Aggregates<T> {}

impl<T> fmt::Debug for Aggregates<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aggregates")
    }
}

/// Closures have no `Debug`, so a plan shows the name of the aggregator alone.
macro_rules! debug_as_name {
    ($($name:ident),+) => {$(
        impl<F> fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )+};
}

debug_as_name!(Sum, Min, Max, Mean);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    /// Folds each part by itself, then merges the parts, from the middle outwards.
    fn run<T, G: Aggregator<T>>(aggregator: &G, parts: &[Vec<T>]) -> G::Output {
        let fold = |part: &Vec<T>| {
            let mut acc = aggregator.init();
            part.iter().for_each(|event| aggregator.add(&mut acc, event));
            acc
        };
        let (left, right) = parts.split_at(parts.len() / 2);
        let mut all = aggregator.init();
        left.iter().rev().chain(right).for_each(|part| aggregator.merge(&mut all, fold(part)));
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
}
