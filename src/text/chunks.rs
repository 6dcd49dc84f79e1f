//! Borrowed text, cut at line ends into chunks that workers claim in any order.
//!
//! The cuts come from byte positions that are claimed one after another, and a line belongs to the
//! chunk that holds its first byte. Which lines a chunk has therefore depends on
//! the text and its claim alone, so nobody needs to know what the neighbours have
//! claimed, and the chunks in their order tile the text exactly. To find its cuts
//! a chunk looks at its own bytes and at the rest of its last line; a line longer
//! than a chunk leaves the chunks it covers empty, and only its own chunk reads
//! to its end, so all chunks together look at each byte at most twice.

use std::ops::Range;

use memchr::memchr;

use super::kinds::Cut;

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

    /// The lines that begin in each step of a grid.
    fn chunks(text: &str, step: usize) -> Vec<&str> {
        let starts = (0..text.len()).step_by(step);
        starts.map(|start| whole_lines(text, start..start.saturating_add(step))).collect()
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
        assert_eq!(chunks("a\nb", usize::MAX), ["a\nb"]);
        assert_eq!(whole_lines("a\nb", usize::MAX - 1..usize::MAX), "");
    }

    proptest! {
        #[test]
        fn chunks_tile_the_text(text in text(), step in 1_usize..200) {
            let chunks = chunks(&text, step);
            prop_assert_eq!(chunks.concat(), &*text);
            let lines: Vec<&str> = chunks.iter().flat_map(|&chunk| Lines::new(chunk)).collect();
            prop_assert_eq!(lines, text.lines().collect::<Vec<_>>());
        }
    }
}
