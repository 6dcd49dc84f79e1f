//! The word counts of `std` and rayon.
//!
//! `naive` is what one writes first: an owned `String` for every word, and the standard map with
//! its standard hash function. `slices` borrows the words from the text and hashes with foldhash,
//! which is made for short strings.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::text::{chunks, tokens};
use super::{Owned, Slices};
use crate::harness::THREADS;

pub(super) fn seq_naive(text: &str) -> Owned {
    let mut counts = Owned::new();
    for word in tokens(text) {
        *counts.entry(word.to_owned()).or_insert(0) += 1;
    }
    counts
}

pub(super) fn seq_slices(text: &str) -> Slices<'_> {
    let mut counts = Slices::default();
    for word in tokens(text) {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

/// 64 pieces for each thread: small enough to balance, while rayon makes a new map only where it
/// really splits.
fn pieces(text: &str) -> Vec<&str> {
    chunks(text, text.len() / (64 * THREADS) + 1)
}

/// The idiom: fold pieces into maps and merge the maps in pairs, where the larger one absorbs the
/// smaller one.
pub(super) fn rayon_slices(text: &str) -> Slices<'_> {
    fn count<'t>(mut counts: Slices<'t>, piece: &&'t str) -> Slices<'t> {
        for word in tokens(piece) {
            *counts.entry(word).or_insert(0) += 1;
        }
        counts
    }
    pieces(text).par_iter().fold(Slices::default, count).reduce(Slices::default, merge)
}

fn merge<'t>(a: Slices<'t>, b: Slices<'t>) -> Slices<'t> {
    let (mut large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
    for (word, count) in small {
        *large.entry(word).or_insert(0) += count;
    }
    large
}

/// The same with an owned word for each occurrence.
pub(super) fn rayon_naive(text: &str) -> Owned {
    fn count(mut counts: Owned, piece: &&str) -> Owned {
        for word in tokens(piece) {
            *counts.entry(word.to_owned()).or_insert(0) += 1;
        }
        counts
    }
    fn merge(a: Owned, b: Owned) -> Owned {
        let (mut large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
        for (word, count) in small {
            *large.entry(word).or_insert(0) += count;
        }
        large
    }
    pieces(text).par_iter().fold(Owned::new, count).reduce(Owned::new, merge)
}

/// The best that we found for rayon: fold into many small maps that divide the words by their hash.
///
/// Merging is parallel then (the last merge of [`rayon_slices`], of its two largest maps, has only
/// one thread) and finds its maps in the cache. Hashing each word twice costs less than that gains.
pub(super) fn rayon_sharded(text: &str) -> Vec<Slices<'_>> {
    // One hasher for all, since the shard is chosen by the same hash.
    let hasher = RandomState::default();
    let shards = || vec![Slices::with_hasher(hasher.clone()); SHARDS];
    let folded: Vec<Vec<Slices<'_>>> = pieces(text)
        .par_iter()
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
        .map(|shard| shard.into_iter().reduce(merge).unwrap_or_default())
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
