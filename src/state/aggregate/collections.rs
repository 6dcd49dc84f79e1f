//! `collect_vec`, `distinct`, `count_distinct`: aggregates that keep values.

use super::{Aggregator, debug_as_name};
use std::collections::HashSet;
use std::hash::Hash;

/// Keeps every value; made by [`Aggregates::collect_vec`](super::Aggregates::collect_vec).
#[derive(Clone, Copy)]
pub struct CollectVec<F>(pub(super) F);

/// Keeps every value once; made by [`Aggregates::distinct`](super::Aggregates::distinct).
#[derive(Clone, Copy)]
pub struct Distinct<F>(pub(super) F);

/// Counts the different values; made by
/// [`Aggregates::count_distinct`](super::Aggregates::count_distinct).
#[derive(Clone, Copy)]
pub struct CountDistinct<F>(pub(super) F);

debug_as_name!(CollectVec<F>, Distinct<F>, CountDistinct<F>);

impl<T, V, F> Aggregator<T> for CollectVec<F>
where
    F: Fn(&T) -> V + Send + Sync,
    V: Send,
{
    type Acc = Vec<V>;
    type Output = Vec<V>;
    /// Parts could be joined, but they are as large as the whole: folding first gains nothing, and
    /// costs the order that one source instance has.
    const MERGES: bool = false;

    #[inline]
    fn first(&self, event: &T) -> Vec<V> {
        vec![(self.0)(event)]
    }

    #[inline]
    fn add(&self, acc: &mut Vec<V>, event: &T) {
        acc.push((self.0)(event));
    }

    #[inline]
    fn finish(&self, acc: Vec<V>) -> Vec<V> {
        acc
    }
}

/// The two that keep a set.
macro_rules! of_a_set {
    ($name:ident, $output:ty, $finish:expr) => {
        impl<T, V, F> Aggregator<T> for $name<F>
        where
            F: Fn(&T) -> V + Send + Sync,
            V: Hash + Eq + Send,
        {
            type Acc = HashSet<V>;
            type Output = $output;

            fn first(&self, event: &T) -> HashSet<V> {
                HashSet::from([(self.0)(event)])
            }

            #[inline]
            fn add(&self, acc: &mut HashSet<V>, event: &T) {
                acc.insert((self.0)(event));
            }

            fn merge(&self, into: &mut HashSet<V>, mut from: HashSet<V>) {
                if into.len() < from.len() {
                    std::mem::swap(into, &mut from);
                }
                into.extend(from);
            }

            fn finish(&self, acc: HashSet<V>) -> $output {
                $finish(acc)
            }
        }
    };
}

of_a_set!(Distinct, HashSet<V>, |set| set);
of_a_set!(CountDistinct, u64, |set: HashSet<V>| set.len() as u64);
