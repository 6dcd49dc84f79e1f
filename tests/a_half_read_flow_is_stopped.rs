//! Reading a flow as an iterator and leaving early stops everything upstream: every event is
//! dropped, no thread is left, and a failure is the last thing that is read.

mod support;

use flow::{ErrorKind, Executor, Flow, Node};
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Counter, Lives, Living, alone, executors, in_time, no_thread_is_left, until};

/// How many events are read before the reader leaves.
const READ: [usize; 6] = [0, 1, 5, 100, 1500, 5000];

/// Events of many kinds of flows, none of which ends soon.
fn flows(lives: &Lives, executor: &Executor) -> Vec<flow::BoxFlow<'static, Living>> {
    let number = || {
        let lives = lives.clone();
        move |x| lives.number(x)
    };
    let iter = || Flow::from_iter(0u64..).on(executor.clone());
    let range = || Flow::from_range(0..1u64 << 50).stages(2).on(executor.clone());
    vec![
        iter().map(number()).boxed(),
        range().map(number()).boxed(),
        Flow::from_iters([0u64.., 5u64..]).map(number()).on(executor.clone()).boxed(),
        iter().flat_map(|x| x..x + 3).map(number()).boxed(),
        range().map(number()).partition_by(|x| x.number).stages(3).max_demand(50).boxed(),
        iter().map(number()).ordered().in_flight(40).boxed(),
        range().map(number()).ordered().boxed(),
        Flow::from_vec((0..20_000u64).map(number()).collect()).on(executor.clone()).boxed(),
        Flow::from_vec(vec![0u64]).flat_map(|x| x..).map(number()).on(executor.clone()).boxed(),
    ]
}

/// Reads from flows of all kinds on all executors, and looks at what is left.
fn check(read: fn(flow::BoxFlow<'static, Living>, usize)) {
    let _alone = alone();
    for executor in executors() {
        for most in READ {
            let lives = Lives::default();
            for (number, flow) in flows(&lives, &executor).into_iter().enumerate() {
                in_time(move || read(flow, most));
                assert_eq!(lives.left() % 20_000, 0, "flow {number}, {most} read, {executor:?}");
                no_thread_is_left();
            }
            assert_eq!(lives.left(), 0);
        }
    }
}

#[test]
fn in_with_iter() {
    check(|flow, most| {
        let read = flow.with_iter(|events| events.take(most).count());
        assert_eq!(read.unwrap(), most);
    });
}

#[test]
fn in_into_iter() {
    check(|flow, most| {
        let mut events = flow.into_iter();
        let read = events.by_ref().take(most).filter(Result::is_ok).count();
        assert_eq!(read, most);
    });
}

#[test]
fn by_a_panic_of_the_reader() {
    let _alone = alone();
    for executor in executors() {
        let lives = Lives::default();
        let counted = lives.clone();
        let panic = in_time(move || {
            let flow = Flow::from_iter(0u64..).map(|x| counted.number(x)).on(executor);
            let reading = std::panic::AssertUnwindSafe(|| {
                flow.with_iter(|events| {
                    assert!(events.next().is_some());
                    std::panic::panic_any("enough");
                })
            });
            std::panic::catch_unwind(reading).unwrap_err()
        });
        assert_eq!(panic.downcast_ref(), Some(&"enough"));
        assert_eq!(lives.left(), 0);
        no_thread_is_left();
    }
}

#[test]
fn where_the_reader_keeps_what_it_has_read() {
    for executor in executors() {
        let lives = Lives::default();
        let flow = Flow::from_iter(0u64..).map(|x| lives.number(x)).on(executor);
        let kept: Vec<Living> = flow.with_iter(|events| events.take(7).collect()).unwrap();
        assert_eq!((kept.len(), lives.left()), (7, 7));
        drop(kept);
        assert_eq!(lives.left(), 0);
    }
}

#[test]
fn a_reader_that_reads_all_sees_the_end_more_than_once() {
    for executor in executors() {
        let flow = Flow::from_range(0..100u64).on(executor.clone());
        let ends = flow.with_iter(|events| (events.count(), events.next(), events.next()));
        assert_eq!(ends.unwrap(), (100, None, None));
        let mut events = Flow::from_range(0..100u64).on(executor).into_iter();
        assert_eq!(events.by_ref().count(), 100);
        assert!(events.next().is_none() && events.next().is_none());
    }
}

#[test]
fn a_failure_is_the_last_item() {
    for executor in executors() {
        let ok = |x: u64| if x < 5000 { x } else { panic!("at 5000") };
        let mut events = Flow::from_iter(0u64..).map(ok).on(executor.clone()).into_iter();
        let failure = events.by_ref().find_map(Result::err).expect("it fails");
        assert_eq!((failure.kind(), failure.operator()), (ErrorKind::Panic, Some("map")));
        assert!(events.next().is_none() && events.next().is_none());

        let flow = Flow::from_iter(0u64..).map(ok).on(executor.clone());
        let failure = flow.with_iter(|events| events.count()).unwrap_err();
        assert_eq!((failure.kind(), failure.operator()), (ErrorKind::Panic, Some("map")));

        let mut refused = Flow::from_range(0..10u64).on(executor).stages(0).into_iter();
        assert_eq!(refused.next().unwrap().unwrap_err().kind(), ErrorKind::Option);
        assert!(refused.next().is_none());
    }
}

/// A failure that comes while nobody reads is not lost, and not told before what came before it.
#[test]
fn a_failure_is_told_in_order() {
    for executor in executors() {
        let ok = |x: u64| if x < 50 { x } else { panic!("at 50") };
        let flow = Flow::from_range(0..100u64).map(ok).ordered().in_flight(8).on(executor);
        let mut events = flow.into_iter();
        let read = events.by_ref().take_while(Result::is_ok).count();
        assert!(read <= 50);
        assert!(events.next().is_none());
    }
}

#[test]
fn a_source_is_asked_at_most_once_more() {
    in_time(|| {
        for executor in [Executor::threads(1), Executor::threads(2)] {
            let calls = Counter::default();
            let called = calls.clone();
            let (release, released) = crossbeam_channel::bounded(1);
            // The first comes at once, the second when the reader leaves.
            let slow = std::iter::from_fn(move || match called.up() {
                0 => Some(0u64),
                _ => released.recv().ok(),
            });
            let flow = Flow::from_iter(slow).on(executor);
            flow.with_iter(|events| {
                assert_eq!(events.next(), Some(0));
                until("the source waits", || calls.get() == 2);
                release.send(1).unwrap();
            })
            .unwrap();
            // It may have been in time to ask for a third before it knew.
            assert!(calls.get() <= 3);
            drop(release);
        }
    });
}

#[test]
fn results_come_while_the_source_waits() {
    in_time(|| {
        for executor in [Executor::threads(1), Executor::threads(2), Executor::threads(4)] {
            let (send, receive) = crossbeam_channel::bounded(0);
            let flow = Flow::from_channel(receive).map(|x: u64| 2 * x).on(executor);
            let sum = flow.with_iter(|events| {
                let mut sum = 0;
                for x in 0..100 {
                    std::thread::scope(|scope| {
                        scope.spawn(|| send.send(x).unwrap());
                        sum += events.next().unwrap();
                    });
                }
                sum
            });
            assert_eq!(sum.unwrap(), 9900);
        }
    });
}

#[test]
fn nothing_starts_before_the_first_event_is_read() {
    let _alone = alone();
    let touched = AtomicBool::new(false);
    let source = || Flow::from_iter((0u64..).inspect(|_| touched.store(true, Ordering::SeqCst)));
    source().with_iter(|_| no_thread_is_left()).unwrap();
    assert!(!touched.load(Ordering::SeqCst));
    fn unread<N: Node + 'static>(flow: Flow<N>) {
        drop(flow.into_iter());
    }
    unread(Flow::from_iter(0u64..).inspect(|_| panic!("was touched")));
    no_thread_is_left();
}
