//! What iterators on threads of their own give is claimed in full batches where it comes faster than it
//! is handled, although every event may be claimed as soon as it is there.

mod support;

use flow::{Executor, Flow, Meter, Node, Timestamp};
use std::sync::{Arc, Condvar, Mutex};
use support::in_time;

const EVENTS: u64 = 4_000;

/// Opens when all iterators have come to their end.
#[derive(Clone)]
struct Gate(Arc<(Mutex<usize>, Condvar)>);

impl Gate {
    fn new(iters: usize) -> Self {
        Gate(Arc::new((Mutex::new(iters), Condvar::new())))
    }

    /// An iterator that does not know its length, so that it gets a thread.
    fn iter(&self) -> impl Iterator<Item = u64> + Send + use<> {
        let gate = self.clone();
        (0..=EVENTS).map_while(move |x| {
            if x == EVENTS {
                *gate.0.0.lock().unwrap() -= 1;
                gate.0.1.notify_all();
                return None;
            }
            Some(x)
        })
    }

    /// Waits until all that is to come is there.
    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |iters| *iters > 0).unwrap());
    }
}

/// Batches into the edge behind the sources.
fn batches(
    sources: usize,
    build: impl FnOnce(Vec<Box<dyn Iterator<Item = u64> + Send>>, Gate, &Meter),
) -> u64 {
    let (gate, meter) = (Gate::new(sources), Meter::new());
    let iters = (0..sources).map(|_| Box::new(gate.iter()) as Box<_>).collect();
    build(iters, gate, &meter);
    let metrics = meter.metrics();
    let edge = &metrics.edges()[0];
    assert_eq!(
        (edge.events_in, edge.events_out),
        (sources as u64 * EVENTS, sources as u64 * EVENTS)
    );
    assert_eq!((edge.dropped, edge.held), (0, 0));
    edge.batches_in
}

/// Every source: one event that is claimed at once, the others together.
#[track_caller]
fn are_full(sources: u64, sent: u64) {
    assert!(sent <= sources * (1 + EVENTS.div_ceil(1024)), "{sent} batches were sent");
}

fn run(events: Flow<impl Node<Item = u64>>, gate: Gate, meter: &Meter) {
    let events = events.inspect(move |_| gate.pass()).observe(meter).on(Executor::threads(1));
    events.run().unwrap();
}

#[test]
fn of_one_iterator() {
    in_time(|| {
        are_full(
            1,
            batches(1, |mut iters, gate, meter| {
                run(Flow::from_iter(iters.remove(0)), gate, meter);
            }),
        );
    });
}

/// Whatever order their events come in.
#[test]
fn of_several_that_are_read_at_once() {
    in_time(|| {
        are_full(3, batches(3, |iters, gate, meter| run(Flow::from_iters(iters), gate, meter)));
    });
}

#[test]
fn of_several_with_times() {
    in_time(|| {
        are_full(
            3,
            batches(3, |iters, gate, meter| {
                let timed =
                    Flow::from_iters(iters).timestamps(|x| Timestamp(*x as i64), |w| w.ascending());
                run(timed.untimed(), gate, meter);
            }),
        );
    });
}
