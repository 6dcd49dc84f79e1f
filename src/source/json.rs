//! Lines of JSON, with the feature `json`.

use super::files::{FileSet, OneReader, failed};
use super::records::{Bad, Decode, Format, Records, bad};
use crate::error::{FlowError, Site};
use crate::ops::Flow;
use crate::text::{self, Block, Limits};
use serde::de::DeserializeOwned;
use std::io::Read;
use std::marker::PhantomData;
use std::path::Path;

impl Flow {
    /// One value per line of a reader, as JSON. With the feature `json`.
    ///
    /// Lines are read in large blocks by a thread of its own, as by
    /// [`from_lines`](Flow::from_lines); workers parse them. Blank lines are left out. The type of
    /// the values is what the flow makes of them, or the first parameter.
    ///
    /// # Errors
    /// The run fails with [`ErrorKind::Source`](crate::ErrorKind::Source) if the reader does, a line
    /// is no such value, or is longer than [`max_record`](Flow::max_record). The message names the
    /// line; the cause (which calls every line its first) is the error's source.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Point { x: i64, y: i64 }
    ///
    /// let text = "{\"x\": 1, \"y\": 2}\n\n{\"y\": 4, \"x\": 3}\n";
    /// let sum: i64 = Flow::from_json::<Point, _>(text.as_bytes()).map(|p| p.x * p.y).sum()?;
    /// assert_eq!(sum, 14);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_json<T, R>(reader: R) -> Flow<Records<OneReader<R>, JsonLines<T>>>
    where
        T: DeserializeOwned + Send,
        R: Read + Send,
    {
        let site = Site::here("from_json");
        Flow::of(Records::of(OneReader::of(reader), JsonLines(PhantomData), site))
    }

    /// One value per line of files, as JSON: paths, directories, patterns and `-`, as for
    /// [`from_files`](Flow::from_files); else as [`from_json`](Flow::from_json). With the feature
    /// `json`.
    ///
    /// # Errors
    /// Here if a path does not exist or a pattern matches nothing; from the run as with
    /// [`from_json`](Flow::from_json). The message names file and line.
    #[track_caller]
    pub fn from_json_files<T, P>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Flow<Records<FileSet, JsonLines<T>>>, FlowError>
    where
        T: DeserializeOwned + Send,
        P: AsRef<Path>,
    {
        let site = Site::here("from_json_files");
        let inputs = text::expand(paths).map_err(|error| failed(error, site))?;
        Ok(Flow::of(Records::of(FileSet::of(inputs), JsonLines(PhantomData), site)))
    }
}

/// Lines as JSON values.
#[derive(Debug)]
pub struct JsonLines<T>(PhantomData<fn() -> T>);

impl<T> Clone for JsonLines<T> {
    fn clone(&self) -> Self {
        JsonLines(PhantomData)
    }
}

/// A block whose lines are parsed.
pub(crate) struct JsonBlock {
    block: Block<Vec<u8>>,
    /// How many lines have been taken.
    lines: u64,
}

impl<T: Send> Format for JsonLines<T> {
    type Item = T;
}

impl<T: DeserializeOwned + Send> Decode for JsonLines<T> {
    type Piece = Block<Vec<u8>>;
    type Decoding = JsonBlock;

    fn limits(&mut self, _limits: &mut Limits) {}

    fn pieces(&self) -> impl FnMut(Block<Vec<u8>>) -> Block<Vec<u8>> + Send + use<T> {
        |block| block
    }

    fn decode(&self, block: Block<Vec<u8>>) -> JsonBlock {
        JsonBlock { block, lines: 0 }
    }

    fn next(&self, decoding: &mut JsonBlock) -> Option<Result<T, Bad>> {
        let JsonBlock { block, lines } = decoding;
        let begin = block.place();
        loop {
            let mut line = block.next_line()?;
            *lines += 1;
            if begin.offset == 0 && *lines == 1 {
                line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            return Some(serde_json::from_slice(line).map_err(|error| {
                let line = begin.lines + *lines;
                bad(&text::name(block.input()), line, "not such a value").with_source(error)
            }));
        }
    }

    fn spare(decoding: JsonBlock) -> Vec<u8> {
        decoding.block.into_buffer()
    }
}
