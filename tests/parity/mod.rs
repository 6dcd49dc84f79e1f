//! Pages that say of each capability of another library what it is here, and name a test for it.

use std::collections::BTreeSet;
use std::fs;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The rows of all tables of the page, as their cells.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = page.lines().collect();
    let is_row = |line: &str| line.starts_with("| ");
    let heads = lines.windows(2).filter(|pair| pair[1].starts_with("|-")).map(|pair| pair[0]);
    let heads: BTreeSet<&str> = heads.collect();
    lines
        .iter()
        .filter(|line| is_row(line) && !heads.contains(*line))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What stands between backticks and looks like `file::test`.
fn tests_named(cell: &str) -> Vec<(&str, &str)> {
    let code = cell.split('`').skip(1).step_by(2);
    code.filter_map(|name| name.split_once("::")).collect()
}

/// Checks that every row of `docs/{page}.md` ends with tests that exist, or with why there is none;
/// gives how many rows there are.
pub(crate) fn rows_with_their_tests(page: &str) -> usize {
    let cases = ["windows", "further"].map(|file| format!("{ROOT}/tests/cases/{file}.cases"));
    let cases = cases.map(|path| fs::read_to_string(path).unwrap()).concat();
    let page = fs::read_to_string(format!("{ROOT}/docs/{page}.md")).unwrap();
    let rows = rows(&page);
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        let tests = tests_named(row[3]);
        let without = row[3].starts_with("none: ");
        assert!(without || !tests.is_empty(), "no test and no reason: {row:?}");
        for case in row[3].split("case ").skip(1) {
            let number = case.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            assert!(cases.contains(&format!("\ncase {number} ")), "no case {number}: {row:?}");
        }
        for (file, test) in tests {
            assert!(exists(file, test), "there is no `{file}::{test}`: {row:?}");
        }
    }
    rows.len()
}

/// Whether there is such a test in `tests/`, or beside the code of stages.
fn exists(file: &str, test: &str) -> bool {
    let paths = ["tests/{}.rs", "tests/{}/main.rs", "src/stage/{}.rs"];
    let paths = paths.map(|path| format!("{ROOT}/{}", path.replace("{}", file)));
    let folder = fs::read_dir(format!("{ROOT}/tests/{file}"));
    let inside = folder.into_iter().flatten().flatten().map(|entry| entry.path());
    let is_there =
        |path| fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {test}(")));
    paths.iter().map(Into::into).chain(inside).any(is_there)
}
