//! The text whose words are counted, and the one way to find words in it.

use crate::workloads::common::mix;

/// The tokenizer of every contestant, so that none wins by finding other words, or the same words
/// faster.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// About `bytes` of text with the statistics of source code, the same on every machine.
///
/// Lines are indented and hold 3 to 14 words. Every second word is repeated from near by, as a file
/// uses what it has just named. Of the others seven in nine come from a vocabulary of 30,000 with a
/// few very frequent words; the rest are identifiers of 4 to 24 bytes, most of which never come
/// back. Some words have punctuation glued on. 200 MB hold 22 million words, 2.5 million of them
/// distinct; the ten most frequent make up a quarter, which is what a large tree of C or Rust has,
/// too.
pub(super) fn generate(bytes: usize) -> String {
    let mut random = Random(1);
    let vocabulary: Vec<String> =
        (0..VOCABULARY).map(|rank| vocabulary_word(rank, &mut random)).collect();
    let mut recent = vec![0..0; RECENT];
    let mut text = String::with_capacity(bytes + 1024);
    while text.len() < bytes {
        for _ in 0..random.below(4) {
            text.push_str(if random.below(3) == 0 { "    " } else { "\t" });
        }
        for nth in 0..random.between(3, 14) {
            if nth > 0 {
                text.push(' ');
            }
            let start = text.len();
            let old = &mut recent[random.below(RECENT)];
            if random.below(2) == 0 {
                text.extend_from_within(old.clone());
            } else {
                push_word(&vocabulary, &mut random, &mut text);
            }
            *old = start..text.len();
        }
        text.push('\n');
    }
    text
}

const VOCABULARY: usize = 30_000;
/// How many identifiers there are to choose from; the first ones are chosen more often.
const IDENTIFIERS: f64 = 50e6;
/// How many words are near by.
const RECENT: usize = 1_000;

fn push_word(vocabulary: &[String], random: &mut Random, text: &mut String) {
    if random.below(9) < 2 {
        push_identifier((random.unit().powi(2) * IDENTIFIERS) as u64, text);
    } else {
        text.push_str(&vocabulary[random.zipf(VOCABULARY)]);
    }
    if random.below(12) == 0 {
        text.push_str([",", ";", "(", ");", ":", "*"][random.below(6)]);
    }
}

/// Frequent words are short; every hundredth has a letter that is not ASCII.
fn vocabulary_word(rank: usize, random: &mut Random) -> String {
    let len = match rank {
        0..20 => random.between(1, 3),
        20..1_000 => random.between(3, 10),
        _ => random.between(5, 14),
    };
    let mut word: String = (0..len).map(|_| random.letter()).collect();
    if rank % 100 == 99 {
        word.push('ß');
    }
    word
}

/// The identifier of this number: 4 to 24 bytes.
fn push_identifier(number: u64, text: &mut String) {
    let mut letters = Random(mix(number + 1));
    for _ in 0..letters.between(4, 24) {
        text.push(if letters.below(8) == 0 { '_' } else { letters.letter() });
    }
}

/// A counter through [`mix`]: small, fast, and good enough to make text.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    fn letter(&mut self) -> char {
        char::from(b"eeetaoinsrhldcumfpgwybvkxjqz"[self.below(28)])
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A rank below `end`, the r-th chosen about in proportion to 1/r (to a little more for the
    /// first ones).
    fn zipf(&mut self, end: usize) -> usize {
        ((end as f64 + 1.0).powf(self.unit().powf(1.3)) as usize - 1).min(end - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_text_is_the_same_every_time() {
        assert_eq!(generate(5_000), generate(5_000));
    }
}
