//! A table that is complete: its entries in the order of their hashes, to be looked up only.
//!
//! **Invariant.** The entries whose hash falls into the `b`-th of all equal ranges of hashes lie from the
//! start that `directory[b]` has up to that of the next one. Beside its start a range has the tags of
//! its first four entries, a byte of each one's hash. There are half as many ranges as entries, and one
//! more, at which the last one ends.
//!
//! So a look-up reads one word, which with 4 bytes for each key stays in some cache, and then the one
//! entry whose tag it is: a single miss where the table lies in no cache, and none for most keys that are
//! not there. What it has to compare is nearly always the first that it does, which the processor
//! guesses. An index of positions, as a table has that grows, costs two misses, and a wrong guess for
//! each key that is not in its first slot.

use super::Table;

/// A dense table in the order of hashes.
#[derive(Debug)]
pub(crate) struct Settled<K, A> {
    entries: Vec<(K, A)>,
    /// `start << 32 | tags`, the tag of the first entry lowest.
    directory: Box<[u64]>,
}

/// How many entries of a range have tags.
const TAGS: u32 = 4;

impl<K, A> From<Table<K, A>> for Settled<K, A> {
    /// Puts the entries of a table in order: a counting sort in place. Cost: each entry is moved once.
    fn from(table: Table<K, A>) -> Self {
        let (mut hashes, mut entries) = table.into_parts();
        let ranges = entries.len() / 2 + 1;
        let mut next = vec![0; ranges + 1];
        for hash in &hashes {
            next[range(*hash, ranges)] += 1_u32;
        }
        let mut sum = 0;
        for next in &mut next {
            sum += std::mem::replace(next, sum);
        }
        let mut directory: Box<[u64]> = next.iter().map(|start| u64::from(*start) << 32).collect();
        // Each hash becomes the place where its entry belongs.
        for hash in &mut hashes {
            let range = range(*hash, ranges);
            let place = next[range];
            next[range] += 1;
            let nth = place - (directory[range] >> 32) as u32;
            if nth < TAGS {
                directory[range] |= u64::from(*hash as u8) << (8 * nth);
            }
            *hash = place;
        }
        let mut to = hashes;
        for at in 0..entries.len() {
            while to[at] as usize != at {
                let place = to[at] as usize;
                entries.swap(at, place);
                to.swap(at, place);
            }
        }
        Settled { entries, directory }
    }
}

/// Which of so many ranges the low half of a hash falls into.
#[inline(always)]
fn range(hash: u32, ranges: usize) -> usize {
    ((u64::from(hash) * ranges as u64) >> 32) as usize
}

impl<K, A> Settled<K, A> {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes it occupies.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.entries) + size_of_val(&*self.directory)
    }

    /// From where up to where the entry is whose key has this hash, if there is one. The first of them
    /// has the tag of this hash, if any has.
    #[inline(always)]
    pub(crate) fn candidates(&self, hash: u64) -> (u32, u32) {
        const ONES: u32 = 0x0101_0101;
        let ranges = self.directory.len() - 1;
        let Some([this, next]) =
            self.directory.get(range(hash as u32, ranges)..).and_then(<[_]>::first_chunk)
        else {
            return (0, 0);
        };
        let differs = *this as u32 ^ (u32::from(hash as u8) * ONES);
        // The highest bit of the lowest byte that does not differ, and perhaps of some above it.
        let same = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
        ((*this >> 32) as u32 + same.trailing_zeros() / 8, (*next >> 32) as u32)
    }

    /// Where the entry is whose key is the `same`, of those from `start` up to `end`.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        (start, end): (u32, u32),
        same: impl Fn(&K) -> bool,
    ) -> Option<usize> {
        (start as usize..end as usize).find(|at| same(&self.entries[*at].0))
    }

    /// What is kept at a position, if there is anything.
    #[inline(always)]
    pub(crate) fn get(&self, position: usize) -> Option<&A> {
        self.entries.get(position).map(|(_, acc)| acc)
    }

    /// The entry at a position that [`find`](Self::find) gave.
    #[inline(always)]
    pub(crate) fn entry(&self, position: usize) -> &(K, A) {
        &self.entries[position]
    }

    pub(crate) fn into_entries(self) -> Vec<(K, A)> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn what_was_put_in_is_found(
            keys in prop::collection::vec(any::<u16>(), 0..300),
            others in prop::collection::vec(any::<u16>(), 0..50),
            spread in prop::sample::select(vec![0, 1, 1 << 16, 0x9e37_79b9_7f4a_7c15_u64]),
        ) {
            let hash = |key: u16| u64::from(key).wrapping_mul(spread).rotate_left(24);
            let mut table = Table::new();
            let mut known = HashMap::new();
            for key in keys {
                let miss = |key| (key, 1);
                table.upsert(hash(key), key, |one, other| one == other, |n, _| *n += 1, miss);
                *known.entry(key).or_insert(0) += 1;
            }
            let settled = Settled::from(table);
            prop_assert_eq!(settled.len(), known.len());
            for key in known.keys().copied().chain(others) {
                let found = settled.find(settled.candidates(hash(key)), |one| *one == key);
                let found = found.map(|at| *settled.entry(at));
                prop_assert_eq!(found, known.get(&key).map(|n| (key, *n)));
            }
            let all: HashMap<u16, i32> = settled.into_entries().into_iter().collect();
            prop_assert_eq!(all, known);
        }
    }
}
