//! Measured rounds as tables, plots, targets and a record.

mod against;
mod curve;
mod files;
mod numbers;
mod plot;
mod record;
mod summary;
mod targets;

use std::fmt;
use std::path::Path;

use self::numbers::{count, mebibytes, ratio};
use crate::harness::Sample;

pub(crate) use self::against::against;
pub(crate) use self::curve::{Kind, PlotLine, curve};
pub(crate) use self::files::{
    Sections, docs_folder, here, make_folder, program, root_folder, write,
};
pub(crate) use self::numbers::{median, three_digits};
pub(crate) use self::record::append;
pub(crate) use self::summary::Summary;

/// What a contestant is in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// This library.
    Flow,
    /// Another library, or what one writes by hand around channels.
    Peer,
    /// The best that we could write by hand for exactly this workload.
    Limit,
    /// Neither: it only shows what something costs.
    Aside,
}

/// The measured rounds of a workload; prints as Markdown.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) unit: Unit,
    pub(crate) events: u64,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    fn of(&self, side: Side) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.side == side)
    }

    /// What the others are measured against.
    fn limit(&self) -> Option<&Row> {
        self.of(Side::Limit).next()
    }

    /// The peer with the least median time, of those with the right result.
    fn fastest_peer(&self) -> Option<&Row> {
        self.fastest_of(|_| true)
    }

    /// The same of some peers.
    fn fastest_of(&self, some: impl Fn(&Row) -> bool) -> Option<&Row> {
        let right = self.of(Side::Peer).filter(|row| !row.differs && some(row));
        right.min_by(|a, b| a.seconds().total_cmp(&b.seconds()))
    }

    /// What a record measures against: the limit, or where there is none the first peer.
    fn reference(&self) -> Option<&Row> {
        self.limit().or_else(|| self.of(Side::Peer).next())
    }

    /// The peer with the least memory, of those with the right result.
    fn leanest_peer(&self) -> Option<&Row> {
        self.of(Side::Peer).filter(|row| !row.differs).min_by_key(|row| row.peak)
    }

    fn speed(&self, row: &Row) -> f64 {
        self.unit.value(self.events, row.seconds())
    }

    fn line(&self, row: &Row) -> String {
        let milliseconds = |seconds: f64| three_digits(seconds * 1e3);
        let speed = three_digits(self.speed(row));
        let wall = milliseconds(row.seconds());
        let least = milliseconds(row.wall.iter().copied().fold(f64::INFINITY, f64::min));
        let most = milliseconds(row.wall.iter().copied().fold(0.0, f64::max));
        let cpu = milliseconds(median(row.cpu.iter().copied()));
        let times = |other: Option<&Row>| {
            other.map_or("–".into(), |other| three_digits(row.times(other)))
        };
        let (limit, peer) = (times(self.limit()), times(self.fastest_peer()));
        let limit_cpu =
            self.limit().map_or("–".into(), |limit| three_digits(row.times_processor(limit)));
        let mark = if row.differs { " (other result)" } else { "" };
        let (name, memory) = (row.name, mebibytes(row.peak));
        format!(
            "| {name}{mark} | {speed} | {wall} ({least}–{most}) | {cpu} | {limit} | \
             {limit_cpu} | {peer} | {memory} |"
        )
    }

    /// Writes the table and its plot into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), String> {
        let text = format!("{self}\n![{0}]({0}.svg)\n", self.name);
        write(&folder.join(self.name).with_extension("md"), &text)?;
        plot::workload(self, &folder.join(self.name).with_extension("svg"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_of = |row: Option<&Row>, none| row.map_or(none, |row| row.name);
        let (limit, peer) =
            (name_of(self.limit(), "limit"), name_of(self.fastest_peer(), "fastest peer"));
        let (unit, size) = (self.unit.heading(), count(self.unit, self.events));
        writeln!(f, "## {}\n\n{} {size} in each run.\n", self.name, self.about)?;
        writeln!(
            f,
            "| contestant | {unit} | wall ms, median (min–max) | CPU ms | × {limit} | \
             × {limit} (CPU) | × {peer} | peak MiB |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", self.line(row)))?;
        writeln!(f)?;
        self.rows.iter().try_for_each(|row| writeln!(f, "- {}: {}", row.name, row.how))
    }
}

/// All rounds of one contestant.
pub(crate) struct Row {
    name: &'static str,
    how: &'static str,
    side: Side,
    /// Seconds, for each round.
    wall: Vec<f64>,
    cpu: Vec<f64>,
    /// Bytes.
    peak: u64,
    /// Whether it has computed something else than the others, as it may.
    pub(crate) differs: bool,
}

impl Row {
    pub(crate) fn new(name: &'static str, how: &'static str, side: Side) -> Self {
        let (wall, cpu) = (Vec::new(), Vec::new());
        Row { name, how, side, wall, cpu, peak: 0, differs: false }
    }

    /// Adds a round.
    pub(crate) fn push(&mut self, sample: &Sample) {
        self.wall.push(sample.wall.as_secs_f64());
        self.cpu.push(sample.cpu.as_secs_f64());
        self.peak = self.peak.max(sample.peak);
    }

    fn seconds(&self) -> f64 {
        median(self.wall.iter().copied())
    }

    /// The time over that of `reference`, round by round, then the median.
    fn times(&self, reference: &Row) -> f64 {
        ratio(&self.wall, &reference.wall)
    }

    /// The same of processor time, which other work on the machine disturbs less.
    fn times_processor(&self, reference: &Row) -> f64 {
        ratio(&self.cpu, &reference.cpu)
    }
}

/// How the speed of a workload is best read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// Million events per second.
    MillionPerSecond,
    /// Nanoseconds per event.
    NanosPerEvent,
    /// Microseconds per call, where an "event" is a whole call.
    MicrosPerCall,
}

impl Unit {
    fn heading(self) -> &'static str {
        match self {
            Unit::MillionPerSecond => "M events/s",
            Unit::NanosPerEvent => "ns per event",
            Unit::MicrosPerCall => "µs per call",
        }
    }

    fn value(self, events: u64, seconds: f64) -> f64 {
        match self {
            Unit::MillionPerSecond => events as f64 / seconds / 1e6,
            Unit::NanosPerEvent => seconds * 1e9 / events as f64,
            Unit::MicrosPerCall => seconds * 1e6 / events as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn row(name: &'static str, side: Side, seconds: [f64; 3]) -> Row {
        let mut row = Row::new(name, "as it is", side);
        row.wall.extend(seconds);
        row.cpu.extend(seconds);
        row
    }

    pub(super) fn table(rows: Vec<Row>) -> Table {
        let about = "What it is about.";
        Table { name: "workload", about, unit: Unit::NanosPerEvent, events: 1, rows }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let limit = row("limit", Side::Limit, [1.0, 10.0, 1.0]);
        assert_eq!(row("flow", Side::Flow, [2.0, 20.0, 3.0]).times(&limit), 2.0);
    }

    #[test]
    fn the_fastest_peer_has_the_right_result() {
        let wrong = Row { differs: true, ..row("wrong", Side::Peer, [1.0; 3]) };
        let flow = row("flow", Side::Flow, [1.0; 3]);
        let slow = row("slow", Side::Peer, [3.0; 3]);
        let table = table(vec![flow, slow, row("good", Side::Peer, [2.0; 3]), wrong]);
        assert_eq!(table.fastest_peer().map(|row| row.name), Some("good"));
        assert!(table.limit().is_none());
        assert!(table.to_string().contains("| wrong (other result) |"));
    }

    #[test]
    fn a_folder_gets_a_table_and_a_plot() {
        let folder = tempfile::tempdir().expect("there is a place for it");
        let table = table(vec![row("limit", Side::Limit, [1.0; 3])]);
        table.write(folder.path()).expect("it can be written");
        let read =
            |file: &str| std::fs::read_to_string(folder.path().join(file)).expect("it is there");
        assert!(read("workload.md").contains("| limit |"));
        assert!(read("workload.svg").contains("limit"));
    }
}
