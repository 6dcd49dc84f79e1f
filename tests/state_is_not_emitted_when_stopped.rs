//! What keyed verbs, `sorted`, `k_smallest` and `reduce_and_emit` keep is emitted at the end of the
//! input only: not when the run is stopped, cancelled, or fails. What `unique` and `reduce_and_emit`
//! emit at once is there at once, and they stop where nobody wants more.

mod support;

use flow::{BoxFlow, Collect, ErrorKind, Executor, Flow, Handle};
use std::iter;
use support::{Counter, executors, in_time, until};

/// What a flow without end becomes.
type Verb = fn(BoxFlow<'static, u64>) -> BoxFlow<'static, u64>;

/// All that emit in the end only.
fn verbs() -> Vec<(&'static str, Verb)> {
    vec![
        ("min", |flow| flow.key_by(|x| x % 7).min(|x| *x).map(|(_, x)| x).boxed()),
        ("last", |flow| flow.key_by(|x| x % 7).last().map(|(_, x)| x).boxed()),
        ("aggregate", |flow| {
            flow.key_by(|x| x % 7).aggregate(|a| (a.first(|x| *x), a.count())).map(|x| x.0).boxed()
        }),
        ("group_by", |flow| flow.group_by(|x| x % 7).map(|(x, _)| x).boxed()),
        ("sorted", |flow| flow.sorted().boxed()),
        ("k_largest", |flow| flow.k_largest(5).boxed()),
        ("reduce_and_emit", |flow| {
            let flow = flow.partition().reduce_and_emit(|| 0, |n, _, _| *n += 1);
            flow.emit_state().boxed()
        }),
    ]
}

/// Starts a flow without end, and waits until it has read something.
fn start(verb: Verb, on: Executor, reached: u64) -> (Handle<Vec<u64>>, Counter) {
    let (read, came) = (Counter::default(), Counter::default());
    let (reading, coming) = (read.clone(), came.clone());
    let source = Flow::from_iter(0u64..).on(on).inspect(move |_| _ = reading.up());
    // An order of its own for sorted, so that there is something to be sorted.
    let flow = verb(source.map(|x| x ^ 0b1010).boxed()).inspect(move |_| _ = coming.up());
    let handle = flow.to(Collect::new()).start().unwrap();
    until("it has read", || read.get() as u64 >= reached);
    (handle, came)
}

#[test]
fn by_stop_or_cancel() {
    for (name, verb) in verbs() {
        for reached in [1, 5000] {
            in_time(move || {
                let (handle, came) = start(verb, Executor::threads(2), reached);
                handle.stop();
                assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Stopped, "{name}");
                assert_eq!(came.get(), 0, "{name}");
                let (handle, came) = start(verb, Executor::threads(2), reached);
                handle.cancel();
                assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Cancelled, "{name}");
                assert_eq!(came.get(), 0, "{name}");
            });
        }
    }
}

#[test]
fn but_by_drain() {
    for (name, verb) in verbs() {
        in_time(move || {
            let (handle, came) = start(verb, Executor::threads(2), 5000);
            handle.drain();
            let events = handle.join().unwrap();
            assert!(!events.is_empty() && events.len() == came.get(), "{name}");
        });
    }
}

#[test]
fn by_a_failure() {
    for (name, verb) in verbs() {
        for executor in executors() {
            let came = Counter::default();
            let coming = came.clone();
            let source = Flow::from_range(0..3000u64).on(executor.clone());
            let source = source.map(|x| if x == 2999 { panic!("the last one") } else { x });
            let flow = verb(source.boxed()).inspect(move |_| _ = coming.up());
            let error = in_time(move || flow.run()).unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")), "{name}");
            assert_eq!(came.get(), 0, "{name} on {executor:?}");
        }
    }
}

#[test]
fn what_is_emitted_at_once_stops_upstream() {
    for executor in executors() {
        let read = Counter::default();
        let source = || {
            let reading = read.clone();
            Flow::from_iter(0u64..).on(executor.clone()).inspect(move |_| _ = reading.up())
        };
        let unique = source().map(|x| x % 100).unique().take_any(50);
        assert_eq!(in_time(move || unique.count().unwrap()), 50);
        let unique = source().unique_by(|x| x / 2).take_any(50);
        assert_eq!(in_time(move || unique.count().unwrap()), 50);
        let emitted = source().partition().reduce_and_emit(
            || 0u64,
            |n, x, out| {
                *n += 1;
                if x % 2 == 0 {
                    out.emit(x);
                }
            },
        );
        let emitted = emitted.emit_none().take_any(50);
        assert_eq!(in_time(move || emitted.count().unwrap()), 50);
        // Some batches on every edge, of a source without end.
        assert!(read.get() < 300_000, "{} on {executor:?}", read.get());
    }
}

/// What one call emits is held, and gone before the next event is folded.
#[test]
fn nothing_is_folded_while_something_is_held() {
    for executor in executors() {
        let folded = Counter::default();
        let counted = folded.clone();
        let source = Flow::from_range(0..1000u64).stages(1).on(executor.clone());
        let flow = source.partition().stages(1).reduce_and_emit(
            || (),
            move |(), x, out| {
                counted.up();
                out.extend(iter::repeat_n(x, 5000));
            },
        );
        let read = in_time(move || {
            flow.emit_none().with_iter(|events| {
                for taken in 1..=20_000 {
                    events.next();
                    // What is taken, what the edge to the reader may hold, and a batch on both sides of it.
                    let most = (taken + 4096 + 2 * 1024) / 5000 + 1;
                    assert!(folded.get() <= most, "{} at {taken} on {executor:?}", folded.get());
                }
            })
        });
        read.unwrap();
    }
}

/// An event comes out when its key is seen first, not when the input ends.
#[test]
fn unique_gives_what_is_new_at_once() {
    in_time(|| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let mut new = Flow::from_channel(receiver).unique().into_iter();
        for x in iter::repeat_n([3u64, 3, 4], 2).flatten().chain([5]) {
            sender.send(x).unwrap();
        }
        let mut got: Vec<u64> = new.by_ref().take(3).map(Result::unwrap).collect();
        got.sort_unstable();
        assert_eq!(got, [3, 4, 5]);
        drop(sender);
        assert!(new.next().is_none());
    });
}
