//! A file that appears whole or not at all, with the feature `atomic-file`.

use super::write::Destination;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that appears when the run has succeeded, whole, in place of one that was there. With the
/// feature `atomic-file`; for [`Lines`](crate::Lines), `Csv`, `Json` and
/// [`Written`](crate::Written) with your own encoder.
///
/// The run writes to a file of another name in the same directory. At the end it is synchronised to
/// the disk and renamed, and so is the directory where the system can do that (Unix). A run that
/// fails, is stopped or cancelled removes it: nothing is left behind and an old file stays as it is.
/// Only a process that is killed leaves its temporary file (`.NAME.*.part`).
///
/// The new file has the permissions of the old one, else those that new files have. A symbolic link
/// is replaced, not followed.
///
/// # Errors
/// The run fails with [`ErrorKind::Sink`](crate::ErrorKind::Sink); the error's source is an
/// [`io::Error`](std::io::Error) that names the path.
///
/// ```
/// use flow::{AtomicFile, Flow, Lines};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("squares.txt");
/// let squares = Flow::from_range(1..4u64).map(|x| x * x).ordered();
/// squares.to(Lines::new(AtomicFile::new(&path))).run()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "1\n4\n9\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AtomicFile {
    path: PathBuf,
}

impl AtomicFile {
    /// A file at `path`. Nothing is touched before the run.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        AtomicFile { path: path.into() }
    }

    /// Where the file is, and is to be.
    fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }
}

/// An [`AtomicFile`] that is being written.
#[derive(Debug)]
pub struct OpenAtomicFile {
    file: NamedTempFile,
    at: AtomicFile,
}

impl Write for OpenAtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Destination for AtomicFile {
    type Open = OpenAtomicFile;
    type Output = ();
    const READ_ALONG: bool = false;

    fn open(self) -> io::Result<OpenAtomicFile> {
        let Some(name) = self.path.file_name() else {
            return Err(at(&self.path, io::ErrorKind::InvalidInput.into()));
        };
        let prefix = format!(".{}.", name.to_string_lossy());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any new file: less what the process's mask takes away.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(self.directory()).map_err(|error| at(&self.path, error))?;
        Ok(OpenAtomicFile { file, at: self })
    }

    fn commit(open: OpenAtomicFile) -> io::Result<()> {
        let OpenAtomicFile { file, at: target } = open;
        let path = &target.path;
        let committed = || {
            if let Ok(old) = fs::metadata(path) {
                file.as_file().set_permissions(old.permissions())?;
            }
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            if cfg!(unix) {
                File::open(target.directory())?.sync_all()?;
            }
            Ok(())
        };
        committed().map_err(|error| at(path, error))
    }
}

/// An error that names the path.
fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}
