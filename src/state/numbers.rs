//! Small numbers for keys, so that what is kept per key is an array.
//!
//! **Invariant.** Every key has its own place in `index`, which its hash and the factor of its group
//! give, and there its number; the groups are chosen by the high bits of the hash. So a look-up reads
//! one factor and one place, and there is only one key that it can be: nothing depends on a branch that
//! cannot be predicted. A new key whose place is taken gives its group another factor, with which all
//! of the group find free places (hash and displace, as perfect hash functions are built; here key by
//! key). At least half of the places are free, so that few factors have to be tried.

use std::mem;

/// How many places and groups there are: so few that both stay in the first-level cache, and none is
/// outside of what bits of a hash can say.
const PLACES: u32 = if cfg!(test) { 16 } else { 1 << 13 };
const GROUPS: u32 = PLACES / 4;
/// The number of no key.
const NONE: u16 = u16::MAX;
/// How many factors are tried.
const FACTORS: u16 = if cfg!(test) { 32 } else { 1 << 10 };

/// Numbers keys, in the order in which they come.
#[derive(Debug)]
pub(crate) struct Numbers<K> {
    places: Box<Places>,
    keys: Vec<K>,
    /// Of each key: its hash, and the key of its group before it.
    known: Vec<(u64, u16)>,
    /// The last key of each group.
    groups: Vec<u16>,
}

#[derive(Debug)]
struct Places {
    /// Of each group, odd.
    factors: [u16; GROUPS as usize],
    /// The numbers of keys.
    index: [u16; PLACES as usize],
}

#[inline(always)]
fn group(hash: u64) -> usize {
    (hash >> (u64::BITS - GROUPS.ilog2())) as usize
}

/// Scattered and odd, first of all 1.
fn factors() -> impl Iterator<Item = u16> {
    (0..FACTORS).map(|nth| nth.wrapping_mul(0x9e37) | 1)
}

/// Where a key lies in the index.
#[inline(always)]
fn place(hash: u64, factor: u16) -> usize {
    (hash.wrapping_mul(u64::from(factor)) >> (u64::BITS - PLACES.ilog2())) as usize
}

impl<K> Numbers<K> {
    /// How many keys there may be.
    pub(crate) const MOST: usize = PLACES as usize / 2;

    /// None yet.
    pub(crate) fn new() -> Self {
        let (factors, index) = ([1; GROUPS as usize], [NONE; PLACES as usize]);
        Numbers {
            places: Box::new(Places { factors, index }),
            keys: Vec::new(),
            known: Vec::new(),
            groups: vec![NONE; GROUPS as usize],
        }
    }

    /// The only number that the key with a hash can have: it may be that of another key, or of none.
    #[inline(always)]
    pub(crate) fn of(&self, hash: u64) -> usize {
        let Places { factors, index } = &*self.places;
        usize::from(index[place(hash, factors[group(hash)])])
    }

    /// The number of a key.
    pub(crate) fn find(&self, hash: u64, key: &K) -> Option<usize>
    where
        K: Eq,
    {
        let number = self.of(hash);
        (self.keys.get(number)? == key).then_some(number)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Gives a number to a key that has none. If there is no place for it, all must be
    /// [forgotten](Self::clear) first.
    pub(crate) fn add(&mut self, hash: u64, key: K) -> Option<usize> {
        let number = self.keys.len();
        if number == Self::MOST || !self.settle(number as u16, hash) {
            return None;
        }
        self.keys.push(key);
        Some(number)
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.known.clear();
        self.groups.fill(NONE);
        self.places.factors.fill(1);
        self.places.index.fill(NONE);
    }

    /// Whether a hash may have a place: the first one is for the hash 0, which no factor moves.
    fn is_free(&self, place: usize, hash: u64) -> bool {
        self.places.index[place] == NONE && (place > 0 || hash == 0)
    }

    /// Finds a place for a key.
    fn settle(&mut self, number: u16, hash: u64) -> bool {
        let group = group(hash);
        let before = mem::replace(&mut self.groups[group], number);
        self.known.push((hash, before));
        let factor = self.places.factors[group];
        let place = place(hash, factor);
        if self.is_free(place, hash) {
            self.places.index[place] = number;
            return true;
        }
        self.unseat(before, NONE, factor);
        let found = factors().find(|&factor| self.seat(number, factor));
        self.places.factors[group] = found.unwrap_or(1);
        found.is_some()
    }

    /// Puts a key and those before it in its group where a factor says, if all of these places are free.
    fn seat(&mut self, last: u16, factor: u16) -> bool {
        let mut key = last;
        while let Some(&(hash, before)) = self.known.get(usize::from(key)) {
            let place = place(hash, factor);
            if !self.is_free(place, hash) {
                self.unseat(last, key, factor);
                return false;
            }
            self.places.index[place] = key;
            key = before;
        }
        true
    }

    /// Frees the places of a key and those before it, up to another one.
    fn unseat(&mut self, last: u16, first: u16, factor: u16) {
        let mut key = last;
        while key != first {
            let (hash, before) = self.known[usize::from(key)];
            self.places.index[place(hash, factor)] = NONE;
            key = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::hash::Hashing;
    use crate::state::local::LocalHash;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn every_key_keeps_the_number_of_its_turn(keys in prop::collection::vec(0..12_u64, 0..100)) {
            // Well spread, all in one group, and all alike but for a few.
            let hashers: [fn(u64) -> u64; 3] = [
                |key| LocalHash.hash(&key),
                |key| LocalHash.hash(&key) >> 9,
                |key| LocalHash.hash(&(key % 5)),
            ];
            for hash in hashers {
                let (mut numbers, mut model) = (Numbers::new(), HashMap::new());
                for &key in &keys {
                    prop_assert_eq!(numbers.find(hash(key), &key), model.get(&key).copied());
                    if model.contains_key(&key) {
                        continue;
                    }
                    match numbers.add(hash(key), key) {
                        Some(number) => {
                            prop_assert_eq!(number, model.len());
                            model.insert(key, number);
                        }
                        None => {
                            numbers.clear();
                            model.clear();
                        }
                    }
                    for (key, &number) in &model {
                        prop_assert_eq!(numbers.find(hash(*key), key), Some(number));
                    }
                    prop_assert_eq!(numbers.len(), model.len());
                }
            }
        }
    }

    #[test]
    fn most_places_are_used_before_one_is_missing() {
        let patterns: [fn(u64) -> u64; 5] =
            [|i| i, |i| i << 12, |i| i << 48, |i| i * i, |i| (i as f64).to_bits()];
        for (nth, pattern) in patterns.into_iter().enumerate() {
            let mut numbers = Numbers::new();
            let keys = (0..100).map(pattern);
            let fit =
                keys.take_while(|key| numbers.add(LocalHash.hash(key), *key).is_some()).count();
            assert!(
                (Numbers::<u64>::MOST / 2..=Numbers::<u64>::MOST).contains(&fit),
                "{nth}: {fit}"
            );
        }
    }

    #[test]
    fn another_factor_is_another_place() {
        for key in 1..1_000_u64 {
            let places = factors().map(|factor| place(LocalHash.hash(&key), factor));
            assert!(places.collect::<HashSet<_>>().len() > 1, "{key}");
        }
    }

    #[test]
    fn the_hash_that_no_factor_moves_has_its_place() {
        let mut numbers = Numbers::new();
        let key = numbers.add(1, 1);
        assert_eq!((key, numbers.add(0, 0)), (None, Some(0)));
        let mut numbers = Numbers::new();
        let others = (1..100_u64).filter(|key| place(LocalHash.hash(key), 1) == 0).take(3);
        let added = others.filter(|key| numbers.add(LocalHash.hash(key), *key).is_some()).count();
        assert_eq!((added, numbers.add(LocalHash.hash(&0_u64), 0)), (3, Some(3)));
    }

    #[test]
    fn keys_that_nothing_tells_apart_find_no_place() {
        let mut numbers = Numbers::new();
        let hash = 7 << 60;
        assert_eq!((numbers.add(hash, 1), numbers.add(hash, 2), numbers.len()), (Some(0), None, 1));
    }
}
