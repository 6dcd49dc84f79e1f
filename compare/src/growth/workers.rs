//! More workers: as many as there are cores, and beyond that what it costs to have too many.

use super::curve::{Curve, Line, Run, Straight};
use super::events::{KEYS, On, RUNS, chain, keyed, windows};
use crate::report::Kind;

/// Numbers of workers, or of instances.
pub(super) fn up_to_16(_: u64) -> Vec<u64> {
    vec![1, 2, 4, 8, 16]
}

pub(super) fn curve() -> Curve {
    Curve {
        name: "workers",
        about: "The flows of the first curve with so many workers and as many instances of each \
                stage: 50 million events, of the chain eight times as many",
        axis: "workers",
        cost: "nanoseconds of wall clock per event",
        sizes: up_to_16,
        events: 50_000_000,
        straight: Straight::Divided,
        lines: vec![
            Line {
                name: "chain",
                kind: Kind::First,
                run: Run::Timed(|workers, events| {
                    chain(8 * events, &On::threads(workers as usize)).expect(RUNS);
                    8 * events
                }),
            },
            Line {
                name: "keys",
                kind: Kind::Second,
                run: Run::Timed(|workers, events| {
                    keyed(events, KEYS, &On::threads(workers as usize)).expect(RUNS);
                    events
                }),
            },
            Line {
                name: "windows",
                kind: Kind::Third,
                run: Run::Timed(|workers, events| {
                    windows(events, KEYS, &On::threads(workers as usize)).expect(RUNS);
                    events
                }),
            },
        ],
    }
}
