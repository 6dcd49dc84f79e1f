//! The keys of a window that has many of them, in bins by their hashes.
//!
//! What was folded elsewhere is only put down in its bin: whole vectors as they come, which nobody
//! copies. A bin is folded when the window closes, and before that when it holds twice as many
//! records as keys: each time in the one place that is used for all bins, which the cache holds, where
//! a table of all keys would be a miss for every event.
//!
//! **Invariant.** A key is in one bin. A bin holds at most twice as many records as it has keys, or as
//! the mean bin of the window before had, or [`PENDING`], and what came at once.

use crate::state::Table;
use std::{iter, mem};

/// With how many keys a window goes over to bins.
const LARGE: usize = if cfg!(test) { 1 } else { 1 << 13 };
/// How many bins: chosen by bits of the hash that neither partitions nor small tables go by.
pub(crate) const BINS: usize = if cfg!(test) { 2 } else { 64 };
/// What a bin holds at least before it is folded.
const PENDING: usize = if cfg!(test) { 2 } else { 512 };

/// Something of a key, with the low half of its hash.
pub(crate) type Binned<K, A> = (u32, K, A);

/// The bin of the low half of a hash.
#[inline]
pub(crate) fn bin_of(hash: u32) -> usize {
    (hash >> (u32::BITS - BINS.ilog2())) as usize
}

/// `F` is what says how accumulators are merged.
pub(super) struct Bins<K, A, F> {
    bins: Vec<Bin<K, A>>,
    place: Distinct<K, A>,
    fold: Fold<K, A, F>,
    /// How many bins all of whose keys have been taken out, or are in the place.
    given: usize,
    /// How many keys these had.
    keys: usize,
}

/// Makes of a bin one record for each key, in the place.
pub(super) type Fold<K, A, F> = fn(&F, &mut Distinct<K, A>, &mut Bin<K, A>);

pub(super) struct Bin<K, A> {
    /// What came one by one, and what was folded.
    loose: Vec<Binned<K, A>>,
    /// What came at once.
    whole: Vec<Vec<Binned<K, A>>>,
    /// How many records there are.
    len: usize,
    /// With how many it is folded.
    limit: usize,
}

impl<K, A> Bin<K, A> {
    /// After so many keys.
    fn limit(keys: usize) -> usize {
        (2 * keys).max(PENDING)
    }
}

/// Where the records of a bin become one for each key: in place, by the numbers of the records.
pub(super) struct Distinct<K, A> {
    records: Vec<Binned<K, A>>,
    /// The number of the first record of each key, plus one; 0 where there is none. By the low bits of
    /// the hash.
    index: Vec<u32>,
    /// For each record the number of the first one of its key.
    firsts: Vec<u32>,
    /// The records that are not the first of their keys.
    further: Vec<u32>,
}

impl<K, A> Distinct<K, A> {
    /// Takes all records out of a bin and makes of them one for each key. They must be mergeable in any
    /// order.
    ///
    /// No branch depends on whether a key is new, which nobody can predict where most come once or
    /// twice: a record that has a key of its own is its own first one, and what is noted where it is of
    /// no use is written over.
    pub(super) fn fold(&mut self, bin: &mut Bin<K, A>, merge: impl Fn(&mut A, A))
    where
        K: Eq,
    {
        let Distinct { records, index, firsts, further } = self;
        debug_assert!(records.is_empty());
        records.reserve(bin.len);
        iter::once(&mut bin.loose).chain(&mut bin.whole).for_each(|came| records.append(came));
        bin.whole.clear();
        bin.len = 0;
        let size = (2 * records.len()).next_power_of_two();
        assert!(size as u64 <= 1 << 32, "more than 2 billion events in one bin of a window");
        index.clear();
        index.resize(size, 0);
        firsts.clear();
        further.clear();
        further.resize(records.len() + 1, 0);
        let (mask, mut count) = (size - 1, 0);
        firsts.extend(records.iter().enumerate().map(|(nth, (hash, key, _))| {
            let mut at = *hash as usize & mask;
            let first = loop {
                let first = (index[at] as usize).wrapping_sub(1).min(nth);
                let (other, known, _) = &records[first];
                if hash == other && key == known {
                    break first;
                }
                at = (at + 1) & mask;
            };
            index[at] = first as u32 + 1;
            further[count] = nth as u32;
            count += usize::from(first != nth);
            first as u32
        }));
        // From the last one on: what takes a place is behind all that are still to be merged, and so are
        // those that it was the first of.
        for nth in further[..count].iter().rev() {
            let (_, _, acc) = records.swap_remove(*nth as usize);
            merge(&mut records[firsts[*nth as usize] as usize].2, acc);
        }
    }
}

impl<K, A, F> Bins<K, A, F> {
    /// Whether a window of so many keys goes over to bins.
    #[inline]
    pub(super) fn pay(keys: usize) -> bool {
        keys >= LARGE
    }

    /// None yet. `fold` is [`Distinct::fold`] with what says how.
    pub(super) fn new(fold: Fold<K, A, F>) -> Self {
        let empty =
            || Bin { loose: Vec::new(), whole: Vec::new(), len: 0, limit: Bin::<K, A>::limit(0) };
        let place = Distinct {
            records: Vec::new(),
            index: Vec::new(),
            firsts: Vec::new(),
            further: Vec::new(),
        };
        let bins = iter::repeat_with(empty).take(BINS).collect();
        Bins { bins, place, fold, given: 0, keys: 0 }
    }

    /// Puts down what a table holds, of which `acc` takes the accumulators.
    pub(super) fn take<S>(&mut self, table: Table<K, S>, acc: impl Fn(S) -> Option<A>) {
        for (hash, key, slot) in table.into_hashed() {
            let hash = hash as u32;
            let bin = &mut self.bins[bin_of(hash)];
            let known = bin.loose.len();
            bin.loose.extend(acc(slot).map(|acc| (hash, key, acc)));
            bin.len += bin.loose.len() - known;
        }
    }

    /// Puts down something of a key.
    #[inline]
    pub(super) fn push(&mut self, fold: &F, record: Binned<K, A>) {
        let at = bin_of(record.0);
        let bin = &mut self.bins[at];
        bin.loose.push(record);
        bin.len += 1;
        if bin.len >= bin.limit {
            self.compact(fold, at);
        }
    }

    /// Puts down what belongs to one bin.
    pub(super) fn push_all(&mut self, fold: &F, records: Vec<Binned<K, A>>) {
        let Some(at) = records.first().map(|record| bin_of(record.0)) else {
            return;
        };
        debug_assert!(records.iter().all(|record| bin_of(record.0) == at), "of one bin");
        let bin = &mut self.bins[at];
        bin.len += records.len();
        bin.whole.push(records);
        if bin.len >= bin.limit {
            self.compact(fold, at);
        }
    }

    /// Makes of a bin one record for each key, where it stands.
    #[cold]
    #[inline(never)]
    fn compact(&mut self, fold: &F, at: usize) {
        let Bins { bins, place, .. } = self;
        let bin = &mut bins[at];
        (self.fold)(fold, place, bin);
        bin.loose.append(&mut place.records);
        bin.len = bin.loose.len();
        bin.limit = bin.limit.max(Bin::<K, A>::limit(bin.len));
    }

    /// Takes a key out, bin by bin. When there is none left the bins are as new, and as large as they
    /// had become.
    #[inline]
    pub(super) fn pop(&mut self, fold: &F) -> Option<(K, A)> {
        loop {
            if let Some((_, key, acc)) = self.place.records.pop() {
                return Some((key, acc));
            }
            if !self.next_bin(fold) {
                return None;
            }
        }
    }

    /// Goes on to the next bin; false if there is none.
    #[inline(never)]
    fn next_bin(&mut self, fold: &F) -> bool {
        let Some(bin) = self.bins.get_mut(self.given) else {
            self.given = 0;
            let limit = Bin::<K, A>::limit(mem::take(&mut self.keys) / BINS);
            self.bins.iter_mut().for_each(|bin| bin.limit = limit);
            return false;
        };
        if bin.len > 0 {
            (self.fold)(fold, &mut self.place, bin);
        }
        self.given += 1;
        self.keys += self.place.records.len();
        true
    }

    /// How many accumulators there are.
    pub(super) fn len(&self) -> usize {
        self.bins.iter().map(|bin| bin.len).sum::<usize>() + self.place.records.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// How a test hashes: well, all keys alike, all of a bin alike, and by the lowest bits alone.
    const HASHES: [fn(u8) -> u32; 4] = [
        |key| u32::from(key).wrapping_mul(0x9e37_79b9),
        |_| 7,
        |key| u32::from(key % 2) << 31,
        |key| u32::from(key),
    ];

    fn fold(merge: &fn(&mut u64, u64), place: &mut Distinct<u8, u64>, bin: &mut Bin<u8, u64>) {
        place.fold(bin, merge);
    }

    proptest! {
        /// Windows one after the other, in the same bins.
        #[test]
        fn every_key_comes_once_with_all_it_had(
            windows in prop::collection::vec(
                prop::collection::vec((any::<bool>(), prop::collection::vec((0..20_u8, 1..9_u64), 0..9)), 0..20),
                1..4,
            ),
        ) {
            for hash in HASHES {
                let add: fn(&mut u64, u64) = |into, from| *into += from;
                let mut bins = Bins::new(fold);
                for steps in &windows {
                    let (mut model, mut events) = (BTreeMap::new(), 0);
                    let mut table = Table::new();
                    for (at_once, pairs) in steps {
                        let records: Vec<_> = pairs.iter().map(|&(key, n)| (hash(key), key, n)).collect();
                        for (_, key, n) in &records {
                            *model.entry(*key).or_insert(0) += n;
                            events += 1;
                        }
                        if *at_once {
                            for bin in 0..BINS {
                                let of = records.iter().filter(|record| bin_of(record.0) == bin);
                                bins.push_all(&add, of.copied().collect());
                            }
                        } else {
                            for (hash, key, n) in records {
                                if key < 3 {
                                    table.upsert(hash.into(), key, |k, known| k == known, |acc, _| *acc += n, |k| (k, n));
                                } else {
                                    bins.push(&add, (hash, key, n));
                                }
                            }
                        }
                        for bin in &bins.bins {
                            let keys: std::collections::BTreeSet<_> =
                                bin.loose.iter().chain(bin.whole.iter().flatten()).map(|record| record.1).collect();
                            prop_assert!(bin.len <= bin.limit.max(2 * keys.len()) + 9);
                        }
                        prop_assert!(bins.len() <= events);
                    }
                    bins.take(table, Some);
                    let mut given = BTreeMap::new();
                    while let Some((key, n)) = bins.pop(&add) {
                        prop_assert_eq!(given.insert(key, n), None);
                    }
                    prop_assert_eq!(given, model);
                    prop_assert_eq!(bins.len(), 0);
                    prop_assert_eq!(bins.pop(&add), None);
                }
            }
        }
    }

    #[test]
    fn what_comes_again_and_again_takes_no_room() {
        let add: fn(&mut u64, u64) = |into, from| *into += from;
        let mut bins = Bins::new(fold);
        for nth in 0..10_000_u64 {
            let key = (nth % 10) as u8;
            bins.push(&add, (HASHES[0](key), key, 1));
            bins.push_all(&add, vec![(HASHES[0](key), key, 1)]);
            assert!(bins.len() <= 2 * 2 * 10 + 2);
        }
        let given: BTreeMap<_, _> = iter::from_fn(|| bins.pop(&add)).collect();
        assert_eq!(given, (0..10).map(|key| (key, 2_000)).collect());
    }
}
