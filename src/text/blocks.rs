//! Large blocks of whole lines from a reader.
//!
//! One buffer takes the reads. As soon as it holds a whole line, everything up
//! to its last line feed leaves as a block, in that very buffer, and the start
//! of the next line moves to a spare one. So each byte is copied once by the
//! reader, plus the one cut line per block; what one read of a pipe brought is
//! never kept waiting for the next read; and memory is bounded by a block or, if
//! lines are longer, by twice the longest line allowed.

use std::io::{ErrorKind, Read};
use std::mem;
use std::path::Path;
use std::sync::Arc;

use memchr::memrchr;

use super::block::Block;
#[cfg(feature = "csv")]
use super::records::RecordEnds;
use super::{Limits, Place, ReadError};

/// What a read asks for at least, and at first when nothing is known.
const LEAST: usize = 4 << 10;
const FIRST: usize = 64 << 10;

/// The blocks of one reader.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    reader: R,
    input: Arc<Path>,
    limits: Limits,
    /// Where records end, if blocks end there.
    #[cfg(feature = "csv")]
    records: Option<RecordEnds>,
    /// The first `filled` bytes count; those before `searched` hold no line feed
    /// that could end a block.
    buffer: Vec<u8>,
    filled: usize,
    searched: usize,
    /// Where in the input the buffer begins.
    place: Place,
    /// What the next read asks for, if there is room.
    window: usize,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    /// The blocks of `reader`; errors call it `input`.
    pub(crate) fn new(reader: R, input: Arc<Path>, mut limits: Limits) -> Self {
        limits.block = limits.block.max(1);
        limits.line = limits.line.max(1);
        Blocks {
            reader,
            input,
            limits,
            #[cfg(feature = "csv")]
            records: limits.delimiter.map(RecordEnds::new),
            buffer: Vec::new(),
            filled: 0,
            searched: 0,
            place: Place::default(),
            window: FIRST,
            ended: false,
        }
    }

    /// The same with a used buffer, for a reader that likely has `len` bytes.
    pub(super) fn reusing(mut self, buffer: Vec<u8>, len: Option<u64>) -> Self {
        if let Some(len) = len {
            self.window = usize::try_from(len).unwrap_or(usize::MAX).max(LEAST);
        }
        self.buffer = buffer;
        self
    }

    /// The next block, or `None` at the end, which an error is too.
    ///
    /// `spare` is the buffer of a used block or a new one, and taken if there is a
    /// block.
    pub(crate) fn next(
        &mut self,
        spare: &mut Vec<u8>,
    ) -> Result<Option<Block<Vec<u8>>>, ReadError> {
        loop {
            let whole = self.whole_lines()?;
            if whole > 0 {
                return Ok(Some(self.hand_out(whole, mem::take(spare))));
            }
            if self.ended {
                return Ok(None);
            }
            self.read()?;
        }
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// How many bytes of the buffer can leave.
    fn whole_lines(&mut self) -> Result<usize, ReadError> {
        let bytes = &self.buffer[..self.filled];
        #[cfg(feature = "csv")]
        if let Some(records) = &mut self.records {
            let end = records.scan(&bytes[self.searched..]).map(|end| self.searched + end);
            self.searched = self.filled;
            return match end {
                _ if self.ended => Ok(self.filled),
                // Whoever has the whole ones looks how long they are.
                Some(end) => Ok(end),
                None if self.filled > self.limits.line => Err(self.too_long()),
                None => Ok(0),
            };
        }
        let whole = match memrchr(b'\n', &bytes[self.searched..]) {
            _ if self.ended => self.filled,
            Some(at) => self.searched + at + 1,
            None => 0,
        };
        self.searched = self.filled;
        match long_line(bytes, self.limits.line) {
            None => Ok(whole),
            Some(0) => Err(self.too_long()),
            // The lines before the long one are good; its turn comes next.
            Some(start) => Ok(start),
        }
    }

    /// The input ends with what begins where the buffer does.
    fn too_long(&mut self) -> ReadError {
        let (input, place) = (self.input.clone(), self.place);
        self.end();
        ReadError::LongLine { input, place, limit: self.limits.line }
    }

    fn hand_out(&mut self, whole: usize, mut spare: Vec<u8>) -> Block<Vec<u8>> {
        let rest = &self.buffer[whole..self.filled];
        if spare.len() < rest.len() {
            spare.resize(rest.len(), 0);
        }
        spare[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
        self.searched = rest.len();
        let mut bytes = mem::replace(&mut self.buffer, spare);
        bytes.truncate(whole);
        let place = self.place;
        self.place = place.after(&bytes);
        Block::new(bytes, self.input.clone(), place)
    }

    fn read(&mut self) -> Result<(), ReadError> {
        // A cut line fills more than half a block only if lines are long. Then
        // the buffer doubles, so that a long line is not read in small steps.
        let room = match self.limits.block {
            block if self.filled <= block / 2 => block - self.filled,
            _ => self.filled,
        };
        let asked = room.min(self.window);
        // Only bytes that the buffer never had are zeroed. A used buffer still
        // has what it held before, and the window keeps a reader that gives
        // little from having much zeroed for it.
        if self.buffer.len() < self.filled + asked {
            self.buffer.resize(self.filled + asked, 0);
        }
        let free = &mut self.buffer[self.filled..self.filled + asked];
        let result = loop {
            match self.reader.read(free) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        match result {
            Ok(0) => self.ended = true,
            Ok(got) => {
                self.filled += got.min(asked);
                let grown = if got < asked { got } else { self.window };
                self.window = grown.saturating_mul(2).max(LEAST);
            }
            Err(error) => {
                self.end();
                return Err(ReadError::Io { operation: "read", input: self.input.clone(), error });
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.ended = true;
        self.filled = 0;
        self.searched = 0;
    }
}

/// Where the first line of more than `limit` bytes begins.
///
/// A line feed somewhere in the `limit + 1` bytes from a line's start means that
/// all lines up to the last one there are short enough, so a block usually takes
/// one look at its last few bytes.
fn long_line(bytes: &[u8], limit: usize) -> Option<usize> {
    let mut start = 0;
    while bytes.len() - start > limit {
        match memrchr(b'\n', &bytes[start..=start + limit]) {
            Some(at) => start += at + 1,
            None => return Some(start),
        }
    }
    None
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
