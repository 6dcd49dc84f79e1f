//! The word counts of everyone else.

use std::hash::{BuildHasher, Hash};
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::{FixedState, RandomState};
use rayon::prelude::*;

use super::text::{chunks, tokens};
use super::{Owned, Slices};
use crate::harness::THREADS;
use crate::peers::{Shuffle, absorb, channels};
use crate::workloads::common::Claims;

/// The standard hash function.
pub(super) type Standard = std::hash::RandomState;
/// Counts by word, borrowed or owned.
type Counts<W> = std::collections::HashMap<W, u64, RandomState>;

pub(super) const CROSSBEAM: &str = "two mappers that count each 512 KiB in a map of their own, two \
                                    reducers, bounded channels of 16 batches of 1,024, foldhash";
#[cfg(feature = "peers")]
pub(super) const TIMELY: &str =
    "two workers that count each 512 KiB in a map of their own, `Exchange`, foldhash";
#[cfg(feature = "peers")]
pub(super) const ORX: &str = "a map for each of two threads, merged at the end, foldhash";
#[cfg(feature = "peers")]
pub(super) const RENOIR: &str =
    "`fold_assoc` into a map, as in its own fastest example; batches of 4,096, foldhash";

pub(super) fn seq_naive(text: &str) -> Owned<Standard> {
    count(Owned::default(), text)
}

pub(super) fn seq_slices(text: &str) -> Slices<'_> {
    count(Slices::default(), text)
}

/// Adds the words of `text`.
fn count<'t, W, S>(
    mut counts: std::collections::HashMap<W, u64, S>,
    text: &'t str,
) -> std::collections::HashMap<W, u64, S>
where
    W: From<&'t str> + Eq + Hash,
    S: BuildHasher,
{
    for word in tokens(text) {
        *counts.entry(W::from(word)).or_insert(0) += 1;
    }
    counts
}

/// The merge in which the larger map absorbs the smaller one.
fn merge<W, S>(
    one: std::collections::HashMap<W, u64, S>,
    other: std::collections::HashMap<W, u64, S>,
) -> std::collections::HashMap<W, u64, S>
where
    W: Eq + Hash,
    S: BuildHasher,
{
    absorb(one, other, |count, more| *count += more)
}

/// 64 pieces for each thread: small enough to balance, while rayon makes a new map only where it
/// really splits.
fn pieces(text: &str) -> Vec<&str> {
    chunks(text, text.len() / (64 * THREADS) + 1)
}

/// The idiom: fold pieces into maps and merge the maps in pairs.
pub(super) fn rayon_slices(text: &str) -> Slices<'_> {
    let folded = pieces(text).into_par_iter().fold(Slices::default, count);
    folded.reduce(Slices::default, merge)
}

/// The same with an owned word for each occurrence.
pub(super) fn rayon_owned<S: BuildHasher + Default + Send>(text: &str) -> Owned<S> {
    pieces(text).into_par_iter().fold(Owned::default, count).reduce(Owned::default, merge)
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

/// The same from a file, with words that outlive its text.
pub(super) fn rayon_file(path: &Path) -> Vec<Vec<(String, u64)>> {
    let text = std::fs::read_to_string(path).expect("the file is there");
    let owned = |shard: Slices<'_>| {
        shard.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
    };
    rayon_sharded(&text).into_par_iter().map(owned).collect()
}

/// The chunks of a text, each counted before its words cross.
struct Words<W> {
    chunks: Arc<[&'static str]>,
    claims: Arc<Claims>,
    words: std::marker::PhantomData<fn() -> W>,
}

impl<W> Words<W> {
    fn new(text: &'static str) -> Self {
        let chunks: Arc<[_]> = chunks(text, 512 * 1024).into();
        let claims = Arc::new(Claims::new(chunks.len() as u64, 1));
        Words { chunks, claims, words: std::marker::PhantomData }
    }
}

impl<W> Clone for Words<W> {
    fn clone(&self) -> Self {
        Words { chunks: self.chunks.clone(), claims: self.claims.clone(), words: self.words }
    }
}

impl<W: From<&'static str> + Eq + Hash + Send + 'static> Shuffle for Words<W> {
    type Event = (W, u64);
    type State = Counts<W>;

    fn take(&self, batch: &mut Vec<(W, u64)>) -> bool {
        let chunk = self.claims.next();
        for chunk in chunk.clone().into_iter().flatten() {
            batch.extend(count(Counts::default(), self.chunks[chunk as usize]));
        }
        chunk.is_some()
    }

    fn owner((word, _): &(W, u64)) -> u64 {
        FixedState::default().hash_one(word)
    }

    fn fold(counts: &mut Counts<W>, (word, count): (W, u64)) {
        *counts.entry(word).or_insert(0) += count;
    }
}

/// Whatever a word can be.
pub(super) trait Word: From<&'static str> + Eq + Hash + Send + 'static {}

impl<W: From<&'static str> + Eq + Hash + Send + 'static> Word for W {}

pub(super) fn crossbeam<W: Word>(text: &'static str) -> Vec<Counts<W>> {
    channels::shuffle(&Words::<W>::new(text))
}

#[cfg(feature = "peers")]
pub(super) fn timely<W: Word>(text: &'static str) -> Vec<Counts<W>> {
    crate::peers::timely::shuffle(&Words::<W>::new(text))
}

#[cfg(feature = "peers")]
pub(super) fn orx<W: Word>(text: &'static str) -> Counts<W> {
    use orx_parallel::*;
    let mut maps: [Counts<W>; THREADS] = Default::default();
    pieces(text)
        .into_par()
        .num_threads(THREADS)
        .chunk_size(1)
        .use_slice(&mut maps)
        .for_each(|map, piece| *map = count(std::mem::take(map), piece));
    maps.into_iter().reduce(merge).unwrap_or_default()
}

#[cfg(feature = "peers")]
pub(super) fn renoir(text: &'static str) -> Vec<Vec<Owned>> {
    use crate::peers::renoir::{Gathered, batches, run};
    let gathered = Gathered::new();
    let mut place = gathered.place();
    let job = Words::<String>::new(text);
    run(|context| {
        let words = context.stream_par_iter(move |_, _| {
            let chunks = job.chunks.clone();
            let claims = job.claims.clone();
            std::iter::from_fn(move || claims.next())
                .flatten()
                .flat_map(move |chunk| tokens(chunks[chunk as usize]).map(str::to_owned))
        });
        let add = |counts: &mut Owned, word| *counts.entry(word).or_insert(0) += 1;
        let merged = |all: &mut Owned, more| *all = merge(std::mem::take(all), more);
        let counts = words.batch_mode(batches()).fold_assoc(Owned::default(), add, merged);
        counts.for_each(move |map| place.push(map));
    });
    gathered.take()
}
