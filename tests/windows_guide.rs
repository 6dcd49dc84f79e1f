//! What `docs/windows.md` says of this library is shown by tests that exist.

use flow::{Flow, Timestamp, Window};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The names of tests, `file::test`, of all files below a folder.
fn tests_below(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let after = text.split("#[test]").skip(1);
            let names = after.filter_map(|text| text.split_once("fn ")?.1.split_once('('));
            found.extend(names.map(|(name, _)| format!("{file}::{name}")));
        }
    }
}

#[test]
fn every_row_names_a_test_or_says_why_there_is_none() {
    let mut tests = Vec::new();
    for folder in ["tests", "src"] {
        tests_below(&Path::new(ROOT).join(folder), &mut tests);
    }
    let cases = ["windows", "further"].map(|file| format!("{ROOT}/tests/cases/{file}.cases"));
    let cases = cases.map(|path| fs::read_to_string(path).unwrap()).concat();
    let page = fs::read_to_string(format!("{ROOT}/docs/windows.md")).unwrap();
    let table = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let rows: Vec<Vec<&str>> =
        table.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect();
    assert!(rows.len() >= 46, "{} rows", rows.len());
    for row in rows {
        assert_eq!(row.len(), 12, "{row:?}");
        let (here, shown) = (row[1], row[2]);
        if let Some(case) = shown.strip_prefix("case ") {
            assert!(cases.contains(&format!("\ncase {case} ")), "there is no {shown}");
        } else if let Some(why) = shown.strip_prefix("none: ") {
            let said = why == "missing" && here.starts_with("not yet")
                || why == "by design" && here.starts_with("no: ");
            assert!(said, "{row:?}");
        } else {
            let test = shown.trim_matches('`').to_owned();
            assert!(tests.contains(&test), "there is no {shown}");
        }
    }
}

#[test]
fn the_best_few_and_what_is_distinct() {
    let events = (0..100i64).map(|at| (at, at * 7 % 13));
    let windows = Flow::from_iter(events.clone())
        .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending())
        .key_by(|_| ())
        .window(Window::fixed(Duration::from_millis(10)))
        .aggregate(|a| (a.top_k(2, |(_, x)| *x), a.count_distinct(|(_, x)| x % 3)))
        .map(|pane| (pane.window.start().0, pane.value));
    let got: BTreeMap<i64, (Vec<i64>, u64)> = windows.collect().unwrap();
    assert_eq!(got.len(), 10);
    for (start, (best, distinct)) in got {
        let mut all: Vec<i64> =
            events.clone().filter(|(at, _)| at - start < 10 && *at >= start).map(|e| e.1).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(best, all[..2]);
        all.iter_mut().for_each(|x| *x %= 3);
        all.sort_unstable();
        all.dedup();
        assert_eq!(distinct, all.len() as u64);
    }
}
