//! What stages cost that hand events on, beside channels; what idle ones cost.
//!
//! ```text
//! cargo bench --bench stages                 # a minute
//! cargo bench --bench stages -- demand/1000  # one group
//! ```

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flow::stage::{StageRef, Stages, Subscribe, consume_with, produce_with, transform_with};
use flow::{BoxError, Emitter, Produced};
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

criterion_group! {
    name = stages;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = pipeline, four_by_four, call, idle
}
criterion_main!(stages);

/// The numbers below `n`, by demand.
fn numbers(stages: &Stages, n: u64) -> StageRef<impl Sized + use<>, Infallible, u64> {
    let mut next = 0;
    let numbers = produce_with(move |demand| {
        let till = n.min(next + demand.events() as u64);
        demand.extend(next..till);
        next = till;
        Ok(if next < n { Produced::More } else { Produced::Done })
    });
    stages.producer(numbers).accumulate().start()
}

fn double(x: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
    out.emit(x * 2);
    Ok(())
}

/// So many producers, producer-consumers and consumers, each subscribed to all before it.
fn by_stages(n: u64, demand: usize, wide: u64) {
    let stages = Stages::new();
    let producers: Vec<_> = (0..wide).map(|_| numbers(&stages, n / wide)).collect();
    let between: Vec<_> = (0..wide)
        .map(|_| {
            let mut stage = stages.producer_consumer(transform_with(double)).accumulate();
            for producer in &producers {
                stage = stage.subscribe(Subscribe::to(producer).max_demand(demand));
            }
            stage.start()
        })
        .collect();
    for _ in 0..wide {
        let mut sum = 0;
        let mut consumer = stages.consumer(consume_with(move |x: u64| {
            sum += x;
            black_box(sum);
            Ok(())
        }));
        for stage in &between {
            consumer = consumer.subscribe(Subscribe::to(stage).max_demand(demand));
        }
        consumer.start();
    }
    between.iter().for_each(StageRef::forward);
    producers.iter().for_each(StageRef::forward);
    stages.join().unwrap();
}

fn by_crossbeam(n: u64, bound: usize) {
    let (to_double, doubles) = crossbeam_channel::bounded(bound);
    let (to_sum, sums) = crossbeam_channel::bounded(bound);
    thread::scope(|scope| {
        scope.spawn(move || (0..n).for_each(|x| to_double.send(x).unwrap()));
        scope.spawn(move || doubles.iter().for_each(|x: u64| to_sum.send(x * 2).unwrap()));
        black_box(sums.iter().sum::<u64>());
    });
}

fn by_std(n: u64, bound: usize) {
    let (to_double, doubles) = mpsc::sync_channel(bound);
    let (to_sum, sums) = mpsc::sync_channel(bound);
    thread::scope(|scope| {
        scope.spawn(move || (0..n).for_each(|x| to_double.send(x).unwrap()));
        scope.spawn(move || doubles.iter().for_each(|x: u64| to_sum.send(x * 2).unwrap()));
        black_box(sums.iter().sum::<u64>());
    });
}

fn by_tokio(runtime: &tokio::runtime::Runtime, n: u64, bound: usize) {
    let (to_double, mut doubles) = tokio::sync::mpsc::channel(bound);
    let (to_sum, mut sums) = tokio::sync::mpsc::channel(bound);
    runtime.spawn(async move {
        for x in 0..n {
            to_double.send(x).await.unwrap();
        }
    });
    runtime.spawn(async move {
        while let Some(x) = doubles.recv().await {
            to_sum.send(x * 2u64).await.unwrap();
        }
    });
    let sum = runtime.spawn(async move {
        let mut sum = 0;
        while let Some(x) = sums.recv().await {
            sum += x;
        }
        sum
    });
    black_box(runtime.block_on(sum).unwrap());
}

/// A producer, a producer-consumer and a consumer; channels bounded by the same demand.
fn pipeline(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    for (demand, n) in [(1, 2_000), (10, 10_000), (100, 50_000), (1_000, 200_000)] {
        let mut group = c.benchmark_group(format!("demand/{demand}"));
        group.throughput(Throughput::Elements(n));
        group.bench_function("stages", |b| b.iter(|| by_stages(n, demand, 1)));
        group.bench_function("crossbeam", |b| b.iter(|| by_crossbeam(n, demand)));
        group.bench_function("std", |b| b.iter(|| by_std(n, demand)));
        group.bench_function("tokio", |b| b.iter(|| by_tokio(&runtime, n, demand)));
        group.finish();
    }
}

/// Four of each role, everybody subscribed to everybody.
fn four_by_four(c: &mut Criterion) {
    let n = 200_000;
    let mut group = c.benchmark_group("four_by_four");
    group.throughput(Throughput::Elements(n));
    for demand in [100, 1_000] {
        group.bench_function(BenchmarkId::from_parameter(demand), |b| {
            b.iter(|| by_stages(n, demand, 4));
        });
    }
    group.finish();
}

/// From outside to a stage and back: two threads wake each other.
fn call(c: &mut Criterion) {
    let stages = Stages::new();
    let stage = stages.consumer(consume_with(|_: u64| Ok(()))).start();
    c.bench_function("call", |b| b.iter(|| stage.call(|_, _| black_box(1)).wait().unwrap()));
}

/// Starting and ending ten thousand stages that nobody writes to.
fn idle(c: &mut Criterion) {
    let n = 10_000;
    let mut group = c.benchmark_group("idle");
    group.throughput(Throughput::Elements(n));
    group.bench_function("start and stop", |b| {
        b.iter(|| {
            let stages = Stages::new();
            for _ in 0..n {
                stages.consumer(consume_with(|_: u64| Ok(()))).start();
            }
            stages.stop();
            stages.join().unwrap();
        });
    });
    group.finish();
}
