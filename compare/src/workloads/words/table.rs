//! The hash table of the limits: open addressing over 32-byte words that carry their own short key.

use crate::workloads::common::prefetch;

/// A word and how often it was seen: 32 bytes, so that two of them fill a cache line. A count of 0
/// is a free slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// The bytes of the word where there are at most 16, so that most comparisons do not touch the
    /// text; else a fingerprint of them.
    key: [u64; 2],
    start: u64,
    len: u32,
    count: u32,
}

impl Word {
    /// One occurrence of `word`, which is a part of `text`.
    #[inline(always)]
    pub(super) fn new(text: &str, word: &str) -> Self {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        // Sixteen bytes are read at once, also beyond the end of the word, and masked: no branch on
        // the length.
        let key = match text.as_bytes()[start..].first_chunk() {
            Some(bytes) if word.len() <= 16 => u128::from_le_bytes(*bytes) & MASKS[word.len()],
            _ => slow_key(word.as_bytes()),
        };
        Word {
            key: [key as u64, (key >> 64) as u64],
            start: start as u64,
            len: word.len() as u32,
            count: 1,
        }
    }

    /// One multiplication; cheap enough to be repeated instead of stored.
    #[inline(always)]
    pub(super) fn hash(&self) -> u64 {
        fold(self.key[0] ^ 0x9e37_79b9_7f4a_7c15, self.key[1] ^ 0xd6e8_feb8_6659_fd93)
    }

    /// Whether both are the same word of `text`.
    #[inline(always)]
    fn is(&self, other: &Word, text: &str) -> bool {
        self.key == other.key
            && self.len == other.len
            && (self.len <= 16 || self.of(text) == other.of(text))
    }

    /// Adds the count of `other` if that is the same word. A free slot is no word.
    #[inline(always)]
    pub(super) fn absorb(&mut self, other: &Word, text: &str) -> bool {
        let same = self.is(other, text);
        if same {
            self.count += other.count;
        }
        same
    }

    #[inline(always)]
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    #[inline(always)]
    pub(super) fn is_free(&self) -> bool {
        self.count == 0
    }

    fn of<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start as usize..][..self.len as usize]
    }
}

/// For each length the bits that belong to the word.
const MASKS: [u128; 17] = {
    let mut masks = [u128::MAX; 17];
    let mut len = 0;
    while len < 16 {
        masks[len] = (1 << (8 * len)) - 1;
        len += 1;
    }
    masks
};

/// The key of a long word, or of one in the last 16 bytes of the text.
#[inline(never)]
fn slow_key(word: &[u8]) -> u128 {
    if word.len() <= 16 {
        let mut key = [0; 16];
        key[..word.len()].copy_from_slice(word);
        return u128::from_le_bytes(key);
    }
    let (mut left, mut right) = (0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);
    let last = word.last_chunk().expect("longer than a chunk");
    for chunk in word.as_chunks::<16>().0.iter().chain([last]) {
        let chunk = u128::from_le_bytes(*chunk);
        let (low, high) = (chunk as u64, (chunk >> 64) as u64);
        (left, right) = (fold(left ^ low, right ^ high), left.rotate_left(23) ^ right ^ high);
    }
    u128::from(left) | u128::from(right) << 64
}

/// The full product of both, its halves folded onto each other.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Counts of words of one text.
pub(super) struct Table<'a> {
    text: &'a str,
    slots: Vec<Word>,
    len: usize,
}

impl<'a> Table<'a> {
    /// A table with this many slots; it doubles when three quarters are taken.
    pub(super) fn new(text: &'a str, slots: usize) -> Self {
        Table { text, slots: vec![Word::default(); slots.next_power_of_two()], len: 0 }
    }

    /// The number of distinct words.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All words with their counts.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'a str, u64)> {
        self.words().map(|word| (word.of(self.text), u64::from(word.count)))
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &Word> {
        self.slots.iter().filter(|word| !word.is_free())
    }

    /// Where a word of this hash is looked for first. The lowest bits choose a partition, the
    /// highest a bucket of the front table; those between are ours.
    #[inline(always)]
    fn slot(&self, hash: u64) -> usize {
        (hash >> 20) as usize & (self.slots.len() - 1)
    }

    /// Fetches what [`Table::add`] will need first.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[self.slot(hash)]);
    }

    /// Adds all occurrences that `word` stands for.
    #[inline(always)]
    pub(super) fn add(&mut self, word: &Word, hash: u64) {
        let last = self.slots.len() - 1;
        let mut at = self.slot(hash);
        while !self.slots[at].absorb(word, self.text) {
            if self.slots[at].is_free() {
                self.slots[at] = *word;
                self.len += 1;
                if self.len > self.slots.len() / 4 * 3 {
                    self.grow();
                }
                return;
            }
            at = (at + 1) & last;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = Table::new(self.text, self.slots.len() * 2);
        for word in self.words() {
            larger.add(word, word.hash());
        }
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn words_of_every_length_are_told_apart_while_the_table_grows() {
        let text: String =
            (0..400).map(|i| format!("{} ", "x".repeat(i % 40) + &"y".repeat(i % 7 + 1))).collect();
        let mut table = Table::new(&text, 4);
        let mut expected = HashMap::new();
        for word in text.split_whitespace() {
            let new = Word::new(&text, word);
            table.add(&new, new.hash());
            *expected.entry(word).or_insert(0) += 1;
        }
        assert_eq!(table.counts().collect::<HashMap<_, _>>(), expected);
        assert_eq!(table.len(), expected.len());
    }
}
