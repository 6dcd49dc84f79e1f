//! A parallel map whose results are consumed in the order of the input, by one reader.
//!
//! The reader folds results into a number that depends on their order. `flow-unordered` cannot
//! compute that one, so it is checked by the plain sum, which all the others compute as well.

use std::collections::BTreeMap;
#[cfg(feature = "peers")]
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_channel::bounded;
use rayon::prelude::*;

use super::common::{Claims, dear, on_two_threads};
use crate::harness::{Checksum, THREADS, Workload, timed};

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let workload = Workload::new(
        "ordered",
        "The map of `map-skewed`, its results read in order.",
        |options| Ok(options.scaled(20_000)),
        |end| *end,
    )
    .flow("flow", "`ordered`, 64 batches under way, read as they come", |end| {
        timed(|| flow(*end).expect("the flow runs"), |sum| *sum)
    })
    .peer("rayon", "cannot stream in order: collects, then reads", |end| {
        timed(|| rayon(*end), |sum| *sum)
    })
    .peer(
        "crossbeam",
        "two threads that claim chunks of 16, a bounded channel of 64; the reader keeps what is early",
        |end| timed(|| crossbeam(*end), |sum| *sum),
    );
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("orx", "cannot stream in order: collects with chunks of 16, then reads", |end| {
            timed(|| orx(*end), |sum| *sum)
        })
        .peer(
            "tokio",
            "a task for 16 elements, `buffered(64)` written as a queue of handles",
            |end| timed(|| tokio(*end), |sum| *sum),
        );
    workload
        .limit("limit", "two threads, chunks of 16, a place for each result; then reads", |end| {
            timed(|| limit(*end), |sum| *sum)
        })
        .aside("seq", "the iterator chain, one thread", |end| timed(|| seq(*end), |sum| *sum))
        .aside("flow-unordered", "the same map without the order", |end| {
            timed(|| flow_unordered(*end).expect("the flow runs"), |sum| *sum)
        })
}

/// The reader.
fn read(results: impl Iterator<Item = u64>) -> Checksum {
    let (content, order) = results.fold((0u64, 0u64), |(sum, order), x| {
        (sum.wrapping_add(x), order.wrapping_mul(31).wrapping_add(x))
    });
    Checksum { content, order: Some(order) }
}

fn seq(end: u64) -> Checksum {
    read((0..end).map(|i| dear(i, end)))
}

fn rayon(end: u64) -> Checksum {
    let results: Vec<u64> = (0..end).into_par_iter().map(|i| dear(i, end)).collect();
    read(results.into_iter())
}

/// In order and as they come: what comes early is kept, and may be much where one chunk takes long.
fn crossbeam(end: u64) -> Checksum {
    const CHUNK: u64 = 16;
    let claims = Claims::new(end, CHUNK);
    let (sender, done) = bounded::<(u64, Vec<u64>)>(64);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (sender, claims) = (sender.clone(), &claims);
            scope.spawn(move || {
                for chunk in claims.iter() {
                    let start = chunk.start;
                    let results = chunk.map(|i| dear(i, end)).collect();
                    sender.send((start, results)).expect("the reader reads to the end");
                }
            });
        }
        drop(sender);
        let (mut early, mut next) = (BTreeMap::new(), 0);
        read(
            std::iter::from_fn(|| {
                while !early.contains_key(&next) {
                    let (start, results) = done.recv().ok()?;
                    early.insert(start, results);
                }
                let results: Vec<u64> = early.remove(&next)?;
                next += CHUNK;
                Some(results)
            })
            .flatten(),
        )
    })
}

/// Like rayon it keeps all results until the end, which is the fastest as long as they fit: no
/// reader is waited for.
fn limit(end: u64) -> Checksum {
    let results: Vec<AtomicU64> = (0..end).map(|_| AtomicU64::new(0)).collect();
    let claims = Claims::new(end, 16);
    on_two_threads(|_| {
        claims.iter().flatten().for_each(|i| results[i as usize].store(dear(i, end), Relaxed))
    });
    read(results.into_iter().map(AtomicU64::into_inner))
}

#[cfg(feature = "peers")]
fn orx(end: u64) -> Checksum {
    use orx_parallel::*;
    let elements = (0..end as usize).into_par().num_threads(THREADS).chunk_size(16);
    let results: Vec<u64> = elements.map(|i| dear(i as u64, end)).collect();
    read(results.into_iter())
}

/// At most 64 tasks that nobody has read; the reader is the thread that starts them.
#[cfg(feature = "peers")]
fn tokio(end: u64) -> Checksum {
    let runtime = crate::peers::tokio::runtime();
    let mut starts = (0..end).step_by(16).map(|start| {
        let chunk = start..end.min(start + 16);
        runtime.spawn(async move { chunk.map(|i| dear(i, end)).collect::<Vec<_>>() })
    });
    let mut under_way: VecDeque<_> = starts.by_ref().take(64).collect();
    read(
        std::iter::from_fn(|| {
            let oldest = under_way.pop_front()?;
            under_way.extend(starts.next());
            Some(runtime.block_on(oldest).expect("no contestant panics"))
        })
        .flatten(),
    )
}

/// In order and as they come, with at most 64 batches between the source and the reader.
fn flow(end: u64) -> Result<Checksum, flow::FlowError> {
    flow::Flow::from_range(0..end)
        .map(move |i| dear(i, end))
        .ordered()
        .in_flight(64)
        .with_iter(|results| read(results))
}

/// The same map without the order: what the order costs is the difference.
fn flow_unordered(end: u64) -> Result<u64, flow::FlowError> {
    flow::Flow::from_range(0..end).map(move |i| dear(i, end)).sum::<u64>()
}
