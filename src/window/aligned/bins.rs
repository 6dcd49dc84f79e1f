//! The keys of a window that has many of them, in bins by their hashes.
//!
//! What was folded elsewhere is only put down in its bin. A bin is folded when it holds as much as its
//! table, and when the window closes: each time into one small table, which the cache holds, where a
//! table of all keys would be a miss for every event.
//!
//! **Invariant.** A key is in one bin, and what its bin holds is at most twice its keys or [`PENDING`].

use crate::state::Table;

/// With how many keys a window goes over to bins.
const LARGE: usize = if cfg!(test) { 1 } else { 1 << 13 };
/// How many bins: chosen by bits of the hash that neither partitions nor small tables go by.
const BINS: u32 = if cfg!(test) { 2 } else { 64 };
/// What a bin holds at least before it is folded.
const PENDING: usize = if cfg!(test) { 2 } else { 512 };

/// `R` is what says how slots are merged.
pub(super) struct Bins<K, S, R> {
    bins: Vec<Bin<K, S>>,
    fold: fn(&R, &mut Bin<K, S>),
    /// How many bins all of whose keys have been taken out.
    given: usize,
}

pub(super) struct Bin<K, S> {
    pending: Vec<(u32, K, S)>,
    table: Table<K, S>,
}

/// The bin of a hash, of which only the low half is kept in tables.
#[inline]
fn bin(hash: u32) -> usize {
    (hash >> (u32::BITS - BINS.ilog2())) as usize
}

impl<K, S> Bin<K, S> {
    /// Folds what is pending.
    pub(super) fn fold(&mut self, merge: impl Fn(&mut S, S))
    where
        K: Eq,
    {
        self.table.merge(&mut self.pending, |slot| slot, merge);
    }
}

impl<K, S, R> Bins<K, S, R> {
    /// Whether a window of so many keys goes over to bins.
    #[inline]
    pub(super) fn pay(keys: usize) -> bool {
        keys >= LARGE
    }

    /// None yet. `fold` is [`Bin::fold`] with what says how.
    pub(super) fn new(fold: fn(&R, &mut Bin<K, S>)) -> Self {
        let empty = || Bin { pending: Vec::new(), table: Table::new() };
        Bins { bins: (0..BINS).map(|_| empty()).collect(), fold, given: 0 }
    }

    /// Puts down what a table holds.
    pub(super) fn take(&mut self, table: Table<K, S>) {
        for (hash, key, slot) in table.into_hashed() {
            let hash = hash as u32;
            self.bins[bin(hash)].pending.push((hash, key, slot));
        }
    }

    /// Puts down something of a key.
    #[inline]
    pub(super) fn push(&mut self, rules: &R, (hash, key, slot): (u64, K, S)) {
        let hash = hash as u32;
        let bin = &mut self.bins[bin(hash)];
        bin.pending.push((hash, key, slot));
        if bin.pending.len() >= bin.table.len().max(PENDING) {
            (self.fold)(rules, bin);
        }
    }

    /// Takes a key out, bin by bin. When there is none left the bins are as new, and as large as they
    /// had become.
    #[inline]
    pub(super) fn pop(&mut self, rules: &R) -> Option<(K, S)> {
        loop {
            let Some(bin) = self.bins.get_mut(self.given) else {
                self.given = 0;
                return None;
            };
            if !bin.pending.is_empty() {
                (self.fold)(rules, bin);
            }
            match bin.table.pop() {
                None => self.given += 1,
                entry => return entry,
            }
        }
    }

    /// How many accumulators there are.
    pub(super) fn len(&self) -> usize {
        self.bins.iter().map(|bin| bin.pending.len() + bin.table.len()).sum()
    }
}
