//! The front table: a small table that folds the frequent keys of one source instance before they
//! travel.
//!
//! **Invariant.** Every accumulator made here leaves here exactly once: it lies in a slot, or
//! [`Front::put`] returned it because its slot was needed, or [`Front::pop`] returned it. A key
//! may leave any number of times, each time with a part of its events, and not in the order of
//! these events; so whoever receives the parts merges them, and the merge must be associative and
//! commutative. Whatever the keys are, the slots take no more than [`BUDGET`] (unless two
//! buckets do).
//!
//! A key belongs to one bucket of two slots, either of them. A new key displaces one that was not
//! hit since it came, if there is one. So the many keys that come once displace each other and leave
//! the frequent ones alone.
//!
//! The table begins at a few KiB, because a tiny run must not pay for a large one, and doubles
//! while misses are frequent. At its full size it says whether it pays; [`Adaptive`] acts on that.
//! Both judge by windows of as many misses as there are slots, so what never misses is never
//! reviewed.

use std::mem;

/// Bytes of all slots at most: about the second-level cache of a core.
const BUDGET: usize = 1 << 20;
/// Bytes of all slots of a new table.
const START: usize = 4 << 10;
/// The table doubles while more than one fold in this many misses: with what is sent and merged of it, a
/// miss costs some twenty times what a hit does.
const GROWING: u64 = 256;
/// Folds that pass by a table which does not pay, before it is tried again: at first about as many
/// as the verdict took, twice as many after each further failure, up to sixteen times.
const BYPASS: u32 = 1 << 16;

/// A front table that steps aside while it does not pay, and is tried again later.
///
/// It steps aside while fewer than half of the folds hit. Measured on one thread against no front
/// table, so without what it costs to ship an event: where the partitions' tables exceed the cache,
/// the front table is even at 25 % of hits, and saves 10 % of the time at 50 % and 20 % at 80 %.
/// Where they fit, merging an integer key costs no more than a mispredicted hit, and the front
/// table is even at 95 % only and costs 75 % more at 50 %. A half bounds both losses.
#[derive(Debug)]
pub(crate) struct Adaptive<K, A> {
    front: Front<K, A>,
    /// Folds that are still to pass by.
    bypass: u32,
    /// The slots meanwhile, so that what passes by finds none.
    aside: Vec<Bucket<K, A>>,
}

impl<K, A> Adaptive<K, A> {
    pub(crate) fn new() -> Self {
        Self { front: Front::new(), bypass: 0, aside: Vec::new() }
    }

    /// Gives the context to the entry that is the `same`, or else to `miss`, which makes an entry;
    /// returns the entry that had to make room for it, with its hash. While the table steps aside, every
    /// fold makes an entry and returns it.
    #[inline(always)]
    pub(crate) fn fold<C>(
        &mut self,
        hash: u64,
        context: C,
        same: impl Fn(&C, &K) -> bool,
        hit: impl FnOnce(&mut A, C),
        miss: impl FnOnce(C) -> (K, A),
    ) -> Option<(u64, K, A)> {
        match self.known(hash, |key| same(&context, key)) {
            Some(acc) => {
                hit(acc, context);
                None
            }
            None => {
                let (key, acc) = miss(context);
                self.put(hash, key, acc)
            }
        }
    }

    /// The accumulator of a key that is in the table, which does not step aside.
    #[inline(always)]
    pub(crate) fn known(&mut self, hash: u64, same: impl Fn(&K) -> bool) -> Option<&mut A> {
        self.front.known(hash, same)
    }

    /// Puts a key in that is not [`known`](Self::known); what there is no place for is returned.
    #[inline]
    pub(crate) fn put(&mut self, hash: u64, key: K, acc: A) -> Option<(u64, K, A)> {
        if self.passes_by() {
            return Some((hash, key, acc));
        }
        let evicted = self.front.put(hash, key, acc);
        if evicted.is_some() && !self.front.pays() {
            self.bypass = BYPASS << self.front.retry().min(4);
            self.aside = mem::take(&mut self.front.buckets);
        }
        evicted
    }

    /// Whether a key that is not [`known`](Self::known) is to pass by: it counts as put in, and is with
    /// whoever asks.
    #[inline]
    pub(crate) fn passes_by(&mut self) -> bool {
        let passes = self.bypass > 0;
        if passes {
            self.bypass -= 1;
            if self.bypass == 0 {
                self.bring_back();
            }
        }
        passes
    }

    fn bring_back(&mut self) {
        if !self.aside.is_empty() {
            self.front.buckets = mem::take(&mut self.aside);
        }
    }

    /// As [`Front::pop`]; also what lies in a table that steps aside, and goes on to.
    pub(crate) fn pop(&mut self) -> Option<(u64, K, A)> {
        self.bring_back();
        let entry = self.front.pop();
        if entry.is_none() && self.bypass > 0 {
            self.aside = mem::take(&mut self.front.buckets);
        }
        entry
    }
}

/// The bounded two-way table itself. Cost of a hit: one bucket, which is one cache line for
/// `(&str, u64)`.
#[derive(Debug)]
pub(crate) struct Front<K, A> {
    /// A power of two, at least two; the low bits of the hash choose.
    buckets: Vec<Bucket<K, A>>,
    /// Entries in all buckets.
    len: usize,
    /// The slot at which [`Front::pop`] goes on.
    cursor: usize,
    pays: bool,
    /// Verdicts against the table since the last one for it.
    failures: u32,
    /// Whether this window fills a table that was left behind, so that it proves nothing.
    warming: bool,
    // Counts of this window: all folds, those that missed, and what speaks for more slots.
    folds: u64,
    misses: u64,
    crowded: u64,
}

/// Two slots, in one line of the cache where entries are of up to 24 bytes.
#[derive(Debug)]
#[repr(align(64))]
struct Bucket<K, A> {
    /// The hashes of the entries, but for their lowest bits, which the number of the bucket has: here
    /// they say whether the entry was hit since it came, or since both were.
    tags: [u64; 2],
    entries: [Entry<K, A>; 2],
}

/// As an `Option`, but without padding around the key.
#[derive(Debug)]
enum Entry<K, A> {
    Free,
    Of { key: K, acc: A },
}

/// The bit of a tag that is not the hash's.
const HIT: u64 = 1;

impl<K, A> Front<K, A> {
    pub(crate) fn new() -> Self {
        let fitting = (START / size_of::<Bucket<K, A>>()).max(2).ilog2();
        let mut buckets = Vec::new();
        buckets.resize_with(1 << fitting, Bucket::empty);
        Self {
            buckets,
            len: 0,
            cursor: 0,
            pays: true,
            failures: 0,
            warming: false,
            folds: 0,
            misses: 0,
            crowded: 0,
        }
    }

    /// The accumulator of a key, if it is in the table. (It may be missed where two keys have the same
    /// hash; it is then there twice.)
    #[inline(always)]
    pub(crate) fn known(&mut self, hash: u64, same: impl Fn(&K) -> bool) -> Option<&mut A> {
        let at = self.at(hash);
        let Bucket { tags, entries } = self.buckets.get_mut(at)?;
        self.folds += 1;
        let which = if const { Self::BARE } {
            // Which of the two has a key cannot be predicted: no branch depends on it.
            let which = usize::from((tags[1] ^ hash) <= HIT);
            if !entries[which].is(&same) {
                return None;
            }
            which
        } else {
            // To look into the right one at once pays more where a key is elsewhere in memory: the
            // first has what came again.
            if (tags[0] ^ hash) > HIT || !entries[0].is(&same) {
                if (tags[1] ^ hash) > HIT || !entries[1].is(&same) {
                    return None;
                }
                self.crowded += 1;
                tags.swap(0, 1);
                entries.swap(0, 1);
            }
            0
        };
        tags[which] |= HIT;
        match &mut entries[which] {
            Entry::Of { acc, .. } => Some(acc),
            Entry::Free => None,
        }
    }

    /// Whether a key is compared as fast as its hash.
    const BARE: bool = size_of::<K>() <= 8 && !mem::needs_drop::<K>();

    #[inline(always)]
    fn at(&self, hash: u64) -> usize {
        hash as usize & self.buckets.len().wrapping_sub(1)
    }

    /// Puts a key in that is not [`known`](Self::known); returns the entry that had to make room for
    /// it, with its hash.
    #[inline]
    pub(crate) fn put(&mut self, hash: u64, key: K, acc: A) -> Option<(u64, K, A)> {
        let at = self.at(hash);
        let Bucket { tags, entries } = &mut self.buckets[at];
        self.misses += 1;
        let place = if let Some(free) = entries.iter().position(Entry::is_free) {
            free
        } else if tags[1] & HIT == 0 {
            1
        } else if tags[0] & HIT == 0 {
            0
        } else {
            tags.iter_mut().for_each(|tag| *tag &= !HIT);
            // Two keys that come again have to share with a third one.
            self.crowded += if const { Self::BARE } { 4 } else { 0 };
            1
        };
        let displaced = mem::replace(&mut entries[place], Entry::Of { key, acc });
        let tag = mem::replace(&mut tags[place], hash & !HIT);
        let Entry::Of { key, acc } = displaced else {
            self.len += 1;
            return None;
        };
        if self.misses >= 2 * self.buckets.len() as u64 {
            self.review();
        }
        Some((tag & !HIT | hash & HIT, key, acc))
    }

    /// Takes one entry out, `None` when there is none. One may stop at any point and go on later,
    /// with folds between.
    pub(crate) fn pop(&mut self) -> Option<(u64, K, A)> {
        if self.len == 0 {
            return None;
        }
        let mask = 2 * self.buckets.len() - 1;
        loop {
            let at = self.cursor / 2;
            let (which, bucket) = (self.cursor % 2, &mut self.buckets[at]);
            self.cursor = (self.cursor + 1) & mask;
            if let Entry::Of { key, acc } = mem::replace(&mut bucket.entries[which], Entry::Free) {
                self.len -= 1;
                // A free slot is not to be taken for the key that it had.
                let tag = mem::take(&mut bucket.tags[which]);
                return Some((tag & !HIT | at as u64 & HIT, key, acc));
            }
        }
    }

    /// Whether at least half of the folds hit, as far as is known. Can change only in a fold that
    /// evicts.
    pub(crate) fn pays(&self) -> bool {
        self.pays
    }

    /// Suspends the verdict, and gives the table one window to fill with the keys that are frequent
    /// by then. Returns how often it had failed before.
    fn retry(&mut self) -> u32 {
        self.pays = true;
        self.warming = true;
        self.failures.saturating_sub(1)
    }

    #[cold]
    #[inline(never)]
    fn review(&mut self) {
        let folds = mem::take(&mut self.folds);
        let misses = mem::take(&mut self.misses);
        let crowded = mem::take(&mut self.crowded);
        let warming = mem::take(&mut self.warming);
        let doubled = 2 * size_of_val(&self.buckets[..]);
        // The upper half of the budget crowds out what else lives in the cache, so it is for keys
        // that gain by it: where second slots hit nearly as often as all miss, as many more will
        // hit in twice as many slots. (Text: 0.4, and no faster at 1 MiB than at 512 KiB. 10,000
        // even keys: 1.9, and 1.6 times as fast.)
        if misses * GROWING > folds
            && (doubled <= BUDGET / 2 || doubled <= BUDGET && crowded * 5 >= misses * 4)
        {
            self.grow();
        } else if !warming {
            self.pays = misses * 2 <= folds;
            self.failures = if self.pays { 0 } else { self.failures + 1 };
        }
    }

    /// Splits every bucket by the next bit of the hash. No entry gets a new neighbour, so none is
    /// evicted.
    fn grow(&mut self) {
        let half = self.buckets.len();
        self.buckets.reserve_exact(half);
        for at in 0..half {
            let mut upper = Bucket::empty();
            let lower = &mut self.buckets[at];
            for which in 0..2 {
                if lower.tags[which] as usize & half != 0 {
                    mem::swap(&mut lower.tags[which], &mut upper.tags[which]);
                    mem::swap(&mut lower.entries[which], &mut upper.entries[which]);
                }
            }
            self.buckets.push(upper);
        }
    }
}

impl<K, A> Entry<K, A> {
    #[inline(always)]
    fn is(&self, same: impl Fn(&K) -> bool) -> bool {
        matches!(self, Entry::Of { key, .. } if same(key))
    }

    fn is_free(&self) -> bool {
        matches!(self, Entry::Free)
    }
}

impl<K, A> Bucket<K, A> {
    fn empty() -> Self {
        Bucket { tags: [0; 2], entries: [Entry::Free, Entry::Free] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::hash::RoutingHash;
    use proptest::prelude::*;
    use std::collections::HashMap;

    type Parts = HashMap<u64, u64>;

    fn routed(key: u64) -> u64 {
        RoutingHash::default().hash(&key)
    }

    fn fold(front: &mut Front<u64, u64>, hash: u64, key: u64) -> Option<(u64, u64, u64)> {
        match front.known(hash, |known| key == *known) {
            Some(acc) => {
                *acc += 1;
                None
            }
            None => front.put(hash, key, 1),
        }
    }

    fn adapt(front: &mut Adaptive<u64, u64>, key: u64) -> bool {
        front
            .fold(routed(key), key, |key, known| key == known, |acc, _| *acc += 1, |key| (key, 1))
            .is_some()
    }

    fn slots(front: &Front<u64, u64>) -> usize {
        2 * front.buckets.len()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever evicts, grows or is popped half-way: all events come out, each with the hash of
        /// its key.
        #[test]
        fn nothing_is_lost_and_nothing_comes_twice(
            events in prop::collection::vec((0..2000_u64, 0..8_usize), 0..2500),
            even in any::<bool>(),
        ) {
            // Well spread; all in one bucket with one hash; one bucket at any size; and with the
            // hash that empty slots have.
            let hashers: [fn(u64) -> u64; 4] = [routed, |_| 7, |key| key << 40 | 5, |_| 0];
            for hash in hashers {
                let (mut front, mut out, mut model) = (Front::new(), Parts::new(), Parts::new());
                let mut take = |(found, key, acc): (u64, u64, u64)| {
                    assert_eq!(found, hash(key));
                    *out.entry(key).or_insert(0) += acc;
                };
                for &(key, pops) in &events {
                    let key = if even { key } else { key * key / 4000 };
                    *model.entry(key).or_insert(0) += 1;
                    fold(&mut front, hash(key), key).map(&mut take);
                    if pops == 0 {
                        (0..50).map_while(|_| front.pop()).for_each(&mut take);
                    }
                }
                while let Some(part) = front.pop() {
                    take(part);
                }
                let mut entries = front.buckets.iter().flat_map(|bucket| &bucket.entries);
                prop_assert!(entries.all(Entry::is_free));
                prop_assert_eq!(out, model);
            }
        }
    }

    #[test]
    fn a_key_that_came_twice_outlives_those_that_come_once() {
        let mut front = Front::new();
        for key in 0..100 {
            let evicts = fold(&mut front, (key + 1) << 32, key).is_some();
            assert_eq!(evicts, key > 1, "two keys fit");
            assert_eq!(fold(&mut front, 1 << 32, 0), None, "the frequent one stays");
        }
    }

    #[test]
    fn popping_may_stop_and_go_on() {
        let mut front = Front::new();
        assert_eq!(front.pop(), None);
        (0..20).for_each(|key| assert_eq!(fold(&mut front, key, key), None));
        assert_eq!((0..9).map_while(|_| front.pop()).count(), 9);
        (0..20).for_each(|key| assert_eq!(fold(&mut front, key, key), None));
        assert_eq!(std::iter::from_fn(|| front.pop()).count(), 20);
        assert_eq!((front.pop(), front.len), (None, 0));
    }

    #[test]
    fn it_is_small_at_first_and_grows_until_the_keys_fit() {
        let mut front = Front::new();
        assert_eq!(slots(&front), 128);
        let missed = |front: &mut Front<u64, u64>| {
            (0..3000).filter(|&key| fold(front, routed(key), key).is_some()).count()
        };
        (0..30).for_each(|_| _ = missed(&mut front));
        assert!((4096..=16_384).contains(&slots(&front)), "{}", slots(&front));
        assert!(missed(&mut front) < 300);
        assert!(front.pays());
    }

    #[test]
    fn the_upper_half_of_the_budget_is_for_keys_that_gain_by_it() {
        let grown = |keys: u64| {
            let mut front = Front::new();
            for event in 0..400_000 {
                let key = routed(event) % keys;
                fold(&mut front, routed(key), key);
            }
            assert!(size_of_val(&front.buckets[..]) <= BUDGET);
            slots(&front) / (BUDGET / size_of::<Bucket<u64, u64>>())
        };
        assert_eq!(grown(10_000), 2);
        assert_eq!(grown(1 << 40), 1);
    }

    #[test]
    fn large_accumulators_stay_within_the_budget() {
        let mut front: Front<u64, [u64; 500]> = Front::new();
        for key in 0..3000 {
            front.put(routed(key), key, [0; 500]);
        }
        assert!(size_of_val(&front.buckets[..]) <= BUDGET);
        assert_eq!(Front::<u64, [u64; 5000]>::new().buckets.len(), 2);
    }

    #[test]
    fn it_steps_aside_for_keys_that_do_not_repeat_and_is_tried_again() {
        let mut front = Adaptive::new();
        let mut fresh = 0..;
        let aside = |front: &Adaptive<u64, u64>| front.bypass > 0;
        let learning = fresh
            .by_ref()
            .take_while(|&key| {
                adapt(&mut front, key);
                !aside(&front)
            })
            .count();
        assert!(learning < 100_000, "{learning}");
        // While it is aside everything passes, even a key that repeats.
        assert!((0..u64::from(BYPASS)).all(|event| adapt(&mut front, event % 10)));
        fresh.by_ref().take(200_000).for_each(|key| _ = adapt(&mut front, key));
        assert!(front.bypass > BYPASS, "the second time it stays aside for longer");
        (0..2 * BYPASS).for_each(|event| _ = adapt(&mut front, u64::from(event % 10)));
        // By then ten keys come again and again: they are let fill the table, and it stays.
        (0..500_000).for_each(|event| _ = adapt(&mut front, event % 10));
        assert!(!aside(&front) && !adapt(&mut front, 3));
        // And when they end, it steps aside anew.
        fresh.by_ref().take(100_000).for_each(|key| _ = adapt(&mut front, key));
        assert!(aside(&front));
        let left: u64 =
            std::iter::from_fn(|| front.pop()).map(|(_, key, acc)| acc * u64::from(key < 10)).sum();
        assert!(left > 0, "what lies in a table that is aside is still popped");
    }
}
