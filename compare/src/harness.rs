//! How contestants are measured.
//!
//! Every contestant of a workload reads the same input, made once and untimed. They run one after
//! the other, round after round (A B C, A B C, …), so that a change of the machine's mood in the
//! middle of a run falls on all of them. Ratios are taken inside a round and only then reduced to
//! their median: a slow round slows both sides of its ratio.
//!
//! Only [`timed`] work is timed. Freeing a result, and computing its checksum, happen after the
//! clock has stopped. All checksums of a workload must agree; a disagreement is an error of the
//! whole program, not a footnote. Only what is known to mean something else by the same words may
//! differ ([`Workload::other_result`]), and the table says so.

use std::fmt;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::memory;
use crate::report::{Row, Side, Table, Unit};

/// The number of threads every parallel contestant uses: the limits are written for two.
pub(crate) const THREADS: usize = 2;

/// What the command line asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Run only what contains one of these in `workload/contestant`; empty means everything.
    pub(crate) only: Vec<String>,
    /// Factor for the size of every input.
    pub(crate) scale: f64,
    /// How often each contestant runs.
    pub(crate) rounds: usize,
    /// A text to count words of, instead of the generated one.
    pub(crate) text: Option<PathBuf>,
    /// The folder for tables and plots.
    pub(crate) out: PathBuf,
    /// Whether the summary is written into the project's documents.
    pub(crate) docs: bool,
    /// A record that the figures are set against.
    pub(crate) against: Option<PathBuf>,
    /// Whether the figures are added to `benches/record/`.
    pub(crate) record: bool,
    /// Whether only names are asked for.
    pub(crate) list: bool,
}

impl Options {
    /// `full` events, scaled, and never fewer than one.
    pub(crate) fn scaled(&self, full: u64) -> u64 {
        ((full as f64 * self.scale) as u64).max(1)
    }

    fn selects(&self, workload: &str, contestant: &str) -> bool {
        let path = format!("{workload}/{contestant}");
        self.only.is_empty() || self.only.iter().any(|part| path.contains(part.as_str()))
    }
}

/// What a contestant computed, reduced to something that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    /// Does not depend on the order of the results: all contestants of a workload must agree.
    pub(crate) content: u64,
    /// Depends on the order: all contestants that promise an order must agree.
    pub(crate) order: Option<u64>,
}

impl From<u64> for Checksum {
    fn from(content: u64) -> Self {
        Checksum { content, order: None }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.content)?;
        self.order.map_or(Ok(()), |order| write!(f, ", in order {order:016x}"))
    }
}

/// One run of one contestant.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The most bytes in use at once, without the input.
    pub(crate) peak: u64,
    checksum: Checksum,
}

/// Times `work` alone, then takes the checksum of what it returned.
pub(crate) fn timed<R, C: Into<Checksum>>(
    work: impl FnOnce() -> R,
    checksum: impl FnOnce(&R) -> C,
) -> Sample {
    let before = memory::Before::now();
    let (start, cpu_start) = (Instant::now(), cpu_time());
    let result = black_box(work());
    let (wall, cpu) = (start.elapsed(), cpu_time().saturating_sub(cpu_start));
    let peak = before.peak();
    let checksum = checksum(&result).into();
    drop(result);
    memory::return_free();
    Sample { wall, cpu, peak, checksum }
}

/// The processor time of all threads of this program so far.
///
/// On a machine that does other work as well it says more than the wall clock, and it shows who
/// waits by spinning.
pub(crate) fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).expect("a process has not used negative time")
}

struct Contestant<I> {
    name: &'static str,
    /// How it is written and tuned.
    how: &'static str,
    side: Side,
    /// Whether its checksum must be that of the others.
    agrees: bool,
    run: fn(&I) -> Sample,
}

/// One input and everyone who works on it.
pub(crate) struct Workload<I> {
    name: &'static str,
    about: &'static str,
    unit: Unit,
    prepare: fn(&Options) -> Result<I, String>,
    events: fn(&I) -> u64,
    contestants: Vec<Contestant<I>>,
}

impl<I> Workload<I> {
    /// A workload whose input is made by `prepare` and holds as many events (or calls) as `events`
    /// says.
    pub(crate) fn new(
        name: &'static str,
        about: &'static str,
        prepare: fn(&Options) -> Result<I, String>,
        events: fn(&I) -> u64,
    ) -> Self {
        let unit = Unit::MillionPerSecond;
        Workload { name, about, unit, prepare, events, contestants: Vec::new() }
    }

    /// Reports in another unit than million events per second.
    pub(crate) fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Adds this library; the first one stands for it in the summary.
    pub(crate) fn flow(self, name: &'static str, how: &'static str, run: fn(&I) -> Sample) -> Self {
        self.contestant(Side::Flow, name, how, run)
    }

    /// Adds another library, or what one writes by hand around channels.
    pub(crate) fn peer(self, name: &'static str, how: &'static str, run: fn(&I) -> Sample) -> Self {
        self.contestant(Side::Peer, name, how, run)
    }

    /// Adds the code that everyone is measured against.
    pub(crate) fn limit(
        self,
        name: &'static str,
        how: &'static str,
        run: fn(&I) -> Sample,
    ) -> Self {
        self.contestant(Side::Limit, name, how, run)
    }

    /// Adds what is there to compare with and competes with nobody: a sequential loop, a limit of
    /// another kind.
    pub(crate) fn aside(
        self,
        name: &'static str,
        how: &'static str,
        run: fn(&I) -> Sample,
    ) -> Self {
        self.contestant(Side::Aside, name, how, run)
    }

    fn contestant(
        mut self,
        side: Side,
        name: &'static str,
        how: &'static str,
        run: fn(&I) -> Sample,
    ) -> Self {
        self.contestants.push(Contestant { name, how, side, agrees: true, run });
        self
    }

    /// Lets the contestant that was added last have another result than the others; its `how` says
    /// why it has.
    #[cfg(feature = "peers")]
    pub(crate) fn other_result(mut self) -> Self {
        self.contestants.last_mut().expect("there is a contestant").agrees = false;
        self
    }

    /// The contestants to run: those that were asked for, and the limit.
    fn selection(&self, options: &Options) -> Vec<&Contestant<I>> {
        let is_asked = |c: &&Contestant<I>| options.selects(self.name, c.name);
        let any = self.contestants.iter().any(|c| is_asked(&c));
        let takes_part = |c: &&Contestant<I>| is_asked(c) || (any && c.side == Side::Limit);
        self.contestants.iter().filter(takes_part).collect()
    }
}

/// A workload of any input.
pub(crate) trait Compare {
    /// The name, and the names of the contestants.
    fn names(&self) -> (&'static str, Vec<&'static str>);

    /// Runs what `options` select; `None` where that is nothing.
    fn compare(&self, options: &Options) -> Result<Option<Table>, String>;
}

impl<I> Compare for Workload<I> {
    fn names(&self) -> (&'static str, Vec<&'static str>) {
        (self.name, self.contestants.iter().map(|c| c.name).collect())
    }

    fn compare(&self, options: &Options) -> Result<Option<Table>, String> {
        let selection = self.selection(options);
        if selection.is_empty() {
            return Ok(None);
        }
        eprintln!("{}: preparing the input", self.name);
        let input = (self.prepare)(options)?;
        let mut rows: Vec<Row> =
            selection.iter().map(|c| Row::new(c.name, c.how, c.side)).collect();
        let (mut agreed, mut others) = (Agreement::default(), Vec::new());
        let mut warm = None;
        for round in 1..=options.rounds {
            eprintln!("{}: round {round} of {}", self.name, options.rounds);
            for (nth, contestant) in selection.iter().enumerate() {
                memory::warm(warm.unwrap_or(UNKNOWN));
                let sample = (contestant.run)(&input);
                warm = warm.max(Some(around(sample.peak)));
                if contestant.agrees {
                    agreed
                        .check(contestant.name, sample.checksum)
                        .map_err(|what| format!("{}: {what}", self.name))?;
                } else {
                    others.push((nth, sample.checksum));
                }
                rows[nth].push(&sample);
            }
        }
        for (nth, checksum) in others {
            rows[nth].differs |= !agreed.is(checksum);
        }
        let Workload { name, about, unit, .. } = *self;
        let events = (self.events)(&input);
        Ok(Some(Table { name, about, unit, events, rows }))
    }
}

/// How much memory is made warm before a workload's first run: more than most of them need.
const UNKNOWN: usize = 1 << 30;

/// How much memory a run takes from the system whose peak is known, with what its allocator has in between.
fn around(peak: u64) -> usize {
    2 * peak as usize + (16 << 20)
}

/// The checksums that the first contestant delivered, with its name.
#[derive(Default)]
struct Agreement {
    content: Option<(&'static str, u64)>,
    order: Option<(&'static str, u64)>,
}

impl Agreement {
    fn check(&mut self, name: &'static str, sum: Checksum) -> Result<(), String> {
        let (first, content) = *self.content.get_or_insert((name, sum.content));
        if content != sum.content {
            return Err(format!("{name} computed {sum}, but {first} {content:016x}"));
        }
        if let Some(order) = sum.order {
            let (first, expected) = *self.order.get_or_insert((name, order));
            if expected != order {
                return Err(format!("{name} delivers another order than {first}"));
            }
        }
        Ok(())
    }

    fn is(&self, sum: Checksum) -> bool {
        self.content.is_some_and(|(_, content)| content == sum.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contestants_that_disagree_are_an_error() {
        let mut agreed = Agreement::default();
        assert!(agreed.check("a", Checksum { content: 1, order: Some(7) }).is_ok());
        assert!(agreed.check("b", Checksum::from(1)).is_ok());
        assert!(agreed.check("c", Checksum::from(2)).is_err());
        assert!(agreed.check("d", Checksum { content: 1, order: Some(8) }).is_err());
    }
}
