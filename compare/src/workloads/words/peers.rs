//! The word counts of everyone else, where they are not those of every fold over text.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, Hash};
use std::io::{BufRead, BufReader};
use std::marker::PhantomData;
use std::path::Path;

use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::Slices;
use super::text::tokens;
use crate::peers::absorb;
use crate::workloads::text_fold::{self, TextFold, pieces};

/// Words, borrowed or owned, each made for every occurrence.
pub(super) struct Words<W>(PhantomData<W>);

impl<W> TextFold for Words<W>
where
    W: From<&'static str> + Eq + Hash + Send + 'static,
{
    type Key = W;
    type Value = u64;

    fn fold(map: &mut text_fold::Map<Self>, lines: &'static str) {
        count(map, lines);
    }

    fn merge(count: &mut u64, more: u64) {
        *count += more;
    }
}

/// Adds the words of `text`.
fn count<'t, W, S>(counts: &mut HashMap<W, u64, S>, text: &'t str)
where
    W: From<&'t str> + Eq + Hash,
    S: BuildHasher,
{
    for word in tokens(text) {
        *counts.entry(W::from(word)).or_insert(0) += 1;
    }
}

/// What one writes first: an owned `String` for every word, and the standard map with its standard
/// hash function.
pub(super) fn seq_naive(text: &str) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    count(&mut counts, text);
    counts
}

/// The same from a file, line by line; a word is copied when it is new.
pub(super) fn seq_file(path: &Path) -> HashMap<String, u64, RandomState> {
    let mut reader =
        BufReader::with_capacity(1 << 16, File::open(path).expect("the file is there"));
    let mut counts = HashMap::<String, u64, RandomState>::default();
    let mut line = String::new();
    while reader.read_line(&mut line).expect("the file can be read") > 0 {
        for word in tokens(&line) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => _ = counts.insert(word.to_owned(), 1),
            }
        }
        line.clear();
    }
    counts
}

/// What one writes first, in rayon's idiom.
pub(super) fn rayon_naive(text: &str) -> HashMap<String, u64> {
    let folded = pieces(text).into_par_iter().fold(HashMap::new, |mut counts, piece| {
        count(&mut counts, piece);
        counts
    });
    folded.reduce(HashMap::new, |one, other| absorb(one, other, |count, more| *count += more))
}

/// The best that we found for rayon: fold into many small maps that divide the words by their hash.
///
/// Merging is parallel then (the last merge of [`text_fold::rayon`], of its two largest maps, has only
/// one thread) and finds its maps in the cache. Hashing each word twice costs less than that gains.
pub(super) fn rayon_sharded(text: &str) -> Vec<Slices<'_>> {
    // One hasher for all, since the shard is chosen by the same hash.
    let hasher = RandomState::default();
    let shards = || vec![Slices::with_hasher(hasher.clone()); SHARDS];
    let folded: Vec<Vec<Slices<'_>>> = pieces(text)
        .into_par_iter()
        .fold(shards, |mut shards, piece| {
            for word in tokens(piece) {
                // Bits that the map itself does not look at.
                let shard = (hasher.hash_one(word) >> 40) as usize % SHARDS;
                *shards[shard].entry(word).or_insert(0) += 1;
            }
            shards
        })
        .collect();
    transpose(folded)
        .into_par_iter()
        .map(|shard| {
            shard
                .into_iter()
                .reduce(|one, other| absorb(one, other, |count, more| *count += more))
                .unwrap_or_default()
        })
        .collect()
}

/// 16 shards are 1.3 times slower, 64 are 1.15 times slower.
const SHARDS: usize = 256;

/// From the shards of every fold to the folds of every shard.
fn transpose<T>(rows: Vec<Vec<T>>) -> Vec<Vec<T>> {
    let mut columns: Vec<Vec<T>> = (0..SHARDS).map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, item)| column.push(item));
    }
    columns
}

/// The same from a file, with words that outlive its text.
pub(super) fn rayon_file(path: &Path) -> Vec<Vec<(String, u64)>> {
    let text = std::fs::read_to_string(path).expect("the file is there");
    let owned = |shard: Slices<'_>| {
        shard.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
    };
    rayon_sharded(&text).into_par_iter().map(owned).collect()
}
