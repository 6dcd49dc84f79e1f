//! All workloads in one table: this library beside the limit and the fastest peer.

use std::fmt;
use std::fs;
use std::path::Path;

use super::{Side, Table, mebibytes, plot, three_digits};

/// What is said of one workload.
pub(super) struct Line {
    pub(super) workload: &'static str,
    /// This library's time over the limit's.
    pub(super) flow: f64,
    /// The fastest peer, with its time over the limit's.
    pub(super) peer: Option<(&'static str, f64)>,
    text: String,
}

/// A line for each workload that ran for this library and for the limit.
#[derive(Default)]
pub(crate) struct Summary {
    pub(super) lines: Vec<Line>,
}

impl Summary {
    /// Adds a workload.
    pub(crate) fn add(&mut self, table: &Table) {
        let (Some(flow), Some(limit)) = (table.of(Side::Flow).next(), table.limit()) else {
            return;
        };
        let peer = table.fastest_peer();
        let times = flow.times(limit);
        let processor = three_digits(flow.times_processor(limit));
        let to_peer = peer.map_or("–".into(), |peer| {
            format!("{} ({})", three_digits(flow.times(peer)), peer.name)
        });
        let leanest = table
            .leanest_peer()
            .map_or("–".into(), |peer| format!("{} ({})", mebibytes(peer.peak), peer.name));
        let speed = format!("{} {}", three_digits(table.speed(flow)), table.unit.heading());
        let (name, ratio, peak) = (table.name, three_digits(times), mebibytes(flow.peak));
        self.lines.push(Line {
            workload: name,
            flow: times,
            peer: peer.map(|peer| (peer.name, peer.times(limit))),
            text: format!(
                "| {name} | {speed} | {ratio} | {processor} | {to_peer} | {peak} | {leanest} |"
            ),
        });
    }

    /// Writes the table and its plot into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), String> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let cannot = |e: &dyn fmt::Display| format!("cannot write into {}: {e}", folder.display());
        let text = format!("{self}\n![summary](summary.svg)\n");
        fs::write(folder.join("summary.md"), text).map_err(|e| cannot(&e))?;
        plot::summary(self, &folder.join("summary.svg")).map_err(|e| cannot(&*e))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return Ok(());
        }
        writeln!(f, "## Summary\n")?;
        writeln!(
            f,
            "| workload | Flow | time × limit | CPU time × limit | time × fastest peer | peak MiB | \
             leanest peer, MiB |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|")?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", line.text))
    }
}
