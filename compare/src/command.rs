//! The program `compare`: its command line, and all workloads in turn.

use std::process::ExitCode;

use crate::harness::{Options, THREADS};
use crate::report::{self, Summary};
use crate::workloads;

const HELP: &str = "\
Runs every workload for every contestant, in interleaved rounds, and prints Markdown tables; writes
them into a folder, with a plot for each.

  --only SUBSTRING   only what contains it in `workload/contestant`, and the limit of that; may be repeated
  --scale F          factor for the size of every input (1.0)
  --rounds N         how often each contestant runs (5)
  --text FILE        count the words of this file instead of generated text
  --out FOLDER       where tables and plots are written (target/compare)
  --docs             write the summary into README.md and docs/performance.md, too
  --against FILE     say what is slower than in its last record on this machine, in such a file
  --record           add the figures to benches/record/figures.tsv
  --list             name the workloads and contestants and stop
";

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    report::program(HELP, parse, run)
}

fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut options = Options {
        only: Vec::new(),
        scale: 1.0,
        rounds: 5,
        text: None,
        out: "target/compare".into(),
        docs: false,
        against: None,
        record: false,
        list: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("only") => options.only.push(arguments.value()?.string()?),
            Long("scale") => options.scale = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("text") => options.text = Some(arguments.value()?.into()),
            Long("out") => options.out = arguments.value()?.into(),
            Long("docs") => options.docs = true,
            Long("against") => options.against = Some(arguments.value()?.into()),
            Long("record") => options.record = true,
            Long("list") => options.list = true,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if options.rounds == 0 || options.scale.is_nan() || options.scale <= 0.0 {
        return Err("--rounds and --scale must be more than zero".into());
    }
    if options.docs && !options.only.is_empty() {
        return Err("--docs shows all workloads, so it goes without --only".into());
    }
    Ok(Some(options))
}

fn list() {
    for workload in workloads::all() {
        let (name, contestants) = workload.names();
        println!("{name}: {}", contestants.join(", "));
    }
}

fn run(options: &Options) -> Result<(), String> {
    if options.list {
        list();
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores != THREADS {
        eprintln!(
            "note: {cores} cores are available, but the contestants are written for {THREADS}; \
             on a larger machine run this under `taskset -c 0,1`"
        );
    }
    // Started once and here, so that no contestant pays for it; as many threads as the limits have.
    rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .build_global()
        .map_err(|e| format!("cannot start rayon's pool: {e}"))?;
    report::make_folder(&options.out)?;
    let (mut summary, mut tables) = (Summary::default(), Vec::new());
    for workload in workloads::all() {
        if let Some(table) = workload.compare(options)? {
            println!("{table}");
            table.write(&options.out)?;
            summary.add(&table);
            tables.push(table);
        }
    }
    if tables.is_empty() {
        return Err("--only matches no contestant; --list names them".into());
    }
    print!("{summary}");
    summary.write(&options.out)?;
    if options.docs {
        summary.write_docs()?;
    }
    if let Some(record) = &options.against {
        print!("\n{}", report::against(&tables, record)?);
    }
    if options.record {
        report::append(&tables, &report::root_folder().join("benches/record/figures.tsv"))?;
    }
    Ok(())
}
