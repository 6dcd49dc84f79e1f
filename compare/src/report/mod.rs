//! Measured rounds as tables, plots and a record.

mod plot;
mod record;
mod summary;

use std::fmt;
use std::fs;
use std::path::Path;

use crate::harness::Sample;

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
        let right = self.of(Side::Peer).filter(|row| !row.differs);
        right.min_by(|a, b| a.seconds().total_cmp(&b.seconds()))
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
        let cannot = |e: &dyn fmt::Display| format!("cannot write into {}: {e}", folder.display());
        let text = format!("{self}\n![{0}]({0}.svg)\n", self.name);
        fs::write(folder.join(self.name).with_extension("md"), text).map_err(|e| cannot(&e))?;
        plot::workload(self, &folder.join(self.name).with_extension("svg")).map_err(|e| cannot(&*e))
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

fn count(unit: Unit, events: u64) -> String {
    match (unit, events) {
        (Unit::MicrosPerCall, calls) => format!("{calls} calls"),
        (_, events) if events >= 1_000_000 => format!("{:.1} M events", events as f64 / 1e6),
        (_, events) => format!("{events} events"),
    }
}

fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(ours.iter().zip(theirs).map(|(a, b)| a / b))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = (values.len() - 1) / 2;
    (values[lower] + values[upper]) / 2.0
}

fn mebibytes(bytes: u64) -> String {
    three_digits(bytes as f64 / f64::from(1 << 20))
}

/// Three digits that count: more would only record noise.
fn three_digits(value: f64) -> String {
    let digits = match value {
        v if v < 1.0 => 3,
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, side: Side, seconds: [f64; 3]) -> Row {
        let mut row = Row::new(name, "as it is", side);
        row.wall.extend(seconds);
        row.cpu.extend(seconds);
        row
    }

    fn table(rows: Vec<Row>) -> Table {
        let about = "What it is about.";
        Table { name: "workload", about, unit: Unit::NanosPerEvent, events: 1, rows }
    }

    #[test]
    fn the_median_of_an_even_number_is_the_middle_of_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), 2.5);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
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
        let read = |file: &str| fs::read_to_string(folder.path().join(file)).expect("it is there");
        assert!(read("workload.md").contains("| limit |"));
        assert!(read("workload.svg").contains("limit"));
    }

    #[test]
    fn a_record_is_begun_once_and_appended_to() {
        let folder = tempfile::tempdir().expect("there is a place for it");
        let file = folder.path().join("figures.tsv");
        let tables = [table(vec![row("limit", Side::Limit, [1.0; 3])])];
        append(&tables, &file).expect("it can be written");
        append(&tables, &file).expect("it can be written");
        let text = fs::read_to_string(&file).expect("it is there");
        let fields: Vec<_> = text.lines().map(|line| line.split('\t').count()).collect();
        assert_eq!(fields, [12, 12, 12]);
        assert!(text.lines().skip(1).all(|line| line.contains("\tworkload\tlimit\t1\t3\t1000\t")));
    }
}
