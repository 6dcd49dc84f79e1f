//! FlowHash v1, the hash that decides which partition owns a key.
//!
//! **Invariant.** The hash of a key is a function of the seed and of what the key feeds to
//! [`Hasher`], and of nothing else: it is the same in every run, process and platform, so that
//! routed state can be stored, resumed and compared. A change to any number it yields is a new
//! version with a new name. That is why this is our own function: no hash crate promises stable
//! numbers. Route from the high bits, index tables from the low 32.
//!
//! **The algorithm**, complete enough to write another implementation from. All arithmetic is on
//! unsigned 64-bit words and wraps, all reads are little-endian. `fold(a, b)` multiplies two words
//! to 128 bits and xors the two halves. `K1 = 9e3779b97f4a7c15`, `K2 = a4093822299f31d1`,
//! `K3 = d1b54a32d192ed03` (hexadecimal). The state is one word `s` and begins as the seed,
//! `243f6a8885a308d3` unless another is chosen.
//!
//! - *An integer* of up to 64 bits is extended to 64 (signed `isize` with its sign, so that `usize`
//!   and `isize` are alike on all platforms; other signed ones are first taken as unsigned of the
//!   same width): `s = fold(s ^ x, K1)`. 128 bits are two such words, the low one first.
//! - *A byte string* of `n` bytes: `s = s ^ (n * K3)`. While more than 16 bytes are left, the next
//!   16, as words `a` and `b`, are taken away and mixed in:
//!   `s = fold(s ^ a, b ^ K2 ^ rotl(s, 32))`. The end is mixed in the same way with two words that
//!   cover it, and may overlap what went before: `n > 16`: the last 16 bytes of the string.
//!   `4 <= n <= 16`: with `d = 4 * (n / 8)` and `r(i)` the four bytes at `i`,
//!   `a = r(0) << 32 | r(d)` and `b = r(n - 4) << 32 | r(n - 4 - d)`. `1 <= n <= 3`:
//!   `a = c(0) << 16 | c(n / 2) << 8 | c(n - 1)` with `c(i)` the byte at `i`, and `b = 0`. `n = 0`:
//!   both are 0.
//! - *The hash* is `fold(s, K3)`.
//!
//! A `str` feeds its bytes and then the integer `ff`; a tuple feeds its parts; an enum its
//! discriminant as an `isize`.
//!
//! The folded multiply and the overlapping reads are the ideas of wyhash. The second factor takes
//! part of the state, so that with a secret seed nobody can choose a word that makes it zero and
//! thereby wipes out what came before. This makes collisions hard to aim at; it is not a
//! cryptographic hash.
//!
//! Two limits are not ours to lift: a slice of integers feeds its memory, so its hash differs on
//! big-endian platforms, and what the types of std feed is kept stable by custom, not by promise;
//! the test vectors would show a change.

use std::hash::{BuildHasher, Hash, Hasher};

/// The seed of all routing unless another is chosen: the first 64 binary places of π.
const SEED: u64 = 0x243f_6a88_85a3_08d3;
/// 2⁶⁴ divided by the golden ratio.
pub(super) const K1: u64 = 0x9e37_79b9_7f4a_7c15;
/// Binary places 129 to 192 of π, made odd.
const K2: u64 = 0xa409_3822_299f_31d1;
/// Odd, with many changes between neighbouring bits.
const K3: u64 = 0xd1b5_4a32_d192_ed03;

/// A [`Hasher`] that computes FlowHash v1, the specified hash that routes keys to partitions.
///
/// Its numbers are the same in every run, on every platform and in every release, unlike those of
/// [`DefaultHasher`](std::hash::DefaultHasher). Use it to predict where a key goes, or to partition
/// data outside of a flow in the same way.
///
/// Cost: two multiplications for an integer, three for a string of up to 16 bytes, one more for
/// each further 16.
///
/// ```
/// use flow::FlowHasher;
/// use std::hash::{Hash, Hasher};
///
/// let mut hasher = FlowHasher::default();
/// "flow".hash(&mut hasher);
/// assert_eq!(hasher.finish(), 0x5d88_13ed_7277_df2c);
/// ```
#[derive(Clone, Debug)]
pub struct FlowHasher {
    state: u64,
}

impl FlowHasher {
    /// A hasher with a seed of its own. Against keys that someone chooses to collide, the seed must
    /// be random and secret; any number will do otherwise.
    #[inline]
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// What has come so far, without the last step.
    #[inline]
    pub(super) fn unfinished(&self) -> u64 {
        self.state
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.state = fold(self.state ^ word, K1);
    }
}

impl Default for FlowHasher {
    fn default() -> Self {
        Self::with_seed(SEED)
    }
}

impl Hasher for FlowHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let state = self.state ^ (bytes.len() as u64).wrapping_mul(K3);
        self.state = if bytes.len() <= 16 {
            let (a, b) = short(bytes);
            mix(state, a, b)
        } else {
            long(state, bytes)
        };
    }

    #[inline]
    fn write_u8(&mut self, i: u8) {
        self.word(i.into());
    }

    #[inline]
    fn write_u16(&mut self, i: u16) {
        self.word(i.into());
    }

    #[inline]
    fn write_u32(&mut self, i: u32) {
        self.word(i.into());
    }

    #[inline]
    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    #[inline]
    fn write_u128(&mut self, i: u128) {
        self.word(i as u64);
        self.word((i >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }

    #[inline]
    fn write_isize(&mut self, i: isize) {
        self.word(i as i64 as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        fold(self.state, K3)
    }
}

/// The routing hash of one run: FlowHash v1 with that run's seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingHash {
    seed: u64,
}

impl RoutingHash {
    /// A hash whose seed nobody knows.
    pub(crate) fn secret() -> Self {
        Self::with_seed(std::collections::hash_map::RandomState::new().build_hasher().finish())
    }

    /// For untrusted keys: a random, secret seed. Runs with different seeds route differently.
    pub(crate) fn with_seed(seed: u64) -> Self {
        Self { seed }
    }

    #[inline]
    #[expect(clippy::manual_hash_one, reason = "`hash_one` is not inlined: 1 ns per short word")]
    pub(crate) fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        let mut hasher = self.build_hasher();
        key.hash(&mut hasher);
        hasher.finish()
    }
}

/// How a key is hashed.
pub trait Hashing: Copy {
    /// The hash of a key.
    fn hash<K: Hash + ?Sized>(self, key: &K) -> u64;
}

impl Hashing for RoutingHash {
    #[inline(always)]
    fn hash<K: Hash + ?Sized>(self, key: &K) -> u64 {
        RoutingHash::hash(&self, key)
    }
}

impl Default for RoutingHash {
    fn default() -> Self {
        Self::with_seed(SEED)
    }
}

impl BuildHasher for RoutingHash {
    type Hasher = FlowHasher;

    #[inline]
    fn build_hasher(&self) -> FlowHasher {
        FlowHasher::with_seed(self.seed)
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn mix(state: u64, a: u64, b: u64) -> u64 {
    fold(state ^ a, b ^ K2 ^ state.rotate_left(32))
}

/// Apart, so that what is left of `write` is small enough to become part of its callers.
#[inline(never)]
fn long(mut state: u64, bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    while rest.len() > 16 {
        state = mix(state, read8(rest, 0), read8(rest, 8));
        rest = &rest[16..];
    }
    let last = bytes.len() - 16;
    mix(state, read8(bytes, last), read8(bytes, last + 8))
}

/// Two words that together cover up to 16 bytes. Lengths 4 to 16 share one path, because a branch
/// that text mispredicts costs more than the two reads that it would save.
#[inline]
pub(super) fn short(bytes: &[u8]) -> (u64, u64) {
    let length = bytes.len();
    if length >= 4 {
        let (step, last) = (length / 8 * 4, length - 4);
        let a = read4(bytes, 0) << 32 | read4(bytes, step);
        let b = read4(bytes, last) << 32 | read4(bytes, last - step);
        (a, b)
    } else if length > 0 {
        let [first, middle, last] = [0, length / 2, length - 1].map(|at| u64::from(bytes[at]));
        (first << 16 | middle << 8 | last, 0)
    } else {
        (0, 0)
    }
}

#[inline]
fn read8(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[inline]
fn read4(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn hash<K: Hash + ?Sized>(key: &K) -> u64 {
        RoutingHash::default().hash(key)
    }

    /// Computed by a second implementation, which was written from the module head alone.
    #[test]
    fn strings_have_the_specified_hashes() {
        for (key, expected) in [
            ("", 0x3c86_a81e_8e6a_50a4),
            ("a", 0xd6fc_1365_e975_4c72),
            ("ab", 0x96e5_05a5_67ee_8efb),
            ("abc", 0xe638_0666_57b3_0b20),
            ("abcd", 0x561a_cb9f_1378_865c),
            ("abcdefg", 0x1197_aedb_ed66_e15f),
            ("abcdefgh", 0x480e_2c81_accd_8a2b),
            ("flow", 0x5d88_13ed_7277_df2c),
            ("sixteen bytes ok", 0x3c2e_5d84_40bc_dadb),
            ("seventeen bytes!!", 0x1ff4_b23c_dd5f_cc66),
            ("the quick brown fox jumps over the lazy dog", 0x09a8_7586_2072_2bda),
            ("größe", 0xf732_2e18_0c75_280d),
        ] {
            assert_eq!(hash(key), expected, "{key:?}");
            assert_eq!(hash(&key.to_owned()), expected, "a String is routed like its text");
        }
    }

    #[test]
    fn integers_and_compounds_have_the_specified_hashes() {
        assert_eq!(hash(&0_u64), 0x44e3_a65f_a893_b012);
        assert_eq!(hash(&1_u64), 0x9ffe_6e9b_4668_007c);
        assert_eq!(hash(&(1_u64 << 32)), 0x0535_d104_266c_7b02);
        assert_eq!(hash(&u64::MAX), 0x031d_b2f1_73b3_0624);
        assert_eq!(hash(&1_u8), hash(&1_usize), "the width does not matter");
        assert_eq!(hash(&-1_i32), 0x0112_b049_a273_9ad8);
        assert_eq!(hash(&-1_isize), hash(&u64::MAX));
        assert_eq!(hash(&0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128), 0x20ca_8bc0_451b_d217);
        assert_eq!(hash(&(7_u32, "seven", true)), 0xeaec_dbad_c554_d80d);
        assert_eq!(hash(&[1_u8, 2, 3][..]), 0x485d_ad4a_27f9_8ba9);
        assert_eq!(hash(&Some(5_u16)), 0x2542_05a8_ec57_82b7);
        assert_eq!(RoutingHash::with_seed(1).hash("flow"), 0xdc8f_f298_76f2_78aa);
    }

    /// Each bit of the input should flip each bit of the hash in half of all cases.
    #[test]
    fn one_bit_of_the_key_changes_half_of_the_hash() {
        let samples = 1000_u64;
        for length in [3, 4, 7, 8, 11, 16, 17, 40] {
            for bit in 0..length * 8 {
                let mut flips = [0_u32; 64];
                for sample in 0..samples {
                    let mut key: Vec<u8> =
                        (0..length as u64).map(|at| hash(&(sample, at)) as u8).collect();
                    let before = hash(&key);
                    key[bit / 8] ^= 1 << (bit % 8);
                    let changed = before ^ hash(&key);
                    for (place, flips) in flips.iter_mut().enumerate() {
                        *flips += (changed >> place & 1) as u32;
                    }
                }
                for (place, flips) in flips.into_iter().enumerate() {
                    let share = f64::from(flips) / samples as f64;
                    assert!(
                        (0.4..0.6).contains(&share),
                        "{length} bytes: {bit} -> {place}: {share}"
                    );
                }
            }
        }
    }

    /// 65,536 keys over 256 cells, 256 expected: a cell off by more than six standard deviations is
    /// no accident.
    fn assert_uniform<K: Hash>(name: &str, key: impl Fn(u64) -> K) {
        let hashes: Vec<u64> = (0..1 << 16).map(|i| hash(&key(i))).collect();
        for shift in [0, 8, 12, 24, 32, 48, 56] {
            let mut cells = [0_i32; 256];
            hashes.iter().for_each(|hash| cells[(hash >> shift) as usize & 255] += 1);
            for cell in cells {
                assert!(
                    (cell - 256).abs() < 96,
                    "{name}, bits from {shift}: {cell} keys in a cell"
                );
            }
        }
        // Bin and slot together must not be correlated: of 65,536 cells, 1/e stay empty.
        let cells: HashSet<u64> = hashes.iter().map(|hash| hash >> 56 << 8 | hash & 255).collect();
        assert!((40_800..42_050).contains(&cells.len()), "{name}: {} cells used", cells.len());
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 1 << 16, "{name} collides");
    }

    #[test]
    fn similar_keys_spread_over_high_and_low_bits() {
        assert_uniform("integers", |i| i);
        assert_uniform("high integers", |i| i << 48);
        assert_uniform("multiples of 4096", |i| i << 12);
        assert_uniform("floats", |i| (i as f64).to_bits());
        assert_uniform("pairs", |i| (i as u8, (i >> 8) as u8));
        assert_uniform("numbered names", |i| format!("user{i}"));
        assert_uniform("numbered paths", |i| format!("/var/lib/data/part-{i:08}.csv"));
        assert_uniform("two letters", |i| {
            // Strings of any length up to 16 over an alphabet of two, neighbouring in the lowest
            // bit.
            (0..16 - i.leading_zeros().saturating_sub(48))
                .map(|at| if i >> at & 1 == 1 { 'a' } else { '`' })
                .collect::<String>()
        });
    }

    #[test]
    fn the_seed_moves_every_key() {
        let (one, other) = (RoutingHash::with_seed(1), RoutingHash::with_seed(2));
        let moved =
            (0..4096_u32).filter(|key| one.hash(key) >> 56 != other.hash(key) >> 56).count();
        assert!(moved > 4000, "{moved}");
    }
}
