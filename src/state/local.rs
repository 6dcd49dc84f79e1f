//! A hash that is cheap and goes nowhere.

use super::hash::{FlowHasher, Hashing, K1};
use std::hash::{Hash, Hasher};

/// A hash for tables that only one thread looks into, and that can do without it: it goes by its high
/// bits, costs one multiplication of a word for an integer, and whoever chooses keys can make them collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalHash;

impl Hashing for LocalHash {
    #[inline(always)]
    fn hash<K: Hash + ?Sized>(self, key: &K) -> u64 {
        let mut hasher = LocalHasher { state: 0 };
        key.hash(&mut hasher);
        hasher.finish()
    }
}

/// Multiplies word by word; bytes are those of [`FlowHasher`].
struct LocalHasher {
    state: u64,
}

impl LocalHasher {
    #[inline(always)]
    fn word(&mut self, word: u64) {
        self.state = (self.state.rotate_left(32) ^ word).wrapping_mul(K1);
    }
}

impl Hasher for LocalHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut hasher = FlowHasher::with_seed(self.state);
        hasher.write(bytes);
        self.state = hasher.unfinished();
    }

    #[inline(always)]
    fn write_u8(&mut self, i: u8) {
        self.word(i.into());
    }

    #[inline(always)]
    fn write_u16(&mut self, i: u16) {
        self.word(i.into());
    }

    #[inline(always)]
    fn write_u32(&mut self, i: u32) {
        self.word(i.into());
    }

    #[inline(always)]
    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    #[inline(always)]
    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_high_bits_of_a_local_hash_tell_keys_apart() {
        fn cells<K: Hash>(key: impl Fn(u64) -> K) -> usize {
            (0..1 << 12).map(|i| LocalHash.hash(&key(i)) >> 48).collect::<HashSet<_>>().len()
        }
        // Of 4,096 keys in 65,536 cells chance leaves 3,971 alone.
        assert_eq!(cells(|i| i), 1 << 12, "neighbours are spread evenly");
        for alone in [
            cells(|i| i << 12),
            cells(|i| i << 48),
            cells(|i| (i as f64).to_bits()),
            cells(|i| (i as u8, (i >> 8) as u8)),
            cells(|i| u128::from(i) << 64),
            cells(|i| format!("user{i}")),
        ] {
            assert!(alone > 3_800, "{alone}");
        }
    }
}
