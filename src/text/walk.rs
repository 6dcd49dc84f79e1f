//! All files below a directory, sorted by path and each once.
//!
//! Links are followed, because data is often kept elsewhere and linked to. What
//! they lead to is a file of the directory all the same, hence a file that is
//! reached twice counts once, under the path that sorts first. A link to a
//! directory that it lies in itself adds nothing but names and is not followed,
//! so the walk ends whatever the links are.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::ReadError;
use super::expand::{Input, failed, file};

/// The files below `base`, where an empty path is the current directory.
///
/// `enter` sees the depth, from 1, and the name of every entry and says whether it
/// is looked at; `take` sees the path of a file from `base` on.
pub(super) fn walk(
    base: &Path,
    enter: impl Fn(usize, &OsStr) -> bool,
    take: impl Fn(&Path) -> bool,
) -> Result<Vec<Input>, ReadError> {
    let root = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let enter =
        |depth, path: &Path| depth == 0 || path.file_name().is_none_or(|name| enter(depth, name));
    let failure = |error: walkdir::Error| {
        let path = error.path().unwrap_or(root).to_owned();
        // A loop of links is no failure, and has no error of the system. Nor is
        // what would not be entered: the walk meets a broken link before it asks.
        let matters = enter(error.depth(), &path);
        error
            .into_io_error()
            .filter(|_| matters)
            .map_or(Ok(()), |error| Err(failed("list", &path, error)))
    };
    let walk = WalkDir::new(root).follow_links(true).into_iter();
    let (mut found, mut linked) = (Vec::new(), false);
    for entry in walk.filter_entry(|entry| enter(entry.depth(), entry.path()) && !leads_up(entry)) {
        let (entry, data) = match entry.and_then(|entry| Ok((entry.metadata()?, entry))) {
            Ok((data, entry)) => (entry, data),
            Err(error) => {
                failure(error)?;
                continue;
            }
        };
        linked |= entry.path_is_symlink();
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        // Whatever is neither file nor directory could block a read forever.
        if data.is_file() && take(path) {
            found.push((base.join(path), data));
        }
    }
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    if linked {
        let mut seen = HashSet::new();
        found.retain(|(path, _)| fs::canonicalize(path).map_or(true, |path| seen.insert(path)));
    }
    Ok(found.iter().map(|(path, data)| file(path, data)).collect())
}

/// Whether this is a link to a directory that it lies in itself. The walk finds
/// by itself only those that lead to where it has come from.
fn leads_up(entry: &DirEntry) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let link = entry.depth() > 0 && entry.path_is_symlink() && entry.file_type().is_dir();
    let ends = link.then(|| (entry.path().parent().and_then(real), real(entry.path())));
    matches!(ends, Some((Some(parent), Some(target))) if parent.starts_with(&target))
}
