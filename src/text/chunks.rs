//! Borrowed text, cut at line ends into chunks that workers claim in any order.
//!
//! The cuts come from a fixed grid of byte positions, and a line belongs to the
//! chunk that holds its first byte. Which lines a chunk has therefore depends on
//! the text and the grid alone, so nobody needs to know what the neighbours have
//! claimed, and the chunks in grid order tile the text exactly. To find its cuts
//! a chunk looks at its own bytes and at the rest of its last line; a line longer
//! than a chunk leaves the chunks it covers empty, and only its own chunk reads
//! to its end, so all chunks together look at each byte at most twice.

use std::ops::Range;

use memchr::memchr;

use super::kinds::{Cut, Text};

/// The chunks of one text: chunk `index` holds the lines that begin in its step.
#[derive(Debug)]
pub(crate) struct Chunks<'t, T: ?Sized> {
    text: &'t T,
    step: usize,
}

impl<'t, T: Cut + ?Sized> Chunks<'t, T> {
    /// A grid over `text` with one cut every `step` bytes; a step of 0 counts as 1.
    pub(crate) fn new<S: Text<Line = T> + ?Sized>(text: &'t S, step: usize) -> Self {
        Chunks { text: text.text(), step: step.max(1) }
    }

    pub(crate) fn count(&self) -> usize {
        self.text.bytes().len().div_ceil(self.step)
    }

    /// The whole lines of chunk `index`; empty when no line begins in it, and
    /// past the last chunk.
    pub(crate) fn get(&self, index: usize) -> &'t T {
        let from = index.saturating_mul(self.step);
        whole_lines(self.text, from..from.saturating_add(self.step))
    }
}

// By hand, because a derived one would ask for `T: Clone`.
impl<T: ?Sized> Clone for Chunks<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Chunks<'_, T> {}

/// The lines of `text` whose first byte lies in `range`.
pub(crate) fn whole_lines<T: Cut + ?Sized>(text: &T, range: Range<usize>) -> &T {
    let bytes = text.bytes();
    let to = range.end.min(bytes.len());
    let from = range.start.min(to);
    // A line begins behind a line feed, so the search starts one byte early. It
    // stops at `to`: going on would make every chunk inside a long line read to
    // the end of that line.
    let start = match from {
        _ if from == to => None,
        0 => Some(0),
        _ => memchr(b'\n', &bytes[from - 1..to - 1]).map(|at| from + at),
    };
    match start {
        Some(start) => {
            let end = memchr(b'\n', &bytes[to - 1..]).map_or(bytes.len(), |at| to + at);
            text.piece(start..end)
        }
        // Position 0 is a character boundary, which `from` need not be.
        None => text.piece(0..0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::lines::{Lines, tests::text};
    use super::*;

    fn chunks(text: &str, step: usize) -> Vec<&str> {
        let grid = Chunks::new(text, step);
        (0..grid.count()).map(|index| grid.get(index)).collect()
    }

    #[test]
    fn a_line_belongs_to_the_chunk_of_its_first_byte() {
        assert_eq!(chunks("ab\ncd\nef", 3), ["ab\n", "cd\n", "ef"]);
        assert_eq!(chunks("ab\ncd\nef", 4), ["ab\ncd\n", "ef"]);
        assert_eq!(chunks("\n\n", 1), ["\n", "\n"]);
        assert_eq!(chunks("a long line\nb", 4), ["a long line\n", "", "", "b"]);
        assert_eq!(chunks("", 4), [""; 0]);
    }

    #[test]
    fn grid_positions_inside_a_character_and_out_of_range_are_fine() {
        assert_eq!(chunks("é🦀\né", 1).concat(), "é🦀\né");
        assert_eq!(chunks("ab", 0), ["ab", ""]);
        assert_eq!(chunks("a\nb", usize::MAX), ["a\nb"]);
        assert_eq!(Chunks::new("a\nb", 1).get(usize::MAX), "");
    }

    #[test]
    fn owners_and_byte_arrays_are_texts() {
        assert_eq!(Chunks::new(&String::from("a\nb"), 2).get(1), "b");
        assert_eq!(Chunks::new(b"\xff\nb", 2).get(0), b"\xff\n");
        assert_eq!(Chunks::new(&vec![1, 10], 2).get(0), [1, 10]);
    }

    proptest! {
        #[test]
        fn chunks_tile_the_text(text in text(), step in 1_usize..200, late in any::<bool>()) {
            let grid = Chunks::new(&text, step);
            let mut claimed: Vec<(usize, &str)> = (0..grid.count()).map(|i| (i, grid.get(i))).collect();
            if late {
                claimed = (0..grid.count()).rev().map(|i| (i, grid.get(i))).collect();
                claimed.sort_unstable();
            }
            prop_assert_eq!(claimed.iter().map(|&(_, chunk)| chunk).collect::<String>(), &*text);
            let lines: Vec<&str> = claimed.iter().flat_map(|&(_, chunk)| Lines::new(chunk)).collect();
            prop_assert_eq!(lines, text.lines().collect::<Vec<_>>());
        }
    }
}
