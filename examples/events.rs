//! Events for two consumers of different speed: lines of a web server's log are parsed once, and every
//! event goes to a quick counter and to a slow detector. How far each is behind is bounded by its demand;
//! the slow one sets the pace. Ctrl-C drains.
//!
//! ```text
//! cargo run --release --example events            # 50,000 lines
//! cargo run --release --example events -- 0       # without an end
//! ```

use flow::stage::{Consumer, StageRef, Stages, Subscribe, produce_with};
use flow::{BoxError, Emitter, Produced, ProducerConsumer};
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

#[derive(Clone, Debug)]
struct Visit {
    page: Arc<str>,
    status: u16,
    milliseconds: u32,
}

/// Lines of text in, visits out; what is no visit is counted.
struct Parser {
    emitted: Arc<AtomicU64>,
    garbage: Arc<AtomicU64>,
}

fn parse(line: &str) -> Option<Visit> {
    let mut fields = line.split(' ');
    let (page, status, milliseconds) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Visit {
        page: page.into(),
        status: status.parse().ok()?,
        milliseconds: milliseconds.parse().ok()?,
    })
}

impl ProducerConsumer for Parser {
    type In = String;
    type Out = Visit;

    fn handle(&mut self, line: String, out: &mut Emitter<'_, Visit>) -> Result<(), BoxError> {
        match parse(&line) {
            Some(visit) => {
                self.emitted.fetch_add(1, Ordering::Relaxed);
                out.emit(visit);
            }
            None => _ = self.garbage.fetch_add(1, Ordering::Relaxed),
        }
        Ok(())
    }
}

/// How far a consumer is behind the parser.
#[derive(Clone, Default)]
struct Lag {
    emitted: Arc<AtomicU64>,
    handled: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
}

impl Lag {
    fn of(emitted: &Arc<AtomicU64>) -> Self {
        Lag { emitted: Arc::clone(emitted), ..Lag::default() }
    }

    fn now(&self) -> u64 {
        let handled = self.handled.load(Ordering::Relaxed);
        self.emitted.load(Ordering::Relaxed).saturating_sub(handled)
    }

    fn one_more(&self) {
        self.most.fetch_max(self.now(), Ordering::Relaxed);
        self.handled.fetch_add(1, Ordering::Relaxed);
    }
}

/// Quick: counts pages.
struct Counter {
    pages: BTreeMap<Arc<str>, u64>,
    lag: Lag,
}

impl Consumer for Counter {
    type Item = Visit;

    fn handle(&mut self, visit: Visit) -> Result<(), BoxError> {
        *self.pages.entry(visit.page).or_default() += 1;
        self.lag.one_more();
        Ok(())
    }

    fn end(&mut self) -> Result<(), BoxError> {
        println!("{:12} {:>8}", "page", "visits");
        self.pages.iter().for_each(|(page, visits)| println!("{page:12} {visits:8}"));
        Ok(())
    }
}

/// Slow: compares every visit with the last 4,096 of its page.
struct Detector {
    last: BTreeMap<Arc<str>, Vec<u32>>,
    alerts: u64,
    lag: Lag,
}

impl Consumer for Detector {
    type Item = Visit;

    fn handle(&mut self, visit: Visit) -> Result<(), BoxError> {
        let last = self.last.entry(visit.page).or_default();
        let slower = last.iter().filter(|time| **time < visit.milliseconds).count();
        if visit.status >= 500 || (last.len() >= 100 && slower * 1000 > last.len() * 998) {
            self.alerts += 1;
        }
        last.push(visit.milliseconds);
        if last.len() > 4096 {
            last.remove(0);
        }
        self.lag.one_more();
        Ok(())
    }

    fn end(&mut self) -> Result<(), BoxError> {
        println!("{} alerts", self.alerts);
        Ok(())
    }
}

/// A server's log, the same at every run: one line in a thousand is torn.
fn line(n: u64) -> String {
    let random =
        (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d);
    let page = ["/", "/login", "/search", "/basket", "/help"][(random >> 40) as usize % 5];
    let status = if random >> 20 & 0xff == 0 { 503 } else { 200 };
    match n % 1000 {
        999 => page.to_owned(),
        _ => format!("{page} {status} {}", 5 + (random >> 8) % 400),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let lines: u64 = env::args().nth(1).map_or(Ok(50_000), |lines| lines.parse())?;
    let stages = Stages::new();
    let mut next = 0;
    let log = stages.producer(produce_with(move |demand| {
        while demand.events() > 0 && (lines == 0 || next < lines) {
            demand.emit(line(next));
            next += 1;
        }
        Ok(if lines == 0 || next < lines { Produced::More } else { Produced::Done })
    }));
    let log = log.named("log").start();
    let (emitted, garbage) = (Arc::default(), Arc::default());
    let (counting, detecting) = (Lag::of(&emitted), Lag::of(&emitted));

    let parser = Parser { emitted, garbage: Arc::clone(&garbage) };
    let parser = stages.producer_consumer(parser).broadcast().named("parser");
    let from = Subscribe::to(&log).max_demand(2 * BATCH as usize);
    let parser = parser.subscribe(from).accumulate().start();
    let after = |demand| Subscribe::to(&parser).max_demand(demand as usize);
    let counter = Counter { pages: BTreeMap::new(), lag: counting.clone() };
    let counter: StageRef<Counter, Visit> =
        stages.consumer(counter).named("counter").subscribe(after(QUICK)).start();
    let detector = Detector { last: BTreeMap::new(), alerts: 0, lag: detecting.clone() };
    stages.consumer(detector).named("detector").subscribe(after(SLOW)).start();
    // Both are there: from the first event on, both get all.
    parser.forward();

    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || _ = interrupt.send(()))?;
    let mut drained = false;
    eprintln!("{:>9} {:>12} {:>12}", "counted", "counter lags", "detector lags");
    while stages.living() > 0 {
        match interrupted.recv_timeout(Duration::from_millis(100)) {
            Err(RecvTimeoutError::Timeout) => {
                let counted = counter.counts().events_in;
                eprintln!("{counted:9} {:12} {:12}", counting.now(), detecting.now());
            }
            _ => {
                eprintln!("draining");
                stages.drain();
                drained = true;
            }
        }
    }
    stages.join()?;

    let handled = |lag: &Lag| lag.handled.load(Ordering::Relaxed);
    let kept = |lag: &Lag, demand| lag.most.load(Ordering::Relaxed) < demand + BATCH;
    let within = kept(&counting, QUICK) && kept(&detecting, SLOW);
    let (counted, detected) = (handled(&counting), handled(&detecting));
    let torn = garbage.load(Ordering::Relaxed);
    if drained {
        println!("drained: both saw all: {}", counted == detected);
    } else {
        println!(
            "{counted} counted, {detected} examined, {torn} torn; lags within bounds: {within}"
        );
    }
    Ok(())
}

/// How many lines are parsed at once.
const BATCH: u64 = 100;
/// The demands of the two. None is further behind than its demand and what was parsed at once.
const QUICK: u64 = 1_000;
const SLOW: u64 = 200;
