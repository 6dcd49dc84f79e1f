//! Every event to the thread that owns its key: 50 million events, 1,000 keys, nothing aggregated
//! on the way.
//!
//! So few keys could be counted where they are made and merged at the end. `rayon` does that (it
//! has no exchange), and `limit-local` does it by hand; both are here to show what an exchange
//! costs, not as a way to do it. `hand` and `limit` move events to their owner.

use std::collections::HashMap;
use std::ops::Range;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::common::{Claims, mix, on_two_threads};
use crate::harness::{THREADS, Workload, timed};

const KEYS: usize = 1_000;
/// Events in a batch: 8 KiB, well inside L1, and enough to make the channel's cost per event
/// disappear.
const BATCH: usize = 1_024;
/// Inputs that a mapper claims at a time.
const CHUNK: u64 = 64 * 1024;

type Counts = Vec<u64>;

/// Counts in a map, as where the keys are not known to be small integers.
type Map = HashMap<u64, u64, RandomState>;

/// Into arrays of counts: next to nothing is done with an event but to hand it over.
pub(crate) fn into_arrays() -> Workload<u64> {
    let workload = Workload::new(
        "exchange",
        "Integers mapped to 1,000 keys, each key counted by the thread that owns it.",
        |options| Ok(options.scaled(50_000_000)),
        |end| *end,
    )
    .contestant("seq", |end| timed(|| vec![seq(*end)], |parts| checksum(parts)))
    .contestant("rayon", |end| timed(|| vec![rayon(*end)], |parts| checksum(parts)))
    .contestant("hand", |end| timed(|| hand(*end), |parts| checksum(parts)))
    .contestant("limit-local", |end| timed(|| limit_local(*end), |parts| checksum(parts)))
    .contestant("limit", |end| timed(|| limit(*end), |parts| checksum(parts)));
    workload.contestant("flow", |end| {
        timed(|| flow(*end).expect("the flow runs"), |parts| checksum(parts))
    })
}

/// Into hash maps: what users write.
pub(crate) fn into_maps() -> Workload<u64> {
    let workload = Workload::new(
        "exchange-maps",
        "Integers mapped to 1,000 keys, each key counted in a hash map by the thread that owns it.",
        |options| Ok(options.scaled(20_000_000)),
        |end| *end,
    )
    .limit("seq")
    .contestant("seq", |end| timed(|| vec![maps::seq(*end)], |maps| maps::checksum(maps)))
    .contestant("rayon", |end| timed(|| vec![maps::rayon(*end)], |maps| maps::checksum(maps)));
    workload.contestant("flow", |end| {
        timed(|| maps::flow(*end).expect("the flow runs"), |maps| maps::checksum(maps))
    })
}

/// Adds up the counts of all threads, key by key.
fn checksum(parts: &[Counts]) -> u64 {
    let total = |key: usize| parts.iter().map(|counts| counts[key]).sum::<u64>();
    (0..KEYS).map(|key| mix(key as u64).wrapping_mul(total(key))).fold(0, u64::wrapping_add)
}

fn key(i: u64) -> u64 {
    mix(i) % KEYS as u64
}

fn seq(end: u64) -> Counts {
    let mut counts = vec![0; KEYS];
    for i in 0..end {
        counts[key(i) as usize] += 1;
    }
    counts
}

/// One `Vec` of counts for each piece that rayon splits off, merged in pairs.
fn rayon(end: u64) -> Counts {
    (0..end)
        .into_par_iter()
        .map(key)
        .fold(
            || vec![0; KEYS],
            |mut counts, key| {
                counts[key as usize] += 1;
                counts
            },
        )
        .reduce(
            || vec![0; KEYS],
            |mut left, right| {
                left.iter_mut().zip(right).for_each(|(l, r)| *l += r);
                left
            },
        )
}

/// What a careful programmer writes: two mappers, two reducers, a bounded channel of batches for
/// each reducer.
fn hand(end: u64) -> Vec<Counts> {
    let claims = Claims::new(end, CHUNK);
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..THREADS).map(|_| bounded::<Vec<u64>>(16)).unzip();
    std::thread::scope(|scope| {
        let reducers: Vec<_> =
            receivers.into_iter().map(|inbox| scope.spawn(|| hand_reducer(inbox))).collect();
        for _ in 0..THREADS {
            let (claims, senders) = (&claims, senders.clone());
            scope.spawn(move || hand_mapper(claims, senders));
        }
        // The reducers stop when the last sender is gone.
        drop(senders);
        reducers.into_iter().map(|reducer| reducer.join().expect("no contestant panics")).collect()
    })
}

fn hand_mapper(claims: &Claims, reducers: Vec<Sender<Vec<u64>>>) {
    let mut batches: Vec<Vec<u64>> = reducers.iter().map(|_| Vec::with_capacity(BATCH)).collect();
    for key in claims.iter().flatten().map(key) {
        let owner = key as usize % THREADS;
        batches[owner].push(key);
        if batches[owner].len() == BATCH {
            let full = std::mem::replace(&mut batches[owner], Vec::with_capacity(BATCH));
            reducers[owner].send(full).expect("reducers outlive mappers");
        }
    }
    for (reducer, rest) in reducers.iter().zip(batches) {
        reducer.send(rest).expect("reducers outlive mappers");
    }
}

fn hand_reducer(inbox: Receiver<Vec<u64>>) -> Counts {
    let mut counts = vec![0; KEYS];
    for key in inbox.iter().flatten() {
        counts[key as usize] += 1;
    }
    counts
}

/// Counts where the keys are made; the two results would only have to be added.
fn limit_local(end: u64) -> Vec<Counts> {
    let claims = Claims::new(end, CHUNK);
    let count = |_| {
        let mut counts = vec![0; KEYS];
        for chunk in claims.iter() {
            for i in chunk {
                counts[key(i) as usize] += 1;
            }
        }
        counts
    };
    on_two_threads(count).into()
}

/// Two threads that map *and* reduce: each counts the keys it owns in place and hands the others
/// over.
///
/// Only half of the events cross, no thread waits while there is input, the batches come back to
/// the thread that filled them, and the choice between own and foreign keys is arithmetic: a branch
/// would be mispredicted every second time.
fn limit(end: u64) -> Vec<Counts> {
    let claims = &Claims::new(end, CHUNK);
    let [(to_first, first), (to_second, second)] = [bounded(16), bounded(16)];
    let [(back_to_first, first_empty), (back_to_second, second_empty)] = [bounded(64), bounded(64)];
    let first =
        Peer { me: 0, inbox: first, empty: first_empty, other: to_second, back: back_to_second };
    let second =
        Peer { me: 1, inbox: second, empty: second_empty, other: to_first, back: back_to_first };
    std::thread::scope(|scope| {
        let second = scope.spawn(move || second.run(claims));
        vec![first.run(claims), second.join().expect("no contestant panics")]
    })
}

/// Inputs per batch in the limit; every second one is foreign, so a batch carries some 1,024 keys.
const BLOCK: usize = 2 * BATCH;

/// The first `len` keys count.
struct Batch {
    keys: Box<[u64; BLOCK]>,
    len: usize,
}

/// One of the two threads of the limit.
struct Peer {
    me: u64,
    inbox: Receiver<Batch>,
    other: Sender<Batch>,
    /// Batches that this thread filled once and the other one has read.
    empty: Receiver<Batch>,
    /// Where the other thread's batches return to.
    back: Sender<Batch>,
}

impl Peer {
    fn run(self, claims: &Claims) -> Counts {
        let mut counts = vec![0; KEYS];
        for chunk in claims.iter() {
            for start in chunk.clone().step_by(BLOCK) {
                let batch = self.fill(start..chunk.end.min(start + BLOCK as u64), &mut counts);
                self.hand_over(batch, &mut counts);
                while let Ok(batch) = self.inbox.try_recv() {
                    self.count(batch, &mut counts);
                }
            }
        }
        // Each side reads until the other has dropped its sender, so neither may keep its own.
        let Peer { other, inbox, .. } = self;
        drop(other);
        for batch in inbox {
            count(&batch, &mut counts);
        }
        counts
    }

    /// Counts the own keys of `block` and gathers the foreign ones.
    fn fill(&self, block: Range<u64>, counts: &mut Counts) -> Batch {
        let mut batch =
            self.empty.try_recv().unwrap_or_else(|_| Batch { keys: Box::new([0; BLOCK]), len: 0 });
        batch.len = 0;
        for i in block {
            let key = key(i);
            let foreign = (key % THREADS as u64) ^ self.me;
            batch.keys[batch.len] = key;
            batch.len += foreign as usize;
            counts[key as usize] += 1 - foreign;
        }
        batch
    }

    /// Sends `batch`, and does the other side's work as long as that has no room.
    fn hand_over(&self, mut batch: Batch, counts: &mut Counts) {
        while let Err(TrySendError::Full(same)) = self.other.try_send(batch) {
            batch = same;
            match self.inbox.try_recv() {
                Ok(inbound) => self.count(inbound, counts),
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    fn count(&self, batch: Batch, counts: &mut Counts) {
        count(&batch, counts);
        // Where nobody takes batches back any more they are freed here.
        let _ = self.back.try_send(batch);
    }
}

fn count(batch: &Batch, counts: &mut Counts) {
    for key in &batch.keys[..batch.len] {
        counts[*key as usize] += 1;
    }
}
fn flow(end: u64) -> Result<Vec<Counts>, flow::FlowError> {
    flow::Flow::from_range(0..end)
        .map(key)
        .partition()
        .reduce(|| vec![0; KEYS], |counts, key| counts[key as usize] += 1)
        .emit_state()
        .collect::<Vec<_>>()
}

mod maps {
    use super::*;

    pub(super) fn checksum(maps: &[Map]) -> u64 {
        let counts = maps.iter().flatten();
        counts.map(|(key, count)| mix(*key).wrapping_mul(*count)).fold(0, u64::wrapping_add)
    }

    fn add(mut counts: Map, key: u64) -> Map {
        *counts.entry(key).or_insert(0) += 1;
        counts
    }

    pub(super) fn seq(end: u64) -> Map {
        (0..end).map(key).fold(Map::default(), add)
    }

    /// Rayon splits by need, so there are few maps; the larger one absorbs the smaller.
    pub(super) fn rayon(end: u64) -> Map {
        (0..end).into_par_iter().map(key).fold(Map::default, add).reduce(
            Map::default,
            |left, right| {
                let (mut large, small) =
                    if left.len() < right.len() { (right, left) } else { (left, right) };
                small.into_iter().for_each(|(key, n)| *large.entry(key).or_insert(0) += n);
                large
            },
        )
    }

    pub(super) fn flow(end: u64) -> Result<Vec<Map>, flow::FlowError> {
        flow::Flow::from_range(0..end)
            .map(key)
            .partition()
            .reduce(Map::default, |counts, key| *counts.entry(key).or_insert(0) += 1)
            .emit_state()
            .collect::<Vec<_>>()
    }
}
