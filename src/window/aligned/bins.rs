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
}

pub(super) struct Bin<K, S> {
    pending: Vec<(u64, K, S)>,
    table: Table<K, S>,
}

/// The bin of a hash, of which only the low half is kept in tables.
#[inline]
fn bin(hash: u64) -> usize {
    (hash as u32 >> (u32::BITS - BINS.ilog2())) as usize
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
        Bins { bins: (0..BINS).map(|_| empty()).collect(), fold }
    }

    /// Puts down what a table holds.
    pub(super) fn take(&mut self, table: Table<K, S>) {
        for (hash, key, slot) in table.into_hashed() {
            self.bins[bin(hash)].pending.push((hash, key, slot));
        }
    }

    /// Puts down something of a key.
    #[inline]
    pub(super) fn push(&mut self, rules: &R, part: (u64, K, S)) {
        let bin = &mut self.bins[bin(part.0)];
        bin.pending.push(part);
        if bin.pending.len() >= bin.table.len().max(PENDING) {
            (self.fold)(rules, bin);
        }
    }

    /// The keys of the next bin.
    pub(super) fn pop(&mut self, rules: &R) -> Option<Table<K, S>> {
        let mut bin = self.bins.pop()?;
        (self.fold)(rules, &mut bin);
        Some(bin.table)
    }

    /// How many accumulators there are.
    pub(super) fn len(&self) -> usize {
        self.bins.iter().map(|bin| bin.pending.len() + bin.table.len()).sum()
    }
}
