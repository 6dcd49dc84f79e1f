//! How fast single machines are, without an engine around.

use super::machine_tests::{Add, hash};
use super::*;
use crate::time::Timestamp;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// `cargo test --release --lib speed -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn speed() {
    const EVENTS: i64 = 4_000_000;
    fn measure(what: &str, keys: u64, per_tick: i64, mut machine: impl Take<u64, u64, u64, u64>) {
        let start = Instant::now();
        let mut panes = 0_u64;
        for nth in 0..EVENTS {
            let key = hash(nth as u64) % keys;
            let at = Timestamp(nth / per_tick);
            machine.event(hash(key), key, at, 1).unwrap_or_else(|_| panic!("late"));
            if nth % per_tick == per_tick - 1 {
                machine.watermark(at);
            }
            while machine.pending() {
                panes += machine.next().map_or(0, |pane| black_box(pane.value).min(1));
            }
        }
        machine.end();
        while let Some(pane) = machine.next() {
            panes += black_box(pane.value).min(1);
        }
        let taken = start.elapsed().as_secs_f64();
        let rate = EVENTS as f64 / taken / 1e6;
        println!(
            "{what:32} {keys:8} keys: {rate:7.1} M events/s, {panes} panes, {:.1} ns",
            taken * 1e9 / EVENTS as f64
        );
    }
    let millis = Duration::from_millis;
    let trigger = Trigger::at_watermark();
    for keys in [1, 1_000, 1_000_000] {
        let fixed = Window::fixed(millis(100));
        measure(
            "fixed 100",
            keys,
            1_000,
            Windowing::<u64, _, _, Once>::machine(fixed, Add, trigger, 0),
        );
        let early = Trigger::at_watermark().early(Trigger::every(100));
        measure(
            "fixed 100, early every 100",
            keys,
            1_000,
            Windowing::<u64, _, _, Accumulating>::machine(fixed, Add, early, 0),
        );
        let session = Window::session(millis(10));
        measure(
            "session 10",
            keys,
            1_000,
            MergingWindowing::<u64, _, _, Once>::merging_machine(session, Add, trigger, 0),
        );
    }
    for (size, every) in [(10, 2), (60, 1)] {
        for keys in [1, 1_000] {
            let kind = Window::sliding(millis(size), millis(every));
            let sliced =
                MergingWindowing::<u64, _, _, Once>::merging_machine(kind, Add, trigger, 0);
            measure(&format!("sliding {size}/{every}, slices"), keys, 1_000, sliced);
            let whole = Windowing::<u64, _, _, Once>::machine(kind, Add, trigger, 0);
            measure(&format!("sliding {size}/{every}, windows"), keys, 1_000, whole);
        }
    }
    measure(
        "count 100",
        1_000,
        1_000,
        Windowing::<u64, _, _, Once>::machine(Window::count(100), Add, trigger, 0),
    );
}
