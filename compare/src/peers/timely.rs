//! Timely dataflow: two workers in this process.
//!
//! A source hands over a whole batch each time it is scheduled, since scheduling is what costs;
//! workers without work park.

use std::cell::RefCell;
use std::rc::Rc;

use ::timely::Config;
use ::timely::dataflow::channels::pact::{Exchange, Pipeline};
use ::timely::dataflow::operators::Capability;
use ::timely::dataflow::operators::generic::operator::{Operator, source};
use ::timely::dataflow::operators::vec::Map;
use ::timely::dataflow::{Scope, StreamVec};
use ::timely::worker::Worker;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Shuffle, TOLD, Timed};
use crate::harness::THREADS;

/// How a [`Timed`] job is written.
pub(crate) const TIMED: &str = "two workers with a source each, `Exchange` to the owner of a key, an own operator with state by hand, which the frontier closes";

/// How [`sum`] is written.
pub(crate) const SUM: &str =
    "two workers, a source of batches each, `flat_map`, a sink that adds up";

/// Runs the dataflow that `build` makes on each worker, and gives what it has left in the state
/// that it is given.
pub(crate) fn run<R, F>(build: F) -> Vec<R>
where
    R: Default + Send + 'static,
    F: for<'scope> Fn(Scope<'scope, u64>, usize, Rc<RefCell<R>>) + Send + Sync + 'static,
{
    let work = move |worker: &mut Worker| {
        let state = Rc::new(RefCell::new(R::default()));
        let (index, shared) = (worker.index(), state.clone());
        worker.dataflow(|scope| build(scope, index, shared));
        while worker.has_dataflows() {
            worker.step_or_park(None);
        }
        state.take()
    };
    let workers = ::timely::execute(Config::process(THREADS), work).expect("the workers start");
    workers.join().into_iter().map(|state| state.expect("no contestant panics")).collect()
}

/// What `next` puts into a batch each time it is called, at the time that its capability has then,
/// until it says that nothing is left.
pub(crate) fn batches<'scope, T: 'static>(
    scope: Scope<'scope, u64>,
    mut next: impl FnMut(&mut Capability<u64>, &mut Vec<T>) -> bool + 'static,
) -> StreamVec<'scope, u64, T> {
    source(scope, "Source", |capability, info| {
        let activator = scope.activator_for(info.address);
        let mut capability = Some(capability);
        let mut batch = Vec::new();
        move |output| {
            let Some(time) = &mut capability else { return };
            if next(time, &mut batch) {
                output.session(time).give_container(&mut batch);
                batch.clear();
                activator.activate();
            } else {
                capability = None;
            }
        }
    })
}

/// Every event to the worker that owns its key.
pub(crate) fn shuffle<S: Shuffle>(job: &S) -> Vec<S::State> {
    let job = job.clone();
    run(move |scope, _, state: Rc<RefCell<S::State>>| {
        let job = job.clone();
        let events = batches(scope, move |_, batch| {
            let mut taken = Vec::new();
            let more = job.take(&mut taken);
            // The same memory under another name.
            *batch = taken.into_iter().map(InProcess).collect();
            more
        });
        events.sink(Exchange::new(|e: &InProcess<_>| S::owner(&e.0)), "Fold", move |(input, _)| {
            let mut state = state.borrow_mut();
            input.for_each(|_, batch| {
                batch.drain(..).for_each(|event| S::fold(&mut state, event.0));
            });
        });
    })
}

/// Every event to the worker that owns its key, which closes what the frontier has passed.
pub(crate) fn timed<J: Timed>(job: &J) -> Vec<Vec<J::Result>> {
    let job = job.clone();
    run(move |scope, worker, results: Rc<RefCell<Vec<J::Result>>>| {
        let mut source = job.source(worker);
        let mut highest = i64::MIN / 2;
        let events = batches(scope, move |time, batch| {
            // What the last batch held still had the time before it. Timely's times are those that the
            // events have at most, since none of its own is below 0.
            time.downgrade(&highest.max(time.time().cast_signed()).cast_unsigned());
            batch.extend(source.by_ref().take(TOLD).map(InProcess));
            highest = batch.iter().map(|event| J::time(&event.0)).fold(highest, i64::max);
            !batch.is_empty()
        });
        let mut state = J::State::default();
        let owner = Exchange::new(|event: &InProcess<J::Event>| J::owner(&event.0));
        events.sink(owner, "Timed", move |(input, frontier)| {
            input.for_each(|_, batch| {
                batch.drain(..).for_each(|event| J::fold(&mut state, event.0));
            });
            let passed = |time: &u64| time.cast_signed() - J::DISORDER;
            let passed = frontier.frontier().first().map_or(i64::MAX, passed);
            J::passed(&mut state, passed, &mut results.borrow_mut());
        });
    })
}

/// The sum over what `value` makes of all events, as two operators: the chunks of each worker, a
/// `flat_map`, and a sink that adds up.
pub(crate) fn sum<C: IntoIterator<Item: 'static> + 'static, I: Iterator<Item = C> + 'static>(
    chunks: impl Fn(usize) -> I + Send + Sync + 'static,
    value: impl Fn(C::Item) -> Option<u64> + Copy + Send + Sync + 'static,
) -> u64 {
    let sums = run(move |scope, worker, sum: Rc<RefCell<u64>>| {
        let mut chunks = chunks(worker);
        let events = batches(scope, move |_, batch| {
            let chunk = chunks.next();
            let more = chunk.is_some();
            batch.extend(chunk.into_iter().flatten());
            more
        });
        events.flat_map(value).sink(Pipeline, "Sum", move |(input, _)| {
            let mut sum = sum.borrow_mut();
            input.for_each(|_, batch| *sum = batch.drain(..).fold(*sum, u64::wrapping_add));
        });
    });
    sums.into_iter().fold(0, u64::wrapping_add)
}

/// An event that stays in this process: timely asks that it could leave, but never makes it.
#[derive(Clone)]
pub(crate) struct InProcess<T>(pub(crate) T);

impl<T> Serialize for InProcess<T> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("an event leaves the process"))
    }
}

impl<'de, T> Deserialize<'de> for InProcess<T> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("an event comes from elsewhere"))
    }
}
