//! How long a result takes: from when the event that makes it should have come to when it is there.
//!
//! The load is an open loop. An event has its time whether or not those before it are done, and what
//! is late is late since that time, not since it was read: a source that is held up shows as latency,
//! not as a lower rate. Event time is that schedule, in milliseconds.
//!
//! First each contestant reads as fast as it can, which gives its maximum rate; then events come at
//! shares of that. A source waits by spinning, so that no timer of the system is measured: with one
//! worker beside it this library has two threads, as everyone else.

#[cfg(feature = "peers")]
mod by_hand;
mod flow;
#[cfg(feature = "peers")]
mod renoir;
mod schedule;
#[cfg(feature = "peers")]
mod timely;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use self::schedule::{Latencies, Schedule};
use crate::report::{self, Sections, three_digits};

const HELP: &str = "\
Measures how long results take at shares of the maximum rate, and prints Markdown tables.

  --only NAME     only contestants whose `workload/name` contains this; may be repeated
  --seconds S     for how long events come at each rate (5)
  --docs          write the tables into docs/performance.md, too
";

/// Shares of the maximum rate.
const SHARES: [f64; 3] = [0.1, 0.5, 0.9];
/// Events per second of event time in a run that only asks for the maximum rate; then that rate.
const FIRST_GUESS: f64 = 2e6;

type Run = fn(&Schedule) -> Latencies;

/// Something that gives results, and who does it.
struct Workload {
    name: &'static str,
    about: &'static str,
    contestants: Vec<(&'static str, &'static str, Run)>,
}

fn all() -> [Workload; 2] {
    let windows: &[(_, _, Run)] = &[
        ("flow", flow::HOW, flow::windows),
        #[cfg(feature = "peers")]
        ("timely", timely::HOW, timely::results::<by_hand::Windows>),
        #[cfg(feature = "peers")]
        ("renoir", renoir::HOW, renoir::results::<by_hand::Windows>),
    ];
    let single: &[(_, _, Run)] = &[
        ("flow", flow::HOW, flow::single),
        #[cfg(feature = "peers")]
        ("timely", timely::HOW, timely::results::<by_hand::Greatest>),
        #[cfg(feature = "peers")]
        ("renoir", renoir::HOW, renoir::results::<by_hand::Greatest>),
    ];
    [
        Workload {
            name: "windows",
            about: "Counts of 1,000 keys in windows of 10 ms; from the event that closes a window to \
                    each of its thousand panes",
            contestants: windows.to_vec(),
        },
        Workload {
            name: "single",
            about: "The greatest value of each of 1,000 keys, given again with every event; from the \
                    event to its pane",
            contestants: single.to_vec(),
        },
    ]
}

struct Options {
    only: Vec<String>,
    seconds: f64,
    docs: bool,
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    report::program(HELP, parse, run)
}

fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut options = Options { only: Vec::new(), seconds: 5.0, docs: false };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("only") => options.only.push(arguments.value()?.string()?),
            Long("seconds") => options.seconds = arguments.value()?.parse()?,
            Long("docs") => options.docs = true,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if options.seconds.is_nan() || options.seconds <= schedule::WARM_UP.as_secs_f64() {
        return Err("--seconds must be more than one half, which is not counted".into());
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<(), String> {
    let mut sections = Sections::default();
    for workload in all() {
        let Some(table) = workload.measure(options) else { continue };
        println!("{table}");
        sections.add(format!("latency-{}", workload.name), table);
    }
    if options.docs {
        sections.add("latency-machine".into(), report::here());
        sections.fill(&report::docs_folder().join("performance.md"))?;
    }
    Ok(())
}

impl Workload {
    /// A table of all contestants that are asked for, if any.
    fn measure(&self, options: &Options) -> Option<String> {
        let is_asked = |name: &str| {
            let path = format!("{}/{name}", self.name);
            options.only.is_empty() || options.only.iter().any(|part| path.contains(part))
        };
        let asked: Vec<_> = self.contestants.iter().filter(|(name, ..)| is_asked(name)).collect();
        if asked.is_empty() {
            return None;
        }
        let mut text = format!(
            "{}; microseconds.\n\n\
             | contestant | M events/s | of its maximum | p50 | p99 | p99.9 | greatest |\n\
             |---|--:|--:|--:|--:|--:|--:|\n",
            self.about
        );
        for (name, _, run) in &asked {
            let most = maximum(options, *run);
            for share in SHARES {
                eprintln!("{}: {name} at {share} of {most:.0} events/s", self.name);
                let latencies = run(&Schedule::paced(most * share, options.seconds));
                let rate = three_digits(most * share / 1e6);
                writeln!(text, "| {name} | {rate} | {:.0} % |{latencies}", share * 100.0)
                    .expect("a string takes everything");
            }
        }
        text.push('\n');
        for (name, how, _) in asked {
            writeln!(text, "- {name}: {how}").expect("a string takes everything");
        }
        Some(text)
    }
}

/// Events per second, when nobody waits. What a window holds depends on the rate, so it is asked for
/// until it agrees with the rate that was guessed.
fn maximum(options: &Options, run: Run) -> f64 {
    let mut rate = FIRST_GUESS;
    for _ in 0..3 {
        let schedule = Schedule::unpaced(rate, options.seconds / 2.0);
        let began = Instant::now();
        run(&schedule);
        rate = schedule.events() as f64 / began.elapsed().as_secs_f64();
    }
    rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_a_place_for_every_table() {
        let names = all().into_iter().map(|workload| format!("latency-{}", workload.name));
        let document = report::docs_folder().join("performance.md");
        Sections::check(&document, names.chain(["latency-machine".into()]));
    }
}
