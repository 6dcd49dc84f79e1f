//! A map whose cost grows with the index: who gets the dear end must not decide when the run is
//! over.

use rayon::prelude::*;

#[cfg(feature = "peers")]
use super::common::half;
use super::common::{Claims, dear, on_two_threads};
use crate::harness::{Workload, timed};

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let workload = Workload::new(
        "map-skewed",
        "A map over a range where the last element costs 90 µs and the first nothing.",
        |options| Ok(options.scaled(20_000)),
        |end| *end,
    )
    .flow("flow", "`from_range`, as it comes", |end| {
        timed(|| flow(*end).expect("the flow runs"), |sum| *sum)
    })
    .peer(
        "rayon",
        "`into_par_iter`; it splits down to single elements where a thread is idle",
        |end| timed(|| rayon(*end), |sum| *sum),
    );
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("orx", "`into_par`, two threads, chunks of 16", |end| timed(|| orx(*end), |sum| *sum))
        .peer("tokio", "a task for 16 elements, two workers", |end| {
            timed(|| tokio(*end), |sum| *sum)
        })
        .peer("timely", "two workers that claim chunks of 16, `flat_map`, a sink", |&end| {
            let chunks = Claims::shared(end, 16);
            timed(|| crate::peers::timely::sum(chunks, move |i| Some(dear(i, end))), |sum| *sum)
        })
        .peer(
            "renoir",
            "two sources of every second element, `filter_map`, `fold_assoc`",
            |&end| {
                let half = move |nth| half(end, nth);
                timed(|| crate::peers::renoir::sum(half, move |i| Some(dear(i, end))), |sum| *sum)
            },
        );
    workload
        .limit("limit", "two threads, chunks of 16", |end| timed(|| limit(*end), |sum| *sum))
        .aside("seq", "the iterator chain, one thread", |end| timed(|| seq(*end), |sum| *sum))
}

fn seq(end: u64) -> u64 {
    (0..end).map(|i| dear(i, end)).fold(0, u64::wrapping_add)
}

fn rayon(end: u64) -> u64 {
    (0..end).into_par_iter().map(|i| dear(i, end)).reduce(|| 0, u64::wrapping_add)
}

/// Chunks of 16: the last claim costs 1.4 ms at most, and 1,250 claims cost nothing.
fn limit(end: u64) -> u64 {
    let claims = Claims::new(end, 16);
    let sums = on_two_threads(|_| {
        claims.iter().flatten().map(|i| dear(i, end)).fold(0, u64::wrapping_add)
    });
    sums[0].wrapping_add(sums[1])
}

#[cfg(feature = "peers")]
fn orx(end: u64) -> u64 {
    use orx_parallel::*;
    let elements = (0..end as usize).into_par().num_threads(crate::harness::THREADS).chunk_size(16);
    elements.map(|i| dear(i as u64, end)).reduce(u64::wrapping_add).unwrap_or(0)
}

#[cfg(feature = "peers")]
fn tokio(end: u64) -> u64 {
    let runtime = crate::peers::tokio::runtime();
    let starts = (0..end).step_by(16).map(|start| {
        let chunk = start..end.min(start + 16);
        runtime.spawn(async move { chunk.map(|i| dear(i, end)).fold(0, u64::wrapping_add) })
    });
    let tasks: Vec<_> = starts.collect();
    let sums = tasks.into_iter().map(|task| runtime.block_on(task).expect("no contestant panics"));
    sums.fold(0, u64::wrapping_add)
}

fn flow(end: u64) -> Result<u64, flow::FlowError> {
    flow::Flow::from_range(0..end).map(move |i| dear(i, end)).sum::<u64>()
}
