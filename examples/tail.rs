//! An endless flow over real input: counts lines by their first word, and prints the table while
//! they come.
//!
//! ```text
//! vmstat 1 | cargo run --example tail                 # until its input ends
//! cargo run --example tail -- --match ERROR app.log   # while the file grows, until you press Enter
//! ```

use flow::{BoxError, BoxFlow, Demand, Flow, Part, Produced, Producer, Sink};
use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::{cmp::Reverse, env};

const USAGE: &str = "usage: tail [--every N] [--match TEXT] [FILE]";

fn main() -> ExitCode {
    let Some(args) = Args::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if nobody_reads(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tail: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(Args { every, text, file }: Args) -> Result<(), Box<dyn Error>> {
    let lines: BoxFlow<'static, String> = match &file {
        Some(path) => Flow::from_stages([Follow::open(path)?]).boxed(),
        None => Flow::from_lines(io::stdin()).lossy().boxed(),
    };
    let running = lines
        .filter(move |line| line.contains(&text))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .partition()
        .stages(1)
        .to(Table { every })
        .start()?;
    if file.is_some() {
        io::stdin().read_line(&mut String::new())?;
        running.drain();
    }
    Ok(running.join()?)
}

/// A file that grows: at its end it has no more lines *for now*.
struct Follow {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Follow {
    fn open(path: &str) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("cannot open {path}: {error}"))?;
        Ok(Follow { file: BufReader::new(file), line: Vec::new() })
    }
}

impl Producer for Follow {
    type Item = String;

    fn produce(&mut self, demand: &mut Demand<'_, String>) -> Result<Produced, BoxError> {
        while demand.events() > 0 {
            self.file.read_until(b'\n', &mut self.line)?;
            if !self.line.ends_with(b"\n") {
                // What there is of a line waits for the rest.
                return Ok(Produced::Pending);
            }
            demand.emit(String::from_utf8_lossy(&self.line).into_owned());
            self.line.clear();
        }
        Ok(Produced::More)
    }
}

/// Counts words, and prints the most frequent ones at every so many events and in the end.
struct Table {
    every: u64,
}

struct Rows {
    every: u64,
    events: u64,
    counts: HashMap<String, u64>,
}

impl Sink<String> for Table {
    type Part = Rows;
    type Output = ();

    fn part(self: &Arc<Self>, _instance: usize) -> Rows {
        Rows { every: self.every, events: 0, counts: HashMap::new() }
    }

    fn commit(self: Arc<Self>, parts: Vec<Rows>) -> Result<(), BoxError> {
        parts.iter().try_for_each(Rows::print)
    }
}

impl Part<String> for Rows {
    fn write(&mut self, word: String) -> Result<(), BoxError> {
        *self.counts.entry(word).or_insert(0) += 1;
        self.events += 1;
        if self.events.is_multiple_of(self.every) { self.print() } else { Ok(()) }
    }
}

impl Rows {
    fn print(&self) -> Result<(), BoxError> {
        let mut rows: Vec<_> = self.counts.iter().collect();
        rows.sort_unstable_by_key(|(word, count)| (Reverse(**count), *word));
        let mut out = io::stdout().lock();
        writeln!(out, "{} lines", self.events)?;
        for (word, count) in rows.iter().take(5) {
            writeln!(out, "{count:8} {word}")?;
        }
        Ok(())
    }
}

struct Args {
    every: u64,
    text: String,
    file: Option<String>,
}

impl Args {
    fn parse(mut args: impl Iterator<Item = String>) -> Option<Args> {
        let mut parsed = Args { every: 1_000, text: String::new(), file: None };
        while let Some(arg) = args.next() {
            match &*arg {
                "--every" => parsed.every = args.next()?.parse().ok().filter(|n| *n > 0)?,
                "--match" => parsed.text = args.next()?,
                option if option.starts_with('-') => return None,
                _ if parsed.file.is_some() => return None,
                _ => parsed.file = Some(arg),
            }
        }
        Some(parsed)
    }
}

/// Whether the table could not be printed because its reader has gone, as in `tail | head -1`.
fn nobody_reads(error: &dyn Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
