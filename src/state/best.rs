//! The first few of many values, in any order of values.
//!
//! **Invariant.** The `k` first of all values that were offered are among those that are kept, which
//! are at most `2 k`. Once there have been `2 k`, the value at `k - 1` is the last of the `k` first
//! values of then, and the ones before it are no later; whatever is not before it is not kept.
//!
//! A buffer of `2 k` that is cut to `k` by selection when it is full, as `k_smallest_relaxed` of
//! itertools does it: one comparison for a value that is not kept, and a constant number on average
//! for one that is, where a heap takes `log k`.

use std::cmp::Ordering;

/// At most `2 k` values, the first `k` among them. `k` and the order are the same at every call.
#[derive(Clone, Debug)]
pub struct Best<V> {
    values: Vec<V>,
    /// Whether the values have been cut, so that the one at `k - 1` is a limit.
    cut: bool,
}

impl<V> Best<V> {
    pub(crate) const fn new() -> Self {
        Best { values: Vec::new(), cut: false }
    }

    /// Keeps the value if it may be one of the first.
    #[inline]
    pub(crate) fn offer(&mut self, k: usize, value: V, order: impl Fn(&V, &V) -> Ordering) {
        let late = self.cut && order(&value, &self.values[k - 1]) != Ordering::Less;
        if late || k == 0 {
            return;
        }
        self.values.push(value);
        if self.values.len() >= k.saturating_mul(2) {
            self.cut(k, order);
        }
    }

    #[cold]
    #[inline(never)]
    fn cut(&mut self, k: usize, order: impl Fn(&V, &V) -> Ordering) {
        self.values.select_nth_unstable_by(k - 1, order);
        self.values.truncate(k);
        self.cut = true;
    }

    /// Takes over the values of another.
    pub(crate) fn merge(&mut self, k: usize, from: Self, order: impl Fn(&V, &V) -> Ordering) {
        from.values.into_iter().for_each(|value| self.offer(k, value, &order));
    }

    /// The `k` first values, or all where there are fewer, in their order.
    pub(crate) fn into_sorted(mut self, k: usize, order: impl Fn(&V, &V) -> Ordering) -> Vec<V> {
        self.values.sort_unstable_by(order);
        self.values.truncate(k);
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_keeps_what_sorting_puts_first(
            parts in prop::collection::vec(prop::collection::vec(0..50_u32, 0..60), 1..5),
            k in 0..20_usize,
        ) {
            let mut all = Best::new();
            for part in &parts {
                let mut best = Best::new();
                for value in part {
                    best.offer(k, *value, u32::cmp);
                    prop_assert!(best.values.len() <= 2 * k);
                }
                all.merge(k, best, u32::cmp);
            }
            let mut sorted = parts.concat();
            sorted.sort_unstable();
            sorted.truncate(k);
            prop_assert_eq!(all.into_sorted(k, u32::cmp), sorted);
        }
    }

    #[test]
    fn more_than_there_can_be_is_all() {
        let mut best = Best::new();
        (0..100).rev().for_each(|value| best.offer(usize::MAX, value, i32::cmp));
        assert_eq!(best.into_sorted(usize::MAX, i32::cmp), (0..100).collect::<Vec<_>>());
    }
}
