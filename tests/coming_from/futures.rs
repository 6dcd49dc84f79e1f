//! What streams have.

use crate::page::{self, Page, rows};
use flow::{AsyncTask, BoxError, Flow, FlowError, Node};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use std::fmt::Debug;
use std::future::{Future, ready};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// The flow has the events in the order of the stream.
fn in_order<S: Stream<Item: Debug>, N: Node<Item: Debug>>(
    there: S,
    here: Flow<N>,
) -> Result<(), FlowError> {
    page::in_order(runtime().block_on(there.collect::<Vec<_>>()), here)
}

/// The flow has the events of the stream.
fn any_order<S: Stream<Item: Debug>, N: Node<Item: Debug>>(
    there: S,
    here: Flow<N>,
) -> Result<(), FlowError> {
    page::any_order(runtime().block_on(there.collect::<Vec<_>>()), here)
}

/// What the future gives is what the terminal gives.
fn awaited<A: Debug, B: Debug>(there: impl Future<Output = A>, here: B) -> Result<(), FlowError> {
    page::same(runtime().block_on(there), here)
}

/// Both are streams of the same items.
fn streams<A: Debug, B: Debug>(
    there: impl Stream<Item = A>,
    here: impl Stream<Item = B>,
) -> Result<(), FlowError> {
    let runtime = runtime();
    page::same(
        runtime.block_on(there.collect::<Vec<_>>()),
        runtime.block_on(here.collect::<Vec<_>>()),
    )
}

pub(crate) fn rows(page: &mut Page) {
    page.table(
        "futures::StreamExt",
        "With the feature `async`. `stream` is a stream, `flow` a flow of the same, `spawn` gives a task to \
         a runtime: `|task| drop(runtime.spawn(task))`. A stream is polled by one task and its closures run \
         there; a flow's closures run on its own workers, so they may compute for long, and only `map_async` \
         runs futures, where the caller says.",
        "a stream",
    );
    let tokio = runtime();
    let spawner = |task: AsyncTask| drop(tokio.spawn(task));
    rows! {page, (
        stream = stream::iter([3u64, 1, 4, 1, 5, 9, 2, 6]),
        other_stream = stream::iter([2u64, 7, 1, 8, 2, 8, 1, 8]),
        flow = Flow::from_vec(vec![3u64, 1, 4, 1, 5, 9, 2, 6]),
        other = Flow::from_vec(vec![2u64, 7, 1, 8, 2, 8, 1, 8]),
        spawn = &spawner,
    );
    in_order stream.map(|x| x + 1) => Flow::from_stream(stream).map(|x| x + 1), "a stream is a source, polled by demand; no runtime is needed for it";
    streams stream.map(Ok::<_, FlowError>) => flow.ordered().into_stream(), "a flow is a stream of `Result`s; dropping it cancels the run";
    in_order stream.then(|x| async move { x + 1 }) => flow.map_async_ordered(1, spawn, |x| async move { Ok::<_, BoxError>(x + 1) }), "futures return `Result`; an error fails the run";
    in_order stream.map(|x| async move { x + 1 }).buffered(4) => flow.map_async_ordered(4, spawn, |x| async move { Ok::<_, BoxError>(x + 1) }), "at most four in flight, waiting for their turn included";
    any_order stream.map(|x| async move { x + 1 }).buffer_unordered(4) => flow.map_async(4, spawn, |x| async move { Ok::<_, BoxError>(x + 1) }), "";
    awaited stream.for_each_concurrent(4, |x| async move { assert!(x < 10) }) => flow.map_async(4, spawn, |_| async { Ok::<_, BoxError>(()) }).run()?, "";
    in_order stream.filter(|x| ready(x % 2 == 0)) => flow.filter(|x| x % 2 == 0), "closures are not async";
    in_order stream.filter_map(|x| ready(x.checked_sub(3))) => flow.filter_map(|x| x.checked_sub(3)), "";
    in_order stream.flat_map(|x| stream::iter(0..x)) => flow.flat_map(|x| 0..x), "iterators, not streams";
    in_order stream.scan(0, |sum, x| { *sum += x; ready(Some(*sum)) }) => flow.scan(|| 0, |sum, x| { *sum += x; Some(*sum) }), "";
    in_order stream.enumerate() => flow.enumerate(), "";
    in_order stream.take(3) => flow.take(3), "";
    in_order stream.take_while(|x| ready(*x < 5)) => flow.take_while(|x| *x < 5), "";
    in_order stream.skip(2) => flow.skip(2), "";
    in_order stream.chunks(3) => flow.chunks(3), "";
    awaited stream.ready_chunks(3).concat() => flow.map_batch(|batch| batch).collect::<Vec<_>>()?, "what is at hand, as large as demand allows: no event waits for company";
    in_order stream.zip(other_stream) => flow.zip(other), "";
    in_order stream.chain(other_stream) => flow.chain(other), "";
    any_order stream::select(stream, other_stream) => flow.merge(other), "several: `Flow::merge_all`";
    awaited stream.collect::<Vec<_>>() => flow.collect::<Vec<_>>()?, "blocks its thread; `into_stream().try_collect::<Vec<_>>()` does not";
    awaited stream.fold(0, |sum, x| ready(sum + x)) => flow.fold(|| 0, |sum, x| *sum += x, |sum, part| *sum += part)?, "";
    awaited stream.count() => flow.count()?, "";
    awaited stream.any(|x| ready(x > 8)) => flow.any(|x| x > 8)?, "";
    awaited stream.map(|x| x.checked_sub(2).ok_or(x)).try_collect::<Vec<_>>() => flow.map(|x| x.checked_sub(2).ok_or(x)).try_collect::<Vec<_>>()?, "";
    awaited stream.for_each(|_| ready(())) => flow.for_each(drop)?, "in parallel; `to(sink)` is `forward`";
    none "stream.peekable()", "`with_iter` gives an iterator, `into_stream` a stream: look ahead there";
    none "stream.throttle(..), timeouts", "in the future that `map_async` runs, or on the stream before `from_stream`";
    none "stream.catch_unwind()", "a panic is the terminal's error, and names operator and line";
    }
}
