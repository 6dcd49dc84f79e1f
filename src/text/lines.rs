//! The lines of a text, one after another, as `str::lines` gives them: cut at
//! each line feed, less one carriage return before it, no empty last line.
//!
//! A [`Cursor`] holds positions and nothing of the text, so whoever holds the
//! text, borrowed or owned, can stop after any line and go on later. Every
//! position it hands out lies beside a line feed or at an end of the text, which
//! is why the lines of valid UTF-8 are valid without being checked again.

use std::iter::FusedIterator;

use memchr::memchr;

use super::kinds::Cut;

/// How many bytes are looked at together: one bit each in a `u64`.
const WINDOW: usize = 64;

/// The lines of a borrowed text.
#[derive(Debug)]
pub(crate) struct Lines<'t, T: ?Sized> {
    text: &'t T,
    cursor: Cursor,
}

impl<'t, T: Cut + ?Sized> Lines<'t, T> {
    pub(crate) fn new(text: &'t T) -> Self {
        Lines { text, cursor: Cursor::default() }
    }
}

impl<'t, T: Cut + ?Sized> Iterator for Lines<'t, T> {
    type Item = &'t T;

    #[inline]
    fn next(&mut self) -> Option<&'t T> {
        self.cursor.next(self.text)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.text.bytes().len() - self.cursor.at;
        (usize::from(rest > 0), Some(rest))
    }
}

impl<T: Cut + ?Sized> FusedIterator for Lines<'_, T> {}

/// Where the next line of a text begins; to be used with that text only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    /// The first byte of the next line.
    at: usize,
    /// The first byte that nobody has looked at.
    seen: usize,
    /// The line feeds of the window that ends at `seen` which are still to be
    /// used, the lowest bit first.
    ends: u64,
    /// Whether the last line was longer than a window.
    long: bool,
}

impl Cursor {
    /// The first byte of the next line.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// The next line of `text`.
    #[inline]
    pub(crate) fn next<'t, T: Cut + ?Sized>(&mut self, text: &'t T) -> Option<&'t T> {
        let bytes = text.bytes();
        let start = self.at;
        let Some(end) = self.line_feed(bytes) else {
            self.at = bytes.len();
            // Without a line feed a carriage return is a character as any other.
            return (start < bytes.len()).then(|| text.piece(start..bytes.len()));
        };
        self.at = end + 1;
        let line = text.piece(start..end);
        Some(match line.bytes() {
            [bare @ .., b'\r'] => line.piece(0..bare.len()),
            _ => line,
        })
    }

    /// The position of the next line feed.
    ///
    /// A call of `memchr` costs as much as some 60 bytes of its search, so short
    /// lines are found many at a time, as the bits of a window. Where a window
    /// holds no line feed the line is long, and `memchr` is the faster way.
    #[inline]
    fn line_feed(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.ends != 0 {
            return Some(self.window_line_feed());
        }
        if !self.long
            && let Some(window) = bytes[self.seen..].first_chunk()
        {
            self.ends = line_feeds(window);
            self.seen += WINDOW;
            if self.ends != 0 {
                return Some(self.window_line_feed());
            }
        }
        self.far_line_feed(bytes)
    }

    #[inline]
    fn window_line_feed(&mut self) -> usize {
        let end = self.seen - WINDOW + self.ends.trailing_zeros() as usize;
        self.ends &= self.ends - 1;
        end
    }

    fn far_line_feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let found = memchr(b'\n', &bytes[self.seen..]).map(|at| self.seen + at);
        self.seen = found.map_or(bytes.len(), |end| end + 1);
        self.long = self.seen - self.at > WINDOW;
        found
    }
}

/// One bit for each byte of `window`, set where the byte is a line feed.
///
/// Written so that the compiler makes vector code of it: compare all bytes, then
/// gather eight 0-or-1 bytes into eight bits with one multiplication.
#[inline]
fn line_feeds(window: &[u8; WINDOW]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let is_end = window.map(|byte| u8::from(byte == b'\n'));
    let (words, _) = is_end.as_chunks::<8>();
    words
        .iter()
        .rev()
        .fold(0, |bits, &word| (bits << 8) | (u64::from_le_bytes(word).wrapping_mul(GATHER) >> 56))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text with everything that matters to lines, at lengths around a window.
    pub(in super::super) fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("\r".to_owned()),
            "[a-z]{1,9}",
            "[é🦀]{1,3}",
            (50_usize..150).prop_map(|length| "x".repeat(length)),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn edges_are_those_of_str_lines() {
        for text in ["", "a", "\n", "\n\n", "a\n", "a\nb", "\r", "\r\n", "a\r\r\n", "a\r", "\n\r"] {
            assert_eq!(Lines::new(text).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        }
    }

    #[test]
    fn line_feeds_are_found_at_every_place_of_a_window() {
        for at in 0..3 * WINDOW {
            let mut text = vec![0x8a_u8; 3 * WINDOW];
            text[at] = b'\n';
            let lines: Vec<usize> = Lines::new(&*text).map(<[u8]>::len).collect();
            let last = (at + 1 < text.len()).then(|| text.len() - at - 1);
            assert_eq!(lines, [at].into_iter().chain(last).collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_str_lines(text in text()) {
            let expected: Vec<&str> = text.lines().collect();
            prop_assert_eq!(Lines::new(&*text).collect::<Vec<_>>(), &*expected);
            let bytes: Vec<&[u8]> = expected.iter().map(|line| line.as_bytes()).collect();
            prop_assert_eq!(Lines::new(text.as_bytes()).collect::<Vec<_>>(), bytes);
        }
    }
}
