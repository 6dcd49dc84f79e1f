//! A queue of jobs that is worked off: so many at a time, failing ones again after a while, hopeless ones
//! set aside; results are stored in batches. Ctrl-C finishes what was begun.
//!
//! ```text
//! cargo run --release --example worker_queue            # 400 jobs
//! cargo run --release --example worker_queue -- 1000000 # more than you want to wait for
//! ```

use flow::pipeline::{MemoryQueue, Pipeline, PipelineCounts};
use flow::{Retry, stage::Stages};
use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A job: render one tile of the Mandelbrot set.
#[derive(Clone, Debug)]
struct Tile {
    number: u32,
}

/// What can go wrong with the storage that tiles are fetched from.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Timeout,
    NotFound,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Timeout => "timed out",
            Failure::NotFound => "not found",
        })
    }
}

impl Error for Failure {}

/// A storage that is not always there, in the same way at every run: every tenth tile times out
/// twice, and of every 25 one is missing.
#[derive(Default)]
struct Storage(Mutex<HashMap<u32, u32>>);

impl Storage {
    fn fetch(&self, tile: u32) -> Result<(f64, f64), Failure> {
        if tile % 25 == 7 {
            return Err(Failure::NotFound);
        }
        if tile % 10 == 3 {
            let mut calls = self.0.lock().unwrap();
            let call = calls.entry(tile).or_default();
            *call += 1;
            if *call <= 2 {
                return Err(Failure::Timeout);
            }
            calls.remove(&tile);
        }
        Ok((f64::from(tile % 20) * 0.15 - 2.1, f64::from(tile / 20 % 20) * 0.12 - 1.2))
    }
}

/// How many of the tile's points belong to the set.
fn render((left, top): (f64, f64)) -> u64 {
    let inside = |x: f64, y: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        (0..500).all(|_| {
            (re, im) = (re * re - im * im + x, 2.0 * re * im + y);
            re * re + im * im <= 4.0
        })
    };
    let points = (0..60).flat_map(|x| (0..60).map(move |y| (f64::from(x), f64::from(y))));
    points.filter(|(x, y)| inside(left + x * 0.0025, top + y * 0.002)).count() as u64
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs: u32 = env::args().nth(1).map_or(Ok(400), |jobs| jobs.parse())?;
    let queue: MemoryQueue<Tile> = (0..jobs).map(|number| Tile { number }).collect();
    let storage = Storage::default();
    let stored = Arc::new(Mutex::new(0));
    let store = Arc::clone(&stored);

    let stages = Stages::new();
    let pipeline =
        Pipeline::new(queue.source(), move |tile: &Tile| Ok(render(storage.fetch(tile.number)?)))
            .processors(4)
            .in_flight(64)
            .retry(Retry::exponential(Duration::from_millis(5)).times(4))
            .retry_if(|error| error.downcast_ref() == Some(&Failure::Timeout))
            .dead_letters(|letter| {
                if letter.event.number < 100 {
                    println!("dead letter: tile {}: {}", letter.event.number, letter.error);
                }
                Ok(())
            })
            .batcher(
                "store",
                |batches| batches.size(32).within(Duration::from_millis(20)),
                move |batch| {
                    *store.lock().unwrap() += batch.iter().sum::<u64>();
                    Ok(())
                },
            )
            .start(&stages)?;

    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || _ = interrupt.send(()))?;
    let mut report = None;
    while report.is_none() && !pipeline.is_over() {
        match interrupted.recv_timeout(Duration::from_millis(100)) {
            Err(RecvTimeoutError::Timeout) => eprintln!("{}", bar(pipeline.counts(), jobs)),
            _ => {
                eprintln!("draining");
                report = Some(pipeline.drain_for(Duration::from_secs(10))?);
            }
        }
    }
    let interrupted = report.is_some();
    let report = report.map_or_else(|| pipeline.join(), Ok)?;
    stages.join()?;

    let counts = report.counts;
    println!("\n{:12} {:>9}", "jobs", "");
    let good = counts.done - counts.dead_letters;
    for (what, count) in [
        ("pulled", counts.pulled),
        ("stored", good),
        ("tried again", counts.retries),
        ("dead letters", counts.dead_letters),
        ("unfinished", report.unfinished),
    ] {
        println!("{what:12} {count:9}");
    }
    if interrupted {
        println!("drained: every job that was begun is finished: {}", report.unfinished == 0);
    } else {
        let points = stored.lock().unwrap();
        println!("{good} tiles stored, {} dead letters, {points} points", counts.dead_letters);
    }
    Ok(())
}

fn bar(counts: PipelineCounts, jobs: u32) -> String {
    let settled = counts.done + counts.failed;
    let width = (40 * settled / u64::from(jobs).max(1)) as usize;
    format!("[{:40}] {settled}/{jobs}, {} in flight", "#".repeat(width), counts.in_flight())
}
