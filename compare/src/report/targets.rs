//! What this library wants to reach: ratios within one run, and which of them it does reach.

use std::fmt;

use super::{Row, Side, Table, three_digits};

/// What a time is set against.
#[derive(Clone, Copy)]
enum Of {
    Limit,
    /// The fastest of these peers, in whatever variant.
    Fastest(&'static [&'static str]),
}

/// At most so many times the time of something.
struct Target {
    /// A workload, or the beginning of the names of several, up to a hyphen.
    workload: &'static str,
    most: f64,
    of: Of,
}

const fn target(workload: &'static str, most: f64, of: Of) -> Target {
    Target { workload, most, of }
}

const RAYON: Of = Of::Fastest(&["rayon"]);
const DATAFLOW: Of = Of::Fastest(&["renoir", "timely"]);

/// Besides [`NOT_SLOWER`] and [`MEMORY`], which hold for all workloads.
const TARGETS: [Target; 21] = [
    target("words-borrowed", 1.25, Of::Limit),
    target("words-lent", 1.5, Of::Limit),
    target("words-owned", 4.0, Of::Limit),
    target("windows-fixed", 1.2, Of::Limit),
    target("windows-keys-1m", 1.6, Of::Limit),
    target("windows-sliding", 1.3, Of::Limit),
    target("windows-sliding-max", 1.5, Of::Limit),
    target("stations", 1.6, Of::Limit),
    target("stations", 1.0 / 1.6, RAYON),
    target("exchange-10m-keys", 2.0, Of::Limit),
    target("nexmark-q0", 1.15, Of::Limit),
    target("nexmark-q1", 1.15, Of::Limit),
    target("nexmark-q2", 1.15, Of::Limit),
    target("nexmark-q3", 0.5, DATAFLOW),
    target("nexmark-q5", 0.5, DATAFLOW),
    target("nexmark-q7", 0.5, DATAFLOW),
    target("nexmark-q8", 0.5, DATAFLOW),
    target("nexmark-q11", 0.5, DATAFLOW),
    target("nexmark-q12", 0.5, DATAFLOW),
    target("tiny-100", 0.1, RAYON),
    target("tiny-partition", 0.1, RAYON),
];

/// Times the time of the fastest peer.
const NOT_SLOWER: f64 = 1.0;
/// Times the memory of the leanest peer.
const MEMORY: f64 = 1.5;
/// Memory is exact to 64 KiB for each thread: a peer that needs less than this counts as this.
const LEAST_MEMORY: u64 = 1 << 20;

/// A target and what was reached.
struct Verdict {
    workload: &'static str,
    most: f64,
    reached: f64,
    of: &'static str,
}

impl Verdict {
    /// As it is printed: a ratio has no more than two digits that say something.
    fn met(&self) -> bool {
        (self.reached * 100.0).round() <= (self.most * 100.0).round()
    }
}

/// The targets of the workloads that ran.
#[derive(Default)]
pub(super) struct Targets {
    own: Vec<Verdict>,
    not_slower: Vec<Verdict>,
    memory: Vec<Verdict>,
}

impl Targets {
    pub(super) fn add(&mut self, table: &Table) {
        let Some(flow) = table.of(Side::Flow).next() else { return };
        let workload = table.name;
        let verdict = |most, reached, of| Verdict { workload, most, reached, of };
        let times = |most, other: &Row| verdict(most, flow.times(other), other.name);
        for target in of_workload(workload) {
            let other = match target.of {
                Of::Limit => table.limit(),
                Of::Fastest(names) => {
                    table.fastest_of(|row| names.iter().any(|name| is_of(row.name, name)))
                }
            };
            self.own.extend(other.map(|other| times(target.most, other)));
        }
        self.not_slower.extend(table.fastest_peer().map(|peer| times(NOT_SLOWER, peer)));
        self.memory.extend(table.leanest_peer().map(|peer| {
            let reached = flow.peak as f64 / peer.peak.max(LEAST_MEMORY) as f64;
            verdict(MEMORY, reached, peer.name)
        }));
    }
}

/// Its targets: where several names begin its own, those of the longest.
fn of_workload(workload: &str) -> impl Iterator<Item = &'static Target> {
    let known = move || TARGETS.iter().filter(move |target| is_of(workload, target.workload));
    let longest = known().map(|target| target.workload.len()).max();
    known().filter(move |target| Some(target.workload.len()) == longest)
}

/// Whether a name is this one, or begins with it and a hyphen.
fn is_of(name: &str, known: &str) -> bool {
    name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// One for all workloads, with those that miss it.
fn for_all(f: &mut fmt::Formatter<'_>, what: &str, all: &[Verdict]) -> fmt::Result {
    let met = all.iter().filter(|verdict| verdict.met()).count();
    write!(f, "{what}: {met} of {}", all.len())?;
    let missed = all.iter().filter(|verdict| !verdict.met());
    for (nth, Verdict { workload, reached, of, .. }) in missed.enumerate() {
        let between = if nth == 0 { "; but" } else { "," };
        write!(f, "{between} {workload} {} × {of}", three_digits(*reached))?;
    }
    writeln!(f, ".\n")
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for_all(f, "Not slower than any peer", &self.not_slower)?;
        for_all(f, "At most 1.5 times the memory of the leanest peer", &self.memory)?;
        if self.own.is_empty() {
            return Ok(());
        }
        writeln!(f, "| target | at most | reached | |")?;
        writeln!(f, "|---|--:|--:|---|")?;
        for verdict in &self.own {
            let Verdict { workload, most, reached, of } = verdict;
            let met = if verdict.met() { "met" } else { "**missed**" };
            let [most, reached] = [most, reached].map(|ratio| three_digits(*ratio));
            writeln!(f, "| {workload}, time × {of} | {most} | {reached} | {met} |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{row, table};
    use super::*;

    fn named(name: &'static str, rows: Vec<Row>) -> Table {
        Table { name, ..table(rows) }
    }

    #[test]
    fn a_variant_has_the_targets_of_its_workload_unless_it_has_its_own() {
        let most = |workload| of_workload(workload).map(|target| target.most).collect::<Vec<_>>();
        assert_eq!(most("windows-sliding"), [1.3]);
        assert_eq!(most("windows-sliding-max"), [1.5]);
        assert_eq!(most("nexmark-q3-in-order"), most("nexmark-q3"));
        assert_eq!(most("stations-10k").len(), 2);
        assert!(most("tiny-100k").is_empty());
    }

    #[test]
    fn a_target_is_met_or_missed() {
        let mut targets = Targets::default();
        let flow = |seconds| row("flow", Side::Flow, [seconds; 3]);
        let limit = || row("limit", Side::Limit, [1.0; 3]);
        let renoir = |name| row(name, Side::Peer, [3.0; 3]);
        targets.add(&named("stations-413", vec![flow(1.6), limit()]));
        targets.add(&named("nexmark-q3", vec![flow(2.0), limit(), renoir("renoir-own")]));
        targets.add(&named("nexmark-q33", vec![flow(4.0), limit(), renoir("renoir")]));
        let text = targets.to_string();
        assert!(
            text.contains("Not slower than any peer: 1 of 2; but nexmark-q33 1.33 × renoir.\n")
        );
        assert!(text.contains("| stations-413, time × limit | 1.60 | 1.60 | met |\n"), "{text}");
        assert!(text.contains("| nexmark-q3, time × renoir-own | 0.500 | 0.667 | **missed** |\n"));
        assert!(!text.contains("| nexmark-q33,"));
    }
}
