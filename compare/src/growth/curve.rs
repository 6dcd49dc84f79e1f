//! A curve: what grows, what is run, and what came of it.

use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::cpu_time;
use crate::report::{self, Kind, median, three_digits};

/// Runs that are shorter are repeated until they last as long.
const LEAST: Duration = Duration::from_millis(5);

/// One thing that grows, and what is run for each of its sizes.
pub(super) struct Curve {
    pub(super) name: &'static str,
    /// What is run.
    pub(super) about: &'static str,
    /// What grows.
    pub(super) axis: &'static str,
    /// What a cost is, with its unit.
    pub(super) cost: &'static str,
    /// The sizes, out of the most events that a run has.
    pub(super) sizes: fn(events: u64) -> Vec<u64>,
    /// The most events of a run, before scaling.
    pub(super) events: u64,
    /// What straight would be.
    pub(super) straight: Straight,
    pub(super) lines: Vec<Line>,
}

/// What a cost does where nothing is lost as work grows.
#[derive(Clone, Copy)]
pub(super) enum Straight {
    /// It stays what it is at its least.
    Level,
    /// It is divided by the size until that is the number of cores, and stays then.
    Divided,
}

/// One of the things that are run.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) run: Run,
}

/// How a size is run, with at most so many events.
pub(super) enum Run {
    /// Gives how many units of work that were.
    Timed(fn(size: u64, events: u64) -> u64),
    /// Gives the cost itself, the same every time.
    Counted(fn(size: u64, events: u64) -> f64),
}

/// What one size costs.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// What is drawn.
    drawn: f64,
    /// Where it was timed, the other one of processor time and wall clock.
    other: Option<f64>,
}

/// A curve with the costs of each of its lines.
pub(super) struct Measured<'c> {
    pub(super) curve: &'c Curve,
    sizes: Vec<u64>,
    costs: Vec<Vec<Cost>>,
}

impl Curve {
    /// Runs all sizes of all lines, in interleaved rounds.
    pub(super) fn measure(&self, scale: f64, rounds: usize) -> Measured<'_> {
        let events = ((self.events as f64 * scale) as u64).max(1);
        let sizes = (self.sizes)(events);
        let mut samples = vec![vec![Vec::new(); sizes.len()]; self.lines.len()];
        for round in 1..=rounds {
            eprintln!("{}: round {round} of {rounds}", self.name);
            for (line, samples) in self.lines.iter().zip(&mut samples) {
                for (size, samples) in sizes.iter().zip(samples) {
                    samples.extend(self.sample(line, *size, events, samples.is_empty()));
                }
            }
        }
        let costs = samples.iter().map(|line| line.iter().map(|all| typical(all)).collect());
        Measured { curve: self, costs: costs.collect(), sizes }
    }

    fn sample(&self, line: &Line, size: u64, events: u64, first: bool) -> Option<Cost> {
        match line.run {
            Run::Timed(run) => {
                let (cpu, wall) = nanos_per_unit(|| run(size, events));
                Some(match self.straight {
                    Straight::Level => Cost { drawn: cpu, other: Some(wall) },
                    Straight::Divided => Cost { drawn: wall, other: Some(cpu) },
                })
            }
            Run::Counted(run) => first.then(|| Cost { drawn: run(size, events), other: None }),
        }
    }
}

/// The medians of some rounds.
fn typical(samples: &[Cost]) -> Cost {
    let other = samples.iter().all(|cost| cost.other.is_some());
    let others = || samples.iter().filter_map(|cost| cost.other);
    Cost {
        drawn: median(samples.iter().map(|cost| cost.drawn)),
        other: other.then(|| median(others())),
    }
}

/// Processor time and wall clock of a run, for each unit of its work.
fn nanos_per_unit(run: impl Fn() -> u64) -> (f64, f64) {
    let (began, cpu) = (Instant::now(), cpu_time());
    let mut units = 0;
    while began.elapsed() < LEAST {
        units += black_box(run());
    }
    let (wall, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
    let per_unit = |time: Duration| time.as_nanos() as f64 / units.max(1) as f64;
    (per_unit(cpu), per_unit(wall))
}

impl Measured<'_> {
    /// What a line would cost everywhere if it were straight.
    fn straight(&self, costs: &[Cost]) -> Vec<f64> {
        let least = costs.iter().map(|cost| cost.drawn).fold(f64::INFINITY, f64::min);
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let at = |size: &u64| match self.curve.straight {
            Straight::Level => least,
            Straight::Divided => costs[0].drawn / (*size).min(cores) as f64,
        };
        self.sizes.iter().map(at).collect()
    }

    /// Writes the plot: the lines, and dashed what straight would be.
    pub(super) fn plot(&self, path: &Path) -> Result<(), String> {
        let points = |values: Vec<f64>| self.sizes.iter().map(|x| *x as f64).zip(values).collect();
        let lines = self.curve.lines.iter().zip(&self.costs);
        let lines = lines.map(|(line, costs)| report::PlotLine {
            name: line.name,
            kind: line.kind,
            points: points(costs.iter().map(|cost| cost.drawn).collect()),
            straight: points(self.straight(costs)),
        });
        report::curve(path, self.curve.axis, self.curve.cost, &lines.collect::<Vec<_>>())
    }
}

impl fmt::Display for Measured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let other = match self.curve.straight {
            Straight::Level => "wall",
            Straight::Divided => "CPU",
        };
        writeln!(f, "{}; {}.\n", self.curve.about, self.curve.cost)?;
        write!(f, "| {} |", self.curve.axis)?;
        for (line, costs) in self.curve.lines.iter().zip(&self.costs) {
            write!(f, " {} |", line.name)?;
            if costs.iter().any(|cost| cost.other.is_some()) {
                write!(f, " {other} |")?;
            }
        }
        write!(f, "\n|--:|")?;
        let columns = |cost: &Cost| 1 + usize::from(cost.other.is_some());
        for costs in &self.costs {
            write!(f, "{}", "--:|".repeat(costs.first().map_or(1, columns)))?;
        }
        for (nth, size) in self.sizes.iter().enumerate() {
            write!(f, "\n| {} |", grouped(*size))?;
            for cost in self.costs.iter().map(|costs| costs[nth]) {
                write!(f, " {} |", three_digits(cost.drawn))?;
                if let Some(other) = cost.other {
                    write!(f, " {} |", three_digits(other))?;
                }
            }
        }
        let straight = match self.curve.straight {
            Straight::Level => "most / least",
            Straight::Divided => "most / straight",
        };
        write!(f, "\n| {straight} |")?;
        for costs in &self.costs {
            let straight = self.straight(costs);
            let over = costs.iter().zip(straight).map(|(cost, straight)| cost.drawn / straight);
            let most = over.fold(0.0, f64::max);
            let empty = if costs.iter().any(|cost| cost.other.is_some()) { " |" } else { "" };
            write!(f, " {} |{empty}", three_digits(most))?;
        }
        writeln!(f)
    }
}

/// 1, 10, … as long as they are not more than `most`.
pub(super) fn decades(from: u64, most: u64) -> Vec<u64> {
    std::iter::successors(Some(from), |size| size.checked_mul(10))
        .take_while(|size| *size <= most)
        .collect()
}

/// With a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(size: u64, _: u64) -> f64 {
        2.0 * size as f64
    }

    fn curve(straight: Straight) -> Curve {
        Curve {
            name: "name",
            about: "What is run",
            axis: "size",
            cost: "a cost",
            sizes: |events| decades(1, events),
            events: 100,
            straight,
            lines: vec![Line { name: "line", kind: Kind::First, run: Run::Counted(twice) }],
        }
    }

    #[test]
    fn what_grows_is_set_against_what_would_be_straight() {
        let curve = curve(Straight::Level);
        let text = curve.measure(1.0, 3).to_string();
        assert!(text.contains("\n| 1 | 2.00 |\n| 10 | 20.0 |\n| 100 | 200 |\n"), "{text}");
        assert!(text.ends_with("| most / least | 100 |\n"), "{text}");
    }

    #[test]
    fn what_is_divided_among_workers_is_straight_while_there_are_cores() {
        let curve = curve(Straight::Divided);
        let measured = curve.measure(0.01, 1);
        assert_eq!(measured.straight(&measured.costs[0]), [2.0]);
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!([1, 1_000, 20_000_000].map(grouped), ["1", "1,000", "20,000,000"]);
    }
}
