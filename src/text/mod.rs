//! Text as a source: lines cut from borrowed text or from blocks of files.
//!
//! Every way in keeps to one rule: text is only ever cut behind a line feed, at
//! the end of the text or at the end of a file. So a piece holds whole lines,
//! pieces can be handled in any order and by any worker, no character is cut in
//! two, and the lines of all pieces in order are the lines of the whole.
//!
//! [`chunks`] cuts borrowed text, [`blocks`] reads from a reader, [`mod@expand`]
//! makes a list of inputs from paths and [`files`] reads them in order;
//! [`lines`] then takes a piece apart. Nothing in here starts threads or waits
//! for anything but a read.

pub(crate) mod block;
pub(crate) mod blocks;
pub(crate) mod chunks;
pub(crate) mod expand;
pub(crate) mod files;
pub(crate) mod kinds;
pub(crate) mod lines;
#[cfg(feature = "csv")]
pub(crate) mod records;
mod walk;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub(crate) use block::{Block, Encoding};
pub(crate) use blocks::Blocks;
pub(crate) use chunks::whole_lines;
pub(crate) use expand::{Input, expand, total_len};
pub(crate) use files::Files;
pub(crate) use kinds::Cut;
pub use kinds::Text;
pub(crate) use lines::{Cursor, Lines};

/// The name of the standard input among paths.
pub(crate) const STDIN: &str = "-";

/// How much to read at once, and how much to put up with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The bytes of a full block.
    pub(crate) block: usize,
    /// The most bytes that a line may have, its line feed not counted.
    pub(crate) line: usize,
    /// What separates the fields of CSV records, where blocks end as these do and not as lines do.
    #[cfg(feature = "csv")]
    pub(crate) delimiter: Option<u8>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            block: 256 << 10,
            line: 16 << 20,
            #[cfg(feature = "csv")]
            delimiter: None,
        }
    }
}

/// Why text could not be read. Every message names the input.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The system refused `operation`, a verb such as "open".
    Io { operation: &'static str, input: Arc<Path>, error: io::Error },
    /// A pattern that no file matches.
    NoMatch { pattern: Arc<Path> },
    /// What has the characters of a pattern, is no path and is no pattern either.
    Pattern { pattern: Arc<Path>, error: glob::PatternError },
    /// Bytes that are not UTF-8, the first of them at `place`.
    Utf8 { input: Arc<Path>, place: Place },
    /// A line of more than `limit` bytes, which begins at `place`.
    LongLine { input: Arc<Path>, place: Place, limit: usize },
}

/// A position in an input: bytes and line feeds before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) lines: u64,
}

impl Place {
    /// The place behind `bytes` that begin here.
    pub(crate) fn after(self, bytes: &[u8]) -> Place {
        let lines = memchr::memchr_iter(b'\n', bytes).count();
        Place { offset: self.offset + bytes.len() as u64, lines: self.lines + lines as u64 }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { operation, input, error } => {
                write!(f, "cannot {operation} {}: {error}", name(input))
            }
            ReadError::NoMatch { pattern } => write!(f, "no file matches {}", pattern.display()),
            ReadError::Pattern { pattern, error } => {
                write!(f, "{} is neither a path nor a pattern: {error}", pattern.display())
            }
            ReadError::Utf8 { input, place: Place { offset, lines } } => {
                write!(f, "{}:{}: invalid UTF-8 at byte {offset}", name(input), lines + 1)
            }
            ReadError::LongLine { input, place: Place { offset, lines }, limit } => {
                let (input, line) = (name(input), lines + 1);
                write!(f, "{input}:{line}: the line at byte {offset} has more than {limit} bytes")
            }
        }
    }
}

// The messages include their causes, hence no `source`.
impl Error for ReadError {}

/// How messages call an input.
pub(crate) fn name(input: &Path) -> Cow<'_, str> {
    if input == Path::new(STDIN) { "standard input".into() } else { input.to_string_lossy() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_input_and_the_place() {
        let input: Arc<Path> = Path::new("a.txt").into();
        let place = Place::default().after(b"one\ntwo\nth");
        let limit = 16;
        let error = io::ErrorKind::NotFound.into();
        let messages = [
            ReadError::Io { operation: "open", input: input.clone(), error }.to_string(),
            ReadError::Utf8 { input: Path::new(STDIN).into(), place }.to_string(),
            ReadError::LongLine { input: input.clone(), place, limit }.to_string(),
            ReadError::NoMatch { pattern: input }.to_string(),
        ];
        assert_eq!(
            messages,
            [
                "cannot open a.txt: entity not found",
                "standard input:3: invalid UTF-8 at byte 10",
                "a.txt:3: the line at byte 10 has more than 16 bytes",
                "no file matches a.txt",
            ]
        );
    }
}
