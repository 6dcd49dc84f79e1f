//! A parallel map whose results are consumed in the order of the input, by one reader.
//!
//! The reader folds results into a number that depends on their order. `flow-unordered` cannot
//! compute that one, so it is checked by the plain sum, which all the others compute as well.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use super::common::{Claims, dear, on_two_threads};
use crate::harness::{Checksum, Workload, timed};

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let workload = Workload::new(
        "ordered",
        "The map of `map-skewed`, its results read in order.",
        |options| Ok(options.scaled(20_000)),
        |end| *end,
    )
    .contestant("seq", |end| timed(|| seq(*end), |sum| *sum))
    .contestant("rayon", |end| timed(|| rayon(*end), |sum| *sum))
    .contestant("limit", |end| timed(|| limit(*end), |sum| *sum));
    workload
        .contestant("flow", |end| timed(|| flow(*end).expect("the flow runs"), |sum| *sum))
        .contestant("flow-unordered", |end| {
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

/// Rayon cannot stream in order: it collects, and the reader starts when the last element is there.
fn rayon(end: u64) -> Checksum {
    let results: Vec<u64> = (0..end).into_par_iter().map(|i| dear(i, end)).collect();
    read(results.into_iter())
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
