//! Windows of so many keys that folding them before they come together does not pay: what travels in
//! bins then is all there, once, whatever an edge carries.

mod support;

use flow::{Flow, Meter, Timestamp, Window};
use std::collections::BTreeMap;
use std::time::Duration;
use support::executors;

const SECOND: Duration = Duration::from_secs(1);

/// Most keys come once in a second; they are out of order by less than 50 ms.
fn events(source: u64, events: u64) -> impl Iterator<Item = (i64, u64)> + Send {
    (0..events).map(move |nth| {
        let mixed = (nth * 2 + source).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20;
        ((nth / 60) as i64 - (mixed % 50) as i64, mixed % 400_000)
    })
}

type Sums = BTreeMap<(u64, i64), (u64, u64)>;

fn sums(each: u64) -> Sums {
    let mut sums = Sums::new();
    for (at, key) in events(0, each).chain(events(1, each)) {
        let sum = sums.entry((key, at.div_euclid(1_000) * 1_000)).or_default();
        *sum = (sum.0 + key % 7, sum.1 + 1);
    }
    sums
}

#[test]
fn sums_are_those_of_the_list_of_events() {
    const EACH: u64 = 100_000;
    let want = sums(EACH);
    for (nth, executor) in executors().into_iter().enumerate() {
        // An edge as it comes; small ones that carry bins; one too small for a bin, and one that asks late.
        let small = [(64, 63), (100, 40), (8, 4), (200, 0)][nth % 4];
        for (max, min) in [(4_096, 2_048), small] {
            let meter = Meter::new();
            let panes: Vec<_> = Flow::from_iters([0, 1].map(|source| events(source, EACH)))
                .timestamps(|(at, _)| Timestamp(*at), |w| w.bounded(Duration::from_millis(50)))
                .key_by(|(_, key)| *key)
                .window(Window::fixed(SECOND))
                .aggregate(|a| (a.sum(|(_, key)| key % 7), a.count()))
                .max_demand(max)
                .min_demand(min)
                .observe(&meter)
                .on(executor.clone())
                .collect()
                .unwrap();
            let panes =
                panes.into_iter().map(|pane| ((pane.key, pane.window.start().0), pane.value));
            let mut given = Sums::new();
            for (key, sum) in panes {
                assert_eq!(given.insert(key, sum), None, "{key:?} twice with {max}/{min}");
            }
            assert!(given == want, "{} of {} with {max}/{min}", given.len(), want.len());
            let metrics = meter.metrics();
            let last = metrics.edges().last().unwrap();
            // Nearly every event is counted where it travels, however it does.
            assert!(last.events_in > 2 * EACH * 8 / 10, "{last:?}");
            assert_eq!(last.events_in, last.events_out);
        }
    }
}
