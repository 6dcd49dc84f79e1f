//! Text folded into maps: what the word counts and the readings of stations have in common, as its
//! peers do it.
//!
//! Each folds chunks of lines into a map of its thread. Those of crossbeam and timely are emptied
//! after 512 KiB of text, as are tokio's, and every key goes to the thread that owns it; those of rayon,
//! orx and renoir are merged at the end.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::sync::Arc;

use foldhash::fast::{FixedState, RandomState};
use rayon::prelude::*;

use super::common::{Claims, chunks};
use crate::harness::THREADS;
use crate::peers::{Shuffle, absorb, channels};

pub(crate) const RAYON: &str =
    "64 pieces for each thread, foldhash, the larger map absorbs the smaller";
pub(crate) const CROSSBEAM: &str = "two mappers that fold each 512 KiB into a map of their own, two \
                                    reducers, bounded channels of 16 batches of 1,024, foldhash";
#[cfg(feature = "peers")]
pub(crate) const TIMELY: &str =
    "two workers that fold each 512 KiB into a map of their own, `Exchange`, foldhash";
#[cfg(feature = "peers")]
pub(crate) const TOKIO: &str = "the same with tasks and tokio's channels, two workers";
#[cfg(feature = "peers")]
pub(crate) const ORX: &str = "a map for each of two threads, merged at the end, foldhash";
#[cfg(feature = "peers")]
pub(crate) const RENOIR: &str =
    "`fold_assoc` into a map, as its own fastest example does, by blocks of lines; foldhash";

/// What is folded; the text stays until the end of the program, as timely and renoir ask.
pub(crate) trait TextFold: 'static {
    type Key: Eq + Hash + Send + 'static;
    type Value: Default + Send + 'static;

    /// Adds what is in some lines.
    fn fold(map: &mut Map<Self>, lines: &'static str);

    /// Adds what another map has under the same key.
    fn merge(value: &mut Self::Value, other: Self::Value);
}

pub(crate) type Map<F> = HashMap<<F as TextFold>::Key, <F as TextFold>::Value, RandomState>;

fn merge<F: TextFold + ?Sized>(one: Map<F>, other: Map<F>) -> Map<F> {
    absorb(one, other, F::merge)
}

fn folded<F: TextFold + ?Sized>(mut map: Map<F>, lines: &'static str) -> Map<F> {
    F::fold(&mut map, lines);
    map
}

/// One loop, one map.
pub(crate) fn seq<F: TextFold>(text: &'static str) -> Map<F> {
    folded::<F>(Map::<F>::default(), text)
}

/// 64 pieces for each thread: small enough to balance, while rayon makes a new map only where it
/// really splits.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    chunks(text, text.len() / (64 * THREADS) + 1)
}

/// The idiom: fold pieces into maps and merge the maps in pairs.
pub(crate) fn rayon<F: TextFold>(text: &'static str) -> Map<F> {
    let maps = pieces(text).into_par_iter().fold(Map::<F>::default, folded::<F>);
    maps.reduce(Map::<F>::default, merge::<F>)
}

/// Maps that have no key in common.
pub(crate) fn crossbeam<F: TextFold>(text: &'static str) -> Vec<Map<F>> {
    channels::shuffle(&Chunks::<F>::new(text))
}

/// Maps that have no key in common.
#[cfg(feature = "peers")]
pub(crate) fn tokio<F: TextFold>(text: &'static str) -> Vec<Map<F>> {
    crate::peers::tokio::shuffle(&Chunks::<F>::new(text))
}

/// Maps that have no key in common.
#[cfg(feature = "peers")]
pub(crate) fn timely<F: TextFold>(text: &'static str) -> Vec<Map<F>> {
    crate::peers::timely::shuffle(&Chunks::<F>::new(text))
}

#[cfg(feature = "peers")]
pub(crate) fn orx<F: TextFold>(text: &'static str) -> Map<F> {
    use orx_parallel::*;
    let mut maps: [Map<F>; THREADS] = Default::default();
    pieces(text)
        .into_par()
        .num_threads(THREADS)
        .chunk_size(1)
        .use_slice(&mut maps)
        .for_each(|map, lines| F::fold(map, lines));
    maps.into_iter().reduce(merge::<F>).unwrap_or_default()
}

#[cfg(feature = "peers")]
pub(crate) fn renoir<F: TextFold<Key: Clone, Value: Clone>>(text: &'static str) -> Vec<Map<F>> {
    use crate::peers::renoir::{Gathered, run};
    use crate::peers::timely::InProcess;
    let gathered = Gathered::new();
    let mut place = gathered.place();
    let chunks = Chunks::<F>::new(text);
    run(|context| {
        let lines = context.stream_par_iter(move |_, _| std::iter::from_fn(move || chunks.next()));
        let maps = lines.fold_assoc(
            InProcess(Map::<F>::default()),
            |map, lines| F::fold(&mut map.0, lines),
            |all, more| all.0 = merge::<F>(std::mem::take(&mut all.0), more.0),
        );
        maps.for_each(move |map| place.push(map.0));
    });
    gathered.take().into_iter().flatten().collect()
}

/// The chunks of a text, of which a mapper takes the next.
struct Chunks<F> {
    chunks: Arc<[&'static str]>,
    claims: Arc<Claims>,
    fold: PhantomData<fn() -> F>,
}

impl<F> Chunks<F> {
    fn new(text: &'static str) -> Self {
        let chunks: Arc<[_]> = chunks(text, 512 * 1024).into();
        let claims = Arc::new(Claims::new(chunks.len() as u64, 1));
        Chunks { chunks, claims, fold: PhantomData }
    }

    fn next(&self) -> Option<&'static str> {
        self.claims.next().map(|chunk| self.chunks[chunk.start as usize])
    }
}

impl<F> Clone for Chunks<F> {
    fn clone(&self) -> Self {
        Chunks { chunks: self.chunks.clone(), claims: self.claims.clone(), fold: PhantomData }
    }
}

impl<F: TextFold> Shuffle for Chunks<F> {
    type Event = (F::Key, F::Value);
    type State = Map<F>;

    fn take(&self, batch: &mut Vec<Self::Event>) -> bool {
        let lines = self.next();
        batch.extend(lines.into_iter().flat_map(seq::<F>));
        lines.is_some()
    }

    fn owner((key, _): &Self::Event) -> u64 {
        FixedState::default().hash_one(key)
    }

    fn fold(map: &mut Self::State, (key, value): Self::Event) {
        F::merge(map.entry(key).or_default(), value);
    }
}
