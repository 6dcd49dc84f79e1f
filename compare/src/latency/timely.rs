//! The results of timely dataflow.

use std::cell::RefCell;
use std::rc::Rc;

use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::generic::operator::Operator;

use super::by_hand::State;
use super::schedule::{Event, Latencies, Schedule};
use crate::harness::THREADS;
use crate::peers::timely::{InProcess, batches, run};

pub(super) const HOW: &str = "two workers that never park, each with every other event; `Exchange`, \
                              an own operator, windows closed by the frontier of milliseconds";

/// What a source gives at once, at most.
const MOST: usize = 4_096;

pub(super) fn results<S: State>(schedule: &Schedule) -> Latencies {
    let schedule = *schedule;
    let parts = run(move |scope, worker, latencies: Rc<RefCell<Latencies>>| {
        *latencies.borrow_mut() = Latencies::new(&schedule);
        let mut source = schedule.source(worker as u64, THREADS as u64);
        let events = batches(scope, move |time, batch| {
            let passed = source.passed() as u64;
            if passed > *time.time() {
                time.downgrade(&passed);
            }
            batch.extend(std::iter::from_fn(|| source.poll()).take(MOST).map(InProcess));
            !batch.is_empty() || !source.is_over()
        });
        let mut state = S::default();
        let owner = Exchange::new(|event: &InProcess<Event>| event.0.key.into());
        events.sink(owner, "Results", move |(input, frontier)| {
            let mut latencies = latencies.borrow_mut();
            input.for_each(|_, batch| {
                batch.drain(..).for_each(|event| state.event(event.0, &mut latencies));
            });
            let passed = frontier.frontier().first().map_or(i64::MAX, |time| *time as i64);
            state.passed(passed, &mut latencies);
        });
    });
    Latencies::all(parts)
}
