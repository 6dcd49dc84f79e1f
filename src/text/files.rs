//! Inputs read one after another, in blocks of whole lines.
//!
//! A file is opened when its turn has come and closed at its end, so at most one
//! is open. Each has its own [`Blocks`], hence a block belongs to one file, and a
//! last line without a line feed ends with its file instead of joining the next
//! one. The read buffer goes on from file to file.

use std::fs::File;
use std::io::{self, Read, Stdin, stdin};
use std::mem;
use std::path::Path;
use std::vec;

use super::block::Block;
use super::blocks::Blocks;
use super::expand::{Input, failed};
use super::{Limits, ReadError, STDIN};

/// The blocks of several inputs.
#[derive(Debug)]
pub(crate) struct Files {
    inputs: vec::IntoIter<Input>,
    limits: Limits,
    open: Option<Blocks<Source>>,
    /// The read buffer while no file is open.
    buffer: Vec<u8>,
}

impl Files {
    pub(crate) fn new(inputs: Vec<Input>, limits: Limits) -> Self {
        Files { inputs: inputs.into_iter(), limits, open: None, buffer: Vec::new() }
    }

    /// Whether the next block may be long in coming: from a pipe, a device or a terminal.
    pub(crate) fn may_wait(&self) -> bool {
        let next = self.inputs.as_slice().first();
        !matches!((&self.open, next), (None, None | Some(Input::File(_, Some(_)))))
    }

    /// The next block, or `None` behind the last input. `spare` is the buffer of
    /// a used block or a new one, and taken if there is a block.
    ///
    /// An error ends the input it names, no more: whoever goes on gets the next.
    pub(crate) fn next(
        &mut self,
        spare: &mut Vec<u8>,
    ) -> Result<Option<Block<Vec<u8>>>, ReadError> {
        loop {
            if let Some(blocks) = &mut self.open {
                if let Some(block) = blocks.next(spare)? {
                    return Ok(Some(block));
                }
                self.buffer = self.open.take().map(Blocks::into_buffer).unwrap_or_default();
            }
            let Some(input) = self.inputs.next() else {
                return Ok(None);
            };
            self.open = Some(input.open_with(self.limits, &mut self.buffer)?);
        }
    }
}

impl Input {
    pub(super) fn open_with(
        &self,
        limits: Limits,
        buffer: &mut Vec<u8>,
    ) -> Result<Blocks<Source>, ReadError> {
        match self {
            Input::File(path, len) => {
                let file = File::open(path).map_err(|error| failed("open", path, error))?;
                let blocks = Blocks::new(Source::File(file), path.clone(), limits);
                Ok(blocks.reusing(mem::take(buffer), *len))
            }
            Input::Stdin => {
                let blocks = Blocks::new(Source::Stdin(stdin()), Path::new(STDIN).into(), limits);
                Ok(blocks.reusing(mem::take(buffer), None))
            }
        }
    }
}

/// What a path turned out to be.
#[derive(Debug)]
pub(crate) enum Source {
    File(File),
    Stdin(Stdin),
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::File(file) => file.read(into),
            Source::Stdin(stdin) => stdin.read(into),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::block::Encoding;
    use super::super::expand::{expand, tests::Dir};
    use super::*;

    /// All blocks in strict encoding, each as its file's name and its text.
    fn all(files: &mut Files) -> Result<Vec<(String, u64, Vec<String>)>, ReadError> {
        let mut blocks = Vec::new();
        while let Some(block) = files.next(&mut Vec::new())? {
            let block = block.decode(Encoding::Strict)?;
            let name = block.input().file_name().unwrap().to_string_lossy().into_owned();
            blocks.push((name, block.place().offset, block.lines().map(str::to_owned).collect()));
        }
        Ok(blocks)
    }

    fn files(dir: &Dir, block: usize) -> Files {
        Files::new(expand([&dir.0]).unwrap(), Limits { block, line: 9, ..Limits::default() })
    }

    #[test]
    fn lines_do_not_span_files() {
        let dir = Dir::with(&[]);
        for (name, content) in [("a", "1\n2"), ("b", ""), ("c", "\n"), ("d", "3\r\n4\n5")] {
            dir.write(name, content.as_bytes());
        }
        let expected = |name: &str, offset, lines: &[&str]| {
            (name.to_owned(), offset, lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(
            all(&mut files(&dir, 4)).unwrap(),
            [
                expected("a", 0, &["1"]),
                expected("a", 2, &["2"]),
                expected("c", 0, &[""]),
                expected("d", 0, &["3"]),
                expected("d", 3, &["4"]),
                expected("d", 5, &["5"]),
            ]
        );
    }

    #[test]
    fn an_error_ends_one_file_and_names_it() {
        let dir = Dir::with(&["a", "b", "c", "d"]);
        dir.write("b", b"ok\n0123456789\n");
        dir.write("c", b"ok\nbad \xff\n");
        let mut files = files(&dir, 64);
        std::fs::remove_file(dir.0.join("a")).unwrap();
        let mut next = || all(&mut files).map_err(|error| error.to_string());
        assert!(next().unwrap_err().starts_with("cannot open "));
        assert!(next().unwrap_err().ends_with("b:2: the line at byte 3 has more than 9 bytes"));
        assert!(next().unwrap_err().ends_with("c:2: invalid UTF-8 at byte 7"));
        assert_eq!(next().unwrap()[0].2, ["d"]);
        assert_eq!(next().unwrap(), []);
    }

    #[test]
    fn a_directory_in_place_of_a_file_is_an_error() {
        let dir = Dir::with(&["a/b"]);
        let path: Arc<Path> = dir.0.join("a").into();
        let input = Input::File(path, None);
        let result = input
            .open_with(Limits::default(), &mut Vec::new())
            .and_then(|mut blocks| blocks.next(&mut Vec::new()));
        assert!(result.unwrap_err().to_string().contains("a: "));
    }
}
