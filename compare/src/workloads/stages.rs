//! A producer, a producer-consumer and a consumer that pass single events on, as users write them,
//! beside the same on channels that hold as many events as may be demanded; and four of each role,
//! everybody with everybody.

use flow::stage::{Consumer, StageRef, Stages, Subscribe, produce_with, transform_with};
use flow::{BoxError, Emitter, Executor, Produced};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::harness::{THREADS, Workload, timed};
use crate::report::Unit;

/// One event at a time.
pub(crate) fn of_1() -> Workload<u64> {
    pipeline::<1, 1, 1_000_000>("stages-1", LINE)
}

/// Ten events under way.
pub(crate) fn of_10() -> Workload<u64> {
    pipeline::<10, 1, 2_000_000>("stages-10", LINE)
}

/// A hundred events under way.
pub(crate) fn of_100() -> Workload<u64> {
    pipeline::<100, 1, 5_000_000>("stages-100", LINE)
}

/// The default demand.
pub(crate) fn of_1000() -> Workload<u64> {
    pipeline::<1_000, 1, 10_000_000>("stages-1000", LINE)
}

/// Four producers, four stages between, four consumers.
pub(crate) fn four_by_four() -> Workload<u64> {
    let about = "Four of each role, everybody subscribed to everybody before, demand 1,000.";
    pipeline::<1_000, 4, 10_000_000>("stages-4x4", about)
}

const LINE: &str = "Three stages in a row, each subscribed with the demand in the name.";

fn pipeline<const DEMAND: usize, const WIDE: u64, const EVENTS: u64>(
    name: &'static str,
    about: &'static str,
) -> Workload<u64> {
    let workload = Workload::new(name, about, |options| Ok(options.scaled(EVENTS)), |end| *end)
        .unit(Unit::NanosPerEvent)
        .flow("flow", "stages on two workers, an event at a time", |end| {
            timed(|| stages(*end, DEMAND, WIDE).expect("no stage fails"), |sum| *sum)
        })
        .peer("crossbeam", "a thread for each stage, an event at a time", |end| {
            timed(|| crossbeam(*end, DEMAND, WIDE), |sum| *sum)
        })
        .peer("std", "the same with `sync_channel`; each stage has a channel of its own", |end| {
            timed(|| std(*end, DEMAND, WIDE), |sum| *sum)
        });
    #[cfg(feature = "peers")]
    let workload = workload.peer("tokio", "a task for each stage on two workers, `mpsc`", |end| {
        timed(|| tokio(*end, DEMAND, WIDE), |sum| *sum)
    });
    workload
}

/// What each of several producers makes: all of them together the numbers below `end`.
fn share(end: u64, wide: u64, of: u64) -> std::ops::Range<u64> {
    end * of / wide..end * (of + 1) / wide
}

fn stages(end: u64, demand: usize, wide: u64) -> Result<u64, flow::FlowError> {
    let stages = Stages::on(Executor::threads(THREADS))?;
    let producers: Vec<_> = (0..wide).map(|of| producer(&stages, share(end, wide, of))).collect();
    let between: Vec<_> = (0..wide)
        .map(|_| {
            let mut stage = stages.producer_consumer(transform_with(double)).accumulate();
            for producer in &producers {
                stage = stage.subscribe(Subscribe::to(producer).max_demand(demand));
            }
            stage.start()
        })
        .collect();
    let total = Arc::new(AtomicU64::new(0));
    for _ in 0..wide {
        let mut consumer = stages.consumer(Adds::to(&total));
        for stage in &between {
            consumer = consumer.subscribe(Subscribe::to(stage).max_demand(demand));
        }
        consumer.start();
    }
    between.iter().for_each(StageRef::forward);
    producers.iter().for_each(StageRef::forward);
    stages.join()?;
    Ok(total.load(Ordering::Relaxed))
}

/// Makes numbers as they are asked for.
pub(crate) fn producer(
    stages: &Stages,
    mut numbers: std::ops::Range<u64>,
) -> StageRef<impl Sized + use<>, Infallible, u64> {
    let produce = produce_with(move |demand| {
        let till = numbers.end.min(numbers.start + demand.events() as u64);
        demand.extend(numbers.start..till);
        numbers.start = till;
        Ok(if numbers.is_empty() { Produced::Done } else { Produced::More })
    });
    stages.producer(produce).accumulate().start()
}

/// What a stage between does.
pub(crate) fn double(x: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
    out.emit(x.wrapping_mul(2));
    Ok(())
}

/// The sum of one consumer, added to that of all when it ends.
pub(crate) struct Adds {
    sum: u64,
    total: Arc<AtomicU64>,
}

impl Adds {
    pub(crate) fn to(total: &Arc<AtomicU64>) -> Self {
        Adds { sum: 0, total: Arc::clone(total) }
    }
}

impl Consumer for Adds {
    type Item = u64;

    fn handle(&mut self, x: u64) -> Result<(), BoxError> {
        self.sum = self.sum.wrapping_add(x);
        Ok(())
    }

    fn end(&mut self) -> Result<(), BoxError> {
        self.total.fetch_add(self.sum, Ordering::Relaxed);
        Ok(())
    }
}

const WAITS: &str = "the next stage waits for the end";

fn crossbeam(end: u64, bound: usize, wide: u64) -> u64 {
    let (to_double, doubles) = crossbeam_channel::bounded(bound);
    let (to_sum, sums) = crossbeam_channel::bounded(bound);
    thread::scope(|scope| {
        for of in 0..wide {
            let (to_double, doubles, to_sum) = (to_double.clone(), doubles.clone(), to_sum.clone());
            scope.spawn(move || {
                share(end, wide, of).for_each(|x| to_double.send(x).expect(WAITS));
            });
            scope.spawn(move || {
                doubles.iter().for_each(|x: u64| to_sum.send(x * 2).expect(WAITS));
            });
        }
        drop((to_double, to_sum));
        let summing: Vec<_> = (0..wide)
            .map(|_| {
                let sums = sums.clone();
                scope.spawn(move || sums.iter().fold(0, u64::wrapping_add))
            })
            .collect();
        summing.into_iter().map(|sum| sum.join().expect("no contestant panics")).sum()
    })
}

/// The receivers are one each: every stage between has a channel, and every consumer.
fn std(end: u64, bound: usize, wide: u64) -> u64 {
    let channels = || (0..wide).map(|_| std::sync::mpsc::sync_channel(bound));
    let (to_double, doubles): (Vec<_>, Vec<_>) = channels().unzip();
    let (to_sum, sums): (Vec<_>, Vec<_>) = channels().unzip();
    thread::scope(|scope| {
        for of in 0..wide {
            let to_double = to_double.clone();
            scope.spawn(move || {
                for x in share(end, wide, of) {
                    to_double[(x % wide) as usize].send(x).expect(WAITS);
                }
            });
        }
        for doubles in doubles {
            let to_sum = to_sum.clone();
            scope.spawn(move || {
                for x in doubles {
                    to_sum[(x / wide % wide) as usize].send(x * 2).expect(WAITS);
                }
            });
        }
        drop((to_double, to_sum));
        let summing: Vec<_> = sums
            .into_iter()
            .map(|sums| scope.spawn(move || sums.iter().fold(0, u64::wrapping_add)))
            .collect();
        summing.into_iter().map(|sum| sum.join().expect("no contestant panics")).sum()
    })
}

/// A channel of tokio's has one receiver: each stage between has its own, and each consumer.
#[cfg(feature = "peers")]
fn tokio(end: u64, bound: usize, wide: u64) -> u64 {
    use ::tokio::sync::mpsc::channel;
    let runtime = crate::peers::tokio::runtime();
    let (to_doubles, doubles): (Vec<_>, Vec<_>) = (0..wide).map(|_| channel(bound)).unzip();
    let (to_sums, sums): (Vec<_>, Vec<_>) = (0..wide).map(|_| channel(bound)).unzip();
    for of in 0..wide {
        let to_doubles = to_doubles.clone();
        runtime.spawn(async move {
            for x in share(end, wide, of) {
                to_doubles[(x % wide) as usize].send(x).await.expect(WAITS);
            }
        });
    }
    for mut doubles in doubles {
        let to_sums = to_sums.clone();
        runtime.spawn(async move {
            while let Some(x) = doubles.recv().await {
                to_sums[(x / wide % wide) as usize].send(x * 2).await.expect(WAITS);
            }
        });
    }
    drop((to_doubles, to_sums));
    let summing: Vec<_> = sums
        .into_iter()
        .map(|mut sums| {
            runtime.spawn(async move {
                let mut total = 0u64;
                while let Some(x) = sums.recv().await {
                    total = total.wrapping_add(x);
                }
                total
            })
        })
        .collect();
    summing.into_iter().map(|sum| runtime.block_on(sum).expect("no contestant panics")).sum()
}
