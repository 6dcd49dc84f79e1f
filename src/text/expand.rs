//! From paths as given to a list of inputs.
//!
//! A path is taken for what it exists as: a file, or a directory, which stands
//! for all files below it. Only a path that does not exist and has one of the
//! characters `*?[` is a pattern, and stands for what the paths it matches stand
//! for. One path or pattern gives each file once, however many links lead to it,
//! and in the order of the paths, so a run sees the list of the run before.
//! Hidden entries are left out unless they are named, and what is missing is an
//! error here, before any input has been read.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern};

use super::walk::walk;
use super::{ReadError, STDIN};

/// Something to read lines from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A file and its length, which only a regular file has. The length is that
    /// of the time of listing: good for progress, not to rely on.
    File(Arc<Path>, Option<u64>),
    /// The standard input.
    Stdin,
}

/// The inputs that `paths` stand for, in the order given.
///
/// A file that is given twice is in the list twice.
pub(crate) fn expand(
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
) -> Result<Vec<Input>, ReadError> {
    let mut inputs = Vec::new();
    for path in paths {
        let path = path.as_ref();
        if path == Path::new(STDIN) {
            inputs.push(Input::Stdin);
            continue;
        }
        match fs::metadata(path) {
            Ok(data) if data.is_dir() => inputs.extend(below(path)?),
            Ok(data) => inputs.push(file(path, &data)),
            Err(_) if is_pattern(path.as_os_str()) => inputs.extend(matching(path)?),
            Err(error) => return Err(failed("find", path, error)),
        }
    }
    Ok(inputs)
}

/// The length of all inputs together, if it is known of each.
pub(crate) fn total_len(inputs: &[Input]) -> Option<u64> {
    let lens = inputs.iter().map(|input| match input {
        Input::File(_, len) => *len,
        Input::Stdin => None,
    });
    lens.sum()
}

pub(super) fn failed(operation: &'static str, path: &Path, error: io::Error) -> ReadError {
    ReadError::Io { operation, input: path.into(), error }
}

pub(super) fn file(path: &Path, data: &Metadata) -> Input {
    Input::File(path.into(), data.is_file().then_some(data.len()))
}

fn is_pattern(name: &OsStr) -> bool {
    name.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn below(path: &Path) -> Result<Vec<Input>, ReadError> {
    walk(path, |_, name| !is_hidden(name), |_| true)
}

/// The files that match a pattern or lie below a directory that does.
///
/// Not by `glob::glob`, which goes round in a loop of links until the system
/// stops it, and would be a second set of rules.
fn matching(path: &Path) -> Result<Vec<Input>, ReadError> {
    let compile = |text: &OsStr| {
        Pattern::new(&text.to_string_lossy())
            .map_err(|error| ReadError::Pattern { pattern: path.into(), error })
    };
    let literal = |part: &Component<'_>| !is_pattern(part.as_os_str());
    let base: PathBuf = path.components().take_while(literal).collect();
    let rest: PathBuf = path.components().skip_while(literal).collect();
    let whole = compile(rest.as_os_str())?;
    // Up to `**` each depth has its own pattern, which saves the walk from
    // directories that cannot matter, and from failing in them.
    let flat = rest.iter().take_while(|part| *part != "**");
    let flat: Vec<Pattern> = flat.map(compile).collect::<Result<_, _>>()?;
    let names_hidden = rest.iter().any(is_hidden);

    let enter = |depth: usize, name: &OsStr| match flat.get(depth - 1) {
        Some(pattern) => matches(pattern, name),
        None => names_hidden || !is_hidden(name),
    };
    let mut found = Vec::new();
    if base.as_os_str().is_empty() || base.is_dir() {
        found = walk(&base, enter, |path| stands_for(&whole, path))?;
    }
    if found.is_empty() {
        return Err(ReadError::NoMatch { pattern: path.into() });
    }
    Ok(found)
}

/// Whether the pattern matches the file or a directory it is visible from.
fn stands_for(pattern: &Pattern, file: &Path) -> bool {
    for path in file.ancestors() {
        if matches(pattern, path.as_os_str()) {
            return true;
        }
        if path.file_name().is_some_and(is_hidden) {
            return false;
        }
    }
    false
}

fn matches(pattern: &Pattern, path: &OsStr) -> bool {
    let options = MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..MatchOptions::default()
    };
    pattern.matches_with(&path.to_string_lossy(), options)
}

#[cfg(test)]
#[path = "expand_tests.rs"]
pub(super) mod tests;
