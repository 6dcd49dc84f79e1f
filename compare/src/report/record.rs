//! The record of figures: a line of text for each contestant of each landing, so that a slower one
//! is seen.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::files::{commit, machine, said};
use super::{Row, Table, three_digits};

/// The columns, of which [`Figure`] has what is compared.
const HEAD: &str = "unix_time\tcommit\tmachine\trustc\tworkload\tcontestant\tevents\trounds\t\
                    median_ms\treference\ttimes\tleast_times\tmost_times\tcpu_times\tpeak_bytes\n";

/// Of one contestant: its time over that of the reference of its workload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) time: u64,
    pub(super) commit: String,
    pub(super) machine: String,
    pub(super) workload: String,
    pub(super) contestant: String,
    pub(super) events: u64,
    pub(super) times: Spread,
    pub(super) peak: u64,
}

/// The median of some rounds, and their least and greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Figure {
    /// That of a contestant in this run; none where there is nothing to measure it against.
    pub(super) fn of(table: &Table, row: &Row) -> Option<Figure> {
        let reference = table.reference()?;
        let times = row.wall.iter().zip(&reference.wall).map(|(own, other)| own / other);
        let times = times.collect::<Vec<_>>();
        Some(Figure {
            time: now(),
            commit: commit(),
            machine: machine(),
            workload: table.name.into(),
            contestant: row.name.into(),
            events: table.events,
            times: Spread {
                median: row.times(reference),
                least: times.iter().copied().fold(f64::INFINITY, f64::min),
                most: times.iter().copied().fold(0.0, f64::max),
            },
            peak: row.peak,
        })
    }

    /// What a line of the record says.
    fn parse(line: &str) -> Option<Figure> {
        let columns: Vec<&str> = line.split('\t').collect();
        let text = |name| columns.get(HEAD.trim_end().split('\t').position(|known| known == name)?);
        let number = |name| text(name)?.parse().ok();
        let ratio = |name| text(name)?.parse().ok();
        Some(Figure {
            time: number("unix_time")?,
            commit: text("commit")?.to_string(),
            machine: text("machine")?.to_string(),
            workload: text("workload")?.to_string(),
            contestant: text("contestant")?.to_string(),
            events: number("events")?,
            times: Spread {
                median: ratio("times")?,
                least: ratio("least_times")?,
                most: ratio("most_times")?,
            },
            peak: number("peak_bytes")?,
        })
    }
}

/// All figures of a record.
pub(super) fn read(path: &Path) -> Result<Vec<Figure>, String> {
    let cannot = |what: &dyn std::fmt::Display| format!("cannot read {}: {what}", path.display());
    let text = fs::read_to_string(path).map_err(|e| cannot(&e))?;
    let lines = text.lines().enumerate().skip(1);
    let parse = |(nth, line): (usize, &str)| {
        Figure::parse(line).ok_or_else(|| cannot(&format!("line {} is no figure", nth + 1)))
    };
    lines.map(parse).collect()
}

/// Adds the figures of all `tables` to `path`, which is begun where it is not there.
pub(crate) fn append(tables: &[Table], path: &Path) -> Result<(), String> {
    let cannot = |e| format!("cannot write {}: {e}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(cannot)?;
    let mut text = String::new();
    if file.metadata().map_err(cannot)?.len() == 0 {
        text.push_str(HEAD);
    }
    let rustc = said("rustc", &["-V"]);
    for table in tables {
        table.rows.iter().for_each(|row| push(&mut text, &rustc, table, row));
    }
    file.write_all(text.as_bytes()).map_err(cannot)
}

fn push(text: &mut String, rustc: &str, table: &Table, row: &Row) {
    let Some((figure, reference)) = Figure::of(table, row).zip(table.reference()) else { return };
    let Figure { time, commit, machine, workload, contestant, events, times, peak } = figure;
    let (rounds, median) = (row.wall.len(), three_digits(row.seconds() * 1e3));
    let Spread { median: ratio, least, most } = times;
    let [ratio, least, most, cpu] =
        [ratio, least, most, row.times_processor(reference)].map(three_digits);
    let reference = reference.name;
    writeln!(
        text,
        "{time}\t{commit}\t{machine}\t{rustc}\t{workload}\t{contestant}\t{events}\t{rounds}\t\
         {median}\t{reference}\t{ratio}\t{least}\t{most}\t{cpu}\t{peak}"
    )
    .expect("a string takes everything");
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::super::tests::{row, table};
    use super::*;

    #[test]
    fn a_record_is_begun_once_appended_to_and_read_again() {
        let folder = tempfile::tempdir().expect("there is a place for it");
        let file = folder.path().join("figures.tsv");
        let flow = row("flow", Side::Flow, [2.0, 3.0, 4.0]);
        let tables = [table(vec![flow, row("limit", Side::Limit, [1.0; 3])])];
        append(&tables, &file).expect("it can be written");
        append(&tables, &file).expect("it can be written");
        let text = fs::read_to_string(&file).expect("it is there");
        assert_eq!(text.lines().filter(|line| line.starts_with("unix_time")).count(), 1);
        let figures = read(&file).expect("it can be read");
        let names: Vec<_> = figures.iter().map(|figure| figure.contestant.as_str()).collect();
        assert_eq!(names, ["flow", "limit", "flow", "limit"]);
        assert_eq!(figures[0].times, Spread { median: 3.0, least: 2.0, most: 4.0 });
        fs::write(&file, text + "half a line").expect("it can be written");
        assert!(read(&file).is_err());
    }
}
