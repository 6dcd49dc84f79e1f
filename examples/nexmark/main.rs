//! NEXMark: what an auction site asks of its stream of events; the queries are in `queries/`.
//!
//! ```text
//! cargo run --release --example nexmark                            # all queries
//! cargo run --release --example nexmark -- q5 q7 --events 5000000  # some, of more events
//! cargo run --release --example nexmark -- --disorder 1000         # every 1,000 events in any order
//! ```
//!
//! The events are those of the crate `nexmark`, 10,000 for each second of their time. They are made
//! first, since making them takes longer than any of the queries.

mod queries;

use flow::{Flow, FlowError};
use nexmark::{EventGenerator, config::NexmarkConfig, event::Event};
use queries::{q0, q1, q2, q3, q4, q5, q6, q7, q8, q11, q12};
use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;
use std::{array, env};

/// Runs a query and counts its results.
type Query = fn(&[Event]) -> Result<u64, FlowError>;

const QUERIES: [(&str, &str, Query); 11] = [
    ("q0", "pass through", |events| q0(Flow::from_slice(events)).count()),
    ("q1", "currency conversion", |events| q1(Flow::from_slice(events)).count()),
    ("q2", "selection", |events| q2(Flow::from_slice(events)).count()),
    ("q3", "local item suggestion", |events| q3(Flow::from_slice(events)).count()),
    ("q4", "average price by category", |events| q4(Flow::from_slice(events)).count()),
    ("q5", "hot items", |events| q5(Flow::from_slice(events)).count()),
    ("q6", "average price by seller", |events| q6(Flow::from_slice(events)).count()),
    ("q7", "highest bid", |events| q7(Flow::from_slice(events)).count()),
    ("q8", "new users", |events| q8(Flow::from_slice(events)).count()),
    ("q11", "user sessions", |events| q11(Flow::from_slice(events)).count()),
    ("q12", "windows by the clock", |events| q12(Flow::from_slice(events)).count()),
];

struct Args {
    /// All of them, where it is empty.
    queries: Vec<String>,
    events: usize,
    /// How many events come in any order.
    disorder: usize,
}

fn main() -> ExitCode {
    let done = parse(env::args().skip(1)).and_then(|args| run(&args));
    if let Err(error) = &done {
        eprintln!("nexmark: {error}");
    }
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Args, Box<dyn Error>> {
    let mut args = Args { queries: Vec::new(), events: 1_000_000, disorder: 1 };
    while let Some(arg) = given.next() {
        let mut number = || given.next().unwrap_or_default().parse::<usize>();
        match arg.as_str() {
            "--events" => args.events = number()?,
            "--disorder" => args.disorder = number()?.max(1),
            query if QUERIES.iter().any(|(name, ..)| *name == query) => args.queries.push(arg),
            _ => return Err(format!("there is no {arg}").into()),
        }
    }
    Ok(args)
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let config = NexmarkConfig {
        base_time: 0,
        out_of_order_group_size: args.disorder,
        ..NexmarkConfig::default()
    };
    let events: Vec<Event> = EventGenerator::new(config).take(args.events).collect();
    let kinds: [_; 3] = array::from_fn(|kind| {
        events.iter().filter(|event| event.event_type() as usize == kind).count()
    });
    println!("{} persons, {} auctions, {} bids", kinds[0], kinds[1], kinds[2]);
    println!("{:>5} {:>12} {:>10}", "", "events/s", "results");
    for (name, what, query) in QUERIES {
        if args.queries.is_empty() || args.queries.iter().any(|asked| asked == name) {
            let began = Instant::now();
            let results = query(&events)?;
            let rate = events.len() as f64 / began.elapsed().as_secs_f64();
            println!("{name:>5} {rate:>12.0} {results:>10}  {what}");
        }
    }
    Ok(())
}
