//! The word count for two threads, as fast as we could write it around the common tokenizer.
//!
//! More than a third of its time goes into `str::split_whitespace`; a tokenizer of vector
//! instructions would shorten it, for the other contestants as well. What remains is cache misses,
//! and both forms are built around them.

use std::sync::Mutex;

use super::table::{Table, Word};
use super::text::tokens;
use crate::workloads::common::{Claims, chunks, on_two_threads, prefetch};

/// Bytes of text that a thread claims at a time.
const CHUNK: usize = 512 * 1024;
/// Words that are found and hashed, and their slots fetched, before the first of them is looked up.
const BLOCK: usize = 64;
/// Parts into which words are divided by their hash.
const PARTITIONS: usize = 256;
/// Buckets of two words in a front table: 1 MiB, the size of a second-level cache.
const BUCKETS: usize = 16 * 1024;
/// Words that leave the front table for one partition before they are counted there.
const EVICTED: usize = 512;
/// How far ahead of the word that is being counted slots are fetched.
const AHEAD: usize = 16;

/// A front table for each thread, and one set of tables for both.
///
/// A front table counts the frequent words (five of six that are read) in the second-level cache. A
/// word that has to leave it is appended to one of 256 partitions, and these are counted a batch at
/// a time: the batch's slots are fetched ahead, and the partition's lock is taken once for all of
/// them. No word is in two tables, so there is nothing to merge.
pub(super) fn front(text: &str) -> Vec<Table<'_>> {
    let tables: Vec<_> =
        (0..PARTITIONS).map(|_| Mutex::new(Table::new(text, slots(text)))).collect();
    let chunks = chunks(text, CHUNK);
    let claims = Claims::new(chunks.len() as u64, 1);
    on_two_threads(|thread| {
        let mut front = Front::new(text, &tables);
        for chunk in claims.iter().flatten() {
            in_blocks(text, chunks[chunk as usize], |block| {
                block.iter().for_each(|word| prefetch(front.bucket(word)));
                block.iter().for_each(|word| front.add(word));
            });
        }
        front.flush(thread);
    });
    tables.into_iter().map(|table| table.into_inner().expect("no contestant panics")).collect()
}

/// Slots to start a partition's table with: a guess (one for 64 bytes of text) that spares most of
/// its growing.
fn slots(text: &str) -> usize {
    text.len() / PARTITIONS / 64 + 1
}

/// Calls `work` with the words of `chunk`, [`BLOCK`] at a time.
#[inline(always)]
fn in_blocks(text: &str, chunk: &str, mut work: impl FnMut(&[Word])) {
    let mut block = Vec::with_capacity(BLOCK);
    for token in tokens(chunk) {
        block.push(Word::new(text, token));
        if block.len() == BLOCK {
            work(&block);
            block.clear();
        }
    }
    work(&block);
}

fn partition(word: &Word) -> usize {
    word.hash() as usize % PARTITIONS
}

/// What one thread counts on its own, before and on the way to the common tables.
struct Front<'a, 'text> {
    text: &'text str,
    tables: &'a [Mutex<Table<'text>>],
    buckets: Box<[[Word; 2]; BUCKETS]>,
    evicted: Vec<Vec<Word>>,
}

impl<'a, 'text> Front<'a, 'text> {
    fn new(text: &'text str, tables: &'a [Mutex<Table<'text>>]) -> Self {
        let buckets = vec![[Word::default(); 2]; BUCKETS].try_into().expect("as many as asked for");
        let evicted = (0..PARTITIONS).map(|_| Vec::with_capacity(EVICTED)).collect();
        Front { text, tables, buckets, evicted }
    }

    #[inline(always)]
    fn index(word: &Word) -> usize {
        (word.hash() >> (u64::BITS - BUCKETS.ilog2())) as usize
    }

    #[inline(always)]
    fn bucket(&self, word: &Word) -> &[Word; 2] {
        &self.buckets[Self::index(word)]
    }

    /// The more frequent word of a bucket stays in its first place, the second is where new words
    /// come and go.
    #[inline(always)]
    fn add(&mut self, word: &Word) {
        let [first, second] = &mut self.buckets[Self::index(word)];
        if first.absorb(word, self.text) {
            return;
        }
        if second.absorb(word, self.text) {
            if second.count() > first.count() {
                std::mem::swap(first, second);
            }
            return;
        }
        let old = std::mem::replace(second, *word);
        if !old.is_free() {
            self.evict(old);
        }
    }

    #[inline(always)]
    fn evict(&mut self, word: Word) {
        let partition = partition(&word);
        self.evicted[partition].push(word);
        if self.evicted[partition].len() == EVICTED {
            self.count(partition);
        }
    }

    /// Counts what was evicted to `partition`.
    #[inline(never)]
    fn count(&mut self, partition: usize) {
        let mut table = self.tables[partition].lock().expect("no contestant panics");
        let words = &mut self.evicted[partition];
        for (i, word) in words.iter().enumerate() {
            if let Some(later) = words.get(i + AHEAD) {
                table.prefetch(later.hash());
            }
            table.add(word, word.hash());
        }
        words.clear();
    }

    /// Counts all that is left. The threads begin at different partitions, so that they seldom
    /// meet.
    fn flush(mut self, thread: usize) {
        for bucket in 0..BUCKETS {
            for word in self.buckets[bucket].into_iter().filter(|word| !word.is_free()) {
                self.evict(word);
            }
        }
        for nth in 0..PARTITIONS {
            self.count((nth + thread * PARTITIONS / 2) % PARTITIONS);
        }
    }
}

/// Private tables for each thread, merged at the end: what one would try first.
///
/// Every word goes to a table that no cache holds, and words that both threads saw are kept twice.
pub(super) fn private(text: &str) -> Vec<Table<'_>> {
    let chunks = chunks(text, CHUNK);
    let claims = Claims::new(chunks.len() as u64, 1);
    let [first, second] = on_two_threads(|_| {
        let mut tables: Vec<_> =
            (0..PARTITIONS).map(|_| Table::new(text, slots(text) / 2)).collect();
        for chunk in claims.iter().flatten() {
            in_blocks(text, chunks[chunk as usize], |block| {
                block.iter().for_each(|word| tables[partition(word)].prefetch(word.hash()));
                block.iter().for_each(|word| tables[partition(word)].add(word, word.hash()));
            });
        }
        tables
    });
    let pairs: Vec<_> = first.into_iter().zip(second).map(|pair| Mutex::new(Some(pair))).collect();
    let claims = Claims::new(PARTITIONS as u64, 1);
    let merged = on_two_threads(|_| {
        let take = |nth: u64| pairs[nth as usize].lock().expect("no contestant panics").take();
        claims.iter().flatten().filter_map(take).map(|(a, b)| merge(a, b)).collect::<Vec<_>>()
    });
    merged.into_iter().flatten().collect()
}

fn merge<'text>(a: Table<'text>, b: Table<'text>) -> Table<'text> {
    let (mut large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
    for word in small.words() {
        large.add(word, word.hash());
    }
    large
}
