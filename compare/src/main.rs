//! `flow` side by side with its peers, in one program: `cargo run --release -p compare`.
//!
//! Four kinds of contestants run each workload: `seq`, the plain sequential loop; `rayon`, as good
//! as its idioms get; `hand`, channels and threads as a careful programmer writes them; and
//! `limit`, the best two-thread code that we could write for exactly this workload. Each prints its
//! speed and its ratio to the limit and to rayon.

mod harness;
mod report;
mod workloads;

use std::process::ExitCode;

use harness::{Options, THREADS};

const HELP: &str = "\
Runs every workload for every contestant, in interleaved rounds, and prints Markdown tables.

  --only SUBSTRING   only what contains it in `workload/contestant`, and what that is compared with; may be repeated
  --scale F          factor for the size of every input (1.0)
  --rounds N         how often each contestant runs (5)
  --text FILE        count the words of this file instead of generated text
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
    let mut options = Options { only: Vec::new(), scale: 1.0, rounds: 5, text: None };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("only") => options.only.push(arguments.value()?.string()?),
            Long("scale") => options.scale = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("text") => options.text = Some(arguments.value()?.into()),
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
    let mut ran = false;
    for workload in workloads::all() {
        if let Some(table) = workload.compare(options)? {
            println!("{table}");
            ran = true;
        }
    }
    if ran { Ok(()) } else { Err("--only matches no contestant; --list names them".into()) }
}
