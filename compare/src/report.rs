//! Measured rounds as Markdown tables.

use std::fmt;
use std::time::Duration;

/// The measured rounds of a workload; prints as Markdown.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) unit: Unit,
    /// The contestants that the others are compared with.
    pub(crate) limit: &'static str,
    pub(crate) rayon: &'static str,
    pub(crate) events: u64,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// The time of `row` over that of `reference`, round by round, then the median.
    fn ratio(&self, row: &Row, reference: &str) -> Option<f64> {
        let reference = self.rows.iter().find(|r| r.name == reference)?;
        let pairs = row.wall.iter().zip(&reference.wall);
        Some(median(pairs.map(|(a, b)| a / b)))
    }

    fn line(&self, row: &Row) -> String {
        let seconds = median(row.wall.iter().copied());
        let milliseconds = |seconds: f64| three_digits(seconds * 1e3);
        let speed = three_digits(self.unit.value(self.events, seconds));
        let wall = milliseconds(seconds);
        let least = milliseconds(row.wall.iter().copied().fold(f64::INFINITY, f64::min));
        let most = milliseconds(row.wall.iter().copied().fold(0.0, f64::max));
        let cpu = milliseconds(median(row.cpu.iter().copied()));
        let to_limit = self.ratio(row, self.limit).map_or("–".into(), three_digits);
        let mut to_rayon = self.ratio(row, row.rayon).map_or("–".into(), three_digits);
        if row.rayon != self.rayon {
            to_rayon += &format!(" ({})", row.rayon);
        }
        let name = row.name;
        format!("| {name} | {speed} | {wall} ({least}–{most}) | {cpu} | {to_limit} | {to_rayon} |")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, limit, rayon) = (self.unit.heading(), self.limit, self.rayon);
        let size = count(self.unit, self.events);
        writeln!(f, "## {}\n\n{} {size} in each run.\n", self.name, self.about)?;
        writeln!(
            f,
            "| contestant | {unit} | wall ms, median (min–max) | CPU ms | × {limit} | × {rayon} |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", self.line(row)))
    }
}

/// All rounds of one contestant.
pub(crate) struct Row {
    name: &'static str,
    /// The contestant that stands for rayon beside this one.
    rayon: &'static str,
    /// Seconds, for each round.
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Row {
    pub(crate) fn new(name: &'static str, rayon: &'static str) -> Self {
        let (wall, cpu) = (Vec::new(), Vec::new());
        Row { name, rayon, wall, cpu }
    }

    /// Adds a round: the time that went by, and the processor time that was used.
    pub(crate) fn push(&mut self, wall: Duration, cpu: Duration) {
        self.wall.push(wall.as_secs_f64());
        self.cpu.push(cpu.as_secs_f64());
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = (values.len() - 1) / 2;
    (values[lower] + values[upper]) / 2.0
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

    #[test]
    fn the_median_of_an_even_number_is_the_middle_of_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), 2.5);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let row = |name, seconds: [u64; 3]| {
            let mut row = Row::new(name, "rayon");
            seconds.iter().for_each(|s| row.push(Duration::from_secs(*s), Duration::ZERO));
            row
        };
        let table = Table {
            name: "workload",
            about: "What it is about.",
            unit: Unit::NanosPerEvent,
            limit: "limit",
            rayon: "rayon",
            events: 1,
            rows: vec![row("limit", [1, 10, 1]), row("seq", [2, 20, 3])],
        };
        assert_eq!(table.ratio(&table.rows[1], "limit"), Some(2.0));
        assert_eq!(table.ratio(&table.rows[1], "rayon"), None);
    }
}
