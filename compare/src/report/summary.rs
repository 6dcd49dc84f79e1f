//! All workloads in one table: this library beside the fastest peer and the limit.

use std::fmt;
use std::path::Path;

use super::targets::Targets;
use super::{
    Row, Sections, Side, Table, docs_folder, here, mebibytes, plot, root_folder, three_digits,
    write,
};

/// What is said of one workload.
pub(super) struct Line {
    pub(super) workload: &'static str,
    /// This library's time over the limit's.
    pub(super) flow: Option<f64>,
    /// The fastest peer's.
    pub(super) peer: Option<f64>,
    /// For those who only want to know how fast it is.
    short: String,
    /// The rest.
    more: String,
}

/// A line for each workload that ran for this library.
#[derive(Default)]
pub(crate) struct Summary {
    pub(super) lines: Vec<Line>,
    targets: Targets,
}

const SHORT: [&str; 2] = [
    "| workload | | Flow | fastest peer | limit | time × peer | time × limit |",
    "|---|---|--:|--:|--:|--:|--:|",
];
const MORE: [&str; 2] = [" CPU time × limit | peak MiB | leanest peer, MiB |", "--:|--:|--:|"];

impl Summary {
    /// Adds a workload.
    pub(crate) fn add(&mut self, table: &Table) {
        let Some(flow) = table.of(Side::Flow).next() else { return };
        self.targets.add(table);
        let (limit, peer) = (table.limit(), table.fastest_peer());
        let times = |other: Option<&Row>| other.map(|other| flow.times(other));
        let speed = |row: &Row| three_digits(table.speed(row));
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".into());
        let ratio = |times: Option<f64>| or_none(times.map(three_digits));
        let name = table.name;
        let short = format!(
            "| {name} | {} | {} | {} | {} | {} | {} |",
            table.unit.heading(),
            speed(flow),
            or_none(peer.map(|peer| format!("{} ({})", speed(peer), peer.name))),
            or_none(limit.map(speed)),
            ratio(times(peer)),
            ratio(times(limit)),
        );
        let leanest = table.leanest_peer();
        let more = format!(
            " {} | {} | {} |",
            ratio(limit.map(|limit| flow.times_processor(limit))),
            mebibytes(flow.peak),
            or_none(leanest.map(|peer| format!("{} ({})", mebibytes(peer.peak), peer.name))),
        );
        let peer = limit.zip(peer).map(|(limit, peer)| peer.times(limit));
        self.lines.push(Line { workload: name, flow: times(limit), peer, short, more });
    }

    /// What a README shows.
    fn short(&self) -> String {
        let lines = self.lines.iter().map(|line| line.short.as_str());
        SHORT.into_iter().chain(lines).map(|line| format!("{line}\n")).collect()
    }

    /// Writes the table and its plot into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), String> {
        if self.lines.is_empty() {
            return Ok(());
        }
        write(&folder.join("summary.md"), &format!("{self}\n![summary](summary.svg)\n"))?;
        plot::summary(self, &folder.join("summary.svg"))
    }

    /// Writes them into the README and the document of figures.
    pub(crate) fn write_docs(&self) -> Result<(), String> {
        // With the plot, which is not there before the first of these runs.
        let shown = |folder: &str, table: String| {
            let plot = format!("![speed as a share of the limit's]({folder}performance.svg)");
            format!("{}\n\n{plot}\n\n{table}", here())
        };
        let mut readme = Sections::default();
        readme.add("summary".into(), shown("docs/", self.short()));
        readme.fill(&root_folder().join("README.md"))?;
        let mut document = Sections::default();
        document.add("summary".into(), shown("", self.table()));
        document.add("targets".into(), self.targets.to_string());
        document.fill(&docs_folder().join("performance.md"))?;
        plot::summary(self, &docs_folder().join("performance.svg"))
    }

    fn table(&self) -> String {
        let heads = SHORT.into_iter().zip(MORE);
        let lines = self.lines.iter().map(|line| (line.short.as_str(), line.more.as_str()));
        heads.chain(lines).map(|(short, more)| format!("{short}{more}\n")).collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return Ok(());
        }
        write!(f, "## Summary\n\n{}\n## Targets\n\n{}", self.table(), self.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{row, table};
    use super::*;

    #[test]
    fn a_workload_is_a_line_with_whatever_it_has() {
        let mut summary = Summary::default();
        let flow = || row("flow", Side::Flow, [2.0; 3]);
        summary.add(&table(vec![flow()]));
        let limit = row("limit", Side::Limit, [1.0; 3]);
        summary.add(&table(vec![flow(), row("peer", Side::Peer, [4.0; 3]), limit]));
        let text = summary.short();
        let lines: Vec<_> = text.lines().skip(2).collect();
        let unit = "ns per event";
        assert_eq!(lines[0], format!("| workload | {unit} | 2000000000 | – | – | – | – |"));
        assert!(lines[1].ends_with("| 4000000000 (peer) | 1000000000 | 0.500 | 2.00 |"));
        let folder = tempfile::tempdir().expect("there is a place for it");
        summary.write(folder.path()).expect("it can be written");
        assert!(folder.path().join("summary.svg").exists());
    }
    #[test]
    fn the_documents_have_a_place_for_it() {
        Sections::check(&root_folder().join("README.md"), ["summary".into()]);
        let names = ["summary", "targets"].map(String::from);
        Sections::check(&docs_folder().join("performance.md"), names);
    }
}
