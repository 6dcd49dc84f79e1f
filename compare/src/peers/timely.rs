//! Timely dataflow: two workers in this process.
//!
//! A source hands over a whole batch each time it is scheduled, since scheduling is what costs;
//! workers without work park.

use std::cell::RefCell;
use std::rc::Rc;

use ::timely::Config;
use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::Capability;
use ::timely::dataflow::operators::generic::operator::{Operator, source};
use ::timely::dataflow::{Scope, StreamVec};
use ::timely::worker::Worker;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Shuffle;
use crate::harness::THREADS;

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
