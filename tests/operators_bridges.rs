//! The bridges as a table: streams, parallel iterators, futures, records; in every setup, against the
//! iterators that they stand for.

mod common;

use common::{Setup, case, equal, run_all, same, same_events, some_of};
use flow::{AsyncTask, BoxError, Csv, Flow, Json, Lines};
use futures_util::stream::{self, StreamExt};
use rayon::prelude::*;
use std::future::Future;
use std::pin::Pin;
use std::sync::{LazyLock, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

/// A runtime of one thread, which polls what it has again and again.
fn spawn(task: AsyncTask) {
    static TASKS: LazyLock<Mutex<mpsc::Sender<AsyncTask>>> = LazyLock::new(|| {
        let (sender, receiver) = mpsc::channel::<AsyncTask>();
        thread::spawn(move || {
            let mut tasks: Vec<AsyncTask> = Vec::new();
            loop {
                let new = if tasks.is_empty() { receiver.recv().ok() } else { None };
                tasks.extend(new);
                tasks.extend(receiver.try_iter());
                let mut context = Context::from_waker(Waker::noop());
                // The last one first: results come in another order than futures were made in.
                for at in (0..tasks.len()).rev() {
                    if tasks[at].as_mut().poll(&mut context).is_ready() {
                        drop(tasks.swap_remove(at));
                    }
                }
            }
        });
        Mutex::new(sender)
    });
    TASKS.lock().unwrap().send(task).unwrap();
}

/// Is done when it has been polled so often.
struct After(u64);

impl Future for After {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        cx.waker().wake_by_ref();
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

async fn double(x: u64) -> Result<u64, BoxError> {
    After(x % 4).await;
    Ok(2 * x)
}

fn doubled(setup: &Setup) -> impl Iterator<Item = u64> {
    setup.numbers().into_iter().map(|x| 2 * x)
}

#[test]
fn futures() {
    run_all(&[
        case("map_async", |setup| {
            let source = setup.source(Flow::from_vec(setup.numbers()));
            same_events(source.map_async(3, spawn, double).collect::<Vec<_>>()?, doubled(setup))
        }),
        case("map_async behind partition and flat_map", |setup| {
            let source = setup.source(Flow::from_vec(setup.numbers()));
            let source = setup.stage(source.partition()).flat_map(|x| [x, x]);
            let read = source.map_async(20, spawn, double).collect::<Vec<_>>()?;
            same_events(read, doubled(setup).flat_map(|x| [x, x]))
        }),
        case("map_async before take_any", |setup| {
            let source = setup.source(Flow::from_range(0..u64::MAX));
            let some = source.map_async(3, spawn, double).take_any(setup.size / 2);
            equal(some.collect::<Vec<_>>()?.len(), setup.size / 2)
        }),
        case("map_async_ordered", |setup| {
            let source = setup.source(Flow::from_vec(setup.numbers())).map(|x| x);
            let read = source.map_async_ordered(5, spawn, double);
            same(read.collect::<Vec<_>>()?, doubled(setup))
        }),
        case("map_async_ordered between an order and an exchange", |setup| {
            let source = setup.source(Flow::from_iter(setup.numbers()));
            let read = source.filter(|x| x % 3 > 0).ordered().map_async_ordered(2, spawn, double);
            let read = setup.stage(setup.demand(read).partition()).map(|x| x);
            let want = setup.numbers().into_iter().filter(|x| x % 3 > 0).map(|x| 2 * x);
            same_events(read.collect::<Vec<_>>()?, want)
        }),
        case("map_async_ordered before take", |setup| {
            let source = setup.source(Flow::from_range(0..u64::MAX));
            let first = source.map_async_ordered(3, spawn, double).take(setup.size);
            same(first.collect::<Vec<_>>()?, doubled(setup))
        }),
    ]);
}

#[test]
fn streams_and_parallel_iterators() {
    run_all(&[
        case("from_stream", |setup| {
            let stream = stream::iter(setup.numbers());
            let source = setup.source(Flow::from_stream(stream)).map(|x| 2 * x);
            same(source.ordered().collect::<Vec<_>>()?, doubled(setup))
        }),
        case("from_stream that waits", |setup| {
            let numbers = stream::iter(setup.numbers()).then(|x| async move {
                After(x % 3).await;
                x
            });
            let source = setup.source(Flow::from_stream(numbers)).map(|x| 2 * x);
            same_events(source.partition().collect::<Vec<_>>()?, doubled(setup))
        }),
        case("from_stream before take", |setup| {
            let source = setup.source(Flow::from_stream(stream::iter(0u64..)));
            same(source.take(setup.size).collect::<Vec<_>>()?, setup.numbers())
        }),
        case("from_par_iter", |setup| {
            let items = setup.numbers().into_par_iter().map(|x| 2 * x);
            let source = setup.source(Flow::from_par_iter(items));
            same_events(source.collect::<Vec<_>>()?, doubled(setup))
        }),
        case("from_par_iter before take_any", |setup| {
            let source = setup.source(Flow::from_par_iter(setup.numbers().into_par_iter()));
            let some = source.partition().take_any(setup.size / 2).collect::<Vec<_>>()?;
            some_of(some, setup.numbers(), setup.size / 2)
        }),
        case("into_par_iter", |setup| {
            let source = setup.source(Flow::from_vec(setup.numbers())).map(|x| 2 * x);
            let read = source.into_par_iter().collect::<Result<Vec<_>, _>>()?;
            same_events(read, doubled(setup))
        }),
    ]);
}

#[test]
fn lines_and_records() {
    run_all(&[
        case("Lines and from_lines", |setup| {
            let source = setup.source(Flow::from_vec(setup.numbers())).map(|x| 2 * x).ordered();
            let text = source.to(Lines::new(Vec::new())).run()?;
            let read = setup.source(Flow::from_lines(&text[..])).map(|line| line.parse().unwrap());
            same(read.collect::<Vec<u64>>()?, doubled(setup))
        }),
        case("Csv and from_csv", |setup| {
            let source = setup.source(Flow::from_vec(setup.numbers())).map(|x| (x, 2 * x));
            let text = source.partition().to(Csv::new(Vec::new())).run()?;
            let read = setup.source(Flow::from_csv(&text[..])).header(false);
            let want = setup.numbers().into_iter().map(|x| (x, 2 * x));
            same_events(read.collect::<Vec<(u64, u64)>>()?, want)
        }),
        case("Json and from_json", |setup| {
            let source = setup.source(Flow::from_vec(setup.numbers())).map(|x| [x, 2 * x]);
            let text = source.ordered().to(Json::new(Vec::new())).run()?;
            let read = setup.source(Flow::from_json(&text[..])).ordered();
            let want = setup.numbers().into_iter().map(|x| [x, 2 * x]);
            same(read.collect::<Vec<[u64; 2]>>()?, want)
        }),
    ]);
}
