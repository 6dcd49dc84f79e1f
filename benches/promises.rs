//! What this library promises, measured: one group per promise, beside rayon where rayon can do the
//! same.
//!
//! ```text
//! cargo bench                 # some two minutes
//! cargo bench -- word_count   # one group
//! cargo bench -- --test       # every benchmark once, unmeasured
//! ```

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use criterion::{criterion_group, criterion_main};
use flow::Flow;
use foldhash::fast::RandomState;
use rayon::prelude::*;
use std::fs;
use std::hash::Hash;
use std::hint::black_box;
use std::time::Duration;

criterion_group! {
    name = promises;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = chain, skewed, tiny, word_count, exchange, hand_over, ordered, keyed_count
}
criterion_main!(promises);

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// A group whose throughput is counted in elements.
fn group<'c>(c: &'c mut Criterion, name: &str, elements: usize) -> Group<'c> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(elements as u64));
    group
}

/// Operators in a row are one loop, and their source is divided among the workers.
fn chain(c: &mut Criterion) {
    const END: u64 = 10_000_000;
    let square = |x: u64| x.wrapping_mul(x) + 1;
    let is_even = |x: &u64| x.is_multiple_of(2);

    let mut range = group(c, "chain/range", END as usize);
    range.bench_function("flow", |b| {
        b.iter(|| Flow::from_range(0..END).map(square).filter(is_even).sum::<u64>().unwrap());
    });
    range.bench_function("rayon", |b| {
        b.iter(|| (0..END).into_par_iter().map(square).filter(is_even).sum::<u64>());
    });
    range.finish();

    let elements: Vec<u64> = (0..END).map(|i| mix(i) >> 44).collect();
    let mut slice = group(c, "chain/slice", elements.len());
    slice.bench_function("flow", |b| {
        b.iter(|| {
            let squares = Flow::from_slice(&elements).map(|x| square(*x));
            squares.filter(is_even).sum::<u64>().unwrap()
        });
    });
    slice.bench_function("rayon", |b| {
        b.iter(|| elements.par_iter().map(|x| square(*x)).filter(is_even).sum::<u64>());
    });
    slice.finish();
}

/// Whoever gets the dear end of the input does not decide when the run is over.
fn skewed(c: &mut Criterion) {
    let mut group = group(c, "skewed", DEAR as usize);
    group.bench_function("flow", |b| {
        b.iter(|| Flow::from_range(0..DEAR).map(dear).max().unwrap());
    });
    group.bench_function("rayon", |b| b.iter(|| (0..DEAR).into_par_iter().map(dear).max()));
    group.finish();
}

/// A run of almost nothing costs almost nothing: no thread is started for it.
fn tiny(c: &mut Criterion) {
    let elements: Vec<u64> = (0..100_000).map(|i| mix(i) >> 44).collect();
    let square = |x: &u64| x * x + 1;
    for (name, elements) in [("tiny/100", &elements[..100]), ("tiny/100k", &elements)] {
        let mut group = group(c, name, elements.len());
        group.bench_function("flow", |b| {
            b.iter(|| Flow::from_slice(black_box(elements)).map(square).sum::<u64>().unwrap());
        });
        group.bench_function("rayon", |b| {
            b.iter(|| black_box(elements).par_iter().map(square).sum::<u64>());
        });
        group.finish();
    }
    let mut group = group(c, "tiny/partition 100", 100);
    group.bench_function("flow", |b| {
        b.iter(|| {
            let partitioned = Flow::from_slice(black_box(&elements[..100])).partition();
            partitioned.reduce(|| 0, |sum, x| *sum += x).emit_state().sum::<u64>().unwrap()
        });
    });
    group.bench_function("rayon", |b| {
        b.iter(|| black_box(&elements[..100]).par_iter().fold(|| 0, |sum, x| sum + x).sum::<u64>());
    });
    group.finish();
}

/// Counting words costs what finding them costs, wherever they come from.
fn word_count(c: &mut Criterion) {
    let text = text(16_000_000);
    let words = text.split_whitespace().count();
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/words.txt");
    fs::write(path, &text).expect("there is room for the text");

    let mut group = group(c, "word_count", words);
    group.bench_function("flow borrowed", |b| {
        b.iter(|| {
            let words = Flow::from_text(&text).flat_map(|line| line.split_whitespace());
            words.key_by(|word| *word).count().into_partitions().unwrap()
        });
    });
    group.bench_function("flow reduce", |b| {
        b.iter(|| {
            let words = Flow::from_text(&text).flat_map(|line| line.split_whitespace());
            let counts = words.partition().reduce(Counts::default, add);
            counts.emit_state().collect::<Vec<_>>().unwrap()
        });
    });
    group.bench_function("flow owned", |b| {
        b.iter(|| {
            let lines = Flow::from_text(&text);
            let words = lines.flat_map(|line| line.split_whitespace().map(str::to_owned));
            words.key_by_ref(|word| word.as_str()).count().into_partitions().unwrap()
        });
    });
    group.bench_function("flow file", |b| {
        b.iter(|| {
            let lines = Flow::from_files([path]).unwrap();
            let words = lines.key_each::<str>(|line, keys| {
                line.split_whitespace().for_each(|word| keys.add(word));
            });
            words.count().into_partitions().unwrap()
        });
    });
    group.bench_function("rayon borrowed", |b| {
        b.iter(|| {
            let words = text.par_lines().flat_map_iter(str::split_whitespace);
            words.fold(Counts::default, added).reduce(Counts::default, merged)
        });
    });
    group.bench_function("rayon owned", |b| {
        b.iter(|| {
            let words = text.par_lines().flat_map_iter(str::split_whitespace).map(str::to_owned);
            words.fold(Counts::default, added).reduce(Counts::default, merged)
        });
    });
    group.finish();
}

/// Every event to the partition that owns its key. Rayon has no exchange: it folds where the events
/// are, with the same accumulators.
fn exchange(c: &mut Criterion) {
    const END: u64 = 5_000_000;
    const KEYS: usize = 1_000;
    let key = |i: u64| mix(i) % KEYS as u64;
    let count = |mut counts: Vec<u64>, key: u64| {
        counts[key as usize] += 1;
        counts
    };
    let sum = |mut into: Vec<u64>, from: Vec<u64>| {
        into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        into
    };

    let mut group = group(c, "exchange", END as usize);
    group.bench_function("flow array", |b| {
        b.iter(|| {
            let keys = Flow::from_range(0..END).map(key).partition();
            let counts = keys.reduce(|| vec![0u64; KEYS], |counts, key| counts[key as usize] += 1);
            counts.emit_state().collect::<Vec<_>>().unwrap()
        });
    });
    group.bench_function("flow map", |b| {
        b.iter(|| {
            let keys = Flow::from_range(0..END).map(key).partition();
            keys.reduce(Counts::default, add).emit_state().collect::<Vec<_>>().unwrap()
        });
    });
    group.bench_function("rayon array", |b| {
        let empty = || vec![0; KEYS];
        b.iter(|| (0..END).into_par_iter().map(key).fold(empty, count).reduce(empty, sum));
    });
    group.bench_function("rayon map", |b| {
        let empty = Counts::default;
        b.iter(|| (0..END).into_par_iter().map(key).fold(empty, added).reduce(empty, merged));
    });
    group.finish();
}

/// What it costs to hand one event from one stage to the next, by the size of the batches.
fn hand_over(c: &mut Criterion) {
    const END: u64 = 5_000_000;
    const DEMAND: usize = 4_096;
    let mut group = group(c, "hand_over", END as usize);
    for batch in [64, 256, 1024] {
        group.bench_with_input(BenchmarkId::from_parameter(batch), &batch, |b, batch| {
            b.iter(|| {
                let events = Flow::from_range(0..END).stages(1).partition().stages(1);
                let events = events.max_demand(DEMAND).min_demand(DEMAND - batch);
                events.reduce(|| 0u64, |sum, x| *sum += x).emit_state().sum::<u64>().unwrap()
            });
        });
    }
    group.finish();
}

/// The order of the input costs little, although the work is skewed and the reader is one.
fn ordered(c: &mut Criterion) {
    let mut group = group(c, "ordered", DEAR as usize);
    group.bench_function("ordered", |b| {
        b.iter(|| {
            let results = Flow::from_range(0..DEAR).map(dear).ordered();
            results.with_iter(|results| results.fold(0, u64::wrapping_add)).unwrap()
        });
    });
    group.bench_function("unordered", |b| {
        b.iter(|| {
            let results = Flow::from_range(0..DEAR).map(dear);
            results.with_iter(|results| results.fold(0, u64::wrapping_add)).unwrap()
        });
    });
    group.finish();
}

/// One count per key, of few keys and of many.
fn keyed_count(c: &mut Criterion) {
    const END: u64 = 4_000_000;
    for (name, keys) in [("keyed_count/1k keys", 1_000), ("keyed_count/1M keys", 1_000_000)] {
        let key = move |i: u64| mix(i) % keys;
        let mut group = group(c, name, END as usize);
        group.bench_function("flow", |b| {
            b.iter(|| {
                let counts = Flow::from_range(0..END).key_by(move |i| key(*i)).count();
                counts.into_partitions().unwrap()
            });
        });
        group.bench_function("rayon", |b| {
            let empty = Counts::default;
            b.iter(|| (0..END).into_par_iter().map(key).fold(empty, added).reduce(empty, merged));
        });
        group.finish();
    }
}

type Counts<K> = std::collections::HashMap<K, u64, RandomState>;

fn add<K: Hash + Eq>(counts: &mut Counts<K>, key: K) {
    *counts.entry(key).or_insert(0) += 1;
}

fn added<K: Hash + Eq>(mut counts: Counts<K>, key: K) -> Counts<K> {
    add(&mut counts, key);
    counts
}

/// The larger map takes in the smaller one.
fn merged<K: Hash + Eq>(a: Counts<K>, b: Counts<K>) -> Counts<K> {
    let (mut large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
    small.into_iter().for_each(|(key, count)| *large.entry(key).or_insert(0) += count);
    large
}

/// How many elements there are whose cost grows with their index.
const DEAR: u64 = 2_000;

/// From nothing to some 30 µs, of steps that the compiler cannot merge.
fn dear(index: u64) -> u64 {
    (0..index * 10).fold(index, |x, _| mix(x))
}

/// Every bit of the input reaches every bit of the output (SplitMix64).
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// So many bytes of text, the same everywhere: lines of ten words, of which a few are everywhere and
/// very many come once or twice.
fn text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    for at in 1.. {
        // The density of a rank is the inverse of the rank.
        let uniform = (mix(at * 0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64;
        let rank = 3e6f64.powf(uniform) as u64;
        // Rare words are longer.
        let mut letters = mix(rank) >> (rank.leading_zeros() - 12);
        while letters > 0 {
            text.push(char::from(b'a' + (letters % 26) as u8));
            letters /= 26;
        }
        text.push(if at % 10 == 0 { '\n' } else { ' ' });
        if text.len() >= bytes {
            break;
        }
    }
    text
}
