//! The record of figures: a line of text for each contestant of each landing, so that a slower one
//! is seen.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Row, Table, three_digits};

const HEAD: &str = "unix_time\tcommit\tmachine\trustc\tworkload\tcontestant\tevents\trounds\t\
                    median_ms\ttimes_limit\tcpu_times_limit\tpeak_bytes\n";

/// Adds the figures of all `tables` to `path`, which is begun where it is not there.
pub(crate) fn append(tables: &[Table], path: &Path) -> Result<(), String> {
    let cannot = |e| format!("cannot write {}: {e}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(cannot)?;
    let mut text = String::new();
    if file.metadata().map_err(cannot)?.len() == 0 {
        text.push_str(HEAD);
    }
    let run = format!("{}\t{}\t{}\t{}", now(), commit(), machine(), said("rustc", &["-V"]));
    tables.iter().for_each(|table| push(&mut text, &run, table));
    file.write_all(text.as_bytes()).map_err(cannot)
}

fn push(text: &mut String, run: &str, table: &Table) {
    for row in &table.rows {
        let median = three_digits(row.seconds() * 1e3);
        let ratio = |times: &dyn Fn(&Row) -> f64| {
            table.limit().map_or("-".into(), |limit| three_digits(times(limit)))
        };
        let (wall, cpu) =
            (ratio(&|limit| row.times(limit)), ratio(&|limit| row.times_processor(limit)));
        let (workload, name, events, rounds) = (table.name, row.name, table.events, row.wall.len());
        let peak = row.peak;
        writeln!(
            text,
            "{run}\t{workload}\t{name}\t{events}\t{rounds}\t{median}\t{wall}\t{cpu}\t{peak}"
        )
        .expect("a string takes everything");
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The commit that was built, with a plus where the tree has changes.
fn commit() -> String {
    let clean = said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    said("git", &["rev-parse", "--short=12", "HEAD"]) + if clean { "" } else { "+" }
}

/// The processor and how many of its cores there are.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{} x{cores}", model.map_or(std::env::consts::ARCH, |(_, name)| name.trim()))
}

/// What a program prints; nothing where it cannot be run.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
