//! What stages cost that have nothing to do, and how soon one wakes up.
//!
//! ```text
//! cargo run --release -p compare --bin stages
//! ```
//!
//! Memory is what the process holds more after starting them than before (`/proc/self/statm`, so on
//! Linux). A wake-up is from a thread outside to a closure that runs in the stage, 100 µs after the
//! last one, when all workers sleep.

use flow::stage::{Stages, consume_with, transform_with};
use std::hint;
use std::time::{Duration, Instant};

const STAGES: usize = 100_000;
const WAKE_UPS: usize = 20_000;
const PAUSE: Duration = Duration::from_micros(100);

fn main() -> Result<(), flow::FlowError> {
    println!("| {STAGES} idle stages | bytes each | start, ns each | stop, ns each |");
    println!("|---|--:|--:|--:|");
    idle("consumers", |stages| drop(stages.consumer(consume_with(|_: u64| Ok(()))).start()))?;
    idle("producer-consumers", |stages| {
        let passes = transform_with(|x: u64, out| {
            out.emit(x);
            Ok(())
        });
        drop(stages.producer_consumer(passes).start());
    })?;
    wake_ups()
}

fn idle(name: &str, start: impl Fn(&Stages)) -> Result<(), flow::FlowError> {
    let stages = Stages::new();
    let (before, began) = (resident(), Instant::now());
    (0..STAGES).for_each(|_| start(&stages));
    let started = began.elapsed();
    // What they did when they started is done when this one has answered.
    let last = stages.consumer(consume_with(|_: u64| Ok(()))).start();
    last.call(|_, _| ()).wait().expect("it lives");
    let bytes = resident().saturating_sub(before) / STAGES;
    let began = Instant::now();
    stages.stop();
    stages.join()?;
    let per_stage = |time: Duration| time.as_nanos() / STAGES as u128;
    println!("| {name} | {bytes} | {} | {} |", per_stage(started), per_stage(began.elapsed()));
    Ok(())
}

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.as_deref().and_then(|pages| pages.split(' ').nth(1)?.parse().ok());
    resident.unwrap_or(0) * 4_096
}

fn wake_ups() -> Result<(), flow::FlowError> {
    let stages = Stages::new();
    let stage = stages.consumer(consume_with(|_: u64| Ok(()))).start();
    let mut took: Vec<Duration> = (0..WAKE_UPS)
        .map(|_| {
            let pause = Instant::now();
            while pause.elapsed() < PAUSE {
                hint::spin_loop();
            }
            let asked = Instant::now();
            stage.call(move |_, _| asked.elapsed()).wait().expect("it lives")
        })
        .collect();
    took.sort_unstable();
    let at = |share: f64| took[((WAKE_UPS - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3;
    println!("\n| wake-up | p50, µs | p99, µs | p99.9, µs |\n|---|--:|--:|--:|");
    println!("| from outside | {:.1} | {:.1} | {:.1} |", at(0.5), at(0.99), at(0.999));
    stages.stop();
    stages.join()
}
