//! Streams as sources and as results, futures within a flow: all events in their order, flat demand,
//! and ends, errors and panics on every side.

mod support;

use flow::{AsyncTask, BoxError, ErrorKind, Executor, Flow, FlowError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::error::Error;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use support::{Counter, Lives, alone, executors, in_time, no_thread_is_left, until};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_time().build().unwrap()
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

/// A runtime of two threads, each of which runs one future at a time.
fn two_threads() -> impl Fn(AsyncTask) + Send + Sync + Clone + 'static {
    let (sender, receiver) = mpsc::channel::<AsyncTask>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..2 {
        let receiver = Arc::clone(&receiver);
        thread::spawn(move || {
            loop {
                let next = receiver.lock().unwrap().recv();
                let Ok(task) = next else { return };
                block_on(task);
            }
        });
    }
    let sender = Arc::new(Mutex::new(sender));
    move |task| sender.lock().unwrap().send(task).unwrap()
}

/// Waits now and then.
async fn wait_now_and_then(x: u64) {
    for _ in 0..x % 3 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn streams_come_in_order() {
    for executor in executors() {
        for many in [0, 1, 5000] {
            let executor = executor.clone();
            let got = in_time(move || {
                let numbers = stream::iter(0..many).then(|x| async move {
                    wait_now_and_then(x).await;
                    x
                });
                let flow = Flow::from_stream(numbers).on(executor);
                flow.map(|x| x + 1).ordered().collect::<Vec<u64>>().unwrap()
            });
            assert!(got.into_iter().eq(1..=many));
        }
    }
}

#[test]
fn a_stream_may_borrow() {
    let words = ["a", "bb"].map(str::to_owned);
    let words = stream::iter(&words).map(|word| word.as_str());
    assert_eq!(Flow::from_stream(words).map(str::len).sum::<usize>().unwrap(), 3);
}

#[test]
fn what_a_stream_gave_is_handled_while_it_waits() {
    for executor in executors() {
        in_time(move || {
            // Every item comes when the one before has been handled.
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            sender.send(0u64).unwrap();
            let echo = stream::poll_fn(move |cx| receiver.poll_recv(cx));
            let seen = Flow::from_stream(echo.take(100)).on(executor);
            let sum = seen.inspect(move |x| _ = sender.send(x + 1)).sum::<u64>();
            assert_eq!(sum.unwrap(), (0..100).sum::<u64>());
        });
    }
}

#[test]
fn an_endless_stream_is_polled_by_demand() {
    let _alone = alone();
    let polled = Counter::default();
    let counted = polled.clone();
    let endless = stream::repeat_with(move || counted.up());
    let flow = Flow::from_stream(endless).max_demand(100).on(Executor::threads(2));
    let mut results = flow.into_iter();
    results.next().unwrap().unwrap();
    let mut before = 0;
    while before != polled.get() {
        before = polled.get();
        support::spin(50_000);
    }
    // A hundred to be claimed; from each of two instances a hundred sent and a batch that is not.
    assert!(before <= 100 + 2 * (100 + 50), "{before} were polled");
    drop(results);
    no_thread_is_left();
}

#[test]
fn a_run_does_not_wait_for_a_stream_that_has_nothing() {
    let _alone = alone();
    for cancel in [true, false] {
        let (sender, receiver) = oneshot::channel::<u64>();
        let (lives, seen) = (Lives::default(), Counter::default());
        let (held, counted) = (lives.number(1), seen.clone());
        let one_and_no_more = stream::iter([1]).chain(stream::once(async move {
            let _held = held;
            receiver.await.unwrap()
        }));
        let flow = Flow::from_stream(one_and_no_more).on(Executor::threads(2));
        let handle = flow.inspect(move |_| _ = counted.up()).start().unwrap();
        until("the first has come", || seen.get() == 1);
        if cancel {
            handle.cancel();
        } else {
            handle.drain();
        }
        assert_eq!(in_time(move || handle.join()).is_err(), cancel);
        assert_eq!(lives.left(), 0);
        no_thread_is_left();
        drop(sender);
    }
}

#[test]
fn enough_of_a_stream_is_enough() {
    for executor in executors() {
        let first = in_time(move || {
            let stream = stream::iter(0..10u64).chain(stream::pending());
            Flow::from_stream(stream).take(10).on(executor).collect::<Vec<_>>()
        });
        assert!(first.unwrap().into_iter().eq(0..10));
    }
}

#[test]
fn a_stream_that_nobody_can_wake_is_a_stall() {
    for executor in executors() {
        let on = executor.clone();
        let error = in_time(move || Flow::from_stream(stream::pending::<u64>()).on(on).count());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Stalled);
        let results = in_time(move || {
            let flow = Flow::from_stream(stream::iter(0..3u64).chain(stream::pending()));
            block_on(flow.on(executor).into_stream().collect::<Vec<_>>())
        });
        assert_eq!(results.len(), 4);
        assert_eq!(results[3].as_ref().unwrap_err().kind(), ErrorKind::Stalled);
    }
}

#[test]
fn a_stream_that_panics_fails_the_run() {
    for executor in executors() {
        let error = in_time(move || {
            let boom = |x| if x == 300 { panic!("boom") } else { x };
            Flow::from_stream(stream::iter(0..500u64).map(boom)).on(executor).count()
        });
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("from_stream")));
    }
}

#[test]
fn a_flow_is_a_stream() {
    for executor in executors() {
        for many in [0u64, 1, 20_000] {
            let executor = executor.clone();
            let got = in_time(move || {
                let flow = Flow::from_range(0..many).map(|x| x + 1);
                let ordered = flow.ordered().on(executor.clone()).into_stream();
                let flow = Flow::from_range(0..many).partition().stages(3).on(executor);
                let apart = flow.into_stream().try_collect::<Vec<_>>();
                let mut apart = block_on(apart).unwrap();
                apart.sort_unstable();
                assert!(apart.into_iter().eq(0..many));
                runtime(1).block_on(ordered.try_collect::<Vec<u64>>()).unwrap()
            });
            assert!(got.into_iter().eq(1..=many));
        }
    }
}

#[test]
fn many_streams_share_one_thread() {
    in_time(|| {
        let runtime = Builder::new_current_thread().build().unwrap();
        let flow = |x: u64| Flow::from_iter(0..x).map(|x| x + 1).into_stream();
        let sums = (0..20).map(|x| flow(x).try_fold(0, |sum, x| ready(Ok(sum + x))));
        let sums = runtime.block_on(futures_util::future::try_join_all(sums)).unwrap();
        assert!(sums.into_iter().eq((0..20).map(|x| x * (x + 1) / 2)));
    });
}

#[test]
fn a_stream_of_a_stream_of_a_flow() {
    for executor in executors() {
        let sum = in_time(move || {
            let inner = Flow::from_range(0..1000u64).into_stream().map(Result::unwrap);
            let outer = Flow::from_stream(inner).max_demand(3).map(|x| x + 1).on(executor);
            block_on(outer.into_stream().try_fold(0, |sum, x| ready(Ok::<_, FlowError>(sum + x))))
        });
        assert_eq!(sum.unwrap(), (1..=1000).sum::<u64>());
    }
}

#[test]
fn a_stream_that_is_not_polled_is_not_far_ahead() {
    let _alone = alone();
    let pulled = Counter::default();
    let counted = pulled.clone();
    let endless = Flow::from_iter(std::iter::repeat_with(move || counted.up()));
    let mut stream = endless.max_demand(10).partition().max_demand(10).stages(2).into_stream();
    assert_eq!(pulled.get(), 0, "not before it is polled");
    block_on(stream.next()).unwrap().unwrap();
    let mut before = 0;
    while before != pulled.get() {
        before = pulled.get();
        support::spin(50_000);
    }
    // Ten to be claimed, ten into each partition of two, and the default from each of them.
    assert!(before <= 10 + 2 * 2 * 10 + 2 * 4096, "{before} were pulled");
    in_time(move || drop(stream));
    no_thread_is_left();
}

#[test]
fn a_dropped_stream_ends_its_run() {
    let _alone = alone();
    for polled in [0, 1, 5000] {
        let lives = Lives::default();
        let made = lives.clone();
        let endless = Flow::from_iter(0u64..).map(move |x| made.number(x));
        in_time(move || {
            block_on(endless.into_stream().take(polled).for_each(|x| {
                x.unwrap();
                ready(())
            }));
        });
        assert_eq!(lives.left(), 0);
        no_thread_is_left();
    }
}

#[test]
fn a_failure_is_the_last_item_of_a_stream() {
    let _alone = alone();
    for executor in executors() {
        let results = in_time(move || {
            let boom = |x| if x == 3000 { panic!("boom") } else { x };
            let flow = Flow::from_range(0..10_000u64).map(boom).on(executor);
            block_on(flow.into_stream().collect::<Vec<_>>())
        });
        let (last, before) = results.split_last().unwrap();
        assert!(before.iter().all(Result::is_ok));
        assert_eq!(last.as_ref().unwrap_err().operator(), Some("map"));
        no_thread_is_left();
    }
    let refused = Flow::from_range(0..3).max_demand(0).into_stream();
    let results = block_on(refused.collect::<Vec<_>>());
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].as_ref().unwrap_err().kind(), ErrorKind::Option);
}

#[test]
fn a_reader_that_panics_leaves_nothing() {
    let _alone = alone();
    let flow = Flow::from_iter(0u64..).into_stream();
    let reading = flow.for_each(|x| async move { assert!(x.unwrap() < 100, "boom") });
    in_time(move || catch_unwind(AssertUnwindSafe(|| block_on(reading))).unwrap_err());
    no_thread_is_left();
}

/// Counts those within.
#[derive(Clone, Debug, Default)]
struct Inside(Arc<(AtomicUsize, AtomicUsize)>);

impl Inside {
    fn enter(&self) -> Self {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        self.clone()
    }

    fn leave(self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

#[test]
fn futures_map_every_event_and_are_limited() {
    let tokio = runtime(2);
    let threads = two_threads();
    for executor in executors() {
        for (many, limit, demand) in [(0, 1, 4096), (1, 5, 1), (500, 1, 3), (3000, 7, 50)] {
            for on_tokio in [true, false] {
                let (executor, handle) = (executor.clone(), tokio.handle().clone());
                let threads = threads.clone();
                let spawn = move |task| match on_tokio {
                    true => drop(handle.spawn(task)),
                    false => threads(task),
                };
                let inside = Inside::default();
                let counted = inside.clone();
                let double = move |x: u64| {
                    let inside = counted.enter();
                    async move {
                        wait_now_and_then(x).await;
                        inside.leave();
                        Ok::<_, BoxError>(2 * x)
                    }
                };
                in_time(move || {
                    let flow = Flow::from_range(0..many).partition().stages(3).max_demand(demand);
                    let flow = flow.map_async(limit, spawn.clone(), double.clone());
                    let mut got = flow.on(executor.clone()).collect::<Vec<u64>>().unwrap();
                    got.sort_unstable();
                    assert!(got.into_iter().eq((0..many).map(|x| 2 * x)));

                    let flow = Flow::from_range(0..many).map(|x| x + 1).stages(3);
                    let flow = flow.map_async_ordered(limit, spawn, double).in_flight(demand);
                    let got = flow.on(executor).collect::<Vec<u64>>().unwrap();
                    assert!(got.into_iter().eq((1..=many).map(|x| 2 * x)));
                });
                assert!(inside.most() <= limit, "{} of {limit}", inside.most());
            }
        }
    }
}

#[test]
fn as_many_futures_as_allowed_are_in_flight() {
    let tokio = runtime(2);
    for ordered in [true, false] {
        let barrier = Arc::new(tokio::sync::Barrier::new(20));
        let handle = tokio.handle().clone();
        in_time(move || {
            // None is done before twenty have begun.
            let meet = |_| {
                let barrier = Arc::clone(&barrier);
                async move { Ok::<_, BoxError>(barrier.wait().await.is_leader()) }
            };
            let spawn = |task| drop(handle.spawn(task));
            let flow = Flow::from_range(0..100u64).on(Executor::threads(1));
            let leaders = match ordered {
                true => flow.map_async_ordered(20, spawn, meet).filter(|x| *x).count(),
                false => flow.map_async(20, spawn, meet).filter(|x| *x).count(),
            };
            assert_eq!(leaders.unwrap(), 5);
        });
    }
}

#[test]
fn within_an_endless_flow() {
    let _alone = alone();
    for executor in executors() {
        let started = Counter::default();
        let counted = started.clone();
        let first = in_time(move || {
            let tokio = runtime(2);
            let spawn = |task| drop(tokio.spawn(task));
            let double = |x: u64| {
                counted.up();
                ready(Ok::<_, BoxError>(2 * x))
            };
            let flow = Flow::from_iter(0u64..).map_async_ordered(5, spawn, double);
            flow.take(10).on(executor).collect::<Vec<_>>()
        });
        assert!(first.unwrap().into_iter().eq((0..10).map(|x| 2 * x)));
        assert!(started.get() <= 15, "{} were started", started.get());
        no_thread_is_left();
    }
}

#[test]
fn errors_and_panics_of_futures_name_the_operator() {
    let _alone = alone();
    let tokio = runtime(2);
    for executor in executors() {
        for kind in [ErrorKind::Event, ErrorKind::Panic] {
            for ordered in [true, false] {
                let (executor, handle) = (executor.clone(), tokio.handle().clone());
                let (lives, spent) = (Lives::default(), Counter::default());
                let (made, emitted) = (lives.clone(), spent.clone());
                let error = in_time(move || {
                    let spawn = |task| drop(handle.spawn(task));
                    let fails = move |x: u64| {
                        let living = made.number(x);
                        async move {
                            wait_now_and_then(living.number).await;
                            match living.number {
                                300 if kind == ErrorKind::Panic => panic!("boom"),
                                300 => Err("no such thing".into()),
                                _ => Ok::<_, BoxError>(living),
                            }
                        }
                    };
                    let flow = Flow::from_range(0..500u64).on(executor);
                    let fold = |count: &mut u64, _: support::Living| *count += 1;
                    let see = move |_: &u64| _ = emitted.up();
                    if ordered {
                        let flow = flow.map_async_ordered(9, spawn, fails);
                        let flow = flow.partition_by(|living| living.number);
                        flow.reduce(|| 0, fold).on_trigger(|x, _| [*x]).inspect(see).run()
                    } else {
                        let flow = flow.partition().stages(1).map_async(9, spawn, fails);
                        flow.reduce(|| 0, fold).on_trigger(|x, _| [*x]).inspect(see).run()
                    }
                });
                let error = error.unwrap_err();
                assert_eq!(error.kind(), kind, "{error}");
                let name = if ordered { "map_async_ordered" } else { "map_async" };
                assert_eq!(error.operator(), Some(name));
                assert!(error.location().unwrap().file().ends_with("bridge_async.rs"));
                if kind == ErrorKind::Event {
                    assert_eq!(error.source().unwrap().to_string(), "no such thing");
                }
                assert_eq!(spent.get(), 0, "nothing is final");
                until("all futures are dropped", || lives.left() == 0);
                no_thread_is_left();
            }
        }
    }
}

#[test]
fn closures_around_futures_name_the_operator_too() {
    for executor in executors() {
        let on = executor.clone();
        let f = |_: u64| -> std::future::Ready<Result<u64, BoxError>> { panic!("boom") };
        let flow = Flow::from_range(0..3u64).map_async(2, |_: AsyncTask| (), f).on(on);
        let error = in_time(move || flow.count()).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map_async")));
        // There is no runtime here.
        let spawn = |task| drop(tokio::spawn(task));
        let f = |x: u64| ready(Ok::<_, BoxError>(x));
        let flow = Flow::from_range(0..3u64).map_async(2, spawn, f).on(executor);
        let error = in_time(move || flow.count()).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map_async")));
    }
}

#[test]
fn a_runtime_that_drops_a_future_fails_the_run() {
    for executor in executors() {
        let spawn = |task: AsyncTask| drop(task);
        let f = |x: u64| ready(Ok::<_, BoxError>(x));
        let flow = Flow::from_range(0..10u64).map_async_ordered(2, spawn, f).on(executor);
        let error = in_time(move || flow.count()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Event, "{error}");
        assert_eq!(error.operator(), Some("map_async_ordered"));
    }
}

#[test]
fn a_cancelled_run_drops_its_futures() {
    let _alone = alone();
    let lives = Lives::default();
    let made = lives.clone();
    let kept: Arc<Mutex<Vec<AsyncTask>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let never = move |x: u64| {
        let living = made.number(x);
        async move {
            let _living = living;
            pending::<Result<u64, BoxError>>().await
        }
    };
    let flow =
        Flow::from_iter(0u64..).map_async(4, move |task| keep.lock().unwrap().push(task), never);
    let handle = flow.start().unwrap();
    until("four are in flight", || lives.left() == 4);
    handle.cancel();
    in_time(move || handle.join()).unwrap_err();
    // The runtime still has its shells.
    assert_eq!((lives.left(), kept.lock().unwrap().len()), (0, 4));
    let shells = std::mem::take(&mut *kept.lock().unwrap());
    shells.into_iter().for_each(block_on);
    no_thread_is_left();
}

#[test]
fn no_futures_at_all_are_refused() {
    let f = |x: u64| ready(Ok::<_, BoxError>(x));
    let flow = || Flow::from_range(0..3u64);
    let none = flow().map_async(0, |_: AsyncTask| (), f).count();
    let ordered = flow().map_async_ordered(0, |_: AsyncTask| (), f).count();
    for (error, name) in [(none, "map_async"), (ordered, "map_async_ordered")] {
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some(name)));
    }
}

#[test]
fn a_cloned_flow_counts_for_itself() {
    let tokio = runtime(1);
    let spawn = |task| drop(tokio.spawn(task));
    let flow = Flow::from_range(0..50u64).map_async(1, spawn, |x| ready(Ok::<_, BoxError>(x)));
    let again = flow.clone();
    assert_eq!(flow.sum::<u64>().unwrap(), again.sum::<u64>().unwrap());
}
