//! The table of one bin: a hash table whose entries lie densely, in the order in which their keys
//! first came.
//!
//! **Invariant.** `entries` holds every key once and is only ever appended to; `hashes` has the low 32
//! bits of each one's hash. Every entry has exactly one slot in `index`, on the probe path that begins
//! at the low bits of its hash and contains no empty slot before it. A slot is as many bits as the
//! index has for places, which are the entry's position plus one, and above them the same bits of its
//! hash, by which most others are told from it before an entry is looked at. At least a third of the
//! slots are empty, so every probe ends, and so positions have room in a slot, however few bits that is.
//!
//! So the order of entries depends on the order of arrival alone, not on the seed; emitting them is
//! a walk over them; and growing makes a new index of the hashes alone: it never touches an entry.

use super::chunks::{Chunks, IntoIter};
use std::hint::black_box;

const SMALLEST: usize = 16;
/// Slots address the index with 32 bits of hash.
const LARGEST: u64 = 1 << 32;

/// The entries of a table, in the order in which their keys first came.
pub(crate) type Entries<K, A> = IntoIter<(K, A)>;

/// A dense hash table, for keys whose hash the caller already has. A new one owns no memory.
///
/// It holds at most about 2.8 billion keys (two thirds of 2³²) and panics beyond; a partition has
/// hundreds of tables.
#[derive(Debug)]
pub(crate) struct Table<K, A> {
    entries: Chunks<(K, A)>,
    hashes: Chunks<u32>,
    /// Empty or a power of two. A free slot is 0.
    index: Vec<u32>,
}

impl<K, A> Table<K, A> {
    pub(crate) const fn new() -> Self {
        Self { entries: Chunks::new(), hashes: Chunks::new(), index: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    /// The entries, in the order in which their keys first came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(K, A)> {
        self.entries.iter()
    }

    /// The position of the entry that is the `same`, or else the slot where it belongs, which is free.
    #[inline(always)]
    fn look(&self, hash: u64, mask: usize, same: impl Fn(&K) -> bool) -> Result<usize, usize> {
        let (low, hash) = (mask as u32, hash as u32);
        let mut at = hash as usize & mask;
        loop {
            let slot = self.index[at];
            if slot == 0 {
                return Err(at);
            }
            if (slot ^ hash) & !low == 0 {
                let position = (slot & low).wrapping_sub(1) as usize;
                if self.entries.get(position).is_some_and(|(key, _)| same(key)) {
                    return Ok(position);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// The entries, each with the low half of its hash.
    pub(crate) fn into_hashed(self) -> impl Iterator<Item = (u64, K, A)> {
        self.hashes.into_iter().zip(self.entries).map(|(hash, (key, acc))| (hash.into(), key, acc))
    }

    /// The low halves of the hashes, and the entries that have them.
    pub(crate) fn into_parts(self) -> (Vec<u32>, Vec<(K, A)>) {
        (self.hashes.into_iter().collect(), self.entries.into_iter().collect())
    }

    /// Gives the context to the entry that is the `same`, or else to `miss`, which makes the entry.
    /// One probe.
    ///
    /// A key must come with the same hash every time. If a closure panics, the table stays as it
    /// was, apart from what `hit` did to its accumulator.
    #[inline]
    pub(crate) fn upsert<C>(
        &mut self,
        hash: u64,
        context: C,
        same: impl Fn(&C, &K) -> bool,
        hit: impl FnOnce(&mut A, C),
        miss: impl FnOnce(C) -> (K, A),
    ) {
        match self.probe(hash, |key| same(&context, key)) {
            Ok(position) => {
                let (_, acc) = self.entries.get_mut(position).expect("it was found");
                hit(acc, context);
            }
            Err(at) => self.append(hash, at, miss(context)),
        }
    }

    /// The position of a key's entry, which `miss` makes of the key if there is none. Positions stay
    /// what they are.
    #[inline]
    pub(crate) fn position(&mut self, hash: u64, key: K, miss: impl FnOnce(K) -> (K, A)) -> usize
    where
        K: Eq,
    {
        match self.probe(hash, |known| key == *known) {
            Ok(position) => position,
            Err(at) => {
                self.append(hash, at, miss(key));
                self.entries.len() - 1
            }
        }
    }

    /// What is kept at a position, if there is anything.
    pub(crate) fn get(&self, position: usize) -> Option<&A> {
        self.entries.get(position).map(|(_, acc)| acc)
    }

    /// The entry at a position, if there is one.
    #[inline]
    pub(crate) fn get_mut(&mut self, position: usize) -> Option<(&K, &mut A)> {
        self.entries.get_mut(position).map(|(key, acc)| (&*key, acc))
    }

    /// As `look`, in a table with room for one more.
    #[inline(always)]
    fn probe(&mut self, hash: u64, same: impl Fn(&K) -> bool) -> Result<usize, usize> {
        if self.entries.len() * 3 >= self.index.len() * 2 {
            self.grow();
        }
        self.look(hash, self.index.len() - 1, same)
    }

    #[inline(always)]
    fn append(&mut self, hash: u64, at: usize, entry: (K, A)) {
        self.entries.push(entry);
        self.hashes.push(hash as u32);
        let mask = self.index.len() as u32 - 1;
        self.index[at] = hash as u32 & !mask | self.entries.len() as u32;
    }

    /// Gives every part of a batch to the entry of its key: `start` makes the entry of a new key,
    /// `add` goes on with a known one. Leaves the vector of the batch empty, to be filled again. The low
    /// half of a hash is enough.
    ///
    /// The first pass only reads the slots in which the probes will begin. Its loads do not wait
    /// for each other, so that the processor fetches them together, where the probes themselves
    /// would wait for one after the other (measured: 3 % off a word count, 15-20 % where all keys
    /// are new; further passes over entries and keys added nothing).
    #[inline]
    pub(crate) fn merge<H: Copy + Into<u64>, P>(
        &mut self,
        batch: &mut Vec<(H, K, P)>,
        start: impl Fn(P) -> A,
        add: impl Fn(&mut A, P),
    ) where
        K: Eq,
    {
        if let Some(mask) = self.index.len().checked_sub(1) {
            let touch =
                |seen, (hash, ..): &(H, K, P)| seen ^ self.index[(*hash).into() as usize & mask];
            black_box(batch.iter().fold(0, touch));
        }
        for (hash, key, part) in batch.drain(..) {
            self.upsert(
                hash.into(),
                (key, part),
                |(key, _), known| key == known,
                |acc, (_, part)| add(acc, part),
                |(key, part)| (key, start(part)),
            );
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let size = (self.index.len() * 2).max(SMALLEST);
        assert!(size as u64 <= LARGEST, "more than 2.8 billion keys in one table of keyed state");
        // The old index is of no use: its memory may become that of the new one.
        self.index = Vec::new();
        let mask = size - 1;
        let mut index = vec![0_u32; size];
        for (position, &hash) in (1_u32..).zip(self.hashes.iter()) {
            let mut at = hash as usize & mask;
            while index[at] != 0 {
                at = (at + 1) & mask;
            }
            index[at] = hash & !(mask as u32) | position;
        }
        self.index = index;
    }
}

impl<K, A> Default for Table<K, A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, A> IntoIterator for Table<K, A> {
    type Item = (K, A);
    type IntoIter = Entries<K, A>;

    fn into_iter(self) -> Entries<K, A> {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::HashMap;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn add(table: &mut Table<u32, u64>, hash: u64, key: u32, by: u64) {
        table.upsert(hash, key, |key, known| key == known, |acc, _| *acc += by, |key| (key, by));
    }

    /// How a test hashes: well, all keys to one slot, all to the last slot of any index, or all but
    /// the tag alike.
    fn hashers() -> [fn(u32) -> u64; 4] {
        [
            |key| crate::state::hash::RoutingHash::default().hash(&key),
            |_| 7,
            |key| u64::MAX ^ u64::from(key % 3) << 40,
            |key| u64::from(key) << 20,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_counts_as_a_hash_map_does(
            ops in prop::collection::vec((0..300_u32, 1..5_u64), 0..1500)
        ) {
            for hash in hashers() {
                let (mut table, mut model) = (Table::new(), HashMap::new());
                let mut order = Vec::new();
                for &(key, by) in &ops {
                    add(&mut table, hash(key), key, by);
                    *model.entry(key).or_insert_with(|| { order.push(key); 0 }) += by;
                    prop_assert_eq!(table.len(), model.len());
                }
                for key in 0..300 {
                    let found = table.iter().find(|(known, _)| *known == key).copied();
                    prop_assert_eq!(found, model.get(&key).map(|by| (key, *by)));
                }
                prop_assert_eq!(table.iter().map(|entry| entry.0).collect::<Vec<_>>(), order);
                prop_assert_eq!(table.into_iter().collect::<HashMap<_, _>>(), model);
            }
        }

        #[test]
        fn batches_merge_as_single_entries_do(
            batches in
                prop::collection::vec(prop::collection::vec((0..300_u32, 1..5_u64), 0..200), 0..10)
        ) {
            for hash in hashers() {
                let (mut merged, mut single) = (Table::new(), Table::new());
                for batch in &batches {
                    batch.iter().for_each(|&(key, by)| add(&mut single, hash(key), key, by));
                    let mut batch: Vec<_> =
                        batch.iter().map(|&(key, by)| (hash(key), key, by)).collect();
                    let room = batch.capacity();
                    merged.merge(&mut batch, |first| first, |into, from| *into += from);
                    prop_assert!(batch.is_empty() && batch.capacity() == room);
                }
                prop_assert!(merged.into_iter().eq(single));
            }
        }
    }

    #[test]
    fn a_new_table_owns_no_memory() {
        const EMPTY: Table<String, u64> = Table::new();
        let table = EMPTY;
        assert_eq!(table.len(), 0);
        assert_eq!(
            (table.entries.capacity(), table.hashes.capacity(), table.index.capacity()),
            (0, 0, 0)
        );
    }

    #[test]
    fn the_index_stays_at_most_two_thirds_full() {
        let mut table = Table::new();
        for key in 0..10_000 {
            add(&mut table, hashers()[0](key), key, 1);
            let used = table.index.iter().filter(|&&slot| slot != 0).count();
            assert!(
                key % 97 != 0 || (used == table.len() && used * 3 <= table.index.len() * 2 + 2)
            );
        }
        assert_eq!(table.index.len(), 16_384);
    }

    #[test]
    fn the_order_does_not_depend_on_the_hash() {
        let orders = hashers().map(|hash| {
            let mut table = Table::new();
            (0..500).for_each(|i| add(&mut table, hash(i * 7 % 193), i * 7 % 193, 1));
            table.into_iter().collect::<Vec<_>>()
        });
        assert!(orders.iter().all(|order| *order == orders[0]));
    }

    #[test]
    fn a_hit_does_not_build_the_key() {
        let built = Cell::new(0);
        let mut table: Table<String, u64> = Table::new();
        for word in ["a", "b", "a", "a"] {
            let build = |word: &str| {
                built.set(built.get() + 1);
                (word.to_owned(), 1)
            };
            table.upsert(
                word.len() as u64,
                word,
                |word, known| word == known,
                |acc, _| *acc += 1,
                build,
            );
        }
        assert_eq!(built.get(), 2);
        assert!(table.into_iter().eq([("a".to_owned(), 3), ("b".to_owned(), 1)]));
    }

    #[test]
    fn a_panic_while_a_key_is_built_leaves_the_table_whole() {
        let mut table = Table::new();
        (0..100).for_each(|key| add(&mut table, u64::from(key), key, 1));
        let failed = catch_unwind(AssertUnwindSafe(|| {
            table.upsert(
                500,
                500,
                |key, known| key == known,
                |_: &mut u64, _| (),
                |_| panic!("no key"),
            );
        }));
        assert!(failed.is_err());
        (0..=500).for_each(|key| add(&mut table, u64::from(key), key, 1));
        assert_eq!(table.len(), 501);
        assert_eq!(table.iter().map(|entry| entry.1).sum::<u64>(), 601);
    }
}
