//! The results of renoir.

use std::time::Duration;

use ::renoir::BatchMode;

use super::by_hand::State;
use super::schedule::{Latencies, Schedule};
use crate::peers::renoir::{ByHand, Gathered, run};
use crate::peers::timely::InProcess;

pub(super) const HOW: &str = "one source, two replicas behind it; batches of 1,024, sent after 100 µs \
                              at most; `rich_map_custom` with state by hand, a watermark each \
                              millisecond";

pub(super) fn results<S: State>(schedule: &Schedule) -> Latencies {
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let mut last = 0;
        let events = context
            .stream_iter(schedule.source(0, 1).map(InProcess))
            .batch_mode(BatchMode::adaptive(1_024, Duration::from_micros(100)))
            .add_timestamps(
                |event| event.0.at,
                move |_, at| {
                    let later = *at > last;
                    last = *at;
                    // What is still to come is not before this event.
                    later.then_some(*at - 1)
                },
            )
            .group_by(|event| event.0.key);
        let mut fold = ByHand::new((S::default(), Latencies::new(schedule)));
        let results = events.rich_map_custom(move |mut elements| {
            fold.run(
                || elements.next(),
                |(state, latencies), (_, event)| state.event(event.0, latencies),
                |(state, latencies), time| state.passed(time, latencies),
            )
        });
        results.for_each(move |(_, latencies)| place.push(latencies));
    });
    Latencies::all(gathered.take().into_iter().flatten())
}
