//! The results of this library.

use std::time::Duration;

use flow::{Executor, Flow, FlowError, Timestamp, Trigger, Window};

use super::schedule::{Latencies, Schedule, WINDOW};

pub(super) const HOW: &str = "`from_iter` on a thread of its own, one worker, defaults otherwise";

pub(super) fn windows(schedule: &Schedule) -> Latencies {
    closed(schedule).expect("the flow runs")
}

fn closed(schedule: &Schedule) -> Result<Latencies, FlowError> {
    Flow::from_iter(schedule.source(0, 1))
        .timestamps(|event| Timestamp(event.at), |w| w.ascending())
        .key_by(|event| event.key)
        .window(Window::fixed(Duration::from_millis(WINDOW as u64)))
        .count()
        .untimed()
        .on(Executor::threads(1))
        .fold(
            || Latencies::new(schedule),
            |latencies, pane| latencies.window(pane.window.end().0),
            Latencies::add,
        )
}

pub(super) fn single(schedule: &Schedule) -> Latencies {
    given(schedule).expect("the flow runs")
}

fn given(schedule: &Schedule) -> Result<Latencies, FlowError> {
    Flow::from_iter(schedule.source(0, 1))
        .key_by(|event| event.key)
        .window(Window::global())
        .trigger(Trigger::every(1))
        .accumulating()
        .max(|event| event.index)
        .untimed()
        .on(Executor::threads(1))
        .fold(
            || Latencies::new(schedule),
            |latencies, pane| latencies.event(pane.value),
            Latencies::add,
        )
}
