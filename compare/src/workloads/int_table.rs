//! The hash table of the limits whose keys are integers: open addressing, twice as many slots as
//! keys. A key is spread over all its bits by whoever made it, and is not 0: that is a free slot.

use super::common::prefetch;

pub(crate) struct Table(Vec<(u64, u64)>);

impl Table {
    /// With room for so many keys; it does not grow.
    pub(crate) fn new(keys: usize) -> Self {
        Table(vec![(0, 0); (keys * 2).next_power_of_two()])
    }

    /// Adds to what the key has.
    #[inline(always)]
    pub(crate) fn add(&mut self, key: u64, value: u64) {
        let at = self.place(key);
        self.0[at].0 = key;
        self.0[at].1 += value;
    }

    /// What the key has.
    #[inline(always)]
    pub(crate) fn get(&self, key: u64) -> Option<u64> {
        let (found, value) = self.0[self.place(key)];
        (found == key).then_some(value)
    }

    /// Fetches what `get` and `add` will look at first.
    #[inline(always)]
    pub(crate) fn prefetch(&self, key: u64) {
        prefetch(&self.0[key as usize & (self.0.len() - 1)]);
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied().filter(|(key, _)| *key != 0)
    }

    /// Where the key is, or would be.
    #[inline(always)]
    fn place(&self, key: u64) -> usize {
        let last = self.0.len() - 1;
        let mut at = key as usize & last;
        while self.0[at].0 != key && self.0[at].0 != 0 {
            at = (at + 1) & last;
        }
        at
    }
}
