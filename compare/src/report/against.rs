//! This run beside the last one that was recorded on the same machine.

use std::fmt::Write as _;
use std::path::Path;

use super::record::{self, Figure};
use super::{Side, Table, mebibytes, three_digits};

/// Times are ratios to the reference of their workload. One is slower where this run's median is more
/// than that of the record by this factor, and neither is within the spread of the other's rounds.
const SLOWER: f64 = 1.05;
/// Memory is counted, not measured.
const MORE: f64 = 1.1;

/// What has become slower, or takes more memory, of this library.
pub(crate) fn against(tables: &[Table], path: &Path) -> Result<String, String> {
    let known = record::read(path)?;
    let mut text = format!("## Against {}\n\n", path.display());
    let (mut compared, mut worse) = (0, 0);
    for table in tables {
        for row in table.of(Side::Flow) {
            let Some(now) = Figure::of(table, row) else { continue };
            let Some(last) = last(&known, &now) else { continue };
            compared += 1;
            let found = found(&now, last);
            if let Some(found) = found {
                worse += 1;
                let Figure { workload, contestant, .. } = &now;
                writeln!(text, "- {workload}, {contestant}: {found}, since {}", last.commit)
                    .expect("a string takes everything");
            }
        }
    }
    if worse > 0 {
        text.push('\n');
    }
    writeln!(text, "{worse} of {compared} are worse than their last record on this machine.")
        .expect("a string takes everything");
    Ok(text)
}

/// The newest figure of the same on the same machine.
fn last<'f>(known: &'f [Figure], now: &Figure) -> Option<&'f Figure> {
    let key = |figure: &Figure| {
        let Figure { machine, workload, contestant, events, .. } = figure;
        (machine.clone(), workload.clone(), contestant.clone(), *events)
    };
    let wanted = key(now);
    known.iter().filter(|figure| key(figure) == wanted).max_by_key(|figure| figure.time)
}

/// In what it is worse.
fn found(now: &Figure, last: &Figure) -> Option<String> {
    let slower = now.times.median > SLOWER * last.times.median
        && now.times.median > last.times.most
        && now.times.least > last.times.median;
    let more = now.peak as f64 > MORE * last.peak as f64 && now.peak > last.peak + (1 << 20);
    let ratios = [last, now].map(|figure| three_digits(figure.times.median));
    let peaks = [last, now].map(|figure| mebibytes(figure.peak));
    let slower = slower.then(|| format!("time × reference {} → {}", ratios[0], ratios[1]));
    let more = more.then(|| format!("peak MiB {} → {}", peaks[0], peaks[1]));
    let found: Vec<_> = slower.into_iter().chain(more).collect();
    (!found.is_empty()).then(|| found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::record::Spread;
    use super::*;

    fn figure([least, median, most]: [f64; 3], peak: u64) -> Figure {
        Figure {
            time: 1,
            commit: "abc".into(),
            machine: "this".into(),
            workload: "work".into(),
            contestant: "flow".into(),
            events: 1,
            times: Spread { median, least, most },
            peak,
        }
    }

    #[test]
    fn what_is_within_the_spread_is_not_slower() {
        let last = figure([1.0, 1.2, 1.4], 0);
        assert_eq!(found(&figure([1.1, 1.3, 1.5], 0), &last), None);
        assert_eq!(found(&figure([1.1, 1.5, 1.6], 0), &last), None);
        assert!(found(&figure([1.3, 1.5, 1.6], 0), &last).is_some());
        let sure = figure([1.2, 1.2, 1.2], 0);
        assert_eq!(found(&figure([1.23, 1.24, 1.25], 0), &sure), None);
    }

    #[test]
    fn more_memory_is_seen() {
        let last = figure([1.0; 3], 100 << 20);
        assert_eq!(found(&figure([1.0; 3], 105 << 20), &last), None);
        assert!(found(&figure([1.0; 3], 120 << 20), &last).is_some());
    }

    #[test]
    fn the_newest_of_the_same_machine_counts() {
        let old = figure([1.0; 3], 0);
        let new = Figure { time: 2, ..old.clone() };
        let other = Figure { time: 3, machine: "other".into(), ..old.clone() };
        let smaller = Figure { time: 4, events: 2, ..old.clone() };
        let known = [new.clone(), old.clone(), other, smaller];
        assert_eq!(last(&known, &old), Some(&new));
    }

    #[test]
    fn a_run_against_its_own_record_is_not_worse() {
        use super::super::tests::{row, table};
        let folder = tempfile::tempdir().expect("there is a place for it");
        let file = folder.path().join("figures.tsv");
        let tables =
            [table(vec![row("flow", Side::Flow, [2.0; 3]), row("l", Side::Limit, [1.0; 3])])];
        record::append(&tables, &file).expect("it can be written");
        let text = against(&tables, &file).expect("it can be read");
        assert!(text.ends_with("0 of 1 are worse than their last record on this machine.\n"));
    }
}
