//! What has enough stops everything upstream: endless sources end, and not much more is pulled than
//! was needed. Batches and chunks hold nothing back that they should not.

mod support;

use crossbeam_channel::{Receiver, Sender, unbounded};
use flow::{BoxError, Collect, ErrorKind, Executor, Flow, FlowError, Part, Sequenced, Sink};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;
use support::{Counter, alone, executors, in_time, no_thread_is_left, until};

/// At which event everything should stop.
const AT: u64 = 1000;

/// How far an order, or a source that a thread reads, may be ahead by default.
const AHEAD: usize = 4096;

/// Numbers without an end; counts those that were pulled.
fn endless(given: &Counter, executor: Executor) -> Flow<impl Sequenced<Item = u64> + use<>> {
    let given = given.clone();
    Flow::from_iter((0u64..).inspect(move |_| _ = given.up())).on(executor).map(|x| x)
}

/// Runs something that stops at an event on all executors; looks at what it gives and has pulled.
fn stops<R>(run: fn(&Counter, Executor) -> Result<R, FlowError>, gives: R)
where
    R: PartialEq + std::fmt::Debug + Send + 'static,
{
    let _alone = alone();
    for executor in executors() {
        let given = Counter::default();
        let (counted, on) = (given.clone(), executor.clone());
        let result = in_time(move || run(&counted, on)).unwrap();
        assert_eq!(result, gives, "on {executor:?}");
        // What is before, what may be ahead, and what several instances have claimed by then.
        let most = AT as usize + 2 * AHEAD;
        assert!(given.get() <= most, "{} were pulled on {executor:?}", given.get());
        no_thread_is_left();
    }
}

#[test]
fn verbs_along_an_order() {
    stops(|n, on| endless(n, on).take_while(|x| *x < AT).count(), AT);
    stops(|n, on| endless(n, on).map_while(|x| (x < AT).then_some(x)).count(), AT);
    let scan = |n: &Counter, on| {
        let scanned = endless(n, on).scan(|| 0, |_, x| (x < AT).then_some(x));
        scanned.collect::<Vec<u64>>()
    };
    stops(scan, (0..AT).collect());
    stops(|n, on| endless(n, on).skip(9).enumerate().take_while(|x| x.0 < 9).count(), 9);
    stops(|n, on| endless(n, on).chunks(10).take(7).map(|x| x.len()).sum::<usize>(), 70);
    stops(|n, on| endless(n, on).dedup_by_key(|x| x / 10).step_by(3).take(5).count(), 5);
    stops(|n, on| endless(n, on).map_batch(|batch| batch).take_while(|x| *x < AT).count(), AT);
}

#[test]
fn terminals() {
    stops(|n, on| endless(n, on).find_any(|x| *x >= AT).map(|x| x.is_some()), true);
    stops(|n, on| endless(n, on).any(|x| x >= AT), true);
    stops(|n, on| endless(n, on).all(|x| x < AT), false);
    stops(|n, on| endless(n, on).find_first(|x| *x >= AT), Some(AT));
    stops(|n, on| endless(n, on).position(|x| x >= AT), Some(AT));
    stops(|n, on| endless(n, on).first(), Some(0));
    stops(|n, on| endless(n, on).nth(AT as usize), Some(AT));
}

/// The source of an error is what the closure gave.
fn source(result: Result<impl Sized, FlowError>) -> Option<u64> {
    let error = result.err()?;
    assert_eq!(error.kind(), ErrorKind::Sink);
    std::error::Error::source(&error)?.downcast_ref::<TooLarge>().map(|error| error.0)
}

#[derive(Debug)]
struct TooLarge(u64);

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is too large", self.0)
    }
}

impl std::error::Error for TooLarge {}

fn small(x: u64) -> Result<(), TooLarge> {
    if x < AT { Ok(()) } else { Err(TooLarge(AT)) }
}

#[test]
fn terminals_that_fail() {
    stops(|n, on| Ok(source(endless(n, on).try_for_each(small))), Some(AT));
    stops(
        |n, on| Ok(source(endless(n, on).try_fold(|| 0, |_, x| small(x), |_, _: u64| Ok(())))),
        Some(AT),
    );
    stops(
        |n, on| Ok(source(endless(n, on).try_reduce(|| 0, |_, x| small(x).map(|()| x)))),
        Some(AT),
    );
}

#[test]
fn nothing_ahead_is_read_for_the_first() {
    for executor in executors() {
        let given = Counter::default();
        assert_eq!(endless(&given, executor.clone()).first().unwrap(), Some(0));
        let cores = thread::available_parallelism().map_or(1, usize::from).max(4);
        assert!(given.get() <= 1 + 2 * cores, "{} on {executor:?}", given.get());
    }
}

#[test]
fn within_a_batch_the_operators_before_are_not_called_any_more() {
    let numbers: Vec<u64> = (0..100_000).collect();
    let counted = |called: &Counter| {
        let called = called.clone();
        let flow = Flow::from_slice(&numbers).on(Executor::threads(1));
        flow.map(move |x| {
            called.up();
            *x
        })
    };
    let called = Counter::default();
    assert_eq!(counted(&called).find_any(|x| *x == AT).unwrap(), Some(AT));
    assert_eq!(called.get() as u64, AT + 1);
    let called = Counter::default();
    let before = Flow::from_slice(&numbers).on(Executor::threads(1)).ordered();
    let before = before.inspect(|_| _ = called.up());
    assert_eq!(before.take_while(|x| **x < AT).count().unwrap(), AT);
    assert_eq!(called.get() as u64, AT + 1);
}

#[test]
fn one_event_that_never_ends() {
    for executor in executors() {
        let pulled = Counter::default();
        let counted = pulled.clone();
        let found = in_time(move || {
            let one = Flow::from_vec(vec![0u64]).on(executor);
            one.flat_map(|x| (x..).inspect(|_| _ = counted.up())).find_any(|x| *x == AT)
        });
        assert_eq!(found.unwrap(), Some(AT));
        assert!(pulled.get() as u64 <= 4 * AT, "{}", pulled.get());
    }
}

/// The instances that get nothing are told by the one that has found it.
#[test]
fn instances_that_wait() {
    for executor in executors() {
        let found = in_time(move || {
            let flow = Flow::from_iter(0u64..).on(executor);
            flow.partition_with(|_, _| 1).stages(3).find_any(|x| *x == AT)
        });
        assert_eq!(found.unwrap(), Some(AT));
    }
}

/// A sink whose parts are full after so many events.
struct Few(usize);

struct FewPart(usize, Vec<u64>);

impl Sink<u64> for Few {
    type Part = FewPart;
    type Output = Vec<u64>;

    fn part(self: &Arc<Self>, _instance: usize) -> FewPart {
        FewPart(self.0, Vec::new())
    }

    fn commit(self: Arc<Self>, parts: Vec<FewPart>) -> Result<Vec<u64>, BoxError> {
        Ok(parts.into_iter().flat_map(|part| part.1).collect())
    }
}

impl Part<u64> for FewPart {
    fn write(&mut self, event: u64) -> Result<(), BoxError> {
        if !self.is_full() {
            self.1.push(event);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.1.len() >= self.0
    }
}

#[test]
fn a_sink_of_ones_own() {
    for executor in executors() {
        let kept = in_time(move || {
            Flow::from_iter(0u64..).on(executor).partition().stages(3).to(Few(10)).run()
        });
        assert_eq!(kept.unwrap().len(), 30);
    }
}

/// Every event is answered before the next one comes: nothing may be held back.
#[test]
fn a_batch_waits_for_nothing() {
    // A simulation has no thread that could wait for somebody else.
    for executor in [1, 2, 4].map(Executor::threads) {
        let answered = in_time(move || {
            let (ask, asked): (Sender<u64>, Receiver<u64>) = unbounded();
            let (answer, answers) = unbounded();
            let asking = thread::spawn(move || {
                for x in 0..100 {
                    ask.send(x).unwrap();
                    assert_eq!(answers.recv().unwrap(), x);
                }
            });
            let flow = Flow::from_channel(asked).on(executor).map_batch(|batch| batch);
            flow.for_each_batch(|batch| batch.drain(..).for_each(|x| answer.send(x).unwrap()))
                .unwrap();
            asking.join()
        });
        assert!(answered.is_ok());
    }
}

#[test]
fn the_buffer_of_a_batch_is_used_again() {
    let buffers = Mutex::new(HashSet::new());
    let batches = Counter::default();
    let flow = Flow::from_range(0..1_000_000u64).on(Executor::threads(1));
    flow.for_each_batch(|batch| {
        batches.up();
        buffers.lock().unwrap().insert(batch.as_ptr() as usize);
    })
    .unwrap();
    // It grows a few times at first.
    let buffers = buffers.into_inner().unwrap().len();
    assert!(batches.get() > 900 && buffers < 15, "{buffers} buffers of {}", batches.get());
}

/// Starts a run of chunks over a channel and sends fewer events than fill one.
macro_rules! unfilled {
    (|$handle:ident| $end:expr) => {{
        let (sender, receiver) = unbounded();
        let (seen, chunks) = (Counter::default(), Counter::default());
        let (seeing, counted) = (seen.clone(), chunks.clone());
        let flow = Flow::from_channel(receiver).on(Executor::threads(2)).ordered();
        let $handle = flow
            .inspect(move |_| _ = seeing.up())
            .chunks(10)
            .inspect(move |_| _ = counted.up())
            .to(Collect::<Vec<Vec<u64>>>::new())
            .start()
            .unwrap();
        (0..15u64).for_each(|x| sender.send(x).unwrap());
        until("all were seen", || seen.get() == 15);
        assert_eq!(chunks.get(), 1);
        $end;
        let result = in_time(move || $handle.join());
        drop(sender);
        (result, chunks.get())
    }};
}

#[test]
fn a_run_that_is_drained_gives_the_rest_of_a_chunk() {
    let (result, chunks) = unfilled!(|handle| handle.drain());
    assert_eq!(result.unwrap(), [(0..10).collect::<Vec<u64>>(), (10..15).collect()]);
    assert_eq!(chunks, 2);
}

#[test]
fn a_run_that_is_stopped_does_not() {
    let (result, chunks) = unfilled!(|handle| handle.stop());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Stopped);
    assert_eq!(chunks, 1);
}
