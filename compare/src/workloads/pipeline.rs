//! Three stages, each on its own: one makes integers, one maps them, one maps them again and adds
//! them up. What it costs to be divided into stages, where nothing is gained by it.

use super::common::{batches, hand_over};
use crate::harness::{Workload, timed};
use crate::report::Unit;

/// Events in a batch, for all that are written by hand: four times the usual, since with less they
/// spend most of their time asleep.
const BATCH: usize = 4_096;
/// Batches between two stages.
const WAITING: usize = 16;

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let workload = Workload::new(
        "pipeline",
        "A source, a map, and a map with a sum: three stages, two hand-overs for each event.",
        |options| Ok(options.scaled(50_000_000)),
        |end| *end,
    )
    .unit(Unit::NanosPerEvent)
    .flow("flow", "`rebalance` between the stages, one instance each, the default batch", |end| {
        timed(|| flow(*end).expect("the flow runs"), |sum| *sum)
    })
    .peer(
        "crossbeam",
        "a thread for each stage, 16 batches of 4,096 between them, mapped in place",
        |end| timed(|| crossbeam(*end), |sum| *sum),
    )
    .peer("std", "the same with `sync_channel`", |end| timed(|| std(*end), |sum| *sum));
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("tokio", "a task for each stage, 16 batches of 4,096 between them", |end| {
            timed(|| tokio(*end), |sum| *sum)
        })
        .peer(
            "timely",
            "two workers; `Exchange` by event before each map, batches of 16,384",
            |end| timed(|| timely(*end), |sums| sums.iter().copied().fold(0, u64::wrapping_add)),
        )
        .peer("renoir", "two replicas; `shuffle` before each map, batches of 4,096", |end| {
            timed(|| renoir(*end), |sums| sums.iter().flatten().copied().fold(0, u64::wrapping_add))
        });
    workload
        .limit("limit", "two threads and one hand-over, batches of 4,096 that return", |end| {
            timed(|| hand_over(*end, BATCH, WAITING, first, sum), |sum| *sum)
        })
        .aside("seq", "one loop", |end| {
            timed(|| (0..*end).map(first).map(second).fold(0, u64::wrapping_add), |sum| *sum)
        })
}

/// The first map: cheap, but not so that the optimiser could sum up the whole run in a formula.
#[inline]
fn first(x: u64) -> u64 {
    x ^ (x >> 7)
}

/// The second map.
#[inline]
fn second(x: u64) -> u64 {
    x.wrapping_mul(3) ^ (x >> 3)
}

fn map(mut batch: Vec<u64>) -> Vec<u64> {
    batch.iter_mut().for_each(|x| *x = first(*x));
    batch
}

fn add(sum: &mut u64, x: u64) {
    *sum = sum.wrapping_add(x);
}

fn sum(batch: &[u64]) -> u64 {
    batch.iter().copied().map(second).fold(0, u64::wrapping_add)
}

/// Three threads, of which this is the last, on whatever channels there are.
fn threads<S: Send, R: Send>(
    end: u64,
    channel: impl Fn() -> (S, R),
    send: impl Fn(&S, Vec<u64>) + Sync,
    receive: impl Fn(&R) -> Option<Vec<u64>> + Sync,
) -> u64 {
    let ((to_map, made), (to_sum, mapped)) = (channel(), channel());
    let (send, receive) = (&send, &receive);
    std::thread::scope(|scope| {
        scope.spawn(move || batches(end, BATCH).for_each(|events| send(&to_map, events.collect())));
        scope.spawn(move || {
            std::iter::from_fn(|| receive(&made)).for_each(|batch| send(&to_sum, map(batch)));
        });
        std::iter::from_fn(|| receive(&mapped)).map(|b| sum(&b)).fold(0, u64::wrapping_add)
    })
}

const WAITS: &str = "the next stage waits for the end";

fn crossbeam(end: u64) -> u64 {
    threads(
        end,
        || crossbeam_channel::bounded(WAITING),
        |sender, batch| sender.send(batch).expect(WAITS),
        |receiver| receiver.recv().ok(),
    )
}

fn std(end: u64) -> u64 {
    threads(
        end,
        || std::sync::mpsc::sync_channel(WAITING),
        |sender, batch| sender.send(batch).expect(WAITS),
        |receiver| receiver.recv().ok(),
    )
}

#[cfg(feature = "peers")]
fn tokio(end: u64) -> u64 {
    use ::tokio::sync::mpsc::channel;
    let runtime = crate::peers::tokio::runtime();
    let ((to_map, mut made), (to_sum, mut mapped)) = (channel(WAITING), channel(WAITING));
    runtime.spawn(async move {
        for events in batches(end, BATCH) {
            to_map.send(events.collect()).await.expect(WAITS);
        }
    });
    runtime.spawn(async move {
        while let Some(batch) = made.recv().await {
            to_sum.send(map(batch)).await.expect(WAITS);
        }
    });
    let total = runtime.spawn(async move {
        let mut total = 0u64;
        while let Some(batch) = mapped.recv().await {
            total = total.wrapping_add(sum(&batch));
        }
        total
    });
    runtime.block_on(total).expect("no contestant panics")
}

/// Each event to either of the workers, twice.
#[cfg(feature = "peers")]
fn timely(end: u64) -> Vec<u64> {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::Arc;

    use ::timely::dataflow::channels::pact::Exchange;
    use ::timely::dataflow::operators::Exchange as _;
    use ::timely::dataflow::operators::generic::operator::Operator;
    use ::timely::dataflow::operators::vec::Map;

    use super::common::{Claims, mix};
    use crate::peers::timely::{batches, run};

    let claims = Arc::new(Claims::new(end, 4 * BATCH as u64));
    run(move |scope, _, total: Rc<RefCell<u64>>| {
        let claims = claims.clone();
        let events = batches(scope, move |_, batch| {
            let chunk = claims.next();
            batch.extend(chunk.clone().into_iter().flatten());
            chunk.is_some()
        });
        let mapped = events.exchange(|x| *x).map(first);
        mapped.sink(Exchange::new(|x: &u64| mix(*x)), "Sum", move |(input, _)| {
            let mut total = total.borrow_mut();
            input.for_each(|_, batch| *total = total.wrapping_add(sum(batch)));
        });
    })
}

#[cfg(feature = "peers")]
fn renoir(end: u64) -> Vec<Vec<u64>> {
    use crate::peers::renoir::{Gathered, batches, run};
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let mapped = context.stream_par_iter(0..end).batch_mode(batches()).shuffle().map(first);
        let sums = mapped.shuffle().map(second).fold_assoc(0, add, add);
        sums.for_each(move |sum| place.push(sum));
    });
    gathered.take()
}

fn flow(end: u64) -> Result<u64, flow::FlowError> {
    flow::Flow::from_range(0..end)
        .stages(1)
        .rebalance()
        .stages(1)
        .map(first)
        .rebalance()
        .stages(1)
        .map(second)
        .fold(|| 0, add, add)
}
