//! Keyed state: plain, single-threaded data structures. Nothing in this folder knows a thread, an
//! atomic or a clock.
//!
//! **From an event to its accumulator.** Keyed aggregation touches memory in two steps, so that
//! both stay in the cache:
//!
//! 1. A source instance hashes the key once ([`RoutingHash`]) and folds the event into its *front
//!    table* ([`front::Front`], kept in the second-level cache; [`Adaptive`] steps aside while keys
//!    do not repeat). A key that has to leave it carries its hash and a partial accumulator.
//! 2. What leaves is staged by *bin*, which is the top bits of the hash, and shipped when a bin has
//!    a batch. A partition owns some of the 256 bins and merges each batch into that bin's own
//!    [`Table`], which holds a 256th part of all keys.
//!
//! So a batch works on one small table, the frequent keys never travel one by one, and a key is
//! copied ([`Lend`]) only where it is new. Measured on one thread with 200 MB of source text, 20.7
//! million words, 2.4 million of them distinct: 0.69 s, of which 0.26 s are splitting and hashing
//! and 0.24 s the tables; 18 % of the words leave the front table. One `hashbrown` map of `&str`
//! with foldhash takes 1.0 s.
//!
//! Windows of few keys do without a front table: their keys get small numbers ([`Numbers`]), so that what a
//! part of time has of a key lies in an array.
//!
//! **Invariants.** Only the hash decides where a key goes: bins by the high bits, buckets and slots
//! by the low ones, so that within a bin the low bits are still even. Nothing here depends on how
//! many workers or partitions there are. Accumulators arrive in parts and in any order, so all that
//! travel merge; where an [`Aggregator`] does not, events travel instead. Every emission can stop after any entry and go on later:
//! [`Adaptive::pop`] for what leaves, and dense entries in order of arrival for what stays.

mod aggregate;
mod best;
mod chunks;
mod front;
mod hash;
mod lend;
mod local;
mod numbers;
mod settled;
mod spelled;
mod table;
mod value;

pub use aggregate::{Aggregates, Aggregator};
pub(crate) use aggregate::{Count, CountDistinct, Distinct, Max, Mean, Min, Sum, TopK};
pub(crate) use best::Best;
pub(crate) use front::Adaptive;
pub use hash::FlowHasher;
pub(crate) use hash::{Hashing, RoutingHash};
pub use lend::Lend;
pub(crate) use local::LocalHash;
pub(crate) use numbers::Numbers;
pub(crate) use settled::Settled;
pub(crate) use spelled::{Spelled, Spelling, is_text};
pub(crate) use table::{Entries, Table};
pub use value::{Number, TotalOrd};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::hash::Hash;

    const BINS: usize = 256;

    fn bin(hash: u64) -> usize {
        (hash >> 56) as usize
    }

    /// The whole way of lent keys on one thread, with batches of the given size.
    fn count<'a, K>(keys: impl Iterator<Item = &'a K>, batch: usize) -> Vec<(K::Owned, u64)>
    where
        K: Lend + ?Sized + 'a,
    {
        let routing = RoutingHash::default();
        let mut front = Adaptive::new();
        let mut staged: Vec<Vec<(u64, K::Stored, u64)>> = (0..BINS).map(|_| Vec::new()).collect();
        let mut tables: Vec<Table<K::Stored, u64>> = (0..BINS).map(|_| Table::new()).collect();
        let mut stage = |part: (u64, K::Stored, u64), limit| {
            let bin = bin(part.0);
            staged[bin].push(part);
            if staged[bin].len() >= limit {
                tables[bin].merge(&mut staged[bin], |first| first, |into, from| *into += from);
            }
        };
        for key in keys {
            let part = front.fold(
                routing.hash(key),
                key,
                |key, known| key.is(known),
                |acc, _| *acc += 1,
                |key| (key.store(), 1),
            );
            part.into_iter().for_each(|part| stage(part, batch));
        }
        std::iter::from_fn(|| front.pop()).for_each(|part| stage(part, 1));
        for (table, staged) in tables.iter_mut().zip(&mut staged) {
            table.merge(staged, |first| first, |into, from| *into += from);
        }
        tables.into_iter().flatten().map(|(key, acc)| (K::into_owned(key), acc)).collect()
    }

    fn model<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, u64> {
        keys.fold(HashMap::new(), |mut counts, key| {
            *counts.entry(key).or_insert(0) += 1;
            counts
        })
    }

    /// A key must come out once, so the number of rows counts too.
    fn assert_counts<K: Hash + Eq + std::fmt::Debug>(
        rows: Vec<(K, u64)>,
        expected: HashMap<K, u64>,
    ) {
        assert_eq!(rows.len(), expected.len());
        assert_eq!(rows.into_iter().collect::<HashMap<_, _>>(), expected);
    }

    proptest! {
        #[test]
        fn words_are_counted_as_a_hash_map_counts_them(
            text in "([a-c]{0,4} ){0,400}", batch in 1..40_usize
        ) {
            let words = || text.split_whitespace();
            assert_counts(count(words(), batch), model(words().map(str::to_owned)));
            let bytes = words().map(str::as_bytes);
            assert_counts(count(bytes.clone(), batch), model(bytes.map(<[u8]>::to_vec)));
            let borrowed: Vec<&str> = words().collect();
            assert_counts(count(borrowed.iter(), batch), model(words()));
        }
    }

    /// Frequent keys beside ever new ones, more of them than any front table holds: all its states
    /// are passed through.
    #[test]
    fn a_skewed_stream_larger_than_the_front_table_is_counted_exactly() {
        let routing = RoutingHash::default();
        let keys: Vec<u64> = (0..300_000_u64)
            .map(|event| {
                if event / 100_000 == 1 { event } else { routing.hash(&event) >> (event % 40 + 20) }
            })
            .collect();
        assert_counts(count(keys.iter(), 64), model(keys.iter().copied()));
    }

    #[test]
    fn all_bins_are_used() {
        let used = model((0..4096_u32).map(|key| bin(RoutingHash::default().hash(&key))));
        assert_eq!(used.len(), BINS);
    }
}
