//! Aggregators: what keyed state folds the events of a key into.
//!
//! **Invariant.** An aggregator that merges gives the same result however the events of a key are
//! divided among accumulators, and in whatever order these are merged (up to the rounding of
//! floats). This is what allows source instances to aggregate before they ship, and results not to
//! depend on the number of workers. One that does not merge says so in its type, and is given the
//! events of its key one by one, where the key is.

mod build;
mod collections;
mod extremes;
mod numbers;
mod sequence;
mod sets;
#[cfg(test)]
mod tests;

pub use build::Aggregates;
pub(crate) use collections::{CollectVec, CountDistinct, Distinct};
pub(crate) use extremes::{BottomK, Max, MaxBy, Min, MinBy, TopK};
pub(crate) use numbers::{Count, Mean, Sum};
pub(crate) use sequence::{First, Last, ReduceWith};

/// Folds the events of one key into one result.
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
///     fn first(&self, word: &T) -> u64 {
///         1 << word.as_ref().len().min(63)
///     }
///     fn add(&self, acc: &mut u64, word: &T) {
///         *acc |= self.first(word);
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
/// The laws: `merge` is associative and commutative, and adding an event equals merging the
/// accumulator that [`first`](Aggregator::first) makes of it. There is no accumulator without an
/// event, so what has no neutral element (a minimum, any `reduce_with`) needs no `Option`.
///
/// Cost: one `first` or `add` per event, and one `merge` for each time the key leaves a source
/// instance. Accumulators lie in tables beside their keys, so they should be small.
///
/// **Without merge.** What depends on the order of events (the last value, a moving average) cannot
/// be folded in parts. It sets [`MERGES`](Aggregator::MERGES) to false and leaves `merge` out; every
/// event then crosses to the partition of its key, as with `fold`, and the plan says "by key" instead
/// of "by key, pre-aggregated". A tuple merges if all its parts do.
///
/// ```
/// use flow::{Aggregator, Flow};
///
/// /// A moving average that forgets half with each value.
/// struct Smooth;
///
/// impl Aggregator<(char, f64)> for Smooth {
///     type Acc = f64;
///     type Output = f64;
///     const MERGES: bool = false;
///
///     fn first(&self, event: &(char, f64)) -> f64 {
///         event.1
///     }
///     fn add(&self, acc: &mut f64, event: &(char, f64)) {
///         *acc = (*acc + event.1) / 2.0;
///     }
///     fn finish(&self, acc: f64) -> f64 {
///         acc
///     }
/// }
///
/// let values = vec![('a', 1.0), ('a', 3.0), ('a', 4.0)];
/// let smooth: Vec<(char, f64)> =
///     Flow::from_vec(values).stages(1).key_by(|e| e.0).aggregate(|_| Smooth).collect()?;
/// assert_eq!(smooth, [('a', 3.0)]);
/// # Ok::<(), flow::FlowError>(())
/// ```
///
/// Leaving out `merge` without setting `MERGES` does not compile:
///
/// ```compile_fail
/// # struct Smooth;
/// # impl flow::Aggregator<(char, f64)> for Smooth {
/// #     type Acc = f64;
/// #     type Output = f64;
/// #     fn first(&self, event: &(char, f64)) -> f64 { event.1 }
/// #     fn add(&self, acc: &mut f64, event: &(char, f64)) { *acc = (*acc + event.1) / 2.0 }
/// #     fn finish(&self, acc: f64) -> f64 { acc }
/// # }
/// # let values = vec![('a', 1.0), ('a', 3.0), ('a', 4.0)];
/// // `Smooth` as above, without `const MERGES: bool = false;`
/// flow::Flow::from_vec(values).key_by(|e| e.0).aggregate(|_| Smooth).count()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
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

    /// Whether accumulators of the same key can be merged. Where they cannot, source instances do
    /// not fold: every event travels.
    const MERGES: bool = true;

    /// The accumulator of one event.
    fn first(&self, event: &T) -> Self::Acc;

    /// Adds one more event.
    fn add(&self, acc: &mut Self::Acc, event: &T);

    /// Adds all events of another accumulator. To be written unless `MERGES` is false; it is never
    /// called then.
    fn merge(&self, into: &mut Self::Acc, from: Self::Acc) {
        const { assert!(!Self::MERGES, "write `merge`, or set `MERGES` to false") };
        let _ = (into, from);
        unreachable!("an aggregator that does not merge is given its events one by one");
    }

    /// The result of at least one event.
    fn finish(&self, acc: Self::Acc) -> Self::Output;

    /// The result of no event, where there is one: what a discarding window says at the watermark
    /// when nothing has come since it fired before. Without one it says nothing then.
    fn empty(&self) -> Option<Self::Output> {
        None
    }
}

macro_rules! tuple {
    ($($part:ident $at:tt),+) => {
        impl<T, $($part: Aggregator<T>),+> Aggregator<T> for ($($part,)+) {
            type Acc = ($($part::Acc,)+);
            type Output = ($($part::Output,)+);
            const MERGES: bool = $($part::MERGES)&&+;

            #[inline]
            fn first(&self, event: &T) -> Self::Acc {
                ($(self.$at.first(event),)+)
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

            fn empty(&self) -> Option<Self::Output> {
                Some(($(self.$at.empty()?,)+))
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

/// Closures have no `Debug`, so a plan shows the name of the aggregator alone.
macro_rules! debug_as_name {
    ($($name:ident<$($part:ident),+>),+ $(,)?) => {$(
        impl<$($part),+> std::fmt::Debug for $name<$($part),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )+};
}
use debug_as_name;
