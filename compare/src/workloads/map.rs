//! A cheap map, filter and sum: what a chain costs when nothing crosses a thread.
//!
//! Over a range it is bound by arithmetic (and vectorises), over a slice by memory. Squares of a
//! range of 50 million overflow a `u64` when summed; all sides wrap, since a release build does not
//! check.

use std::ops::Range;

use rayon::prelude::*;

#[cfg(feature = "peers")]
use super::common::half;
use super::common::{Claims, mix, on_two_threads};
#[cfg(feature = "peers")]
use crate::harness::THREADS;
use crate::harness::{Options, Workload, timed};
#[cfg(feature = "peers")]
use crate::peers::{renoir, timely};

/// Elements that a limit thread claims at a time: some 20 µs of work, so that the shared counter
/// costs nothing.
const CHUNK: u64 = 64 * 1024;

/// The workload over a range of integers.
pub(crate) fn over_range() -> Workload<u64> {
    let workload = Workload::new(
        "map-range",
        "x·x + 1 of every integer of a range, the even ones kept and summed.",
        |options| Ok(options.scaled(50_000_000)),
        |end| *end,
    )
    .flow("flow", "`from_range`, as it comes", |end| {
        timed(|| range::flow(*end).expect("the flow runs"), |sum| *sum)
    })
    .peer("rayon", "`into_par_iter`; it splits by need, nothing is left to tune", |end| {
        timed(|| range::rayon(*end), |sum| *sum)
    });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("orx", ORX, |end| timed(|| orx::range(*end), |sum| *sum))
        .peer("timely", timely::SUM, |end| {
            let chunks = Claims::shared(*end, 16 * 1024);
            timed(|| timely::sum(chunks, |x| Some(square(x)).filter(is_even)), |sum| *sum)
        })
        .peer("renoir", renoir::SUM, |&end| {
            let half = move |nth| half(end, nth);
            timed(|| renoir::sum(half, |x| Some(square(x)).filter(is_even)), |sum| *sum)
        });
    workload
        .limit("limit", "two threads, chunks of 64 Ki, eight sums side by side", |end| {
            timed(|| range::limit(*end), |sum| *sum)
        })
        .aside("seq", "the iterator chain, one thread", |end| {
            timed(|| range::seq(*end), |sum| *sum)
        })
}

/// The workload over a slice that no cache holds.
pub(crate) fn over_slice() -> Workload<Vec<u64>> {
    let workload = Workload::new(
        "map-slice",
        "x·x + 1 of every element of a slice, the even ones kept and summed.",
        elements,
        |input| input.len() as u64,
    )
    .flow("flow", "`from_slice`, as it comes", |input| {
        timed(|| slice::flow(input).expect("the flow runs"), |sum| *sum)
    })
    .peer("rayon", "`par_iter`; it splits by need, nothing is left to tune", |input| {
        timed(|| slice::rayon(input), |sum| *sum)
    });
    #[cfg(feature = "peers")]
    let workload = workload.peer("orx", ORX, |input| timed(|| orx::slice(input), |sum| *sum));
    workload
        .limit("limit", "two threads, chunks of 64 Ki, each an iterator chain", |input| {
            timed(|| slice::limit(input), |sum| *sum)
        })
        .aside("seq", "the iterator chain, one thread", |input| {
            timed(|| slice::seq(input), |sum| *sum)
        })
}

#[cfg(feature = "peers")]
const ORX: &str =
    "`into_par`, two threads, chunks of 64 Ki (by itself it takes three times as long)";

fn elements(options: &Options) -> Result<Vec<u64>, String> {
    Ok((0..options.scaled(20_000_000)).map(|i| mix(i) >> 44).collect())
}

fn square(x: u64) -> u64 {
    x.wrapping_mul(x) + 1
}

fn is_even(x: &u64) -> bool {
    x.is_multiple_of(2)
}

mod range {
    use super::*;

    pub(super) fn seq(end: u64) -> u64 {
        (0..end).map(square).filter(is_even).sum()
    }

    pub(super) fn rayon(end: u64) -> u64 {
        (0..end).into_par_iter().map(square).filter(is_even).sum()
    }

    pub(super) fn limit(end: u64) -> u64 {
        let claims = Claims::new(end, CHUNK);
        let sums = on_two_threads(|_| claims.iter().map(sum_in_lanes).fold(0, u64::wrapping_add));
        sums[0].wrapping_add(sums[1])
    }

    /// Eight sums side by side: vectorised into half of the time that the iterator chain takes over
    /// a range of unknown start. (Over one that starts at 0, as in `seq`, the chain is as fast.)
    fn sum_in_lanes(chunk: Range<u64>) -> u64 {
        const LANES: u64 = 8;
        let mut sums = [0u64; LANES as usize];
        let blocks = (chunk.end - chunk.start) / LANES;
        for block in 0..blocks {
            for lane in 0..LANES {
                let x = square(chunk.start + block * LANES + lane);
                let kept = if is_even(&x) { x } else { 0 };
                sums[lane as usize] = sums[lane as usize].wrapping_add(kept);
            }
        }
        let rest = chunk.start + blocks * LANES..chunk.end;
        let rest: u64 = rest.map(square).filter(is_even).sum();
        sums.into_iter().fold(rest, u64::wrapping_add)
    }

    pub(super) fn flow(end: u64) -> Result<u64, flow::FlowError> {
        flow::Flow::from_range(0..end).map(square).filter(is_even).sum::<u64>()
    }
}

mod slice {
    use super::*;

    pub(super) fn seq(input: &[u64]) -> u64 {
        input.iter().map(|x| square(*x)).filter(is_even).sum()
    }

    pub(super) fn rayon(input: &[u64]) -> u64 {
        input.par_iter().map(|x| square(*x)).filter(is_even).sum()
    }

    pub(super) fn limit(input: &[u64]) -> u64 {
        let claims = Claims::new(input.len() as u64, CHUNK);
        let sums = on_two_threads(|_| {
            claims
                .iter()
                .map(|chunk| seq(&input[chunk.start as usize..chunk.end as usize]))
                .fold(0, u64::wrapping_add)
        });
        sums[0].wrapping_add(sums[1])
    }

    pub(super) fn flow(input: &[u64]) -> Result<u64, flow::FlowError> {
        flow::Flow::from_slice(input).map(|x| square(*x)).filter(is_even).sum::<u64>()
    }
}

#[cfg(feature = "peers")]
mod orx {
    use orx_parallel::*;

    use super::*;

    pub(super) fn range(end: u64) -> u64 {
        let elements = (0..end as usize).into_par().num_threads(THREADS).chunk_size(CHUNK as usize);
        elements.map(|x| square(x as u64)).filter(is_even).sum()
    }

    pub(super) fn slice(input: &[u64]) -> u64 {
        let elements = input.par().num_threads(THREADS).chunk_size(CHUNK as usize);
        elements.map(|x| square(*x)).filter(is_even).sum()
    }
}
