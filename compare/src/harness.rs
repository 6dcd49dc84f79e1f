//! How contestants are measured.
//!
//! Every contestant of a workload reads the same input, made once and untimed. They run one after
//! the other, round after round (A B C, A B C, …), so that a change of the machine's mood in the
//! middle of a run falls on all of them. Ratios are taken inside a round and only then reduced to
//! their median: a slow round slows both sides of its ratio.
//!
//! Only [`timed`] work is timed. Freeing a result, and computing its checksum, happen after the
//! clock has stopped. All checksums of a workload must agree; a disagreement is an error of the
//! whole program, not a footnote.

use std::fmt;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::report::{Row, Table, Unit};

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
    wall: Duration,
    cpu: Duration,
    checksum: Checksum,
}

/// Times `work` alone, then takes the checksum of what it returned.
pub(crate) fn timed<R, C: Into<Checksum>>(
    work: impl FnOnce() -> R,
    checksum: impl FnOnce(&R) -> C,
) -> Sample {
    let (start, cpu_start) = (Instant::now(), cpu_time());
    let result = black_box(work());
    let (wall, cpu) = (start.elapsed(), cpu_time().saturating_sub(cpu_start));
    let checksum = checksum(&result).into();
    drop(result);
    return_free_memory();
    Sample { wall, cpu, checksum }
}

/// The processor time of all threads of this program so far.
///
/// On a machine that does other work as well it says more than the wall clock, and it shows who
/// waits by spinning.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).expect("a process has not used negative time")
}

/// Gives memory that is free back to the system, so that each contestant starts as cold as a
/// program of its own.
///
/// Otherwise one finds the heap that the one before it has left: up to a fifth of a word count's
/// time is page faults, or is not.
fn return_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        malloc_trim(0);
    }
}

struct Contestant<I> {
    name: &'static str,
    /// The contestant that stands for rayon beside this one.
    rayon: &'static str,
    run: fn(&I) -> Sample,
}

/// One input and everyone who works on it.
pub(crate) struct Workload<I> {
    name: &'static str,
    about: &'static str,
    unit: Unit,
    limit: &'static str,
    rayon: &'static str,
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
        let (limit, rayon) = ("limit", "rayon");
        Workload { name, about, unit, limit, rayon, prepare, events, contestants: Vec::new() }
    }

    /// Reports in another unit than million events per second.
    pub(crate) fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Measures against another contestant than `limit`.
    pub(crate) fn limit(mut self, name: &'static str) -> Self {
        self.limit = name;
        self
    }

    /// Names the contestant that stands for rayon, where that is not `rayon`; to be called before
    /// contestants are added.
    pub(crate) fn rayon(mut self, name: &'static str) -> Self {
        self.rayon = name;
        self
    }

    /// Adds a contestant.
    pub(crate) fn contestant(self, name: &'static str, run: fn(&I) -> Sample) -> Self {
        let rayon = self.rayon;
        self.contestant_beside(name, rayon, run)
    }

    /// Adds a contestant whose fair counterpart is another rayon form.
    pub(crate) fn contestant_beside(
        mut self,
        name: &'static str,
        rayon: &'static str,
        run: fn(&I) -> Sample,
    ) -> Self {
        self.contestants.push(Contestant { name, rayon, run });
        self
    }

    /// The contestants to run: those that were asked for, and those they are compared with.
    fn selection(&self, options: &Options) -> Vec<&Contestant<I>> {
        let asked: Vec<_> =
            self.contestants.iter().filter(|c| options.selects(self.name, c.name)).collect();
        let is_reference = |c: &Contestant<I>| {
            !asked.is_empty() && (c.name == self.limit || asked.iter().any(|a| a.rayon == c.name))
        };
        let is_asked = |c: &Contestant<I>| asked.iter().any(|a| a.name == c.name);
        self.contestants.iter().filter(|c| is_asked(c) || is_reference(c)).collect()
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
        let mut rows: Vec<Row> = selection.iter().map(|c| Row::new(c.name, c.rayon)).collect();
        let mut agreed = Agreement::default();
        for round in 1..=options.rounds {
            eprintln!("{}: round {round} of {}", self.name, options.rounds);
            for (contestant, row) in selection.iter().zip(&mut rows) {
                let sample = (contestant.run)(&input);
                agreed
                    .check(contestant.name, sample.checksum)
                    .map_err(|what| format!("{}: {what}", self.name))?;
                row.push(sample.wall, sample.cpu);
            }
        }
        let Workload { name, about, unit, limit, rayon, .. } = *self;
        let events = (self.events)(&input);
        Ok(Some(Table { name, about, unit, limit, rayon, events, rows }))
    }
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
