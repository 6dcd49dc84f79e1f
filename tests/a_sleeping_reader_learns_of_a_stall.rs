//! When the last task goes idle on one thread while the reader of the flow sleeps on another, the
//! reader wakes and says that the run has stalled.

mod support;

use flow::{BoxError, Demand, ErrorKind, Executor, Flow, Produced, Producer};
use std::thread;
use std::time::{Duration, Instant};
use support::in_time;

/// A producer of some events that then waits for somebody who goes without a word.
struct Forsaken {
    left: u64,
    waits: bool,
}

impl Producer for Forsaken {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        while self.left > 0 && demand.events() > 0 {
            self.left -= 1;
            demand.emit(self.left);
        }
        if self.left > 0 {
            return Ok(Produced::More);
        }
        if !std::mem::replace(&mut self.waits, true) {
            let notifier = demand.notifier();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(3));
                drop(notifier);
            });
        }
        Ok(Produced::Pending)
    }
}

/// Dear enough for a second thread to be started.
fn dear(x: u64) -> u64 {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(10) {}
    x
}

/// Many rounds: either thread may be the one that runs the last task.
#[test]
fn a_sleeping_reader_learns_of_a_stall() {
    for round in 0..100 {
        let read = in_time(|| {
            let flow = Flow::from_stages([Forsaken { left: 200, waits: false }]);
            flow.map(dear).on(Executor::threads(3)).with_iter(|events| events.count())
        });
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Stalled, "round {round}");
    }
}
