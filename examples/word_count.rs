//! Counts words, as `str::split_whitespace` cuts them, and prints the most frequent ones.
//!
//! ```text
//! cargo run --release --example word_count                      # this repository's own text
//! cargo run --release --example word_count -- --top 5 src 'tests/*.rs'
//! zcat log.gz | cargo run --release --example word_count -- -
//! ```

use flow::{Flow, FlowError, Meter};
use indicatif::{ProgressBar, ProgressStyle};
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::{env, fs, thread};
use walkdir::{DirEntry, WalkDir};

const USAGE: &str = "\
usage: word_count [--top N] [--stages N] [FILE]...

Prints the N most frequent words (20) with their counts. A FILE is a file, a
directory, a pattern such as 'logs/*.txt', or - for the standard input. Without
one the text of this repository is counted, over and over, up to 64 MB.";

/// Words with their counts, partition by partition.
type Counts<W> = Vec<Vec<(W, u64)>>;

/// Of a text in memory the words are borrowed: nothing is copied.
fn count_text<'t>(
    text: &'t str,
    stages: usize,
    meter: &Meter,
) -> Result<Counts<&'t str>, FlowError> {
    Flow::from_text(text)
        .flat_map(|line| line.split_whitespace())
        .key_by(|word| *word)
        .count()
        .stages(stages)
        .observe(meter)
        .into_partitions()
}

/// Of files, which may be larger than memory, a word is copied where it is new.
fn count_files(
    files: &[OsString],
    stages: usize,
    meter: &Meter,
) -> Result<Counts<String>, FlowError> {
    Flow::from_files(files)?
        .lossy()
        .key_each::<str>(|line, keys| line.split_whitespace().for_each(|word| keys.add(word)))
        .count()
        .stages(stages)
        .observe(meter)
        .into_partitions()
}

fn main() -> ExitCode {
    let Some(args) = Args::parse(env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("word_count: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let meter = Meter::new();
    if args.files.is_empty() {
        let text = own_text()?;
        let counts = count_text(&text, args.stages, &meter)?;
        return report(counts, args.top, &meter, text.len() as u64);
    }
    let style = ProgressStyle::with_template("{bytes}/{total_bytes} {wide_bar} {eta}")?;
    let progress = meter.progress(ProgressBar::no_length().with_style(style));
    let counts = count_files(&args.files, args.stages, &meter)?;
    drop(progress);
    report(counts, args.top, &meter, meter.metrics().bytes_read)
}

/// Prints the most frequent words, and on the standard error what was done.
fn report<W: Ord + Display>(
    counts: Counts<W>,
    top: usize,
    meter: &Meter,
    bytes: u64,
) -> Result<(), Box<dyn Error>> {
    let distinct = counts.iter().map(Vec::len).sum::<usize>();
    let words = counts.iter().flatten().map(|(_, count)| count).sum::<u64>();
    let mut out = BufWriter::new(io::stdout().lock());
    for (word, count) in most_frequent(counts, top) {
        writeln!(out, "{count}\t{word}")?;
    }
    out.flush()?;
    let (metrics, megabytes) = (meter.metrics(), bytes as f64 / 1e6);
    let seconds = metrics.elapsed.as_secs_f64();
    writeln!(
        io::stderr(),
        "{words} words, {distinct} distinct, {} workers, {seconds:.3} s, {:.0} MB/s",
        metrics.workers,
        megabytes / seconds,
    )?;
    Ok(())
}

/// The `top` most frequent words, ties in byte order; the others are not sorted.
fn most_frequent<W: Ord>(counts: Counts<W>, top: usize) -> Vec<(W, u64)> {
    let order = |a: &(W, u64), b: &(W, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    let best_of = |mut words: Vec<(W, u64)>| {
        if top < words.len() {
            words.select_nth_unstable_by(top, order);
            words.truncate(top);
        }
        words
    };
    let mut best: Vec<_> = counts.into_iter().flat_map(best_of).collect();
    best.sort_unstable_by(order);
    best.truncate(top);
    best
}

/// What this repository consists of, repeated so that there is something to do.
fn own_text() -> Result<String, Box<dyn Error>> {
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    let source = |entry: &DirEntry| {
        entry.depth() == 0 || !hidden(entry.file_name()) && entry.file_name() != "target"
    };
    let is_text = |entry: &DirEntry| {
        let extension = entry.path().extension().and_then(OsStr::to_str);
        entry.file_type().is_file() && matches!(extension, Some("rs" | "md" | "toml"))
    };
    let mut text = String::new();
    for entry in WalkDir::new(env!("CARGO_MANIFEST_DIR")).into_iter().filter_entry(source) {
        let entry = entry?;
        if is_text(&entry) {
            text += &fs::read_to_string(entry.path())?;
            text += "\n";
        }
    }
    Ok(text.repeat(64_000_000 / text.len() + 1))
}

struct Args {
    top: usize,
    stages: usize,
    files: Vec<OsString>,
}

impl Args {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Args> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut parsed = Args { top: 20, stages: cores, files: Vec::new() };
        let number = |arg: Option<OsString>| arg?.to_str()?.parse::<usize>().ok();
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--top") => parsed.top = number(args.next())?,
                Some("--stages") => parsed.stages = number(args.next()).filter(|&n| n > 0)?,
                Some(option) if option.starts_with('-') && option != "-" => return None,
                _ => parsed.files.push(arg),
            }
        }
        Some(parsed)
    }
}

/// Whether nobody reads any more what is printed, as in `word_count | head -1`.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
