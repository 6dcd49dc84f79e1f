//! What windows of event time cost, beside a loop over the same events.
//!
//! ```text
//! cargo bench --bench windows               # some twenty seconds
//! cargo bench --bench windows -- sessions   # one group
//! ```

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use criterion::{criterion_group, criterion_main};
use flow::{Flow, Timestamp, Window};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

criterion_group! {
    name = windows;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = fixed, many_keys, sliding, sessions
}
criterion_main!(windows);

const EVENTS: i64 = 500_000;
const SECOND: Duration = Duration::from_secs(1);
const DISORDER: Duration = Duration::from_millis(100);

/// A hundred events of 1,000 keys per millisecond, out of order by less than 100 ms.
fn events() -> Vec<(i64, u32)> {
    events_of(1_000)
}

/// The same of so many keys.
fn events_of(keys: u32) -> Vec<(i64, u32)> {
    let event = |i: i64| {
        let random = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (i / 100 - (random % 100) as i64, (random >> 8) as u32 % keys)
    };
    (0..EVENTS).map(event).collect()
}

fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(EVENTS as u64));
    group
}

/// The events of a slice, with their times, counted in the windows of a key.
macro_rules! counted {
    ($events:expr, $window:expr) => {
        Flow::from_slice($events)
            .timestamps(|event| Timestamp(event.0), |w| w.bounded(DISORDER))
            .key_by(|event| event.1)
            .window($window)
            .count()
            .count()
            .unwrap()
    };
}

/// A key that has come before in its window costs one bucket of a table that the cache holds.
fn fixed(c: &mut Criterion) {
    let events = events();
    fixed_windows(group(c, "windows/fixed"), &events);
}

/// Keys that do not come again cost no more than to be put down, and folded in bins later.
fn many_keys(c: &mut Criterion) {
    let events = events_of(200_000);
    fixed_windows(group(c, "windows/many_keys"), &events);
}

fn fixed_windows(mut group: BenchmarkGroup<'_, WallTime>, events: &[(i64, u32)]) {
    group.bench_function("flow", |b| b.iter(|| counted!(events, Window::fixed(SECOND))));
    // All windows stay open: the least that any loop does.
    group.bench_function("loop", |b| {
        b.iter(|| {
            let mut counts = HashMap::<(i64, u32), u64, RandomState>::default();
            for (at, key) in black_box(events) {
                *counts.entry((at.div_euclid(1_000), *key)).or_insert(0) += 1;
            }
            counts.len()
        });
    });
    group.finish();
}

/// An event costs the same in ten windows as in one.
fn sliding(c: &mut Criterion) {
    let events = events();
    let mut group = group(c, "windows/sliding");
    let window = Window::sliding(10 * SECOND, SECOND);
    group.bench_function("flow", |b| b.iter(|| counted!(&events, window)));
    // An accumulator for each window that an event is in.
    group.bench_function("loop", |b| {
        b.iter(|| {
            let mut counts = HashMap::<(i64, u32), u64, RandomState>::default();
            for (at, key) in black_box(&events) {
                for start in at.div_euclid(1_000) - 9..=at.div_euclid(1_000) {
                    *counts.entry((start, *key)).or_insert(0) += 1;
                }
            }
            counts.len()
        });
    });
    group.finish();
}

/// An event looks at the last session of its key, whatever sessions there have been.
fn sessions(c: &mut Criterion) {
    let events = events();
    let mut group = group(c, "windows/sessions");
    let window = Window::session(Duration::from_millis(20));
    group.bench_function("flow", |b| b.iter(|| counted!(&events, window)));
    // Every key's times, sorted in the end.
    group.bench_function("loop", |b| {
        b.iter(|| {
            let mut times = HashMap::<u32, Vec<i64>, RandomState>::default();
            for (at, key) in black_box(&events) {
                times.entry(*key).or_default().push(*at);
            }
            let count = |times: &mut Vec<i64>| {
                times.sort_unstable();
                1 + times.windows(2).filter(|pair| pair[1] - pair[0] >= 20).count()
            };
            times.values_mut().map(count).sum::<usize>()
        });
    });
    group.finish();
}
