//! What one call costs when there is almost nothing to do: one hundred elements, and one hundred
//! thousand cheap ones.
//!
//! Calls follow each other without a pause, so rayon's pool is as awake as it can be. One hundred
//! elements are done before any second thread could be told of them: there, the plain loop is the
//! limit.

use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crossbeam_utils::{Backoff, CachePadded};
use rayon::prelude::*;

use super::common::mix;
use crate::harness::{Options, Sample, Workload, timed};
use crate::report::Unit;

/// The elements of one call, and the number of calls.
pub(crate) struct Input {
    elements: Vec<u64>,
    calls: u64,
}

/// The cheap map over one hundred elements.
pub(crate) fn hundred() -> Workload<Input> {
    let workload =
        new("tiny-100", "Map, filter and sum of 100 elements; time of one call.", |options| {
            Ok(input(100, options.scaled(1_000)))
        })
        .flow("flow", "the whole run, as it comes", |input| calls(input, flow))
        .peer("rayon", RAYON, |input| calls(input, rayon));
    #[cfg(feature = "peers")]
    let workload = workload.peer("orx", ORX, |input| calls(input, orx));
    workload.limit("seq", "the iterator chain", |input| calls(input, seq))
}

/// The cheap map over one hundred thousand elements.
pub(crate) fn hundred_thousand() -> Workload<Input> {
    let workload =
        new("tiny-100k", "Map, filter and sum of 100,000 elements; time of one call.", |options| {
            Ok(input(100_000, options.scaled(500)))
        })
        .flow("flow", "the whole run, as it comes", |input| calls(input, flow))
        .peer("rayon", RAYON, |input| calls(input, rayon));
    #[cfg(feature = "peers")]
    let workload = workload.peer("orx", ORX, |input| calls(input, orx));
    workload
        .limit("limit", "a second thread that spins until the next call, half for each", |input| {
            timed(|| limit(input), |sum| *sum)
        })
        .aside("seq", "the iterator chain", |input| calls(input, seq))
}

/// A whole partition and reduce over one hundred elements.
pub(crate) fn partition() -> Workload<Input> {
    new(
        "tiny-partition",
        "Partition, reduce and sum of 100 elements; time of one call.",
        |options| Ok(input(100, options.scaled(1_000))),
    )
    .flow("flow", "`partition` and `reduce`, as they come", |input| calls(input, flow_partition))
    .peer("rayon", "`fold` and `sum`, in the pool that the other calls have just used", |input| {
        calls(input, rayon_fold)
    })
    .limit("seq", "the iterator chain", |input| calls(input, |elements| elements.iter().sum()))
}

const RAYON: &str = "`par_iter`, in the pool that the other calls have just used";
#[cfg(feature = "peers")]
const ORX: &str = "`par`, two threads, in the pool that the other calls have just used";

fn new(
    name: &'static str,
    about: &'static str,
    prepare: fn(&Options) -> Result<Input, String>,
) -> Workload<Input> {
    Workload::new(name, about, prepare, |input| input.calls).unit(Unit::MicrosPerCall)
}

fn input(len: u64, calls: u64) -> Input {
    Input { elements: (0..len).map(|i| mix(i) >> 44).collect(), calls }
}

/// Calls `work` again and again; the optimiser may not see that the elements stay the same.
fn calls(input: &Input, work: fn(&[u64]) -> u64) -> Sample {
    let all = || {
        (0..input.calls)
            .map(|_| black_box(work(black_box(&input.elements))))
            .fold(0, u64::wrapping_add)
    };
    timed(all, |sum| *sum)
}

fn seq(elements: &[u64]) -> u64 {
    elements.iter().map(|x| x * x + 1).filter(|x| x.is_multiple_of(2)).sum()
}

fn rayon(elements: &[u64]) -> u64 {
    elements.par_iter().map(|x| x * x + 1).filter(|x| x.is_multiple_of(2)).sum()
}

#[cfg(feature = "peers")]
fn orx(elements: &[u64]) -> u64 {
    use orx_parallel::*;
    let elements = elements.par().num_threads(crate::harness::THREADS);
    elements.map(|x| x * x + 1).filter(|x| x.is_multiple_of(2)).sum()
}

fn rayon_fold(elements: &[u64]) -> u64 {
    elements.par_iter().fold(|| 0, |sum, x| sum + x).sum()
}

/// A second thread that waits for the next call by spinning, and takes half of it.
///
/// No library may burn a core between two calls like this; it shows what is there to gain.
fn limit(input: &Input) -> u64 {
    let Input { elements, calls } = input;
    let (own, other) = elements.split_at(elements.len() / 2);
    let asked = CachePadded::new(AtomicU64::new(0));
    let answered = CachePadded::new(AtomicU64::new(0));
    let answer = AtomicU64::new(0);
    let wait_for = |counter: &AtomicU64, call| {
        // Spins, then yields: where something else has the core, spinning would wait for ever.
        let backoff = Backoff::new();
        while counter.load(Acquire) < call {
            backoff.snooze();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for call in 1..=*calls {
                wait_for(&asked, call);
                answer.store(seq(black_box(other)), Relaxed);
                answered.store(call, Release);
            }
        });
        let mut sum = 0u64;
        for call in 1..=*calls {
            asked.store(call, Release);
            let half = seq(black_box(own));
            wait_for(&answered, call);
            sum = sum.wrapping_add(half).wrapping_add(answer.load(Relaxed));
        }
        sum
    })
}

fn flow(elements: &[u64]) -> u64 {
    flow::Flow::from_slice(elements)
        .map(|x| x * x + 1)
        .filter(|x| x.is_multiple_of(2))
        .sum::<u64>()
        .expect("the flow runs")
}

fn flow_partition(elements: &[u64]) -> u64 {
    flow::Flow::from_slice(elements)
        .partition()
        .reduce(|| 0u64, |sum, x| *sum += x)
        .emit_state()
        .sum::<u64>()
        .expect("the flow runs")
}
