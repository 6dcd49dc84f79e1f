//! What it costs to hand an event from one thread to another: one producer, one consumer, 64-bit
//! events.

use std::hint::black_box;
use std::sync::mpsc::sync_channel;

use crossbeam_channel::bounded;

use super::common::{batches, hand_over};
use crate::harness::{Workload, timed};
use crate::report::Unit;

/// Events in a batch, for everyone.
const BATCH: usize = 1_024;
/// Batches under way: 512 KiB, half of a second-level cache. With 16 the two threads often sleep and
/// wake each other, most of all where something else uses a core as well.
const UNDER_WAY: usize = 64;

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let workload = Workload::new(
        "handover",
        "One thread makes integers, another one adds them up.",
        |options| Ok(options.scaled(100_000_000)),
        |end| *end,
    )
    .unit(Unit::NanosPerEvent)
    .flow("flow", "one stage, one partition, the default batch", |end| {
        timed(|| flow(*end).expect("the flow runs"), |sum| *sum)
    })
    .peer("crossbeam", "a bounded channel of 64 batches of 1,024, a new `Vec` for each", |end| {
        timed(|| crossbeam(*end), |sum| *sum)
    })
    .peer("std", "the same with `sync_channel`", |end| timed(|| std(*end), |sum| *sum));
    #[cfg(feature = "peers")]
    let workload = workload.peer("tokio", "the same with two tasks, two workers", |end| {
        timed(|| tokio(*end), |sum| *sum)
    });
    workload
        .limit("limit", "the same, and empty batches return to the producer", |end| {
            timed(|| hand_over(*end, BATCH, UNDER_WAY, |x| x, sum), |sum| *sum)
        })
        .aside("seq", "the work without the hand-over: fill a batch, add it up", |end| {
            timed(|| seq(*end), |sum| *sum)
        })
}

fn sum(batch: &[u64]) -> u64 {
    batch.iter().copied().fold(0, u64::wrapping_add)
}

/// The work without the hand-over: fill a batch, add it up.
fn seq(end: u64) -> u64 {
    let mut batch = Vec::with_capacity(BATCH);
    let mut total = 0u64;
    for events in batches(end, BATCH) {
        batch.clear();
        batch.extend(events);
        // Otherwise the optimiser sees that the sum of a range is a formula.
        total = total.wrapping_add(sum(black_box(&batch)));
    }
    total
}

const WAITS: &str = "the consumer waits for the end";

fn crossbeam(end: u64) -> u64 {
    let (sender, receiver) = bounded::<Vec<u64>>(UNDER_WAY);
    two_threads(end, move |batch| sender.send(batch).expect(WAITS), receiver)
}

fn std(end: u64) -> u64 {
    let (sender, receiver) = sync_channel::<Vec<u64>>(UNDER_WAY);
    two_threads(end, move |batch| sender.send(batch).expect(WAITS), receiver)
}

/// `send` goes with its thread, which ends what is received.
fn two_threads(
    end: u64,
    send: impl Fn(Vec<u64>) + Send,
    received: impl IntoIterator<Item = Vec<u64>>,
) -> u64 {
    std::thread::scope(|scope| {
        scope.spawn(move || batches(end, BATCH).for_each(|events| send(events.collect())));
        received.into_iter().map(|batch| sum(&batch)).fold(0, u64::wrapping_add)
    })
}

#[cfg(feature = "peers")]
fn tokio(end: u64) -> u64 {
    let runtime = crate::peers::tokio::runtime();
    let (sender, mut receiver) = ::tokio::sync::mpsc::channel::<Vec<u64>>(UNDER_WAY);
    runtime.spawn(async move {
        for events in batches(end, BATCH) {
            sender.send(events.collect()).await.expect(WAITS);
        }
    });
    let total = runtime.spawn(async move {
        let mut total = 0u64;
        while let Some(batch) = receiver.recv().await {
            total = total.wrapping_add(sum(&batch));
        }
        total
    });
    runtime.block_on(total).expect("no contestant panics")
}

fn flow(end: u64) -> Result<u64, flow::FlowError> {
    flow::Flow::from_range(0..end)
        .stages(1)
        .partition()
        .stages(1)
        .reduce(|| 0u64, |sum, x| *sum = sum.wrapping_add(x))
        .emit_state()
        .sum::<u64>()
}
