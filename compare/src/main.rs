//! `flow` side by side with its peers, in one program: `cargo run --release -p compare`.
//!
//! Four kinds of contestants run each workload. This library; its peers, as good as their idioms
//! get: rayon, orx-parallel, timely, renoir, and channels and threads (crossbeam's, tokio's) as a
//! careful programmer writes them; the limit, the best two-thread code that we could write for
//! exactly this workload; and beside them what is only there to compare with, such as the plain
//! sequential loop. All print their speed, their ratio to the limit and to the fastest peer, and the
//! memory that they need.
//!
//! `--no-default-features` leaves out the peers that take long to build: timely, renoir,
//! orx-parallel and tokio.

mod harness;
mod memory;
mod peers;
mod report;
mod workloads;

use std::path::Path;
use std::process::ExitCode;

use harness::{Options, THREADS};
use report::Summary;

const HELP: &str = "\
Runs every workload for every contestant, in interleaved rounds, and prints Markdown tables; writes
them into a folder, with a plot for each.

  --only SUBSTRING   only what contains it in `workload/contestant`, and the limit of that; may be repeated
  --scale F          factor for the size of every input (1.0)
  --rounds N         how often each contestant runs (5)
  --text FILE        count the words of this file instead of generated text
  --out FOLDER       where tables and plots are written (target/compare)
  --record           add the figures to benches/record/figures.tsv
  --list             name the workloads and contestants and stop
";

enum Command {
    Run(Options),
    List,
    Help,
}

fn main() -> ExitCode {
    let done = parse(lexopt::Parser::from_env()).map_err(|e| e.to_string()).and_then(|command| {
        match command {
            Command::Run(options) => run(&options),
            Command::List => {
                list();
                Ok(())
            }
            Command::Help => {
                print!("{HELP}");
                Ok(())
            }
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: lexopt::Parser) -> Result<Command, lexopt::Error> {
    use lexopt::prelude::*;
    let mut options = Options {
        only: Vec::new(),
        scale: 1.0,
        rounds: 5,
        text: None,
        out: "target/compare".into(),
        record: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("only") => options.only.push(arguments.value()?.string()?),
            Long("scale") => options.scale = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("text") => options.text = Some(arguments.value()?.into()),
            Long("out") => options.out = arguments.value()?.into(),
            Long("record") => options.record = true,
            Long("list") => return Ok(Command::List),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    if options.rounds == 0 || options.scale.is_nan() || options.scale <= 0.0 {
        return Err("--rounds and --scale must be more than zero".into());
    }
    Ok(Command::Run(options))
}

fn list() {
    for workload in workloads::all() {
        let (name, contestants) = workload.names();
        println!("{name}: {}", contestants.join(", "));
    }
}

fn run(options: &Options) -> Result<(), String> {
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
    std::fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot make {}: {e}", options.out.display()))?;
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
    if options.record {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/record");
        report::append(&tables, &folder.join("figures.tsv"))?;
    }
    Ok(())
}
