//! More events, and more keys: a chain, sums by key, and windows of event time.

use std::collections::HashMap;
use std::time::Duration;

use flow::{Executor, Flow, FlowError, Meter, Timestamp, Window};
use foldhash::fast::RandomState;

use super::curve::{Curve, Line, Run, Straight, decades};
use crate::harness::THREADS;
use crate::report::Kind;
use crate::workloads::mix;

/// Keys, where it is not they that grow.
pub(super) const KEYS: u64 = 1_000;
pub(super) const RUNS: &str = "the flow runs";

/// Who runs a flow, and in how many instances of each stage.
pub(super) struct On {
    pub(super) executor: Executor,
    pub(super) instances: usize,
    pub(super) meter: Meter,
}

impl On {
    /// A thread for each instance.
    pub(super) fn threads(instances: usize) -> Self {
        On { executor: Executor::threads(instances), instances, meter: Meter::new() }
    }

    /// What everyone has in the other comparisons.
    pub(super) fn usual() -> Self {
        On::threads(THREADS)
    }
}

pub(super) fn of_events() -> Curve {
    Curve {
        name: "events",
        about: "A map, a filter and a sum over a range; sums of 1,000 keys; windows of 1,000 keys, a \
                second each, with a million events out of order by less than 100 ms",
        axis: "events",
        cost: "nanoseconds of processor time per event",
        sizes: |events| decades(1_000, events),
        events: 100_000_000,
        straight: Straight::Level,
        lines: vec![
            Line {
                name: "chain",
                kind: Kind::First,
                run: Run::Timed(|size, _| {
                    chain(size, &On::usual()).expect(RUNS);
                    size
                }),
            },
            Line {
                name: "keys",
                kind: Kind::Second,
                run: Run::Timed(|size, _| {
                    keyed(size, KEYS, &On::usual()).expect(RUNS);
                    size
                }),
            },
            Line {
                name: "windows",
                kind: Kind::Third,
                run: Run::Timed(|size, _| {
                    windows(size, KEYS, &On::usual()).expect(RUNS);
                    size
                }),
            },
        ],
    }
}

pub(super) fn of_keys() -> Curve {
    Curve {
        name: "keys",
        about: "Sums by key, and windows of a second per key, of 20 million events; beside them one \
                loop with a hash map, which shows what caches do by themselves",
        axis: "keys",
        cost: "nanoseconds of processor time per event",
        sizes: |events| decades(1, events / 2),
        events: 20_000_000,
        straight: Straight::Level,
        lines: vec![
            Line {
                name: "keys",
                kind: Kind::Second,
                run: Run::Timed(|keys, events| {
                    keyed(events, keys, &On::usual()).expect(RUNS);
                    events
                }),
            },
            Line {
                name: "windows",
                kind: Kind::Third,
                run: Run::Timed(|keys, events| {
                    windows(events, keys, &On::usual()).expect(RUNS);
                    events
                }),
            },
            Line {
                name: "one loop",
                kind: Kind::Aside,
                run: Run::Timed(|keys, events| {
                    one_loop(events, keys);
                    events
                }),
            },
        ],
    }
}

/// Nothing crosses a thread.
pub(super) fn chain(events: u64, on: &On) -> Result<u64, FlowError> {
    Flow::from_range(0..events)
        .stages(on.instances)
        .map(|x| (x ^ (x >> 7)) & 0xffff)
        .filter(|x| x.is_multiple_of(2))
        .on(on.executor.clone())
        .observe(&on.meter)
        .sum()
}

/// The key and value of an event.
#[inline]
fn pair(index: u64, keys: u64) -> (u64, u64) {
    let random = mix(index);
    ((((random >> 32) * keys) >> 32), random & 0xff)
}

/// Folded before it crosses, as far as that pays.
pub(super) fn keyed(events: u64, keys: u64, on: &On) -> Result<u64, FlowError> {
    Flow::from_range(0..events)
        .stages(on.instances)
        .map(move |index| pair(index, keys))
        .key_by(|pair| pair.0)
        .sum(|pair| pair.1)
        .stages(on.instances)
        .map(|(_, sum)| sum)
        .on(on.executor.clone())
        .observe(&on.meter)
        .sum()
}

fn one_loop(events: u64, keys: u64) -> u64 {
    let mut sums = HashMap::<u64, u64, RandomState>::default();
    for (key, value) in (0..events).map(|index| pair(index, keys)) {
        *sums.entry(key).or_insert(0) += value;
    }
    sums.into_values().sum()
}

/// A million events for each second of their time, from as many sources as there are instances.
pub(super) fn windows(events: u64, keys: u64, on: &On) -> Result<u64, FlowError> {
    const DISORDER: u64 = 100;
    let event = move |index: u64| {
        let (key, value) = pair(index, keys);
        let delay = (value * DISORDER) >> 8;
        ((index / 1_000) as i64 - delay as i64, key, value)
    };
    let sources = on.instances as u64;
    let of_source = |nth: u64| (nth..events).step_by(sources as usize).map(event);
    Flow::from_generators((0..sources).map(of_source))
        .timestamps(|(at, ..)| Timestamp(*at), |w| w.bounded(Duration::from_millis(DISORDER)))
        .key_by(|(_, key, _)| *key)
        .window(Window::fixed(Duration::from_secs(1)))
        .sum(|(.., value)| *value)
        .stages(on.instances)
        .untimed()
        .map(|pane| pane.value)
        .on(on.executor.clone())
        .observe(&on.meter)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_see_every_event() {
        let values: u64 = (0..10_000).map(|index| pair(index, KEYS).1).sum();
        for on in [On::threads(1), On::threads(3)] {
            assert_eq!(keyed(10_000, KEYS, &on).expect(RUNS), values);
            assert_eq!(windows(10_000, 7, &on).expect(RUNS), values);
        }
        assert_eq!(one_loop(10_000, KEYS), values);
        assert_eq!(chain(4, &On::usual()).expect(RUNS), 2);
    }
}
